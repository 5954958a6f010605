"""The pages of clients, and an escalation on a client alone."""

import datetime as dt
import uuid
from collections.abc import Callable

import pytest
from django.test import Client as Browser
from django.utils import timezone

from incidents.enums import EscalationCode, Role, Status, Tier
from incidents.models import Client, Escalation, SendingDomain
from notifications.enums import MessageState
from notifications.models import Message
from tests.factories import (
    make_affected,
    make_client,
    make_client_mail,
    make_deadline,
    make_dependency,
    make_draft,
    make_incident,
    make_matrix,
    make_message,
    make_sending_domain,
    make_system,
    make_team,
)

pytestmark = pytest.mark.django_db
SignIn = Callable[..., Browser]
HOUR = dt.timedelta(hours=1)


def form_of(client: Client | None = None, **changes: object) -> dict[str, object]:
    """What the form of a client posts."""
    values: dict[str, object] = {
        "name": "Halden Solar",
        "tier": Tier.PREMIUM,
        "contact_name": "Anna Brandt",
        "contact_email": "anna@halden.example",
        "time_zone": "Europe/Oslo",
        "hubspot_deal": "42",
        "digest_weekday": "4",
        "digest_hour": "10",
        "since_day": "2025-03-01",
        "domains": "go.halden.example\nMail.Halden.example",
        "notes": "",
        "is_active": "on",
        "form_token": str(uuid.uuid4()),
    }
    if client:
        newest = client.history.first()
        values |= {"version": str(newest.history_id), "name": client.name}
    return {**values, **changes}


def late_and_kept(client: Client) -> None:
    """Two promises kept, one late."""
    incident = make_incident(status=Status.TRIAGED, clients=[client])
    for minutes, breached in ((-10, False), (-5, False), (20, True)):
        due = incident.detected_at + HOUR
        make_deadline(
            incident,
            client=client,
            started_at=incident.detected_at,
            due_at=due,
            stopped_at=due + dt.timedelta(minutes=minutes),
            breached_at=due if breached else None,
        )


def test_list_shows_open_incidents_and_promises_M6(sign_in: SignIn) -> None:
    client = make_client(name="Halden Solar", tier=Tier.PREMIUM)
    late_and_kept(client)
    make_client(name="Osprey", contact_email="")
    page = sign_in(Role.DELIVERY).get("/clients/").content.decode()
    assert "<b>1</b> open" in page
    assert "2 kept" in page
    assert "1 late" in page
    assert "No contact" in page


def test_list_filters_by_text_and_plan(sign_in: SignIn) -> None:
    make_client(name="Halden Solar", tier=Tier.PREMIUM)
    make_client(name="Osprey Freight")
    make_client(name="Gone", is_active=False)
    browser = sign_in(Role.REVENUE)
    assert "Osprey" not in browser.get("/clients/?q=halden").content.decode()
    assert "Osprey" not in browser.get("/clients/?tier=premium").content.decode()
    assert "Gone" not in browser.get("/clients/").content.decode()
    assert "Gone" in browser.get("/clients/?former=1").content.decode()
    assert "No client fits" in browser.get("/clients/?q=zzz").content.decode()


def test_list_ignores_nonsense_in_the_address(sign_in: SignIn) -> None:
    make_client()
    assert sign_in(Role.LEGAL).get("/clients/?tier=x&page=9999999999999999999").status_code == 200


@pytest.mark.parametrize("count", [1, 3, 30])
def test_list_costs_the_same_for_many(
    count: int, sign_in: SignIn, django_assert_max_num_queries: Callable
) -> None:
    for _ in range(count):
        make_incident(status=Status.TRIAGED, clients=[make_client()])
    browser = sign_in(Role.REVENUE)
    browser.get("/clients/")
    with django_assert_max_num_queries(14):
        assert browser.get("/clients/").status_code == 200


def test_private_incident_counts_for_nobody_outside_W11(sign_in: SignIn) -> None:
    client = make_client()
    incident = make_incident(status=Status.TRIAGED, clients=[client], is_private=True)
    make_deadline(incident, client=client, breached_at=incident.detected_at)
    mail = make_client_mail(
        make_draft(incident), client, message=make_message(reference=incident.ref, subject="Psst")
    )
    browser = sign_in(Role.DELIVERY)
    listed = browser.get("/clients/").content.decode()
    detail = browser.get(client.get_absolute_url()).content.decode()
    assert "<b>1</b> open" not in listed
    assert "1 late" not in listed
    assert incident.ref not in detail
    assert mail.message is not None
    assert mail.message.subject not in detail
    assert "none was due yet" in detail
    seen = sign_in(Role.FOUNDER).get(client.get_absolute_url()).content.decode()
    assert incident.ref in seen
    assert "Psst" in seen


def test_detail_shows_scope_promises_and_mails(sign_in: SignIn) -> None:
    client = make_client(hubspot_deal="4711")
    make_dependency(client, make_system(name="Outreach"), is_only_channel=True)
    make_sending_domain(client, name="go.halden.example")
    late_and_kept(client)
    closed = make_incident(status=Status.CLOSED, title="Long ago", clients=[client])
    message = make_message(state=MessageState.SENT, subject="Issue Detected")
    make_client_mail(make_draft(closed), client, message=message)
    page = sign_in(Role.LEGAL).get(client.get_absolute_url()).content.decode()
    for text in ("Outreach", "only channel", "go.halden.example", "4711", "Long ago", "Issue De"):
        assert text in page
    assert "2 kept, 1 late" in page
    assert "<b>66 %</b>" in page
    assert "/edit/" not in page


def test_detail_costs_the_same_for_many(
    sign_in: SignIn, django_assert_max_num_queries: Callable
) -> None:
    client = make_client()
    for _ in range(8):
        incident = make_incident(status=Status.TRIAGED, clients=[client])
        make_deadline(incident, client=client)
        make_client_mail(make_draft(incident), client, message=make_message())
        make_dependency(client)
    browser = sign_in(Role.REVENUE)
    browser.get(client.get_absolute_url())
    with django_assert_max_num_queries(30):
        browser.get(client.get_absolute_url())


def test_unknown_client_is_404(sign_in: SignIn) -> None:
    assert sign_in(Role.FOUNDER).get("/clients/nobody/").status_code == 404


@pytest.mark.parametrize("role", [Role.ORCHESTRATOR, Role.REVENUE, Role.FOUNDER, "admin"])
def test_new_client_is_saved_whole_A2(role: str, sign_in: SignIn) -> None:
    system, other = make_system(), make_system()
    browser = sign_in(role)
    values = form_of(systems=[str(system.pk)], only_channels=[str(other.pk)])
    answer = browser.post("/clients/new/", values)
    client = Client.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == "/clients/halden-solar/"
    assert client.is_premium
    assert timezone.localtime(client.since, client.zone).isoformat() == "2025-03-01T00:00:00+01:00"
    assert {str(domain) for domain in client.sending_domains.all()} == {
        "go.halden.example",
        "mail.halden.example",
    }
    assert dict(client.dependencies.values_list("system", "is_only_channel")) == {
        system.pk: False,
        other.pk: True,
    }
    row = client.history.get()
    assert row.history_user is not None


@pytest.mark.parametrize("role", [Role.DELIVERY, Role.LEGAL])
def test_others_read_and_may_not_edit_A1(role: str, sign_in: SignIn) -> None:
    client = make_client()
    browser = sign_in(role)
    for url in ("/clients/new/", f"{client.get_absolute_url()}edit/"):
        for answer in (browser.get(url), browser.post(url, form_of())):
            assert answer.status_code == 403
            assert "orchestrator, revenue, founder or an administrator" in answer.content.decode()
    assert Client.objects.count() == 1


def test_client_pages_need_a_login_A1(client: Browser) -> None:
    target = make_client().get_absolute_url()
    for url in ("/clients/", "/clients/new/", target, f"{target}edit/", f"{target}escalate/"):
        answer = client.get(url)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"contact_email": "a@x.example, b@x.example"}, "exactly one address"),
        ({"contact_email": "a@x.example\nBcc: b@x.example"}, "exactly one address"),
        ({"contact_email": "Anna <a@x.example>"}, "exactly one address"),
        ({"name": "  "}, "This field is required"),
        ({"name": "OSPREY freight"}, "a client called Osprey Freight already"),
        ({"domains": "not a domain"}, "is not a domain"),
        ({"domains": "taken.example"}, "belongs to Osprey Freight"),
        ({"time_zone": "Mars/Olympus"}, "is not a time zone"),
        ({"since_day": "2099-01-01"}, "in the future"),
        ({"systems": ["999"]}, "no such system"),
        ({"notes": "x" * 10_001}, "at most 10000 characters"),
    ],
)
def test_wrong_input_is_refused_beside_its_field(
    changes: dict[str, object], words: str, sign_in: SignIn
) -> None:
    other = make_client(name="Osprey Freight")
    make_sending_domain(other, name="taken.example")
    answer = sign_in(Role.REVENUE).post("/clients/new/", form_of(**changes))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert Client.objects.count() == 1


def test_edit_replaces_scope_and_says_so_in_the_history(sign_in: SignIn) -> None:
    client, system = make_client(), make_system(name="Outreach")
    make_sending_domain(client, name="old.example")
    browser = sign_in(Role.REVENUE)
    url = f"{client.get_absolute_url()}edit/"
    values = form_of(client, domains="new.example", systems=[str(system.pk)])
    assert browser.post(url, values).status_code == 302
    assert list(SendingDomain.objects.values_list("name", flat=True)) == ["new.example"]
    page = browser.get(client.get_absolute_url()).content.decode()
    assert "+Outreach, +new.example, -old.example" in page


def test_edit_keeps_the_since_that_nobody_changed(sign_in: SignIn) -> None:
    client = make_client(time_zone="Asia/Tokyo")
    url = f"{client.get_absolute_url()}edit/"
    browser = sign_in(Role.REVENUE)
    day = browser.get(url).context["form"]["since_day"].value()
    values = form_of(client, since_day=f"{day:%Y-%m-%d}", time_zone="Asia/Tokyo")
    assert browser.post(url, values).status_code == 302
    assert Client.objects.get().since == client.since


def test_stale_edit_is_a_conflict_and_keeps_the_text(sign_in: SignIn) -> None:
    client = make_client()
    stale = form_of(client, notes="mine")
    client.notes = "theirs"
    client.save()
    url = f"{client.get_absolute_url()}edit/"
    browser = sign_in(Role.REVENUE)
    answer = browser.post(url, stale)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "changed by somebody else" in page
    assert "mine" in page
    assert Client.objects.get().notes == "theirs"
    # Having been told, the person may save the text over the newer one.
    again = form_of(client, notes="mine", version=answer.context["form"]["version"].value())
    assert browser.post(url, again).status_code == 302
    assert Client.objects.get().notes == "mine"


def test_double_click_adds_one_client(sign_in: SignIn) -> None:
    browser, values = sign_in(Role.REVENUE), form_of(domains="")
    first, second = (browser.post("/clients/new/", values) for _ in range(2))
    assert Client.objects.count() == 1
    assert first["Location"] == second["Location"] == "/clients/halden-solar/"


def test_names_alike_get_addresses_of_their_own(sign_in: SignIn) -> None:
    browser = sign_in(Role.REVENUE)
    for name in ("New", "Ä B", "A-B"):
        assert browser.post("/clients/new/", form_of(name=name, domains="")).status_code == 302
    assert sorted(Client.objects.values_list("slug", flat=True)) == ["a-b", "a-b-2", "new-2"]


# An escalation on a client alone ---------------------------------------------------------


def raise_form(**changes: object) -> dict[str, object]:
    values = {
        "code": EscalationCode.E2,
        "summary": "Anna wants to end the contract.",
        "confirm": "on",
        "form_token": str(uuid.uuid4()),
    }
    return {**values, **changes}


def test_page_says_who_will_be_told_E2_E3_E7(sign_in: SignIn) -> None:
    team, client = make_team(), make_client()
    make_matrix()
    page = sign_in(user=team.revenue.user).get(f"{client.get_absolute_url()}escalate/")
    text = page.content.decode()
    assert "Client threatening to leave" in text
    assert "clayton@agency.example" in text
    assert "laura@agency.example" in text
    assert "Data breach" not in text.replace("A suspected data breach", "")
    assert not Escalation.objects.exists()


@pytest.mark.parametrize(
    ("code", "people"), [("E2", {"clayton"}), ("E3", {"clayton"}), ("E7", {"clayton", "laura"})]
)
def test_raising_tells_the_people_of_the_matrix(
    code: str, people: set[str], sign_in: SignIn
) -> None:
    team, client = make_team(), make_client()
    make_matrix()
    browser = sign_in(user=team.revenue.user)
    answer = browser.post(f"{client.get_absolute_url()}escalate/", raise_form(code=code))
    assert answer.status_code == 302
    escalation = Escalation.objects.get()
    assert (escalation.rule_id, escalation.client, escalation.incident) == (code, client, None)
    told = {
        recipient.partition("@")[0]
        for recipient in Message.objects.values_list("recipient", flat=True)
    }
    assert told == people
    assert "Not seen yet" in browser.get(client.get_absolute_url()).content.decode()


def test_double_click_raises_once(sign_in: SignIn) -> None:
    team, client = make_team(), make_client()
    make_matrix()
    browser, values = sign_in(user=team.revenue.user), raise_form()
    for _ in range(2):
        answer = browser.post(f"{client.get_absolute_url()}escalate/", values)
        assert answer["Location"] == client.get_absolute_url()
    assert Escalation.objects.count() == 1


@pytest.mark.parametrize(
    "changes", [{"code": "E4"}, {"code": "E1"}, {"summary": "  "}, {"confirm": ""}, {"code": ""}]
)
def test_raising_needs_situation_words_and_confirmation(
    changes: dict[str, object], sign_in: SignIn
) -> None:
    team, client = make_team(), make_client()
    make_matrix()
    browser = sign_in(user=team.revenue.user)
    answer = browser.post(f"{client.get_absolute_url()}escalate/", raise_form(**changes))
    assert answer.status_code == 422
    assert not Escalation.objects.exists()


@pytest.mark.parametrize("role", [Role.LEGAL, "admin"])
def test_readers_do_not_raise_A1(role: str, sign_in: SignIn) -> None:
    make_matrix()
    client = make_client()
    url = f"{client.get_absolute_url()}escalate/"
    browser = sign_in(role)
    assert browser.get(url).status_code == 403
    assert browser.post(url, raise_form()).status_code == 403
    assert not Escalation.objects.exists()


def test_somebody_unreachable_is_named_before_and_after_E10(sign_in: SignIn) -> None:
    team, client = make_team(), make_client()
    make_matrix()
    type(team.founder).objects.filter(pk=team.founder.pk).update(email="")
    browser = sign_in(user=team.revenue.user)
    url = f"{client.get_absolute_url()}escalate/"
    assert "cannot be reached" in browser.get(url).content.decode()
    browser.post(url, raise_form())
    assert "Nobody reached" in browser.get(client.get_absolute_url()).content.decode()


def test_affected_client_stays_listed_once(sign_in: SignIn) -> None:
    client = make_client()
    incident = make_incident(status=Status.TRIAGED)
    make_affected(incident, client)
    page = sign_in(Role.DELIVERY).get(client.get_absolute_url()).content.decode()
    assert page.count(f">{incident.ref}<") == 1
