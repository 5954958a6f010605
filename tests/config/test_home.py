"""Home: the next deadline, what is owed, what is open, and the proof that all is well."""

import datetime as dt
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.template import engines
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from incidents.enums import DeadlineKind, EscalationCode, Role, Status
from incidents.models import Deadline
from monitoring.models import Beat
from monitoring.models.beat import CANARY, ENGINE
from tests.factories import (
    Team,
    make_client,
    make_client_mail,
    make_deadline,
    make_draft,
    make_entry,
    make_escalation,
    make_incident,
    make_message,
    make_user,
)
from tests.incidents.conftest import Undefined

pytestmark = pytest.mark.django_db
MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)


@pytest.fixture(autouse=True)
def _strict_templates(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engines["django"].engine  # type: ignore[attr-defined]
    monkeypatch.setattr(engine, "string_if_invalid", Undefined("%s"))


@pytest.fixture
def now() -> dt.datetime:
    """The page reads the clock, so what it shows lies around the present."""
    return timezone.now()


def signed_in(user: User | None) -> Browser:
    """A browser whose session is not new any more: its first request writes."""
    browser = Browser()
    assert user is not None
    browser.force_login(user)
    browser.get("/healthz")
    return browser


def as_role(team: Team, role: str) -> Browser:
    return signed_in(getattr(team, role).user)


def band(text: str) -> str:
    return text.split('id="home-band"')[1].split("</section>", maxsplit=1)[0]


def promised(team: Team, now: dt.datetime, **fields: Any) -> Deadline:
    """An update owed to a client in half an hour."""
    client = make_client(name=fields.pop("name", "Halden Solar"))
    incident = make_incident(
        status=Status.INVESTIGATING, level=1, team=team, detected_at=now - HOUR, clients=[client]
    )
    incident.deadlines.all().delete()
    values = {"started_at": now - HOUR, "due_at": now + 30 * MINUTE, "client": client}
    return make_deadline(incident, **{**values, **fields})


def test_band_shows_the_next_deadline_with_its_one_action(team: Team, now: dt.datetime) -> None:
    deadline = promised(team, now)
    promised(team, now, name="Later", due_at=now + 2 * HOUR)
    text = as_role(team, Role.REVENUE).get("/").text
    top = band(text)
    assert "Next deadline" in top
    assert "Update Halden Solar" in top
    assert top.count("btn-primary") == 1
    assert "Write the update" in top
    assert f'datetime="{deadline.due_at.isoformat()}"' in top
    assert text.count('<li class="duty">') == 2


def test_late_deadline_turns_the_band(team: Team, now: dt.datetime) -> None:
    promised(team, now, due_at=now - MINUTE)
    text = as_role(team, Role.REVENUE).get("/").text
    assert 'class="band is-late"' in text
    assert "data-hero-label>Late<" in text


def test_duties_are_those_of_the_person(team: Team, now: dt.datetime) -> None:
    promised(team, now)
    text = as_role(team, Role.DELIVERY).get("/").text
    assert "You owe nobody anything." in text
    assert "Nothing is yours now." in text
    everyone = as_role(team, Role.DELIVERY).get("/?who=everyone").text
    assert "Update Halden Solar" in everyone
    assert "Rick (communications owner)" in everyone
    assert "Nothing is yours now." in everyone


def test_everyones_keeps_my_own_next_deadline_in_the_band(team: Team, now: dt.datetime) -> None:
    promised(team, now)
    text = as_role(team, Role.REVENUE).get("/?who=everyone").text
    assert "Update Halden Solar" in band(text)


def test_tally_links_to_what_it_counts(team: Team, now: dt.datetime) -> None:
    late = make_incident(status=Status.TRIAGED, team=team, detected_at=now - HOUR)
    late.deadlines.filter(kind=DeadlineKind.RESOLVE).update(breached_at=now)
    make_incident(team=team, detected_at=now - HOUR)
    make_client_mail(make_draft(late))
    due = timezone.localtime(now).replace(hour=23, minute=58)
    promised(team, now, due_at=due)
    text = as_role(team, Role.FOUNDER).get("/").text
    tally = text.split('<ul class="tally"')[1].split("</ul>")[0]
    found = re.findall(r'href="([^"]+)">.*?<b>(\d+)</b> ([a-z ]+?)</a>', tally, re.DOTALL)
    assert [(number, word) for _, number, word in found] == [
        ("1", "breached"),
        ("1", "untriaged"),
        ("1", "unsent draft"),
        ("1", "update due today"),
        ("0", "alarms"),
    ]
    browser = as_role(team, Role.FOUNDER)
    for address, number, word in found[:4]:
        page = browser.get(address.replace("&amp;", "&")).text
        assert page.count('data-label="Detected"') == int(number), word


def test_open_incidents_show_untriaged_first_then_by_severity(team: Team, now: dt.datetime) -> None:
    for title, fields in (
        ("Minor", {"status": Status.TRIAGED, "level": 4}),
        ("Grave", {"status": Status.TRIAGED, "level": 1}),
        ("Unknown", {}),
        ("Over", {"status": Status.CLOSED}),
    ):
        make_incident(title=title, team=team, detected_at=now - HOUR, **fields)
    table = as_role(team, Role.REVENUE).get("/").text.split('id="open-incidents"')[1]
    assert re.findall(r"data-open>(\w+)<", table) == ["Unknown", "Grave", "Minor"]


def test_empty_home_proves_health(team: Team, now: dt.datetime) -> None:
    Beat.record(ENGINE, at=now)
    closed = make_incident(status=Status.CLOSED, team=team, title="Long over")
    text = as_role(team, Role.REVENUE).get("/").text
    assert "Nothing open." in text
    assert "band-calm" in text
    assert "Worker beat" in band(text)
    assert closed.ref in text


def test_private_incidents_are_nowhere_on_home_W11(team: Team, now: dt.datetime) -> None:
    private = make_incident(title="Leaked list", is_private=True, team=team, detected_at=now - HOUR)
    make_client_mail(make_draft(private))
    outsider = signed_in(make_user(Role.REVENUE))
    for address in ("/", "/?who=everyone"):
        text = outsider.get(address).text
        assert "Leaked" not in text
        assert private.ref not in text
        assert "<b>0</b> untriaged" in text
    assert "Leaked" in as_role(team, Role.FOUNDER).get("/").text


def test_silent_worker_is_said_on_every_page_K11(team: Team, now: dt.datetime) -> None:
    browser = as_role(team, Role.REVENUE)
    assert "The worker has never run." in browser.get("/").text
    Beat.record(ENGINE, at=now - 10 * MINUTE)
    for address in ("/", "/incidents/", "/clients/"):
        assert "The worker has been silent for 10 min." in browser.get(address).text
    Beat.record(ENGINE, at=now)
    assert "silent" not in browser.get("/").text


def test_silent_task_cluster_is_said_on_every_page_K11(team: Team, now: dt.datetime) -> None:
    browser = as_role(team, Role.REVENUE)
    Beat.record(ENGINE, at=now)
    assert "task cluster" not in browser.get("/").text
    Beat.record(CANARY, at=now - 5 * MINUTE)
    for address in ("/", "/incidents/", "/clients/"):
        assert "The task cluster has been silent for 5 min." in browser.get(address).text
    Beat.record(CANARY, at=now)
    assert "task cluster" not in browser.get("/").text


def test_escalation_nobody_hears_is_an_alarm_E10(team: Team, now: dt.datetime) -> None:
    open_one = make_incident(status=Status.TRIAGED, level=1, detected_at=now - HOUR)
    hidden = make_incident(status=Status.TRIAGED, level=1, is_private=True, detected_at=now - HOUR)
    for incident in (open_one, hidden):
        make_escalation(incident, code=EscalationCode.E1, is_undeliverable=True)
    text = as_role(team, Role.DELIVERY).get("/incidents/").text
    assert f"E1 SEV-1 incident for {open_one.ref} reached nobody. Phone Clayton." in text
    assert "1 private escalation reached nobody. Phone Clayton." in text
    assert hidden.ref not in text
    assert "<b>2</b> alarms" in as_role(team, Role.FOUNDER).get("/").text


def test_top_bar_carries_the_next_deadline_elsewhere(team: Team, now: dt.datetime) -> None:
    deadline = promised(team, now)
    text = as_role(team, Role.REVENUE).get("/clients/").text
    assert "Next due" in text
    assert deadline.incident.get_absolute_url() in text
    due = re.search(r'class="nextdue".*?data-due="([^"]+)"', text, re.DOTALL)
    assert due is not None
    assert dt.datetime.fromisoformat(due[1]) == deadline.due_at
    assert "Next due" not in as_role(team, Role.DELIVERY).get("/clients/").text


@pytest.mark.parametrize("address", ["/", "/?who=everyone"])
def test_home_costs_the_same_whatever_is_open(team: Team, now: dt.datetime, address: str) -> None:
    browser = as_role(team, Role.REVENUE)
    counts: list[int] = []
    for number in (1, 2, 27):
        for _ in range(number):
            deadline = promised(team, now, name=f"Client {len(counts)} {_}")
            assert deadline.client is not None
            make_client_mail(make_draft(deadline.incident), deadline.client)
            make_escalation(deadline.incident)
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(address).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] == counts[2] <= 20


def test_unchanged_home_costs_three_queries(team: Team, now: dt.datetime) -> None:
    deadline = promised(team, now)
    browser = as_role(team, Role.REVENUE)
    first = browser.get("/", headers={"HX-Polling": "1"})
    assert "<html" not in first.text
    assert 'id="mine-now"' in first.text
    headers = {"HX-Polling": "1", "If-None-Match": first["ETag"]}
    with CaptureQueriesContext(connection) as queries:
        again = browser.get("/", headers=headers)
    assert (again.status_code, again.content) == (304, b"")
    assert len(queries) <= 3
    make_entry(deadline.incident)
    assert browser.get("/", headers=headers).status_code == 200
    latest = browser.get("/", headers={"HX-Polling": "1"})["ETag"]
    headers["If-None-Match"] = latest
    assert browser.get("/", headers=headers).status_code == 304
    make_message()
    assert browser.get("/", headers=headers).status_code == 200


def test_parts_of_the_poll_are_parts_of_the_page(team: Team, now: dt.datetime) -> None:
    promised(team, now)
    browser = as_role(team, Role.REVENUE)
    page = browser.get("/").text
    live = browser.get("/", headers={"HX-Polling": "1"}).text
    parts = re.findall(r'^<\w+[^>]* id="([\w-]+)"', live, re.MULTILINE)
    assert {"home-band", "mine-now", "open-incidents", "this-system"} <= set(parts)
    for part in parts:
        assert page.count(f'id="{part}"') == 1, part


def test_home_is_only_read(team: Team) -> None:
    assert as_role(team, Role.FOUNDER).post("/").status_code == 405


def test_home_needs_a_login_A1() -> None:
    assert Browser().get("/").status_code == 302
    assert Browser().get("/", headers={"HX-Polling": "1"}).status_code == 401


@pytest.mark.parametrize("role", [Role.LEGAL, None])
def test_home_is_for_everybody_who_signs_in(team: Team, role: str | None) -> None:
    user = make_user(*([role] if role else []))
    assert signed_in(user).get("/").status_code == 200
