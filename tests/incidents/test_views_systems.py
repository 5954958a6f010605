"""The pages of systems."""

import uuid
from collections.abc import Callable

import pytest
from django.test import Client as Browser

from incidents.enums import Role, Side, Status
from incidents.models import System
from tests.factories import (
    make_client,
    make_dependency,
    make_incident,
    make_playbook,
    make_system,
    make_third_party,
)

pytestmark = pytest.mark.django_db
SignIn = Callable[..., Browser]


def form_of(system: System | None = None, **changes: object) -> dict[str, object]:
    values: dict[str, object] = {
        "name": "CRM sync",
        "plain_name": "your CRM sync",
        "side": Side.THIRD_PARTY,
        "vendor": "HubSpot",
        "aliases": "Hub Spot\n\nHubspot CRM\nHub Spot",
        "status_page": "statuspage",
        "status_page_url": "https://status.hubspot.example/",
        "backup": "",
        "playbook": "",
        "is_active": "on",
        "form_token": str(uuid.uuid4()),
    }
    if system:
        values |= {"version": str(system.history.first().history_id), "name": system.name}
    return {**values, **changes}


def test_list_shows_dependants_and_open_incidents(sign_in: SignIn) -> None:
    system = make_third_party(name="CRM sync")
    for _ in range(2):
        make_dependency(make_client(), system)
    make_incident(status=Status.TRIAGED, systems=[system])
    make_incident(status=Status.TRIAGED, systems=[system], is_private=True)
    make_system(name="Gone", is_active=False)
    browser = sign_in(Role.LEGAL)
    page = browser.get("/systems/").content.decode()
    assert "HubSpot" in page
    assert '<td role="cell" class="num" data-label="Clients">2</td>' in page
    assert "<b>1</b> open" in page
    assert "Gone" not in page
    assert "Gone" in browser.get("/systems/?former=1").content.decode()
    assert "CRM sync" not in browser.get("/systems/?side=ours").content.decode()
    assert "CRM sync" in browser.get("/systems/?q=hubspot").content.decode()


@pytest.mark.parametrize("count", [1, 3, 30])
def test_list_costs_the_same_for_many(
    count: int, sign_in: SignIn, django_assert_max_num_queries: Callable
) -> None:
    backup = make_system()
    for _ in range(count):
        make_incident(systems=[make_system(clients=[make_client()], backup=backup)])
    browser = sign_in(Role.DELIVERY)
    browser.get("/systems/")
    with django_assert_max_num_queries(14):
        browser.get("/systems/")


def test_detail_shows_who_leans_on_it_and_hides_private_W11(sign_in: SignIn) -> None:
    client, backup = make_client(name="Halden"), make_system(name="Spare")
    system = make_third_party(backup=backup, playbook=make_playbook(title="CRM break"))
    make_dependency(client, system, is_only_channel=True)
    seen = make_incident(status=Status.TRIAGED, systems=[system])
    hidden = make_incident(status=Status.TRIAGED, systems=[system], is_private=True)
    page = sign_in(Role.REVENUE).get(system.get_absolute_url()).content.decode()
    for text in ("Halden", "everything stops", "Spare", "CRM break", "Hub Spot", seen.ref):
        assert text in page
    assert hidden.ref not in page


@pytest.mark.parametrize("role", [Role.ORCHESTRATOR, Role.DELIVERY, Role.FOUNDER, "admin"])
def test_new_system_is_saved_with_history_A2(role: str, sign_in: SignIn) -> None:
    answer = sign_in(role).post("/systems/new/", form_of())
    system = System.objects.get()
    assert answer["Location"] == "/systems/crm-sync/"
    assert system.aliases == ["Hub Spot", "Hubspot CRM"]
    assert System.objects.vendor_names() == ["Hub Spot", "HubSpot", "Hubspot CRM"]
    assert system.history.get().history_user is not None


@pytest.mark.parametrize("role", [Role.REVENUE, Role.LEGAL])
def test_others_may_not_edit_A1(role: str, sign_in: SignIn) -> None:
    system = make_system()
    browser = sign_in(role)
    for url in ("/systems/new/", f"{system.get_absolute_url()}edit/"):
        assert browser.get(url).status_code == 403
        answer = browser.post(url, form_of())
        assert answer.status_code == 403
        assert "orchestrator, delivery, founder or an administrator" in answer.content.decode()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"vendor": ""}, "Name the vendor"),
        ({"status_page_url": ""}, "address of the status page"),
        ({"status_page_url": "javascript:alert(1)"}, "Enter a valid URL"),
        ({"status_page_url": "ftp://status.example/"}, "Enter a valid URL"),
        ({"name": "OUTREACH"}, "a system called Outreach already"),
        ({"plain_name": ""}, "This field is required"),
        ({"side": "nobody"}, "Select a valid choice"),
        ({"aliases": "x" * 81}, "no more than 80 characters"),
        ({"backup": "999"}, "Select a valid choice"),
    ],
)
def test_wrong_input_is_refused_beside_its_field(
    changes: dict[str, object], words: str, sign_in: SignIn
) -> None:
    make_system(name="Outreach")
    answer = sign_in(Role.DELIVERY).post("/systems/new/", form_of(**changes))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert System.objects.count() == 1


def test_system_is_not_its_own_backup(sign_in: SignIn) -> None:
    system = make_system()
    url = f"{system.get_absolute_url()}edit/"
    answer = sign_in(Role.DELIVERY).post(url, form_of(system, backup=str(system.pk)))
    assert answer.status_code == 422


def test_stale_edit_is_a_conflict(sign_in: SignIn) -> None:
    system = make_system()
    stale = form_of(system, plain_name="mine")
    system.plain_name = "theirs"
    system.save()
    answer = sign_in(Role.DELIVERY).post(f"{system.get_absolute_url()}edit/", stale)
    assert answer.status_code == 409
    assert "mine" in answer.content.decode()
    assert System.objects.get().plain_name == "theirs"
