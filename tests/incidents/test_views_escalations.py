"""The page that says “seen” without a login (rules N3, E9)."""

import pytest
from django.test import Client as Browser

from incidents.escalation import seen_token
from incidents.models import Escalation, Responder, TimelineEntry
from tests.factories import make_client, make_escalation, make_matrix, make_team

pytestmark = pytest.mark.django_db


@pytest.fixture
def founder() -> Responder:
    return make_team().founder


@pytest.fixture
def escalation() -> Escalation:
    return make_escalation(summary="The sync broke for Halden.")


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
    page = client.post(url, follow=True).content.decode()
    escalation.refresh_from_db()
    assert escalation.acknowledged_at == first
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


@pytest.mark.parametrize("token", ["nonsense", "WzEsMV0:1vNXwA:abc", "x" * 500, "%00"])
def test_bad_token_is_404(token: str, client: Browser, escalation: Escalation) -> None:
    answer = client.post(f"/escalations/{token}/")
    assert answer.status_code in (400, 404)
    escalation.refresh_from_db()
    assert escalation.acknowledged_at is None


def test_token_of_one_escalation_opens_no_other(
    client: Browser, founder: Responder, escalation: Escalation
) -> None:
    other = make_escalation()
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
        raised_at=acme.since,
    )
    page = client.get(url_of(escalation, founder)).content.decode()
    assert f"Escalation {escalation.pk}" in page
    assert "Acme" not in page
    assert client.post(url_of(escalation, founder)).status_code == 302
