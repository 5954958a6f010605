"""The page on which a person chooses a client's HubSpot deal (rule M10)."""

from collections.abc import Callable

import pytest
from django.test import Client as Browser

from incidents.enums import HubSpotState, Role, Status
from incidents.models import Client
from notifications.delivery import deliver_due
from notifications.enums import Channel
from notifications.models import Message
from tests.factories import (
    Team,
    make_affected,
    make_client,
    make_incident,
)
from tests.notifications.hubspot_server import HubSpotServer, refusal
from tests.notifications.json_server import Reply

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme(db: None) -> Client:
    return make_client(name="Acme Dental", slug="acme", contact_email="anna@acme.example")


@pytest.fixture
def browser_of(team: Team) -> Callable[[str], Browser]:
    def sign_in(role: str) -> Browser:
        browser = Browser()
        browser.force_login(getattr(team, role).user)
        return browser

    return sign_in


def test_several_deals_are_a_choice_M10(
    acme: Client, browser_of: Callable[[str], Browser], hubspot_server: HubSpotServer
) -> None:
    """By the client's name, and by the contact's address."""
    hubspot_server.deals = {
        "11": "Acme Dental 2025", "12": "Acme Dental <b>renewal</b>", "13": "Anna's", "14": "Other"
    }  # fmt: skip
    hubspot_server.contacts = {"anna@acme.example": ["13", "11"], "zoe@other.example": ["14"]}
    page = browser_of("revenue").get("/clients/acme/deal/").content.decode()
    assert [f'value="{number}"' in page for number in (11, 12, 13, 14)] == [True, True, True, False]
    assert page.count('value="11"') == 1
    assert "<b>renewal</b>" not in page
    assert 'href="/clients/acme/deal/"' in browser_of("revenue").get("/clients/acme/").text


def test_chosen_deal_is_kept_with_who_chose_it_A2_M10(
    acme: Client, team: Team, browser_of: Callable[[str], Browser]
) -> None:
    answer = browser_of("revenue").post("/clients/acme/deal/", {"deal": "12", "number": ""})
    assert answer.status_code == 302
    acme.refresh_from_db()
    assert acme.hubspot_deal == "12"
    newest = acme.history.first()
    assert newest
    assert newest.history_user == team.revenue.user


def test_notes_that_waited_for_a_deal_are_written_M10(
    acme: Client, browser_of: Callable[[str], Browser], hubspot_server: HubSpotServer
) -> None:
    incident = make_incident(status=Status.RESOLVED)
    row = make_affected(
        incident, acme, hubspot_state=HubSpotState.MANUAL, hubspot_note="The summary."
    )
    done = make_incident(status=Status.RESOLVED)
    make_affected(
        done,
        acme,
        hubspot_state=HubSpotState.DONE,
        hubspot_note="x",
        hubspot_noted_at=done.opened_at,
    )
    browser_of("revenue").post("/clients/acme/deal/", {"deal": "", "number": " 4711 "})
    browser_of("revenue").post("/clients/acme/deal/", {"number": "4711"})
    message = Message.objects.get(channel=Channel.HUBSPOT)
    deliver_due(now=message.due_at)
    [note] = hubspot_server.notes
    assert (note.deal, "The summary." in note.body) == ("4711", True)
    row.refresh_from_db()
    assert row.hubspot_state == HubSpotState.DONE


@pytest.mark.parametrize(
    "given", [{}, {"deal": "", "number": ""}, {"number": "12/../3"}, {"number": "x" * 30}]
)
def test_what_is_no_number_is_refused_M10(
    acme: Client, browser_of: Callable[[str], Browser], given: dict[str, str]
) -> None:
    answer = browser_of("revenue").post("/clients/acme/deal/", given)
    assert answer.status_code == 422
    acme.refresh_from_db()
    assert acme.hubspot_deal == ""


def test_form_older_than_the_record_is_refused_W1(
    acme: Client, browser_of: Callable[[str], Browser]
) -> None:
    answer = browser_of("revenue").post("/clients/acme/deal/", {"number": "5", "version": "0"})
    assert answer.status_code == 409


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (refusal(401, "Expired"), "401 Expired"),
        (refusal(403, "Missing", "MISSING_SCOPES", context={"requiredGranularScopes": ["crm.x"]}),
         "lacks the scope crm.x"),
        (Reply(drops=True), "broke"),
        (Reply(502, "<html>"), "502"),
    ],
)  # fmt: skip
def test_hubspot_that_does_not_answer_leaves_the_number_to_type_M10(
    acme: Client,
    browser_of: Callable[[str], Browser],
    hubspot_server: HubSpotServer,
    reply: Reply,
    words: str,
) -> None:
    hubspot_server.always(reply)
    answer = browser_of("revenue").get("/clients/acme/deal/")
    assert answer.status_code == 200
    assert words in answer.text
    assert 'name="number"' in answer.text


def test_without_a_token_the_page_says_so_M10(
    acme: Client, browser_of: Callable[[str], Browser]
) -> None:
    page = browser_of("revenue").get("/clients/acme/deal/").text
    assert "HUBSPOT_TOKEN is not set" in page


def test_others_may_not_choose_A1(acme: Client, browser_of: Callable[[str], Browser]) -> None:
    for role in (Role.DELIVERY, Role.LEGAL):
        answer = browser_of(role).post("/clients/acme/deal/", {"number": "5"})
        assert answer.status_code == 403
