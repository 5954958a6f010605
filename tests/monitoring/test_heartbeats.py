"""Jobs run by run: on time, missed, failed, started and never finished (K5, K7)."""

import datetime as dt
import itertools
import uuid

import pytest

from incidents.models import Incident
from monitoring.enums import SignalKind, State
from monitoring.evaluation import evaluate_due
from monitoring.models import Monitor, MonitorStatus, Signal, StateChange
from monitoring.monitors import resume_monitor
from tests.factories import NOW, make_actor, make_monitor, make_sop, make_team
from tests.monitoring.arrivals import MIN, D, H, S, look, ping, state

pytestmark = pytest.mark.django_db

#: An hourly job counts as missed an hour and its five minutes of grace after the last run.
LATE = H + 5 * MIN


@pytest.fixture(autouse=True)
def agency() -> None:
    make_sop()
    make_team()


@pytest.fixture
def job() -> Monitor:
    """Hourly, five minutes of grace, and it has just run."""
    monitor = make_monitor(name="Nightly", created_at=NOW - 10 * MIN)
    ping(monitor, NOW)
    assert state(monitor) == State.OK
    return monitor


def misses(monitor: Monitor) -> list[dt.datetime]:
    rows = monitor.signals.filter(kind=SignalKind.MISSED).order_by("at")
    return list(rows.values_list("at", flat=True))


def test_one_miss_warns_two_in_a_row_open_K5(job: Monitor) -> None:
    assert state(job, NOW + LATE - S) == State.OK
    assert state(job, NOW + LATE) == State.WARNING
    assert misses(job) == [NOW + H]
    assert not Incident.objects.exists()
    assert state(job, NOW + H + LATE - S) == State.WARNING
    assert state(job, NOW + H + LATE) == State.FAILING
    incident = Incident.objects.get()
    assert incident.title == "Nightly: 2 runs in a row missed or failed"
    assert (incident.suggested_severity_id, incident.detected_at) == (3, NOW + H)


def test_one_look_after_hours_comes_to_the_same_K5(job: Monitor) -> None:
    assert state(job, NOW + H + LATE) == State.FAILING
    assert misses(job) == [NOW + H, NOW + 2 * H]
    changes = StateChange.objects.filter(monitor=job).order_by("at").values_list("after", "at")
    assert list(changes)[1:] == [("warning", NOW + LATE), ("failing", NOW + H + LATE)]
    assert Incident.objects.get().detected_at == NOW + H


def test_how_many_misses_open_is_set_on_the_job_K5() -> None:
    monitor = make_monitor(failures_needed=1, severity_id=2, created_at=NOW)
    assert state(monitor, NOW + LATE) == State.FAILING
    assert Incident.objects.get().suggested_severity_id == 2


def test_a_late_success_is_a_success_K5(job: Monitor) -> None:
    assert state(job, NOW + LATE) == State.WARNING
    ping(job, NOW + LATE + MIN)
    assert state(job, NOW + LATE + MIN) == State.OK
    # The row of misses is broken.
    assert state(job, NOW + LATE + MIN + LATE) == State.WARNING


def test_a_failure_and_a_miss_in_a_row_open_K5(job: Monitor) -> None:
    ping(job, NOW + H, SignalKind.FAIL, exit_status=3)
    status = look(job, NOW + H)
    assert (status.state, status.reason) == (State.WARNING, "The job ended with exit status 3.")
    assert state(job, NOW + H + LATE) == State.FAILING
    assert Incident.objects.get().detected_at == NOW + H


def test_a_success_with_a_bad_exit_status_is_a_failure_K5(job: Monitor) -> None:
    ping(job, NOW + H, SignalKind.SUCCESS, exit_status=1)
    assert state(job, NOW + H) == State.WARNING


def test_a_miss_exactly_at_its_time_and_a_ping_at_the_same_instant_K5(job: Monitor) -> None:
    ping(job, NOW + LATE)
    assert state(job, NOW + LATE) == State.OK
    assert misses(job) == [NOW + H]


def test_log_leaves_the_state_alone_K5(job: Monitor) -> None:
    before = look(job, NOW + MIN)
    ping(job, NOW + 2 * MIN, SignalKind.LOG)
    after = look(job, NOW + 3 * MIN)
    assert (after.state, after.due_at) == (before.state, before.due_at)
    assert state(job, NOW + LATE) == State.WARNING


# Starts -----------------------------------------------------------------------------------


def test_a_run_is_timed_from_its_start(job: Monitor) -> None:
    ping(job, NOW + H, SignalKind.START)
    ping(job, NOW + H + 90 * S)
    status = look(job, NOW + H + 2 * MIN)
    assert (status.state, status.last_run_seconds, status.value) == (State.OK, 90, 90)
    assert job.signals.filter(run_seconds=90).count() == 1


def test_started_and_not_finished_within_the_grace_fails_K5(job: Monitor) -> None:
    ping(job, NOW + H, SignalKind.START)
    assert state(job, NOW + H + 5 * MIN - S) == State.OK
    status = look(job, NOW + H + 5 * MIN)
    assert status.state == State.WARNING
    assert "did not end in time" in status.reason
    assert not misses(job)
    assert job.signals.get(kind=SignalKind.FAIL).at == NOW + H + 5 * MIN


def test_a_start_within_the_grace_gives_it_the_grace_to_finish_K5(job: Monitor) -> None:
    ping(job, NOW + H + 4 * MIN, SignalKind.START)
    assert state(job, NOW + H + 8 * MIN) == State.OK
    ping(job, NOW + H + 9 * MIN - S)
    assert state(job, NOW + H + 9 * MIN) == State.OK


def test_only_the_newest_of_overlapping_runs_is_timed_K5(job: Monitor) -> None:
    first, second = uuid.uuid4(), uuid.uuid4()
    ping(job, NOW + H, SignalKind.START, run_id=first)
    ping(job, NOW + H + 4 * MIN, SignalKind.START, run_id=second)
    ping(job, NOW + H + 7 * MIN, run_id=first)
    status = look(job, NOW + H + 7 * MIN)
    assert (status.state, status.last_run_seconds) == (State.OK, 420)
    assert status.last_start_at == NOW + H + 4 * MIN
    # The newest still has to end within its own grace.
    assert state(job, NOW + H + 9 * MIN) == State.WARNING
    ping(job, NOW + H + 10 * MIN, run_id=second)
    assert look(job, NOW + H + 10 * MIN).last_run_seconds == 360


def test_a_job_that_starts_over_and_over_is_caught_K5(job: Monitor) -> None:
    for minute in range(60, 132, 4):
        ping(job, NOW + minute * MIN, SignalKind.START)
        status = look(job, NOW + minute * MIN)
    assert status.state == State.WARNING


# Long silence -----------------------------------------------------------------------------


def test_a_job_that_never_ran_opens_after_two_runs_K7() -> None:
    monitor = make_monitor(created_at=NOW)
    assert state(monitor, NOW + LATE - S) == State.NEW
    assert state(monitor, NOW + LATE) == State.WARNING
    assert state(monitor, NOW + H + LATE) == State.FAILING
    assert Incident.objects.count() == 1


@pytest.mark.parametrize(
    "schedule", [{"period_seconds": 60}, {"period_seconds": None, "cron": "* * * * *"}]
)
def test_a_year_of_silence_is_counted_not_walked_K5(schedule: dict[str, object]) -> None:
    monitor = make_monitor(created_at=NOW, **schedule)
    assert state(monitor, NOW + 365 * D) == State.FAILING
    assert len(misses(monitor)) == 50
    status = MonitorStatus.objects.get(pk=monitor.pk)
    assert NOW + 365 * D < status.due_at <= NOW + 365 * D + 6 * MIN
    assert Incident.objects.count() == 1


def test_cron_misses_are_those_of_the_schedule_K5() -> None:
    monitor = make_monitor(cron="0 2 * * *", time_zone="Europe/Berlin", created_at=NOW)
    ping(monitor, NOW)
    look(monitor)
    assert state(monitor, dt.datetime(2026, 3, 11, 1, 4, 59, tzinfo=dt.UTC)) == State.OK
    assert state(monitor, dt.datetime(2026, 3, 11, 1, 5, tzinfo=dt.UTC)) == State.WARNING
    assert misses(monitor) == [dt.datetime(2026, 3, 11, 1, 0, tzinfo=dt.UTC)]


# Order, repetition, edits -----------------------------------------------------------------


def test_any_rhythm_of_looks_comes_to_the_same_K5() -> None:
    """Misses, failures, starts and late pings: looking often, seldom or once."""
    story = [
        (0, SignalKind.SUCCESS),
        (66, SignalKind.SUCCESS),
        (130, SignalKind.FAIL),
        (195, SignalKind.START),
        (330, SignalKind.SUCCESS),
        (460, SignalKind.START),
        (461, SignalKind.SUCCESS),
    ]
    outcomes = set()
    for rhythm in (5, 61, 700):
        monitor = make_monitor(created_at=NOW)
        arrivals = iter(story)
        waiting = next(arrivals, None)
        for minute in itertools.chain(range(0, 700, rhythm), [700]):
            while waiting and waiting[0] <= minute:
                ping(monitor, NOW + waiting[0] * MIN, waiting[1])
                waiting = next(arrivals, None)
            evaluate_due(now=NOW + minute * MIN)
        changes = StateChange.objects.filter(monitor=monitor).order_by("at", "id")
        outcomes.add(
            (
                tuple(changes.values_list("at", "after")),
                tuple(misses(monitor)),
                monitor.raised.count(),
            )
        )
    assert len(outcomes) == 1
    assert {after for _, after in next(iter(outcomes))[0]} == {"ok", "warning", "failing"}


def test_a_ping_that_was_held_up_does_not_undo_what_newer_ones_told(job: Monitor) -> None:
    ping(job, NOW + 40 * MIN, SignalKind.FAIL)
    look(job, NOW + 40 * MIN)
    ping(job, NOW + 20 * MIN)
    assert state(job, NOW + 41 * MIN) == State.WARNING
    assert not Signal.objects.fresh().exists()


def test_a_held_up_ping_of_a_run_that_counted_as_missed_is_a_success(job: Monitor) -> None:
    assert state(job, NOW + LATE) == State.WARNING
    ping(job, NOW + H)
    assert state(job, NOW + LATE + MIN) == State.OK


def test_a_miss_is_written_once_however_often_it_is_looked_at_K5(job: Monitor) -> None:
    look(job, NOW + LATE)
    MonitorStatus.objects.filter(pk=job.pk).update(due_at=NOW + LATE, check_at=NOW)
    look(job, NOW + LATE + MIN)
    assert misses(job) == [NOW + H]


def test_an_edited_schedule_counts_from_the_last_run(job: Monitor) -> None:
    Monitor.objects.filter(pk=job.pk).update(period_seconds=1800)
    MonitorStatus.objects.filter(pk=job.pk).update(check_at=None)
    assert look(job, NOW + 10 * MIN).due_at == NOW + 35 * MIN
    assert state(job, NOW + 35 * MIN) == State.WARNING


def test_an_edit_holds_nothing_against_the_time_before_it(job: Monitor) -> None:
    Monitor.objects.filter(pk=job.pk).update(period_seconds=60, grace_seconds=60)
    MonitorStatus.objects.filter(pk=job.pk).update(check_at=None)
    status = look(job, NOW + 50 * MIN)
    assert (status.state, status.due_at) == (State.OK, NOW + 52 * MIN)


def test_what_was_due_during_a_pause_is_not_held_against_it(job: Monitor) -> None:
    Monitor.objects.filter(pk=job.pk).update(is_active=False)
    ping(job, NOW + H, SignalKind.START)
    look(job, NOW + 5 * H)
    assert not misses(job)
    resume_monitor(job, by=make_actor("orchestrator"), now=NOW + 9 * H)
    assert state(job, NOW + 9 * H + LATE - S) == State.NEW
    assert state(job, NOW + 9 * H + LATE) == State.WARNING
    assert misses(job) == [NOW + 10 * H]
