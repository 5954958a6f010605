"""The pages of escalations: “seen” without a login, the list, the alarm and the phone (N3, E9)."""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from incidents.enums import Role
from incidents.escalation import acknowledge_escalation, raise_by_person, seen_token
from incidents.models import Escalation, Responder, TimelineEntry
from tests.factories import (
    Team,
    make_client,
    make_escalation,
    make_incident,
    make_matrix,
    make_sop,
    make_team,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def founder() -> Responder:
    return make_team().founder


@pytest.fixture
def escalation() -> Escalation:
    return make_escalation(summary="The sync broke for Halden.", raised_at=timezone.now())


def url_of(escalation: Escalation, responder: Responder) -> str:
    return f"/escalations/{seen_token(escalation, responder)}/"


def test_page_shows_the_reference_and_no_details_N3(
    client: Browser, founder: Responder, escalation: Escalation
) -> None:
    answer = client.get(url_of(escalation, founder))
    page = answer.content.decode()
    incident = escalation.incident
    assert incident is not None
    assert answer.status_code == 200
    assert incident.ref in page
    assert "I have seen it" in page
    for secret in (escalation.summary, incident.title, escalation.rule.situation, "mainnav"):
        assert secret not in page


def test_page_is_neither_kept_nor_indexed_N3(
    client: Browser, founder: Responder, escalation: Escalation
) -> None:
    answer = client.get(url_of(escalation, founder))
    assert "no-store" in answer["Cache-Control"]
    assert "noindex" in answer["X-Robots-Tag"]
    assert answer["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("method", ["get", "head"])
def test_reading_never_acknowledges_E9(
    method: str, client: Browser, founder: Responder, escalation: Escalation
) -> None:
    assert getattr(client, method)(url_of(escalation, founder)).status_code == 200
    escalation.refresh_from_db()
    assert escalation.acknowledged_at is None


def test_button_acknowledges_once_with_a_note_N3(
    client: Browser, founder: Responder, escalation: Escalation
) -> None:
    url = url_of(escalation, founder)
    assert client.post(url, {"note": "Call me  \n first."})["Location"] == url
    escalation.refresh_from_db()
    assert escalation.acknowledged_by == "Clayton"
    assert escalation.acknowledgement_note == "Call me first."
    first = escalation.acknowledged_at
    entry = TimelineEntry.objects.get(kind="escalation")
    assert (entry.actor_name, entry.actor) == ("Clayton", founder.user)
    page = client.post(url, {"note": "Changed my mind."}, follow=True).content.decode()
    escalation.refresh_from_db()
    assert (escalation.acknowledged_at, escalation.acknowledgement_note) == (
        first,
        "Call me first.",
    )
    assert TimelineEntry.objects.filter(kind="escalation").count() == 1
    assert "Clayton has seen it" in page
    assert "I have seen it" not in page


def test_second_person_reads_who_was_first_N3(
    client: Browser, founder: Responder, escalation: Escalation
) -> None:
    client.post(url_of(escalation, founder))
    laura = Responder.objects.get(name="Laura")
    page = client.post(url_of(escalation, laura), follow=True).content.decode()
    assert "Clayton has seen it" in page
    escalation.refresh_from_db()
    assert escalation.acknowledged_by == "Clayton"


@pytest.mark.parametrize("token", ["nonsense", "WzEsMV0:1vNXwA:abc", "x" * 500])
@pytest.mark.parametrize("method", ["get", "post"])
def test_bad_token_is_404_in_polite_words_N3(
    method: str, token: str, client: Browser, escalation: Escalation
) -> None:
    answer = getattr(client, method)(f"/escalations/{token}/")
    assert answer.status_code == 404
    assert "This link does not work" in answer.content.decode()
    assert "mainnav" not in answer.content.decode()
    escalation.refresh_from_db()
    assert escalation.acknowledged_at is None


def test_token_of_one_escalation_opens_no_other(
    client: Browser, founder: Responder, escalation: Escalation
) -> None:
    other = make_escalation(raised_at=timezone.now())
    body, signature = seen_token(escalation, founder).split(":", 1)
    forged = f"{seen_token(other, founder).split(':')[0]}:{signature}"
    assert body
    assert client.post(f"/escalations/{forged}/").status_code == 404
    other.refresh_from_db()
    assert other.acknowledged_at is None


def test_note_has_one_line_of_500_characters(
    client: Browser, founder: Responder, escalation: Escalation
) -> None:
    answer = client.post(url_of(escalation, founder), {"note": "x" * 501})
    assert answer.status_code == 422
    escalation.refresh_from_db()
    assert escalation.acknowledged_at is None


def test_form_of_somebody_anonymous_needs_its_csrf_token(
    founder: Responder, escalation: Escalation
) -> None:
    browser = Browser(enforce_csrf_checks=True)
    url = url_of(escalation, founder)
    assert browser.post(url).status_code == 403
    browser.get(url)
    token = browser.cookies["csrftoken"].value
    assert browser.post(url, {"csrfmiddlewaretoken": token}).status_code == 302
    escalation.refresh_from_db()
    assert escalation.acknowledged_at is not None


def test_escalation_on_a_client_alone_does_not_name_the_client_N3(
    client: Browser, founder: Responder
) -> None:
    acme = make_client(name="Acme")
    escalation = Escalation.objects.create(
        rule=make_matrix()["E2"],
        client=acme,
        subject=f"client:{acme.pk}",
        summary="They want to leave.",
        raised_at=timezone.now(),
    )
    page = client.get(url_of(escalation, founder)).content.decode()
    assert f"Escalation {escalation.pk}" in page
    assert "Acme" not in page
    assert 'href="/escalations/"' in page
    assert client.post(url_of(escalation, founder)).status_code == 302


def test_a_word_may_follow_seen_once_N3(
    client: Browser, founder: Responder, escalation: Escalation
) -> None:
    url = url_of(escalation, founder)
    assert 'name="note"' not in client.get(url).content.decode()
    page = client.post(url, follow=True).content.decode()
    assert 'name="note"' in page
    client.post(url, {"note": "On my way"})
    page = client.post(url, {"note": "Again"}, follow=True).content.decode()
    escalation.refresh_from_db()
    assert escalation.acknowledgement_note == "On my way"
    assert "Your word to the team: “On my way”" in page
    assert 'name="note"' not in page
    assert TimelineEntry.objects.filter(text__contains="On my way").count() == 1


def test_an_old_link_says_that_it_has_expired_N3(client: Browser, founder: Responder) -> None:
    old = make_escalation(raised_at=timezone.now() - dt.timedelta(days=8))
    for answer in (client.get(url_of(old, founder)), client.post(url_of(old, founder))):
        assert answer.status_code == 410
        assert "This link has expired" in answer.content.decode()
    old.refresh_from_db()
    assert old.acknowledged_at is None


def test_no_link_grows_old_for_the_person_who_is_signed_in_N3(
    client: Browser, founder: Responder
) -> None:
    old = make_escalation(raised_at=timezone.now() - dt.timedelta(days=8))
    assert founder.user
    client.force_login(founder.user)
    assert client.post(url_of(old, founder)).status_code == 302
    old.refresh_from_db()
    assert old.acknowledged_by == "Clayton"


# The list -------------------------------------------------------------------------------


def raised(team: Team, code: str = "E2", **fields: Any) -> Escalation:
    make_sop()
    return raise_by_person(
        code,
        summary="They want to leave.",
        by=team.actor(Role.REVENUE),
        now=timezone.now(),
        **fields,
    )


def test_list_says_who_was_told_by_what_and_when_it_rings_E9(
    sign_in: Callable[..., Browser],
) -> None:
    team = make_team()
    escalation = raised(team, incident=make_incident(team=team), quote="Enough!", amount="€ 5")
    page = sign_in(user=team.revenue.user).get("/escalations/").content.decode()
    assert escalation.incident is not None
    for said in (
        escalation.incident.ref, "They want to leave.", "Enough!", "€ 5", "by Rick",
        "Clayton, E-mail", "Waiting", "rings again", "Reached by phone",
    ):  # fmt: skip
        assert said in page
    assert "Say “seen”" not in page
    mine = sign_in(user=team.founder.user).get("/escalations/").content.decode()
    assert url_of(escalation, team.founder) in mine


def test_list_has_open_ones_first_and_says_who_has_seen_the_others_E9(
    sign_in: Callable[..., Browser],
) -> None:
    team = make_team()
    first, second = raised(team, client=make_client()), raised(team, client=make_client())
    acknowledge_escalation(
        second, name="Clayton", by=team.actor(Role.FOUNDER), now=timezone.now(), note="Mine"
    )
    page = sign_in(user=team.delivery.user).get("/escalations/").content.decode()
    assert page.index(f"escalation-{first.pk}") < page.index(f"escalation-{second.pk}")
    assert "“Mine”" in page


def test_empty_list_says_that_all_is_seen(sign_in: Callable[..., Browser]) -> None:
    page = sign_in(user=make_team().legal.user).get("/escalations/").content.decode()
    assert "Every escalation has been seen." in page


def test_list_hides_private_incidents_but_not_that_they_are_there_W11(
    sign_in: Callable[..., Browser],
) -> None:
    team = make_team()
    incident = make_incident(is_private=True, title="Leak")
    escalation = raised(team, incident=incident)
    page = sign_in(user=team.delivery.user).get("/escalations/").content.decode()
    assert "1 more on private incidents that you are not on." in page
    for secret in (incident.ref, "Leak", "They want to leave."):
        assert secret not in page
    url = f"/escalations/{escalation.pk}/phone/"
    assert sign_in(user=team.delivery.user).get(url).status_code == 404
    assert incident.ref in sign_in(user=team.founder.user).get("/escalations/").content.decode()


def test_list_costs_the_same_with_many_rows(
    sign_in: Callable[..., Browser], django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    team = make_team()
    browser = sign_in(user=team.founder.user)
    raised(team, incident=make_incident(team=team))
    browser.get("/escalations/")
    with django_assert_max_num_queries(20) as few:
        browser.get("/escalations/")
    for _ in range(10):
        raised(team, incident=make_incident(team=team), client=make_client())
    with django_assert_max_num_queries(20) as many:
        browser.get("/escalations/")
    assert len(many) == len(few)


# The alarm and the phone ----------------------------------------------------------------


def unreachable(team: Team, **fields: Any) -> Escalation:
    team.founder.email = ""
    team.founder.save()
    return raised(team, **fields)


@pytest.mark.parametrize("role", ["orchestrator", "delivery", "revenue", "founder", "legal"])
def test_alarm_is_on_every_page_and_says_what_to_do_E10(
    role: str, sign_in: Callable[..., Browser]
) -> None:
    team = make_team()
    escalation = unreachable(team, client=make_client(name="Halden"))
    browser = sign_in(user=getattr(team, role).user)
    for url in ("/", "/incidents/", "/clients/", "/outbox/", "/account/"):
        page = browser.get(url).content.decode()
        assert "E2 Client threatening to leave for Halden reached nobody. Phone Clayton." in page
        assert f"/escalations/{escalation.pk}/phone/" in page


def test_alarm_of_a_private_incident_says_only_that_there_is_one_E10_W11(
    sign_in: Callable[..., Browser],
) -> None:
    team = make_team()
    incident = make_incident(is_private=True, title="Leak")
    escalation = unreachable(team, incident=incident)
    page = sign_in(user=team.delivery.user).get("/").content.decode()
    assert "1 private escalation reached nobody. Phone Clayton." in page
    for secret in (incident.ref, "Leak", "They want to leave", f"/{escalation.pk}/phone/"):
        assert secret not in page


def test_call_is_written_down_once_and_ends_the_alarm_E10(sign_in: Callable[..., Browser]) -> None:
    team = make_team()
    escalation = unreachable(team, client=make_client(name="Halden"))
    browser = sign_in(user=team.revenue.user)
    url = f"/escalations/{escalation.pk}/phone/"
    page = browser.get(url).content.decode()
    assert "Phone <b>Clayton</b> (founder)" in page
    data = {"who": "Clayton", "at": "", "note": "He calls Anna", "form_token": str(uuid.uuid4())}
    assert browser.post(url, data)["Location"] == "/escalations/"
    assert browser.post(url, data)["Location"] == "/escalations/"
    escalation.refresh_from_db()
    assert (escalation.acknowledged_by, escalation.reached_by) == ("Clayton", "Rick")
    assert "reached nobody" not in browser.get("/").content.decode()
    again = browser.post(url, data | {"form_token": str(uuid.uuid4())})
    assert again.status_code == 409
    assert "Nothing is left to do" in browser.get(url).content.decode()


@pytest.mark.parametrize(
    "changes", [{"who": ""}, {"who": "x" * 121}, {"at": "2000-01-01T00:00"}, {"note": "x" * 501}]
)
def test_call_needs_who_and_a_time_that_fits_E10(
    changes: dict[str, str], sign_in: Callable[..., Browser]
) -> None:
    team = make_team()
    escalation = unreachable(team, client=make_client())
    data = {"who": "Clayton", "at": "", "note": ""} | changes
    url = f"/escalations/{escalation.pk}/phone/"
    answer = sign_in(user=team.revenue.user).post(url, data)
    assert answer.status_code in (400, 422)
    escalation.refresh_from_db()
    assert escalation.acknowledged_at is None


# Raising it on an incident's page -------------------------------------------------------


def test_incident_page_names_whom_each_row_tells_E2_E3_E4_E7(
    sign_in: Callable[..., Browser],
) -> None:
    make_sop()
    team = make_team()
    incident = make_incident(team=team, clients=[make_client(name="Halden")])
    browser = sign_in(user=team.revenue.user)
    assert (
        f"{incident.get_absolute_url()}escalate/"
        in browser.get(incident.get_absolute_url()).content.decode()
    )
    page = browser.get(f"{incident.get_absolute_url()}escalate/").content.decode()
    assert page.count("<b>Clayton</b> (founder, by e-mail, clayton@agency.example)") == 4
    assert "<b>Laura</b> (legal, by e-mail, laura@agency.example)" in page
    assert "Makes the incident private and SEV-1." in page
    assert "immediately, again and again until it is seen" in page


def test_escalation_is_raised_once_and_in_their_words_E3(sign_in: Callable[..., Browser]) -> None:
    make_sop()
    team = make_team()
    incident = make_incident(team=team, clients=[make_client(slug="halden")])
    url = f"{incident.get_absolute_url()}escalate/"
    data = {
        "code": "E3", "summary": "They ask for a refund", "quote": "Money back!", "amount": "€ 900",
        "client": "halden", "confirm": "on", "form_token": str(uuid.uuid4()),
    }  # fmt: skip
    browser = sign_in(user=team.delivery.user)
    assert browser.post(url, data | {"confirm": ""}).status_code == 422
    for _ in range(2):
        assert browser.post(url, data)["Location"] == incident.get_absolute_url()
    [escalation] = incident.escalations.filter(rule="E3")
    assert (escalation.quote, escalation.amount) == ("Money back!", "€ 900")
    assert escalation.client is not None
    assert escalation.client.slug == "halden"


def test_legal_opens_the_private_incident_it_was_told_of_E7_E10(
    sign_in: Callable[..., Browser],
) -> None:
    team = make_team()
    incident = make_incident(is_private=True, title="Their lawyer wrote")
    browser = sign_in(user=team.legal.user)
    assert browser.get(incident.get_absolute_url()).status_code == 404
    raised(team, "E7", incident=incident)
    page = browser.get(incident.get_absolute_url())
    assert page.status_code == 200
    assert "Their lawyer wrote" in page.content.decode()
    assert incident.ref in browser.get("/incidents/").content.decode()
