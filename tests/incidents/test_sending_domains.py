"""DKIM selectors and addresses of sending domains: on the client's page and in the admin (K10)."""

import uuid
from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.test import Client as Browser

from incidents.enums import Role
from incidents.forms.sending import AddressesField, SelectorsField, SendingDomainForm
from incidents.models import Client, SendingDomain
from tests.factories import make_client, make_sending_domain, make_user

pytestmark = [pytest.mark.fast, pytest.mark.django_db]
SignIn = Callable[..., Browser]


def posted(client: Client, **changes: object) -> dict[str, object]:
    domains = client.sending_domains.values_list("name", flat=True)
    return {
        "name": client.name,
        "tier": client.tier,
        "contact_name": "",
        "contact_email": "",
        "time_zone": "Europe/Berlin",
        "digest_weekday": "4",
        "digest_hour": "10",
        "since_day": "2025-03-01",
        "domains": "\n".join(domains),
        "is_active": "on",
        "form_token": str(uuid.uuid4()),
        "version": str(client.history.first().history_id),
        **changes,
    }


def save(browser: Browser, domain: SendingDomain, selectors: str, addresses: str) -> str:
    client = domain.client
    data = {f"selectors_{domain.pk}": selectors, f"addresses_{domain.pk}": addresses}
    page = browser.post(f"/clients/{client.slug}/edit/", posted(client, **data), follow=True)
    domain.refresh_from_db()
    return page.content.decode()


def test_page_keeps_selectors_and_addresses_K10(sign_in: SignIn) -> None:
    domain = make_sending_domain(name="go.client.example")
    browser = sign_in(Role.REVENUE)
    save(browser, domain, " S1, google ;s1 k1.mail", "203.0.113.25 2001:DB8:0::1, 203.0.113.25")
    assert domain.dkim_selectors == ["s1", "google", "k1.mail"]
    assert domain.sending_ips == ["203.0.113.25", "2001:db8::1"]
    page = browser.get(f"/clients/{domain.client.slug}/edit/").content.decode()
    assert 'value="s1, google, k1.mail"' in page
    assert 'value="203.0.113.25, 2001:db8::1"' in page
    newest = domain.client.history.first()
    assert newest.history_change_reason == "go.client.example changed"
    assert domain.history.first().history_user is not None


def test_saving_the_same_again_leaves_the_domain_alone_K10(sign_in: SignIn) -> None:
    domain = make_sending_domain(dkim_selectors=["s1"], sending_ips=["203.0.113.25"])
    save(sign_in(Role.REVENUE), domain, "s1", "203.0.113.25")
    assert domain.history.count() == 1


def test_form_that_does_not_show_them_leaves_them_K10(sign_in: SignIn) -> None:
    domain = make_sending_domain(dkim_selectors=["s1"], sending_ips=["203.0.113.25"])
    address = f"/clients/{domain.client.slug}/edit/"
    assert sign_in(Role.REVENUE).post(address, posted(domain.client)).status_code == 302
    domain.refresh_from_db()
    assert (domain.dkim_selectors, domain.sending_ips) == (["s1"], ["203.0.113.25"])


def test_domain_that_is_taken_away_takes_them_along_K10(sign_in: SignIn) -> None:
    domain = make_sending_domain()
    data = posted(domain.client, domains="", **{f"selectors_{domain.pk}": "s1"})
    data[f"addresses_{domain.pk}"] = ""
    address = f"/clients/{domain.client.slug}/edit/"
    assert sign_in(Role.REVENUE).post(address, data).status_code == 302
    assert not SendingDomain.objects.exists()


@pytest.mark.parametrize(
    ("selectors", "addresses", "sentence"),
    [
        ("s 1/2", "", "“1/2” is not a selector such as s1."),
        ("", "203.0.113.256", "“203.0.113.256” is not an address such as 203.0.113.25."),
        ("", "203.0.113.0/24", "“203.0.113.0/24” is not an address"),
    ],
)
def test_page_refuses_what_is_neither_K10(sign_in: SignIn, selectors, addresses, sentence) -> None:
    domain = make_sending_domain(dkim_selectors=["old"])
    page = save(sign_in(Role.REVENUE), domain, selectors, addresses)
    assert sentence in page
    assert domain.dkim_selectors == ["old"]


@pytest.mark.parametrize(
    "word", ["a b/c", "ä", "x" * 64, "a..b", ".a", "a.", "-a", "*", "s1._domainkey.x/", "\0", "<b>"]
)
def test_odd_selectors_are_refused_K10(word):
    with pytest.raises(ValidationError):
        SelectorsField().clean(word)


@pytest.mark.parametrize("word", ["1.2.3", "1.2.3.4.5", "::g", "example.com", "1" * 500, "0x7f.1"])
def test_odd_addresses_are_refused_K10(word):
    with pytest.raises(ValidationError):
        AddressesField().clean(word)


def test_too_many_are_refused_K10():
    with pytest.raises(ValidationError, match="No more than 50"):
        SelectorsField().clean(" ".join(f"s{n}" for n in range(51)))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dkim_selectors", "s1"),
        ("dkim_selectors", [1]),
        ("dkim_selectors", {"s1": 1}),
        ("sending_ips", "203.0.113.25"),
        ("sending_ips", ["nowhere"]),
        ("sending_ips", [3405803801]),
    ],
)
def test_model_takes_lists_of_them_only_K10(field, value):
    domain = SendingDomain(client=make_client(), name="go.client.example", **{field: value})
    with pytest.raises(ValidationError) as error:
        domain.full_clean()
    assert set(error.value.message_dict) == {field}


def test_admin_edits_them_as_words_K10(client: Browser):
    domain = make_sending_domain(dkim_selectors=["s1"])
    client.force_login(make_user(is_staff=True, is_superuser=True))
    address = f"/admin/incidents/client/{domain.client_id}/change/"
    page = client.get(address).content.decode()
    assert 'name="sending_domains-0-dkim_selectors"' in page
    assert 'value="s1"' in page


def test_admins_form_takes_a_domain_as_it_is_written_K10():
    owner = make_client()
    data = {"client": owner.pk, "name": "Go.Client.Example.", "dkim_selectors": "s1 s2"}
    form = SendingDomainForm(data)
    assert form.is_valid(), form.errors
    domain = form.save()
    assert (domain.name, domain.dkim_selectors, domain.sending_ips) == (
        "go.client.example",
        ["s1", "s2"],
        [],
    )
    same = {**data, "name": domain.name, "dkim_selectors": "s1, s2", "sending_ips": ""}
    assert not SendingDomainForm(same, instance=domain).has_changed()
