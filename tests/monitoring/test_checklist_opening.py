"""One run per period, whoever opens it; what passed meanwhile is missed."""

import datetime as dt

import pytest
import time_machine
from django.db import IntegrityError, transaction

from incidents.enums import Rank, Role
from monitoring.checklists.opening import open_current_run, open_due_runs, open_run
from monitoring.enums import Outcome, RunState
from monitoring.models import Checklist, ChecklistRun, Period, RunItem
from notifications.models import Message
from tests.factories import make_checklist, make_checklist_item, make_checklists, make_team

pytestmark = pytest.mark.django_db

#: 07:00 in Berlin on Tuesday 10 March 2026.
SEVEN = dt.datetime(2026, 3, 10, 6, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
TODAY = dt.date(2026, 3, 10)


def make_daily(**fields: object) -> Checklist:
    checklist = make_checklist(due_hours=11, **fields)
    make_checklist_item(checklist, text="API error rate < 1%", is_automatic=True, reading="x")
    return checklist


def test_every_checklist_has_one_run_a_period_K8():
    make_checklists()
    opened = open_due_runs(now=SEVEN)
    assert {run.checklist_id: str(run.period_start) for run in opened} == {
        "daily": "2026-03-10",
        "weekly": "2026-03-09",
        "monthly": "2026-03-01",
        "crm_review": "2026-03-09",
    }
    assert open_due_runs(now=SEVEN) == open_due_runs(now=SEVEN + DAY / 4) == []
    assert RunItem.objects.count() == 16
    assert {run.checklist_id for run in open_due_runs(now=SEVEN + DAY / 2)} == {"crm_review"}
    assert {run.checklist_id for run in open_due_runs(now=SEVEN + DAY)} == {"daily"}


def test_a_run_is_due_so_many_hours_after_it_opened_K8():
    run, is_new = open_run(make_daily(), TODAY, now=SEVEN + dt.timedelta(seconds=20))
    assert is_new
    assert run.due_at == SEVEN + dt.timedelta(hours=11)
    assert run.opened_at == SEVEN + dt.timedelta(seconds=20)


def test_a_run_that_opens_after_its_due_time_gets_its_hours_anew_K8():
    late = SEVEN + dt.timedelta(hours=12)
    run, _ = open_run(make_daily(), TODAY, now=late)
    assert run.due_at == late + dt.timedelta(hours=11)


def test_the_database_holds_one_row_a_period_K8():
    run, _ = open_run(make_daily(), TODAY, now=SEVEN)
    fields = {"checklist": run.checklist, "period_start": TODAY}
    with pytest.raises(IntegrityError), transaction.atomic():
        ChecklistRun.objects.create(**fields, opened_at=SEVEN, due_at=SEVEN)


def test_later_edits_do_not_rewrite_a_run_K8():
    checklist = make_daily()
    run, _ = open_run(checklist, TODAY, now=SEVEN)
    checklist.items.update(text="Something else", is_automatic=False, reading="")
    again, is_new = open_run(checklist, TODAY, now=SEVEN + DAY)
    assert not is_new
    item = again.items.get()
    assert (item.text, item.is_automatic, item.reading) == ("API error rate < 1%", True, "x")
    assert item.outcome == Outcome.PENDING
    checklist.items.all().delete()
    assert run.items.count() == 1


def test_the_owner_is_on_duty_and_told_once_of_what_people_answer_N1():
    team = make_team()
    weekly = make_checklists()[Period.WEEKLY]
    for _ in range(2):
        run, _ = open_run(weekly, dt.date(2026, 3, 9), now=SEVEN)
    assert run.owner == team.orchestrator
    message = Message.objects.get()
    assert message.recipient == team.orchestrator.email
    assert "Weekly" in message.subject
    assert "week 11 of 2026" in message.text
    assert f"/checklists/{run.pk}/" in message.text


def test_nobody_is_told_of_a_run_that_answers_itself_N1():
    make_team()
    open_run(make_daily(), TODAY, now=SEVEN)
    assert not Message.objects.exists()


def test_the_stand_in_owns_what_opens_while_the_owner_is_away_K8():
    team = make_team()
    team.orchestrator.away_until = SEVEN + DAY
    team.orchestrator.save()
    backup = type(team.orchestrator).objects.create(
        name="Ben", role=Role.ORCHESTRATOR, rank=Rank.BACKUP, email="ben@agency.example"
    )
    weekly = make_checklists()[Period.WEEKLY]
    run, _ = open_run(weekly, dt.date(2026, 3, 9), now=SEVEN)
    assert run.owner == backup
    assert Message.objects.get().recipient == "ben@agency.example"
    later, _ = open_run(weekly, dt.date(2026, 3, 16), now=SEVEN + 7 * DAY)
    assert later.owner == team.orchestrator


def test_a_run_without_anybody_on_duty_is_opened_all_the_same_K8():
    weekly = make_checklists()[Period.WEEKLY]
    run, _ = open_run(weekly, dt.date(2026, 3, 9), now=SEVEN)
    assert run.owner is None


def test_three_days_of_downtime_are_missed_and_today_runs_once_K8():
    team = make_team()
    checklist = make_daily()
    open_current_run(checklist, now=SEVEN)
    for _ in range(2):
        open_due_runs(now=SEVEN + 4 * DAY)
    states = ChecklistRun.objects.order_by("period_start").values_list("period_start", "state")
    assert [(start.day, state) for start, state in states] == [
        (10, RunState.OPEN),
        (11, RunState.MISSED),
        (12, RunState.MISSED),
        (13, RunState.MISSED),
        (14, RunState.OPEN),
    ]
    message = Message.objects.get()
    assert message.recipient == team.orchestrator.email
    assert "3 runs were missed" in message.text
    missed = ChecklistRun.objects.filter(state=RunState.MISSED)
    assert not RunItem.objects.filter(run__in=missed).exists()


def test_nothing_was_missed_before_the_first_run_K8():
    make_checklists()
    open_due_runs(now=SEVEN)
    assert not ChecklistRun.objects.filter(state=RunState.MISSED).exists()


def test_nothing_is_missed_while_a_checklist_is_off_K8():
    checklist = make_daily()
    open_current_run(checklist, now=SEVEN)
    for at, is_active in ((1, False), (9, True)):
        with time_machine.travel(SEVEN + at * DAY, tick=False):
            checklist.is_active = is_active
            checklist.save()
        assert bool(open_due_runs(now=SEVEN + at * DAY)) == is_active
    open_due_runs(now=SEVEN + 11 * DAY)
    rows = ChecklistRun.objects.order_by("period_start").values_list("period_start", "state")
    assert [(start.day, state) for start, state in rows] == [
        (10, RunState.OPEN),
        (19, RunState.OPEN),
        (20, RunState.MISSED),
        (21, RunState.OPEN),
    ]


def test_a_downtime_of_years_is_bounded_K8():
    checklist = make_daily()
    open_current_run(checklist, now=SEVEN)
    open_current_run(checklist, now=SEVEN + 2000 * DAY)
    assert ChecklistRun.objects.count() == 402


def test_a_checklist_that_breaks_stops_no_other_one_K8(settings, caplog):
    """Only the monthly one asks for holidays."""
    settings.HOLIDAY_COUNTRY = "Atlantis"
    make_checklists()
    opened = open_due_runs(now=SEVEN)
    assert {run.checklist_id for run in opened} == {"daily", "weekly", "crm_review"}
    assert "a checklist was not opened" in caplog.text


def test_a_run_of_a_demonstrations_stand_in_goes_with_it():
    team = make_team()
    type(team.orchestrator).objects.filter(pk=team.orchestrator.pk).update(is_demo=True)
    run, _ = open_run(make_daily(), TODAY, now=SEVEN)
    assert run.is_demo


def test_looking_for_due_runs_costs_one_query_K8(django_assert_num_queries):
    make_checklists()
    open_due_runs(now=SEVEN)
    with django_assert_num_queries(1):
        open_due_runs(now=SEVEN)
