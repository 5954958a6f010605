"""What the monitors answer to an item: the worst decides, silence is a failure (rule K7)."""

import datetime as dt
from typing import Any

import pytest

from monitoring.checklists.answers import SELECTIONS, answer_item
from monitoring.enums import Kind, Measure, Outcome, SignalKind, State
from monitoring.evaluation import evaluate_due
from monitoring.models import Monitor, MonitorStatus, Sample, Signal, StateChange
from tests.factories import NOW, make_monitor, make_sop

pytestmark = pytest.mark.django_db

HOUR = dt.timedelta(hours=1)
MINUTE = dt.timedelta(minutes=1)


def put(kind: str, state: str, **fields: Any) -> Monitor:
    """A monitor that stands so."""
    own = {
        name: fields.pop(name) for name in ("name", "measure", "grace_seconds") if name in fields
    }
    monitor = make_monitor(kind, **own)
    values = {"state": state, "check_at": NOW + HOUR, "last_signal_at": NOW - MINUTE, **fields}
    MonitorStatus.objects.filter(pk=monitor.pk).update(**values)
    return monitor


def post(monitor: Monitor, **fields: Any) -> None:
    Sample.objects.create(monitor=monitor, received_at=NOW, **{"at": NOW - MINUTE, **fields})


@pytest.mark.parametrize(
    ("states", "outcome"),
    [
        ([State.OK], Outcome.PASS),
        ([State.OK, State.TOO_FEW], Outcome.PASS),
        ([State.OK, State.NEW], Outcome.PASS),
        ([State.TOO_FEW], Outcome.NOT_APPLICABLE),
        ([State.NEW, State.TOO_FEW], Outcome.NOT_APPLICABLE),
        ([State.OK, State.WARNING], Outcome.FAIL),
        ([State.OK, State.NO_DATA], Outcome.FAIL),
        ([State.OK, State.FAILING], Outcome.FAIL),
        ([State.TOO_FEW, State.FAILING], Outcome.FAIL),
        ([State.OK, State.UNKNOWN], Outcome.FAIL),
    ],
)
def test_the_worst_monitor_decides_an_item_K7(states, outcome):
    for state in states:
        put(Kind.ERROR_RATE, state)
    assert answer_item("error_rate", now=NOW).outcome == outcome


@pytest.mark.parametrize("reading", sorted(SELECTIONS))
def test_nothing_watched_is_not_applicable_and_says_so_K7(reading):
    other = {
        "error_rate": Kind.CREDITS,
        "integrations": Kind.CREDITS,
        # A job of our own is no tool.
        "tool_health": Kind.HEARTBEAT,
    }
    put(other.get(reading, Kind.ERROR_RATE), "ok")
    answer = answer_item(reading, now=NOW)
    assert answer.outcome == Outcome.NOT_APPLICABLE
    assert answer.value.startswith("No ")
    assert answer.value.endswith(" is watched")


def test_too_few_says_so_K7():
    put(Kind.BOUNCE_RATE, State.TOO_FEW, value_text="49 of 50", name="go.example")
    answer = answer_item("bounce_rate", now=NOW)
    assert answer.value == "Too few to judge"
    assert answer.lines == ("go.example: 49 of 50",)


def test_value_threshold_and_age_are_the_worst_ones_K8():
    seen_at = NOW - 5 * MINUTE
    for value in (2.5, 11.8, 3.0):
        put(
            Kind.BOUNCE_RATE,
            State.FAILING,
            value=value,
            value_text=f"{value} %",
            limit_text="under 2 %",
            last_signal_at=seen_at if value == 11.8 else NOW,
            reason="Because.",
            name=f"domain {value}",
        )
    put(Kind.BOUNCE_RATE, State.OK, value=99.0, value_text="99 %")
    answer = answer_item("bounce_rate", now=NOW)
    assert (answer.outcome, answer.value, answer.threshold) == ("fail", "11.8 %", "under 2 %")
    assert answer.measured_at == seen_at
    assert answer.lines == (
        "domain 11.8: 11.8 %, Because",
        "domain 3.0: 3.0 %, Because",
        "domain 2.5: 2.5 %, Because",
    )
    assert len(answer.monitors) == 3


def test_of_credits_the_lowest_is_the_worst_K5():
    for value in (18.0, 4.0, 12.0):
        put(Kind.CREDITS, State.WARNING, value=value, value_text=f"{value:g} %")
    assert answer_item("credits", now=NOW).value == "4 %"


def test_a_pass_shows_the_worst_of_the_good_ones_K8():
    for value in (0.2, 0.6, 0.1):
        put(Kind.ERROR_RATE, State.OK, value=value, value_text=f"{value} %", name=f"api {value}")
    answer = answer_item("error_rate", now=NOW)
    assert (answer.outcome, answer.value, answer.lines) == ("pass", "0.6 %", ("api 0.6: 0.6 %",))


def test_a_paused_monitor_is_not_asked_K7():
    monitor = put(Kind.ERROR_RATE, State.FAILING)
    Monitor.objects.filter(pk=monitor.pk).update(is_active=False)
    assert answer_item("error_rate", now=NOW).outcome == Outcome.NOT_APPLICABLE


@pytest.mark.parametrize("fields", [{"failed_at": NOW}, {"check_at": NOW - 11 * MINUTE}])
def test_a_monitor_that_is_not_judged_is_never_fine_K7(fields):
    put(Kind.SYNC, State.OK, **fields)
    answer = answer_item("last_sync", now=NOW)
    assert answer.outcome == Outcome.FAIL
    assert "judged" in answer.lines[0]


def test_a_reading_nobody_answers_fails_K7():
    assert answer_item("foo", now=NOW).outcome == answer_item("", now=NOW).outcome == Outcome.FAIL


def test_levels_are_asked_by_measure_K9():
    put(Kind.LEVEL, State.FAILING, measure=Measure.MISSING, value_text="7")
    put(Kind.LEVEL, State.OK, measure=Measure.DUPLICATE, value_text="0")
    assert answer_item("level:missing", now=NOW).value == "7"
    assert answer_item("level:duplicate", now=NOW).outcome == Outcome.PASS
    assert answer_item("level:dropped", now=NOW).outcome == Outcome.NOT_APPLICABLE


def test_long_lists_are_cut_and_counted():
    for _ in range(25):
        put(Kind.ERROR_RATE, State.FAILING)
    lines = answer_item("error_rate", now=NOW).lines
    assert len(lines) == 21
    assert lines[-1] == "and 5 more"


@pytest.mark.parametrize("number", [1, 30])
def test_an_answer_costs_the_same_queries(django_assert_max_num_queries, number):
    for index in range(number):
        put(Kind.HEARTBEAT, State.OK, grace_seconds=300 + index)
        put(Kind.ERROR_RATE, State.WARNING)
    with django_assert_max_num_queries(1):
        answer_item("error_rate", now=NOW)
    with django_assert_max_num_queries(4):
        answer_item("cron_jobs", now=NOW)


# Cron jobs --------------------------------------------------------------------------------

SINCE = NOW - 24 * HOUR


def jobs_answer(since: dt.datetime = SINCE) -> Any:
    return answer_item("cron_jobs", now=NOW, since=since)


def test_all_jobs_on_time_pass_K5():
    for _ in range(14):
        put(Kind.HEARTBEAT, State.OK)
    put(Kind.HEARTBEAT, State.NEW)
    answer = jobs_answer()
    assert (answer.outcome, answer.value, answer.threshold) == ("pass", "14 of 14", "all")


def test_jobs_that_never_ran_are_not_applicable_K7():
    put(Kind.HEARTBEAT, State.NEW)
    assert jobs_answer().outcome == Outcome.NOT_APPLICABLE
    assert jobs_answer().value == "No job has run yet"


@pytest.mark.parametrize("kind", [SignalKind.MISSED, SignalKind.FAIL])
def test_a_job_that_is_green_again_fails_the_item_K5(kind):
    put(Kind.HEARTBEAT, State.OK)
    job = put(Kind.HEARTBEAT, State.OK, name="backup")
    Signal.objects.create(monitor=job, kind=kind, at=NOW - 5 * HOUR, is_fresh=False)
    Signal.objects.create(monitor=job, kind=SignalKind.SUCCESS, at=NOW - 4 * HOUR)
    answer = jobs_answer()
    assert (answer.outcome, answer.value) == (Outcome.FAIL, "1 of 2")
    assert answer.lines[0].startswith("backup: ")
    assert "1 run missed or failed since the last checklist" in answer.lines[0]
    assert answer.monitors == (job.pk,)


def test_a_failure_before_the_last_daily_checklist_is_over_K5():
    job = put(Kind.HEARTBEAT, State.OK)
    Signal.objects.create(monitor=job, kind=SignalKind.FAIL, at=SINCE, is_fresh=False)
    assert jobs_answer().outcome == Outcome.PASS


def test_a_miss_counts_when_its_grace_was_over_K5():
    """Due at 06:58, known at 07:03: the checklist of 07:00 could not say so, the next one does."""
    job = put(Kind.HEARTBEAT, State.OK, grace_seconds=300)
    Signal.objects.create(monitor=job, kind=SignalKind.MISSED, at=SINCE - 2 * MINUTE)
    assert jobs_answer().outcome == Outcome.FAIL
    assert jobs_answer(since=SINCE + 4 * MINUTE).outcome == Outcome.PASS


def test_a_job_that_stood_badly_meanwhile_fails_the_item_K5():
    """Such as a start without an end: no run is missed, yet it was not fine."""
    job = put(Kind.HEARTBEAT, State.OK)
    StateChange.objects.create(monitor=job, at=NOW - HOUR, before=State.OK, after=State.WARNING)
    assert jobs_answer().outcome == Outcome.FAIL


@pytest.mark.parametrize("state", [State.WARNING, State.NO_DATA, State.FAILING])
def test_a_job_that_is_not_well_now_fails_the_item_K5(state):
    put(Kind.HEARTBEAT, state)
    assert jobs_answer().outcome == Outcome.FAIL


# With the evaluation ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "reading", "total", "bad", "outcome"),
    [
        (Kind.BOUNCE_RATE, "bounce_rate", 1000, 19, Outcome.PASS),
        (Kind.BOUNCE_RATE, "bounce_rate", 1000, 20, Outcome.FAIL),
        (Kind.BOUNCE_RATE, "bounce_rate", 1000, 51, Outcome.FAIL),
        (Kind.BOUNCE_RATE, "bounce_rate", 49, 49, Outcome.NOT_APPLICABLE),
        (Kind.BOUNCE_RATE, "bounce_rate", 50, 0, Outcome.PASS),
        (Kind.BOUNCE_RATE, "bounce_rate", 50, 1, Outcome.FAIL),
        (Kind.ERROR_RATE, "error_rate", 1000, 9, Outcome.PASS),
        (Kind.ERROR_RATE, "error_rate", 1000, 10, Outcome.FAIL),
        (Kind.ERROR_RATE, "error_rate", 19, 19, Outcome.NOT_APPLICABLE),
    ],
)
def test_daily_rates_K2_K3(kind, reading, total, bad, outcome):
    make_sop()
    post(make_monitor(kind), total=total, bad=bad)
    evaluate_due(now=NOW)
    assert answer_item(reading, now=NOW).outcome == outcome


@pytest.mark.parametrize(
    ("age", "outcome"),
    [(24 * HOUR - MINUTE, Outcome.PASS), (24 * HOUR, Outcome.FAIL), (30 * HOUR, Outcome.FAIL)],
)
def test_daily_sync_K4(age, outcome):
    make_sop()
    post(make_monitor(Kind.SYNC), at=NOW - age, is_ok=True)
    evaluate_due(now=NOW)
    answer = answer_item("last_sync", now=NOW)
    assert answer.outcome == outcome
    assert answer.measured_at == NOW - age


def test_silence_fails_the_daily_items_K7():
    for kind in (Kind.BOUNCE_RATE, Kind.ERROR_RATE):
        post(make_monitor(kind), total=1000, bad=0, at=NOW - 25 * HOUR)
    evaluate_due(now=NOW)
    for reading in ("bounce_rate", "error_rate"):
        assert answer_item(reading, now=NOW).outcome == Outcome.FAIL
