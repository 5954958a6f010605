"""Checklists from the command line, and the reminders."""

import datetime as dt
import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from incidents.enums import Rank, Role, Source
from incidents.models import Incident, Responder
from monitoring.checklists.finishing import complete_run
from monitoring.checklists.opening import open_due_runs, open_run
from monitoring.checklists.reminding import remind_owners
from monitoring.checklists.running import run_crm_review, run_period
from monitoring.enums import Kind, Measure, RunState
from monitoring.models import Checklist, ChecklistRun, RunItem, Sample
from notifications.models import Message
from tests.factories import Team, make_checklists, make_monitor, make_sop, make_team

pytestmark = pytest.mark.django_db

#: 07:00 in Berlin on Tuesday 10 March 2026.
SEVEN = dt.datetime(2026, 3, 10, 6, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
DAY = 24 * HOUR


@pytest.fixture
def team() -> Team:
    make_sop()
    make_checklists()
    return make_team()


def run(*arguments: str, now: dt.datetime = SEVEN) -> str:
    out = StringIO()
    call_command(*arguments, f"--now={now.isoformat()}", stdout=out)
    return out.getvalue().strip()


def rows() -> list[tuple[Any, ...]]:
    runs = ChecklistRun.objects.order_by("checklist", "period_start")
    return list(runs.values_list("checklist", "period_start", "state", "due_at", "owner"))


# Commands ---------------------------------------------------------------------------------


def test_a_command_opens_fills_and_says_so_in_one_line_K8(team):
    assert run("run_checklist", "daily") == (
        "Daily (Automated via Cron), Tue 10 March 2026: done, 4 items."
    )
    assert run("run_checklist", "weekly", now=SEVEN + 2 * HOUR) == (
        "Weekly (Manual Review), week 11 of 2026: open, 4 items: 4 to do."
    )
    assert run("run_checklist", "monthly") == "Monthly, March 2026: open, 4 items: 4 to do."


def test_a_command_again_says_the_same_K8(team):
    api = make_monitor(Kind.ERROR_RATE)
    Sample.objects.create(monitor=api, at=SEVEN, received_at=SEVEN, total=100, bad=1)
    first = run("run_checklist", "daily", "--json")
    assert run("run_checklist", "daily", "--json", now=SEVEN + 3 * HOUR) == first
    found = json.loads(first)
    assert (found["checklist"], found["date"], found["state"]) == ("daily", "2026-03-10", "open")
    assert found["items"][1] == {
        "number": 2,
        "text": "API error rate < 1%",
        "automatic": True,
        "outcome": "fail",
        "value": "1 %",
        "threshold": "under 1 %",
        "measured_at": "2026-03-10T06:00:00+00:00",
        "incident": None,
    }


def test_command_and_schedule_do_the_same_whoever_is_first_K8(team):
    open_due_runs(now=SEVEN)
    by_schedule = rows()
    ChecklistRun.objects.all().delete()
    for period in ("daily", "weekly", "monthly"):
        run_period(period, now=SEVEN)
    run_crm_review(now=SEVEN)
    ChecklistRun.objects.filter(state=RunState.DONE).update(state="open", completed_at=None)
    assert rows() == by_schedule
    assert open_due_runs(now=SEVEN) == []


def test_a_command_after_a_downtime_records_what_was_missed_K8(team):
    run("run_checklist", "daily")
    run("run_checklist", "daily", now=SEVEN + 4 * DAY)
    states = ChecklistRun.objects.order_by("period_start").values_list("state", flat=True)
    assert list(states) == ["done", "missed", "missed", "missed", "done"]
    line = run("run_checklist", "daily", "--date=2026-03-12", now=SEVEN + 4 * DAY)
    assert line == "Daily (Automated via Cron), Thu 12 March 2026: missed, 0 items."


def test_a_date_names_its_period_K8(team):
    for date in ("2026-03-09", "2026-03-10"):
        found = json.loads(run("run_checklist", "weekly", f"--date={date}", "--json", now=SEVEN))
        assert found["date"] == "2026-03-09"
    assert ChecklistRun.objects.count() == 1


def test_today_may_be_run_before_its_hour_by_name_K8(team):
    early = SEVEN - HOUR
    assert "Mon 9 March" in run("run_checklist", "daily", now=early)
    assert "Tue 10 March" in run("run_checklist", "daily", "--date=2026-03-10", now=early)
    assert {start for _, start, *_ in rows()} == {dt.date(2026, 3, 9), dt.date(2026, 3, 10)}
    assert {run.checklist_id for run in open_due_runs(now=SEVEN)}.isdisjoint({"daily"})


def test_a_date_before_the_first_run_is_run_late_K8(team):
    line = run("run_checklist", "daily", "--date=2026-03-01")
    assert "Sun 1 March 2026: done" in line


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["daily", "--date=2026-03-11"], "has not begun"),
        (["weekly", "--date=2026-03-16"], "has not begun"),
        (["daily", "--date=9999-12-31"], "outside of the years"),
        (["daily", "--date=0001-01-01"], "outside of the years"),
        (["monthly", "--date=2026-02-30"], "is not a date"),
        (["daily", "--date=1000000-01-01"], "is not a date"),
        (["daily", "--date=yesterday"], "is not a date"),
        (["daily", "--date=\u0662\u0660\u0662\u0666-03-10"], "is not a date"),
        (["crm_review"], "invalid choice"),
        (["yearly"], "invalid choice"),
        ([""], "invalid choice"),
        ([], "required"),
    ],
)
def test_bad_dates_and_periods_are_refused_in_one_line_K8(team, arguments, match):
    with pytest.raises(CommandError, match=match) as caught:
        run("run_checklist", *arguments)
    assert "\n" not in str(caught.value)
    assert not ChecklistRun.objects.exists()


@pytest.mark.parametrize("now", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1000000-01-01"])
def test_an_impossible_now_is_refused(team, now):
    for command in (("run_checklist", "daily"), ("crm_review",)):
        with pytest.raises(CommandError):
            call_command(*command, f"--now={now}")


def test_a_refusal_is_json_too(team):
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("crm_review", "--date=x", "--json", stdout=out)
    assert json.loads(out.getvalue())["ok"] is False


def test_without_the_sop_the_command_says_what_to_do():
    with pytest.raises(CommandError, match="load_sop"):
        run("run_checklist", "daily")


def test_a_checklist_that_is_off_opens_nothing_K8(team):
    Checklist.objects.filter(pk="daily").update(is_active=False)
    with pytest.raises(CommandError, match="switched off"):
        run("run_checklist", "daily")


def test_the_crm_review_is_run_for_its_day_K9(team):
    evening = SEVEN + 11 * HOUR
    counts = make_monitor(Kind.LEVEL, measure=Measure.MISSING)
    Sample.objects.create(monitor=counts, at=evening, received_at=evening, value=2)
    line = "CRM review, Tue 10 March 2026: open, 4 items: 1 failed."
    assert run("crm_review", now=evening) == line
    assert run("crm_review", "--date=2026-03-10", now=evening + HOUR) == line
    assert Incident.objects.get().source == Source.SCHEDULED_REVIEW


# Reminders --------------------------------------------------------------------------------


def weekly_run() -> ChecklistRun:
    """Open from 09:00 to 18:00 on Monday 9 March."""
    nine = SEVEN - DAY + 2 * HOUR
    return open_run(Checklist.objects.get(pk="weekly"), dt.date(2026, 3, 9), now=nine)[0]


def reminders() -> list[str]:
    texts = Message.objects.exclude(subject__startswith="Checklist to do").order_by("pk")
    return [text.split(":")[0] for text in texts.values_list("subject", flat=True)]


def test_the_owner_is_reminded_at_half_time_and_when_overdue_once_each_N1(team):
    opened_at = weekly_run().opened_at
    told = []
    for minute in range(0, 12 * 60, 15):
        remind_owners(now=opened_at + dt.timedelta(minutes=minute))
        told.append(len(reminders()))
    assert reminders() == ["Still open", "Overdue"]
    assert (told.index(1) * 15, told.index(2) * 15) == (4.5 * 60, 9 * 60)
    message = Message.objects.order_by("pk").last()
    assert message.recipient == team.orchestrator.email
    assert "Mon 09 Mar 18:00 CET" in message.text


def test_after_a_downtime_only_the_later_reminder_is_sent_N1(team):
    remind_owners(now=weekly_run().due_at + HOUR)
    assert reminders() == ["Overdue"]


def test_who_stands_in_is_reminded_while_the_owner_is_away_N1(team):
    opened = weekly_run()
    Responder.objects.create(
        name="Ben", role=Role.ORCHESTRATOR, rank=Rank.BACKUP, email="ben@agency.example"
    )
    Responder.objects.filter(pk=team.orchestrator.pk).update(away_until=opened.due_at + DAY)
    remind_owners(now=opened.due_at)
    assert Message.objects.order_by("pk").last().recipient == "ben@agency.example"


def test_an_owner_who_cannot_be_written_to_stops_no_other_reminder_N1(team, caplog):
    Responder.objects.filter(pk=team.revenue.pk).update(email="not an address")
    open_run(Checklist.objects.get(pk="crm_review"), dt.date(2026, 3, 8), now=SEVEN - DAY)
    opened = weekly_run()
    remind_owners(now=opened.due_at)
    assert reminders() == ["Overdue"]
    assert "an owner was not reminded" in caplog.text


def test_a_done_run_reminds_nobody_N1(team):
    opened = weekly_run()
    RunItem.objects.update(outcome="pass", answered_at=SEVEN)
    complete_run(opened, by=team.actor("orchestrator"), now=SEVEN)
    assert remind_owners(now=opened.due_at) == 0
    assert reminders() == []


def test_an_overdue_run_stays_open_when_the_next_one_opens_K8(team):
    opened = weekly_run()
    open_due_runs(now=opened.opened_at + 7 * DAY)
    overdue = ChecklistRun.objects.overdue(at=opened.opened_at + 7 * DAY)
    assert list(overdue) == [opened]
    assert remind_owners(now=opened.due_at + 30 * DAY) == 0
