"""Incidents that agents and forms report (rule W2)."""

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from incidents.enums import Origin, Source
from incidents.models import Incident
from tests.factories import make_client, make_sop, make_system, make_team
from tests.monitoring.ingesting import is_problem, make_token, post

pytestmark = pytest.mark.django_db

URL = "/ingest/report"


@pytest.fixture(autouse=True)
def _place() -> None:
    make_sop()
    make_team()


@pytest.fixture
def token() -> str:
    return make_token("report", name="n8n")


def test_a_report_opens_an_incident_W2(token: str) -> None:
    client, system = make_client(slug="acme"), make_system(slug="crm")
    detected_at = (timezone.now() - dt.timedelta(minutes=20)).replace(microsecond=0)
    data = {
        "title": "CRM refuses logins",
        "systems": ["crm"],
        "clients": ["acme"],
        "description": "401 since noon\r\nsecond line",
        "detected_at": detected_at.isoformat(),
        "severity": "SEV-2",
    }
    answer = post(URL, data, token)
    incident = Incident.objects.get()
    assert answer.status_code == 201
    assert answer.json() == {
        "ref": incident.ref,
        "url": f"http://127.0.0.1:8000/incidents/{incident.ref}/",
        "joined": False,
    }
    assert answer["Location"] == answer.json()["url"]
    assert incident.source == Source.AGENT
    assert incident.detected_at == detected_at
    assert incident.suggested_severity_id == 2
    assert list(incident.systems.all()) == [system]
    assert list(incident.clients.all()) == [client]
    opened = incident.timeline.get(kind="opened")
    assert (opened.actor_name, opened.origin) == ("n8n", Origin.SYSTEM)


def test_a_title_is_enough(token: str) -> None:
    before = timezone.now()
    assert post(URL, {"title": "x"}, token).status_code == 201
    assert before <= Incident.objects.get().detected_at <= timezone.now()


@pytest.mark.parametrize("where", ["body", "header"])
def test_the_same_key_joins_what_it_opened(where: str, token: str) -> None:
    data: dict[str, Any] = {"title": "x"}
    headers = {"Idempotency-Key": "abc"} if where == "header" else {}
    if where == "body":
        data["idempotency_key"] = "abc"
    first = post(URL, data, token, **headers)
    second = post(URL, data | {"title": "y"}, token, **headers)
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json() | {"joined": True}
    assert Incident.objects.count() == 1


def test_keys_of_different_machines_never_meet(token: str) -> None:
    other = make_token("report", name="zapier")
    renewed = make_token("report", name="n8n")
    data = {"title": "x", "idempotency_key": "abc"}
    answers = [post(URL, data, each).status_code for each in (token, other, renewed)]
    assert answers == [201, 201, 200]


def test_a_client_report_names_its_client_W2(token: str) -> None:
    client = make_client(slug="acme")
    data = {"title": "x", "source": "client_report"}
    assert is_problem(post(URL, data, token), 400)
    assert post(URL, data | {"reported_by": "acme"}, token).status_code == 201
    incident = Incident.objects.get()
    assert incident.reported_by == client
    assert list(incident.clients.all()) == [client]
    assert post(URL, data | {"clients": ["acme"]}, token).status_code == 201


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({}, "title"),
        ({"title": ""}, "title"),
        ({"title": "  \n "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": 5}, "title"),
        ({"title": ["x"]}, "title"),
        ({"title": None}, "title"),
        ({"source": "rumour"}, "source"),
        ({"source": {}}, "source"),
        ({"systems": ["crm", "nowhere", "nothing"]}, "“nowhere”, “nothing”"),
        ({"systems": "nowhere"}, "“nowhere”"),
        ({"systems": 5}, "systems"),
        ({"systems": [5]}, "systems"),
        ({"systems": {"crm": 1}}, "systems"),
        ({"clients": ["nobody"]}, "“nobody”"),
        ({"clients": [None]}, "clients"),
        ({"reported_by": "nobody", "source": "client_report"}, "reported_by"),
        ({"severity": 5}, "severity"),
        ({"severity": True}, "severity"),
        ({"severity": 10**400}, "severity"),
        ({"severity": "high"}, "severity"),
        ({"severity": {}}, "severity"),
        ({"description": "x" * 20_001}, "description"),
        ({"description": 5}, "description"),
        ({"detected_at": "yesterday"}, "detected_at"),
        ({"detected_at": "2026-03-10T09:00:00"}, "detected_at"),
        ({"detected_at": "10/03/2026 09:00"}, "detected_at"),
        ({"detected_at": "1850-03-10T09:00:00Z"}, "detected_at"),
        ({"detected_at": "0001-01-01T00:00:00+14:00"}, "detected_at"),
        ({"detected_at": "2099-03-10T09:00:00Z"}, "future"),
        ({"detected_at": 1773133200}, "detected_at"),
        ({"idempotency_key": 5}, "key"),
        ({"idempotency_key": "x" * 201}, "key"),
    ],
)
def test_a_wrong_field_is_400_and_named(data: dict[str, Any], named: str, token: str) -> None:
    make_system(slug="crm")
    full = data if "title" in data or not data else {"title": "x"} | data
    answer = post(URL, full, token)
    assert is_problem(answer, 400)
    assert named in answer.json()["detail"]
    assert not Incident.objects.exists()


@pytest.mark.parametrize("data", [[], [{"title": "x"}], "x", 5, None])
def test_what_is_no_object_is_400(data: Any, token: str) -> None:
    assert is_problem(post(URL, data, token), 400)


def test_odd_characters_are_mended(token: str) -> None:
    data = {"title": "a\0b \ud800 c", "description": "\0", "idempotency_key": "\0\ud800"}
    assert post(URL, data, token).status_code == 201
    assert Incident.objects.get().title == "a\ufffdb \ufffd c"


def test_a_clock_that_is_a_little_ahead_counts_as_now_C1(token: str) -> None:
    ahead = (timezone.now() + dt.timedelta(minutes=4)).isoformat()
    assert post(URL, {"title": "x", "detected_at": ahead}, token).status_code == 201
    incident = Incident.objects.get()
    assert incident.detected_at == incident.opened_at


def test_evidence_before_the_client_was_one_is_refused_in_words_C1(token: str) -> None:
    make_client(slug="acme", since=timezone.now() - dt.timedelta(days=1))
    early = (timezone.now() - dt.timedelta(days=2)).isoformat()
    answer = post(URL, {"title": "x", "clients": ["acme"], "detected_at": early}, token)
    assert is_problem(answer, 400)
    assert "became a client" in answer.json()["detail"]
