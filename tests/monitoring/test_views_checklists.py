"""The pages of checklists: runs, answers, history, and what they ask (rules K8 and K9)."""

import datetime as dt
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from incidents.enums import Role
from incidents.models import Incident
from monitoring.enums import Kind, Outcome, RunState
from monitoring.models import (
    Checklist,
    ChecklistItem,
    ChecklistRun,
    MonitorIncident,
    Period,
    RunItem,
)
from tests.factories import (
    Team,
    make_checklists,
    make_incident,
    make_monitor,
    make_run,
    make_run_item,
    make_sop,
    make_team,
)

pytestmark = pytest.mark.django_db
SignIn = Callable[..., Browser]
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)


@pytest.fixture
def team() -> Team:
    make_sop()
    make_checklists()
    return make_team()


@pytest.fixture
def now() -> dt.datetime:
    """The page reads the clock, so what it shows lies around the present."""
    return timezone.now()


@pytest.fixture
def weekly(team: Team, now: dt.datetime) -> ChecklistRun:
    """This week's run with two items for a person."""
    monday = now.date() - now.weekday() * DAY
    run = make_run(
        team.orchestrator,
        checklist=Checklist.objects.get(pk=Period.WEEKLY),
        opened_at=now - HOUR,
        due_at=now + HOUR,
        period_start=monday,
    )
    make_run_item(run, text="Review all issues")
    make_run_item(run, text="Check the tools")
    return run


def as_role(sign_in: SignIn, team: Team, role: str) -> Browser:
    return sign_in(user=getattr(team, role).user)


def answers(run: ChecklistRun, *outcomes: str, **changes: object) -> dict[str, object]:
    values: dict[str, object] = {
        "version": str(ChecklistRun.objects.get(pk=run.pk).version),
        "form_token": str(uuid.uuid4()),
    }
    for item, outcome in zip(run.items.all(), outcomes, strict=False):
        values[f"outcome-{item.pk}"] = outcome
    return {**values, **changes}


def outcomes(run: ChecklistRun) -> list[str]:
    return list(run.items.values_list("outcome", flat=True))


# Reading ------------------------------------------------------------------------------------


def test_first_page_shows_what_waits_for_a_person(
    weekly: ChecklistRun, team: Team, sign_in: SignIn
) -> None:
    page = as_role(sign_in, team, Role.ORCHESTRATOR).get("/checklists/").text
    assert "Review all issues" in page
    assert "Complete run" in page
    assert page.count("opens ") >= 2
    tabs = page.split('class="runs"')[1].split("</nav>")[0]
    assert re.findall(r"<b>([\w ]+)</b>", tabs) == ["Weekly", "Daily", "CRM review", "Monthly"]


def test_checklists_before_anything_was_loaded(sign_in: SignIn) -> None:
    browser = sign_in(Role.REVENUE)
    assert "No checklist is in use." in browser.get("/checklists/").text
    assert browser.get("/checklists/definitions/").status_code == 200


@pytest.mark.parametrize("query", ["period=weekly", "period=odd", "month=2026-13", "month=9999-01"])
def test_odd_addresses_show_a_page(query: str, team: Team, sign_in: SignIn) -> None:
    answer = as_role(sign_in, team, Role.LEGAL).get(f"/checklists/?{query}")
    assert answer.status_code == 200
    assert "has not run yet" in answer.text


def test_automatic_items_show_value_limit_age_and_before_K8(
    team: Team, now: dt.datetime, sign_in: SignIn
) -> None:
    before = make_run(team.orchestrator, opened_at=now - DAY, state=RunState.DONE, completed_at=now)
    run = make_run(team.orchestrator, opened_at=now)
    fields = {"text": "Email bounce rate < 2%", "is_automatic": True, "threshold": "under 2 %"}
    make_run_item(before, outcome=Outcome.PASS, value="1.3 %", **fields)
    failing = make_monitor(name="go.halden.example")
    make_run_item(
        run,
        outcome=Outcome.FAIL,
        value="11.8 %",
        measured_at=now - 2 * dt.timedelta(minutes=1),
        prepared={"lines": ["worst: go.halden.example"], "monitors": [failing.pk, 999_999]},
        **fields,
    )
    page = as_role(sign_in, team, Role.REVENUE).get(run.get_absolute_url()).text
    for text in ("11.8 %", "under 2 %", "2 min", "Pass, 1.3 %", "worst: go.halden.example"):
        assert text in page
    assert failing.get_absolute_url() in page
    # Who may not answer gets no button.
    assert "Open incident" not in page


@pytest.mark.parametrize(
    "prepared",
    [
        [],
        {},
        {"lines": None, "tables": 3, "refs": "x", "monitors": {}},
        {"lines": ["<b>one</b>", 2], "tables": [{"title": "T", "head": ["A"], "rows": [[1], []]}]},
        {"refs": ["INC-1999-0001"], "monitors": []},
    ],
)
def test_prepared_content_is_readable_whatever_was_kept(
    prepared: Any, weekly: ChecklistRun, team: Team, sign_in: SignIn
) -> None:
    weekly.items.update(prepared=prepared)
    answer = as_role(sign_in, team, Role.ORCHESTRATOR).get(weekly.get_absolute_url())
    assert answer.status_code == 200
    assert "<b>one</b>" not in answer.text


def test_private_incidents_behind_an_item_are_only_counted_W11(
    weekly: ChecklistRun, team: Team, sign_in: SignIn
) -> None:
    seen, hidden = make_incident(title="Seen"), make_incident(title="Leaked", is_private=True)
    item = weekly.items.first()
    assert item is not None
    item.prepared = {"refs": [seen.ref, hidden.ref]}
    item.incident, item.outcome, item.answered_at = hidden, Outcome.FAIL, weekly.opened_at
    item.save()
    page = as_role(sign_in, team, Role.DELIVERY).get(weekly.get_absolute_url()).text
    assert seen.ref in page
    assert hidden.ref not in page
    assert "Leaked" not in page
    assert "1 that you may not see" in page
    assert "a private incident" in page
    assert hidden.ref in as_role(sign_in, team, Role.FOUNDER).get(weekly.get_absolute_url()).text


def test_calendar_tells_passed_failed_and_missed_K8(
    team: Team, now: dt.datetime, sign_in: SignIn
) -> None:
    first = dt.datetime(2026, 2, 3, 7, tzinfo=dt.UTC)
    done = {"state": RunState.DONE, "completed_at": first}
    make_run_item(make_run(opened_at=first, **done), outcome=Outcome.PASS)
    make_run_item(make_run(opened_at=first + DAY, **done), outcome=Outcome.FAIL)
    make_run(opened_at=first + 2 * DAY, state=RunState.MISSED)
    browser = as_role(sign_in, team, Role.LEGAL)
    page = browser.get("/checklists/?month=2026-02").text
    for label in ("3 February, passed", "4 February, failed", "5 February, missed"):
        assert f'aria-label="{label}"' in page
    for words in ("1 passed", "1 failed", "1 missed"):
        assert words in page
    assert "month=2026-03" in page
    assert "month=2026-01" not in page


def test_pages_cost_the_same_for_many_runs(
    weekly: ChecklistRun, team: Team, now: dt.datetime, sign_in: SignIn
) -> None:
    browser = as_role(sign_in, team, Role.ORCHESTRATOR)
    browser.get("/healthz")
    counts = []
    start = 0
    for number in (1, 5, 20):
        for back in range(start, start + number):
            run = make_run(team.orchestrator, opened_at=now - back * DAY)
            incident = make_incident()
            make_run_item(
                run, outcome=Outcome.FAIL, incident=incident, prepared={"refs": [incident.ref]}
            )
            make_run_item(weekly, prepared={"refs": [incident.ref]})
        start += number
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(weekly.get_absolute_url()).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] == counts[2] <= 30, counts


# Answering ----------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.ORCHESTRATOR, Role.FOUNDER])
def test_answers_are_saved_together(
    role: str, weekly: ChecklistRun, team: Team, sign_in: SignIn
) -> None:
    first, _ = weekly.items.all()
    form = answers(weekly, "pass", "not_applicable")
    form |= {f"note-{first.pk}": "All answered", f"evidence-{first.pk}": "https://x.example/1"}
    answer = as_role(sign_in, team, role).post(weekly.get_absolute_url(), form)
    assert answer["Location"] == weekly.get_absolute_url()
    assert outcomes(weekly) == ["pass", "not_applicable"]
    first.refresh_from_db()
    assert (first.note, first.evidence) == ("All answered", "https://x.example/1")
    assert weekly.items.first().history.first().history_user is not None
    weekly.refresh_from_db()
    assert weekly.state == RunState.OPEN


def test_run_is_completed_with_its_last_answers(
    weekly: ChecklistRun, team: Team, sign_in: SignIn
) -> None:
    browser = as_role(sign_in, team, Role.ORCHESTRATOR)
    too_early = browser.post(weekly.get_absolute_url(), answers(weekly, "pass", complete="1"))
    assert too_early.status_code == 422
    assert "Item 2 has no answer" in too_early.text
    # All or nothing: the first answer was not saved either.
    assert outcomes(weekly) == ["pending", "pending"]
    browser.post(weekly.get_absolute_url(), answers(weekly, "pass", "pass", complete="1"))
    weekly.refresh_from_db()
    assert (weekly.state, weekly.completed_by) == (RunState.DONE, "Alfred")
    page = browser.get(weekly.get_absolute_url()).text
    assert "Completed by Alfred" in page
    assert "Save answers" not in page
    again = browser.post(weekly.get_absolute_url(), answers(weekly, "fail", "fail"))
    assert again.status_code in (403, 422)
    assert outcomes(weekly) == ["pass", "pass"]


def test_failed_item_opens_an_incident_with_one_click_K8(
    weekly: ChecklistRun, team: Team, sign_in: SignIn
) -> None:
    first, _ = weekly.items.all()
    browser = as_role(sign_in, team, Role.ORCHESTRATOR)
    url = f"{weekly.get_absolute_url()}items/{first.pk}/incident/"
    form = answers(weekly, "fail", "pass") | {f"note-{first.pk}": "Two replies are missing"}
    answer = browser.post(url, form)
    incident = Incident.objects.get()
    assert answer["Location"] == incident.get_absolute_url()
    first.refresh_from_db()
    assert (first.incident, first.note) == (incident, "Two replies are missing")
    assert outcomes(weekly) == ["fail", "pass"]
    # A double click gives the same incident, not a second one.
    assert browser.post(url, form)["Location"] == incident.get_absolute_url()
    assert Incident.objects.count() == 1
    assert incident.ref in browser.get(weekly.get_absolute_url()).text


def test_failed_item_names_the_incident_that_it_joins_K6(
    team: Team, now: dt.datetime, sign_in: SignIn
) -> None:
    monitor, private = make_monitor(Kind.SYNC), make_monitor(Kind.SYNC)
    incident, hidden = make_incident(), make_incident(is_private=True)
    for one, behind in ((monitor, incident), (private, hidden)):
        MonitorIncident.objects.create(monitor=one, incident=behind, opened_at=now)
    run = make_run(team.delivery, opened_at=now)
    item, other = (
        make_run_item(run, outcome=Outcome.FAIL, is_automatic=True, prepared={"monitors": [one.pk]})
        for one in (monitor, private)
    )
    browser = as_role(sign_in, team, Role.DELIVERY)
    page = browser.get(run.get_absolute_url()).text
    assert f"Join {incident.ref}" in page
    assert hidden.ref not in page
    assert page.count("Open incident") == 1
    form = answers(run)
    browser.post(f"{run.get_absolute_url()}items/{item.pk}/incident/", form)
    item.refresh_from_db()
    assert item.incident == incident
    assert Incident.objects.count() == 2
    assert other.incident is None


def test_phone_has_the_one_action_of_an_automatic_run_at_its_edge(
    team: Team, now: dt.datetime, sign_in: SignIn
) -> None:
    run = make_run(team.orchestrator, opened_at=now)
    make_run_item(run, outcome=Outcome.FAIL, is_automatic=True)
    page = as_role(sign_in, team, Role.ORCHESTRATOR).get(run.get_absolute_url()).text
    assert "action-edge" in page


def test_item_that_did_not_fail_opens_nothing(
    weekly: ChecklistRun, team: Team, sign_in: SignIn
) -> None:
    item = weekly.items.first()
    browser = as_role(sign_in, team, Role.ORCHESTRATOR)
    url = f"{weekly.get_absolute_url()}items/{item.pk}/incident/"
    assert browser.post(url, answers(weekly, "pass")).status_code == 422
    assert not Incident.objects.exists()
    assert browser.get(url).status_code == 405
    elsewhere = make_run_item(make_run(team.orchestrator))
    wrong = f"{weekly.get_absolute_url()}items/{elsewhere.pk}/incident/"
    assert browser.post(wrong, answers(weekly)).status_code == 404


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": "perfect"},
        {"note": "x" * 5_001},
        {"evidence": "x" * 2_001},
    ],
)
def test_wrong_answers_are_refused(
    changes: dict[str, str], weekly: ChecklistRun, team: Team, sign_in: SignIn
) -> None:
    item = weekly.items.first()
    form = answers(weekly) | {f"{name}-{item.pk}": text for name, text in changes.items()}
    answer = as_role(sign_in, team, Role.ORCHESTRATOR).post(weekly.get_absolute_url(), form)
    assert answer.status_code == 422
    assert outcomes(weekly) == ["pending", "pending"]


def test_second_of_two_people_gets_a_conflict_W1(
    weekly: ChecklistRun, team: Team, sign_in: SignIn
) -> None:
    stale = answers(weekly, "fail", "fail")
    browser = as_role(sign_in, team, Role.FOUNDER)
    browser.post(weekly.get_absolute_url(), answers(weekly, "pass", "pass"))
    answer = browser.post(weekly.get_absolute_url(), stale)
    assert answer.status_code == 409
    assert "Somebody else changed this run" in answer.text
    assert outcomes(weekly) == ["pass", "pass"]
    # What was typed is kept, now against the newest version.
    assert f'name="version" value="{ChecklistRun.objects.get(pk=weekly.pk).version}"' in answer.text


@pytest.mark.parametrize("role", [Role.DELIVERY, Role.REVENUE, Role.LEGAL])
def test_others_read_and_do_not_answer_A1(
    role: str, weekly: ChecklistRun, team: Team, sign_in: SignIn
) -> None:
    browser = as_role(sign_in, team, role)
    page = browser.get(weekly.get_absolute_url()).text
    assert "Save answers" not in page
    assert "It is answered by Alfred" in page
    answer = browser.post(weekly.get_absolute_url(), answers(weekly, "pass", "pass"))
    assert answer.status_code == 403
    assert outcomes(weekly) == ["pending", "pending"]


def test_overdue_run_stays_visible_K8(
    weekly: ChecklistRun, team: Team, now: dt.datetime, sign_in: SignIn
) -> None:
    ChecklistRun.objects.filter(pk=weekly.pk).update(due_at=now - HOUR)
    browser = as_role(sign_in, team, Role.ORCHESTRATOR)
    assert "Overdue, 0 of 2" in browser.get("/checklists/").text
    assert "1 h late" in browser.get(weekly.get_absolute_url()).text


# On home ------------------------------------------------------------------------------------


def test_run_is_the_owners_duty_on_home(weekly: ChecklistRun, team: Team, sign_in: SignIn) -> None:
    def mine(role: str, query: str = "") -> str:
        page = as_role(sign_in, team, role).get(f"/{query}").text
        return page.split('id="mine-now"')[1].split("</section>")[0]

    assert weekly.get_absolute_url() in mine(Role.ORCHESTRATOR)
    assert "0 of 2 answered" in mine(Role.ORCHESTRATOR)
    assert weekly.get_absolute_url() not in mine(Role.REVENUE)
    assert weekly.get_absolute_url() in mine(Role.REVENUE, "?who=everyone")


def test_late_checklist_leaves_the_band_to_an_incident(
    weekly: ChecklistRun, team: Team, now: dt.datetime, sign_in: SignIn
) -> None:
    ChecklistRun.objects.filter(pk=weekly.pk).update(due_at=now - DAY)
    browser = as_role(sign_in, team, Role.ORCHESTRATOR)

    def band() -> str:
        return browser.get("/").text.split('id="home-band"')[1].split("</section>")[0]

    assert weekly.get_absolute_url() in band()
    incident = make_incident(team=team, detected_at=now)
    assert incident.ref in band()


def test_stand_in_has_the_duty_of_who_is_away_A1(
    weekly: ChecklistRun, team: Team, now: dt.datetime, sign_in: SignIn
) -> None:
    team.orchestrator.away_until = now + DAY
    team.orchestrator.save()
    backup = make_team().delivery
    type(backup).objects.create(
        name="Devin", role=Role.ORCHESTRATOR, rank="backup", user=backup.user
    )
    page = as_role(sign_in, team, Role.DELIVERY).get("/").text
    assert weekly.get_absolute_url() in page.split('id="mine-now"')[1].split("</section>")[0]


def test_home_lists_the_runs_of_these_days(
    weekly: ChecklistRun, team: Team, now: dt.datetime, sign_in: SignIn
) -> None:
    make_run_item(
        make_run(opened_at=now - HOUR, state=RunState.DONE, completed_at=now),
        outcome=Outcome.FAIL,
    )
    page = as_role(sign_in, team, Role.REVENUE).get("/").text
    panel = page.split('id="home-runs"')[1].split("</section>")[0]
    assert "Weekly, week" in panel
    assert "1 of 1 failed" in panel
    assert "opens" in panel


# What they ask --------------------------------------------------------------------------------


def definition(period: str, **changes: object) -> dict[str, object]:
    checklist = Checklist.objects.get(pk=period)
    values: dict[str, object] = {
        "title": checklist.title,
        "owner_role": checklist.owner_role,
        "opens_at": checklist.opens_at.strftime("%H:%M"),
        "due_hours": str(checklist.due_hours),
        "is_active": "on",
        "version": str(checklist.history.first().history_id),
        "form_token": str(uuid.uuid4()),
    }
    for item in checklist.items.all():
        values |= {f"number-{item.pk}": str(item.number), f"text-{item.pk}": item.text}
    return {**values, **changes}


@pytest.mark.parametrize("role", [Role.ORCHESTRATOR, Role.FOUNDER])
def test_definition_is_edited_with_history_K8_A2(role: str, team: Team, sign_in: SignIn) -> None:
    first, *middle, last = ChecklistItem.objects.filter(checklist=Period.WEEKLY)
    form = definition(Period.WEEKLY, opens_at="08:30", **{"new-1": "Look at the\nbackups"})
    form |= {f"number-{last.pk}": "1", f"number-{first.pk}": "4", f"text-{middle[0].pk}": " "}
    answer = as_role(sign_in, team, role).post("/checklists/definitions/weekly/", form)
    assert answer["Location"] == "/checklists/definitions/"
    checklist = Checklist.objects.get(pk=Period.WEEKLY)
    assert checklist.opens_at == dt.time(8, 30)
    texts = list(checklist.items.values_list("number", "text"))
    assert texts == [
        (1, last.text),
        (2, middle[1].text),
        (3, first.text),
        (4, "Look at the backups"),
    ]
    assert checklist.items.get(number=3).reading == first.reading
    assert ChecklistItem.history.filter(id=middle[0].pk, history_type="-").exists()
    assert checklist.history.first().history_user is not None
    page = as_role(sign_in, team, role).get("/checklists/definitions/weekly/").text
    assert "opens at; items: 1 added, 1 removed, order changed" in page


def test_open_run_keeps_its_items_when_they_are_edited_K8(
    weekly: ChecklistRun, team: Team, sign_in: SignIn
) -> None:
    before = list(weekly.items.values_list("text", flat=True))
    item = ChecklistItem.objects.filter(checklist=Period.WEEKLY).first()
    form = definition(Period.WEEKLY, **{f"text-{item.pk}": "Something else"})
    as_role(sign_in, team, Role.FOUNDER).post("/checklists/definitions/weekly/", form)
    assert list(RunItem.objects.filter(run=weekly).values_list("text", flat=True)) == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"opens_at": "25:00"}, "Enter a valid time"),
        ({"due_hours": "0"}, "greater than or equal to 1"),
        ({"due_hours": "9999"}, "less than or equal to"),
        ({"owner_role": "nobody"}, "Select a valid choice"),
        ({"owner_role": "legal"}, "Select a valid choice"),
        ({"title": ""}, "This field is required"),
        ({"new-1": "x" * 501}, "at most 500 characters"),
    ],
)
def test_wrong_definition_is_refused(
    changes: dict[str, object], words: str, team: Team, sign_in: SignIn
) -> None:
    browser = as_role(sign_in, team, Role.FOUNDER)
    answer = browser.post("/checklists/definitions/daily/", definition(Period.DAILY, **changes))
    assert answer.status_code == 422
    assert words in answer.text


def test_checklist_keeps_at_least_one_item(team: Team, sign_in: SignIn) -> None:
    form = definition(Period.DAILY)
    form |= {name: "" for name in form if name.startswith("text-")}
    answer = as_role(sign_in, team, Role.FOUNDER).post("/checklists/definitions/daily/", form)
    assert answer.status_code == 422
    assert "at least one item" in answer.text
    assert ChecklistItem.objects.filter(checklist=Period.DAILY).count() == 4


def test_stale_definition_is_a_conflict(team: Team, sign_in: SignIn) -> None:
    stale = definition(Period.DAILY, title="mine")
    checklist = Checklist.objects.get(pk=Period.DAILY)
    checklist.title = "theirs"
    checklist.save()
    answer = as_role(sign_in, team, Role.FOUNDER).post("/checklists/definitions/daily/", stale)
    assert answer.status_code == 409
    assert Checklist.objects.get(pk=Period.DAILY).title == "theirs"


@pytest.mark.parametrize("role", [Role.DELIVERY, Role.REVENUE, Role.LEGAL])
def test_others_read_definitions_only_A1(role: str, team: Team, sign_in: SignIn) -> None:
    browser = as_role(sign_in, team, role)
    page = browser.get("/checklists/definitions/").text
    assert "All cron jobs fired successfully" in page
    assert "/checklists/definitions/daily/" not in page
    assert browser.get("/checklists/definitions/daily/").status_code == 403
    answer = browser.post("/checklists/definitions/daily/", definition(Period.DAILY, title="x"))
    assert answer.status_code == 403


def test_unknown_run_and_checklist_are_not_found(team: Team, sign_in: SignIn) -> None:
    browser = as_role(sign_in, team, Role.FOUNDER)
    for url in ("/checklists/999999/", "/checklists/definitions/yearly/"):
        assert browser.get(url).status_code == 404
