"""Judging by K2 to K7, as the engine and ``sweep`` do it."""

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.engine import run_cycle
from incidents.models import Incident
from monitoring.enums import Indicator, Kind, SignalKind, State
from monitoring.evaluation import evaluate_due
from monitoring.models import DayFigure, Monitor, MonitorStatus, Sample, Signal, StateChange
from tests.factories import NOW, make_monitor, make_sop, make_team
from tests.monitoring.arrivals import MIN, D, H, S, look, ping, post, probe, state

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def agency() -> None:
    make_sop()
    make_team()


def judged(monitor: Monitor) -> State:
    """Its state as stored."""
    return State(MonitorStatus.objects.get(pk=monitor.pk).state)


# Rates ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "expected"),
    [(19, State.OK), (20, State.WARNING), (50, State.WARNING), (51, State.FAILING)],
)
def test_bounce_limits_are_strict_K2(bad: int, expected: State) -> None:
    monitor = make_monitor(Kind.BOUNCE_RATE)
    post(monitor, NOW, total=1000, bad=bad)
    assert state(monitor) == expected
    assert Incident.objects.count() == (expected == State.FAILING)


@pytest.mark.parametrize(("total", "expected"), [(49, State.TOO_FEW), (50, State.FAILING)])
def test_bounce_needs_its_minimum_sample_K2(total: int, expected: State) -> None:
    monitor = make_monitor(Kind.BOUNCE_RATE)
    post(monitor, NOW, total=total, bad=total)
    status = look(monitor)
    assert status.state == expected
    assert status.sample_size == total


@pytest.mark.parametrize(
    ("bad", "expected"),
    [(9, State.OK), (10, State.WARNING), (100, State.WARNING), (101, State.FAILING)],
)
def test_error_rate_limits_are_strict_K3(bad: int, expected: State) -> None:
    monitor = make_monitor(Kind.ERROR_RATE)
    post(monitor, NOW, total=1000, bad=bad)
    assert state(monitor) == expected


def test_twenty_calls_are_enough_to_judge_an_api_K3() -> None:
    monitor = make_monitor(Kind.ERROR_RATE)
    post(monitor, NOW - MIN, total=19, bad=0)
    assert state(monitor) == State.TOO_FEW
    post(monitor, NOW, total=1, bad=0)
    assert state(monitor) == State.OK


def test_all_calls_failing_suggests_sev1_K3() -> None:
    monitor = make_monitor(Kind.ERROR_RATE)
    post(monitor, NOW, total=20, bad=20)
    state(monitor)
    assert Incident.objects.get().suggested_severity_id == 1


def test_a_rate_rolls_with_its_window_K3() -> None:
    """Without a new sample the bad ones leave the window, and the rate with them."""
    monitor = make_monitor(Kind.ERROR_RATE)
    post(monitor, NOW - 50 * MIN, total=100, bad=5)
    post(monitor, NOW, total=100, bad=0)
    assert state(monitor) == State.WARNING
    assert state(monitor, NOW + 10 * MIN - S) == State.WARNING
    assert state(monitor, NOW + 10 * MIN) == State.OK


def test_a_corrected_figure_is_judged_anew_K3() -> None:
    monitor = make_monitor(Kind.ERROR_RATE)
    post(monitor, NOW, total=100, bad=5)
    assert state(monitor) == State.WARNING
    post(monitor, NOW, total=100, bad=0)
    assert state(monitor) == State.OK


def test_figures_of_the_future_wait_for_their_time_K3() -> None:
    monitor = make_monitor(Kind.ERROR_RATE)
    post(monitor, NOW + 5 * MIN, total=100, bad=50)
    assert state(monitor) != State.FAILING
    assert state(monitor, NOW + 5 * MIN) == State.FAILING


# Silence ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "figures", "window"),
    [
        (Kind.BOUNCE_RATE, {"total": 100, "bad": 0}, 24 * H),
        (Kind.ERROR_RATE, {"total": 100, "bad": 0}, H),
        (Kind.LEVEL, {"value": 0}, D),
        (Kind.CREDITS, {"value": 60}, 7 * D),
    ],
)
def test_silence_longer_than_the_window_is_a_failure_K7(
    kind: str, figures: dict[str, Any], window: dt.timedelta
) -> None:
    monitor = make_monitor(kind)
    post(monitor, NOW, **figures)
    assert state(monitor) == State.OK
    assert state(monitor, NOW + window - S) == State.OK
    assert state(monitor, NOW + window) == State.NO_DATA
    assert not Incident.objects.exists()


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in ("heartbeat", "sync")])
def test_a_monitor_that_never_heard_anything_opens_nothing_K7(kind: str) -> None:
    monitor = make_monitor(kind, created_at=NOW)
    assert state(monitor) == State.NEW
    assert state(monitor, NOW + 10 * D) == State.NO_DATA
    assert not Incident.objects.exists()


# The sync ---------------------------------------------------------------------------------


def test_sync_is_too_old_from_24_hours_on_K4() -> None:
    monitor = make_monitor(Kind.SYNC)
    post(monitor, NOW, is_ok=True)
    assert state(monitor) == State.OK
    assert state(monitor, NOW + 24 * H - MIN) == State.OK
    assert not Incident.objects.exists()
    assert state(monitor, NOW + 24 * H) == State.FAILING
    incident = Incident.objects.get()
    assert incident.suggested_severity_id == 2
    assert incident.detected_at == NOW + 24 * H
    assert [playbook.slug for playbook in incident.playbooks.all()] == ["crm-sync-break"]


def test_sync_whose_connection_fails_too_is_sev1_K4() -> None:
    monitor = make_monitor(Kind.SYNC)
    post(monitor, NOW, is_ok=True)
    post(monitor, NOW + 20 * H, is_ok=False, detail="401 Unauthorized")
    assert state(monitor, NOW + 20 * H) == State.OK
    state(monitor, NOW + 24 * H)
    incident = Incident.objects.get()
    assert incident.suggested_severity_id == 1
    assert "401 Unauthorized" in incident.description


def test_a_success_that_is_taken_back_counts_no_longer_K4() -> None:
    monitor = make_monitor(Kind.SYNC)
    post(monitor, NOW - 30 * H, is_ok=True)
    post(monitor, NOW, is_ok=True)
    assert state(monitor) == State.OK
    post(monitor, NOW, is_ok=False)
    assert state(monitor, NOW + MIN) == State.FAILING


def test_sync_that_never_succeeded_opens_24_hours_after_its_creation_K7() -> None:
    monitor = make_monitor(Kind.SYNC, created_at=NOW)
    assert state(monitor) == State.NEW
    assert state(monitor, NOW + 24 * H - S) == State.NEW
    assert state(monitor, NOW + 24 * H) == State.NO_DATA
    assert Incident.objects.get().suggested_severity_id == 2


def test_sync_that_only_fails_warns_at_once_and_opens_after_24_hours_K7() -> None:
    monitor = make_monitor(Kind.SYNC, created_at=NOW)
    post(monitor, NOW + H, is_ok=False)
    assert state(monitor, NOW + H) == State.WARNING
    post(monitor, NOW + 23 * H, is_ok=False)
    assert state(monitor, NOW + 24 * H) == State.FAILING
    assert Incident.objects.get().suggested_severity_id == 1


# Values -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "expected"),
    [(20, State.OK), (19.9, State.WARNING), (5, State.WARNING), (4.9, State.FAILING)],
)
def test_credits_left_K5(left: float, expected: State) -> None:
    monitor = make_monitor(Kind.CREDITS)
    post(monitor, NOW, value=left)
    assert state(monitor) == expected
    if expected == State.FAILING:
        assert Incident.objects.get().suggested_severity_id == 3


def test_credits_are_a_share_of_the_allowance_K5() -> None:
    monitor = make_monitor(Kind.CREDITS, allowance=2000)
    post(monitor, NOW, value=300)
    status = look(monitor)
    assert (status.state, status.value, status.value_text) == (State.WARNING, 15, "15 %")


def test_record_levels_are_left_to_the_review_K9() -> None:
    monitor = make_monitor(Kind.LEVEL)
    post(monitor, NOW, value=1)
    status = look(monitor)
    assert (status.state, status.limit_text) == (State.FAILING, "none")
    assert not Incident.objects.exists()


# Status pages -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("indicator", "expected", "level"),
    [
        (Indicator.NONE, State.OK, None),
        (Indicator.MAINTENANCE, State.OK, None),
        (Indicator.MINOR, State.WARNING, None),
        (Indicator.MAJOR, State.FAILING, 2),
        (Indicator.CRITICAL, State.FAILING, 1),
        (Indicator.UNKNOWN, State.UNKNOWN, None),
    ],
)
def test_provider_status_K5(indicator: str, expected: State, level: int | None) -> None:
    monitor = make_monitor(Kind.STATUS)
    probe(monitor, NOW, indicator)
    assert state(monitor) == expected
    found = list(Incident.objects.values_list("suggested_severity_id", flat=True))
    assert found == ([level] if level else [])


def test_a_provider_that_is_not_asked_any_more_is_no_data_K7() -> None:
    monitor = make_monitor(Kind.STATUS)
    probe(monitor, NOW, Indicator.NONE)
    assert state(monitor, NOW + 30 * MIN - S) == State.OK
    assert state(monitor, NOW + 30 * MIN) == State.NO_DATA


# Damping ----------------------------------------------------------------------------------


def test_failures_count_in_a_row_and_per_signal_K6() -> None:
    monitor = make_monitor(Kind.STATUS, failures_needed=3)
    for minute, indicator in enumerate(["major", "major", "none", "major", "unknown", "major"]):
        probe(monitor, NOW + minute * MIN, indicator)
        look(monitor, NOW + minute * MIN)
        # Looking again is no new failure.
        assert look(monitor, NOW + minute * MIN + 10 * S).state != State.FAILING
    probe(monitor, NOW + 6 * MIN, "major")
    assert state(monitor, NOW + 6 * MIN) == State.FAILING
    assert Incident.objects.get().detected_at == NOW + 3 * MIN


def test_the_same_signals_in_one_look_come_to_the_same_K6() -> None:
    monitor = make_monitor(Kind.STATUS, failures_needed=3)
    for minute, indicator in enumerate(["none", "major", "major", "major"]):
        probe(monitor, NOW + minute * MIN, indicator)
    assert state(monitor, NOW + 5 * MIN) == State.FAILING


def test_green_needs_its_successes_in_a_row_K6() -> None:
    monitor = make_monitor(Kind.STATUS, successes_needed=3)
    states = []
    words = ["major", "none", "none", "major", "none", "none", "none"]
    for minute, indicator in enumerate(words):
        probe(monitor, NOW + minute * MIN, indicator)
        states.append(state(monitor, NOW + minute * MIN))
    assert states == [State.FAILING] * 6 + [State.OK]
    assert Incident.objects.count() == 1


def test_a_damped_rate_counts_its_samples_K6() -> None:
    monitor = make_monitor(Kind.ERROR_RATE, failures_needed=2)
    post(monitor, NOW, total=100, bad=50)
    assert state(monitor) == State.WARNING
    assert state(monitor, NOW + MIN) == State.WARNING
    post(monitor, NOW + 2 * MIN, total=100, bad=50)
    assert state(monitor, NOW + 2 * MIN) == State.FAILING


# The call ---------------------------------------------------------------------------------


def test_looking_again_changes_nothing() -> None:
    monitor = make_monitor(Kind.BOUNCE_RATE)
    post(monitor, NOW, total=100, bad=50)
    look(monitor)
    before = list(StateChange.objects.values()), Incident.objects.count()
    for minute in range(10):
        look(monitor, NOW + minute * MIN)
    assert (list(StateChange.objects.values()), Incident.objects.count()) == before
    assert not Sample.objects.fresh().exists()


def test_changes_and_the_worst_of_a_day_are_kept_K1() -> None:
    monitor = make_monitor(Kind.ERROR_RATE)
    for hours, bad in enumerate([0, 5, 0]):
        post(monitor, NOW + 2 * hours * H, total=100, bad=bad)
        look(monitor, NOW + 2 * hours * H)
    changes = StateChange.objects.order_by("at").values_list("before", "after")
    assert list(changes) == [("new", "ok"), ("ok", "warning"), ("warning", "ok")]
    day = DayFigure.objects.get(monitor=monitor, day=NOW.date())
    assert (day.state, day.value) == (State.WARNING, 5.0)


def test_every_day_has_its_figure_without_a_signal() -> None:
    monitor = make_monitor(Kind.CREDITS)
    post(monitor, NOW, value=50)
    for day in range(4):
        look(monitor, NOW + day * D)
    days = DayFigure.objects.filter(monitor=monitor).values_list("state", "value")
    assert list(days) == [("ok", 50.0), ("ok", None), ("ok", None), ("ok", None)]


def test_an_idle_call_costs_two_queries_however_many_monitors() -> None:
    for number in range(12):
        post(make_monitor(Kind.CREDITS), NOW - number * MIN, value=50)
        make_monitor(created_at=NOW)
    evaluate_due(now=NOW)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert evaluate_due(now=NOW).judged == 0
    assert len(queries) == 2


def test_ten_times_the_samples_cost_the_same_queries_and_rows() -> None:
    counts = []
    for number in (100, 1000):
        monitor = make_monitor(Kind.BOUNCE_RATE)
        Sample.objects.bulk_create(
            Sample(monitor=monitor, at=at, received_at=at, total=10, bad=0)
            for at in (NOW - n * 20 * H / number for n in range(1, number))
        )
        look(monitor)
        with CaptureQueriesContext(connection) as queries:
            post(monitor, NOW + S, total=10, bad=0)
            assert look(monitor, NOW + S).sample_size == number * 10
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 25


def test_a_broken_monitor_stops_nobody_and_rests() -> None:
    broken, sound = make_monitor(), make_monitor(Kind.CREDITS)
    Monitor.objects.filter(pk=broken.pk).update(cron="never ever", period_seconds=None)
    ping(broken, NOW)
    post(sound, NOW, value=50)
    assert evaluate_due(now=NOW).broken == 1
    assert judged(sound) == State.OK
    status = MonitorStatus.objects.get(pk=broken.pk)
    assert status.failed_at == NOW
    assert evaluate_due(now=NOW + MIN).broken == 0
    Monitor.objects.filter(pk=broken.pk).update(cron="", period_seconds=3600)
    assert state(broken, NOW + 10 * MIN) == State.OK
    assert MonitorStatus.objects.get(pk=broken.pk).failed_at is None


def test_figures_too_large_to_sum_up_break_their_own_monitor_only() -> None:
    flooded, sound = make_monitor(Kind.BOUNCE_RATE), make_monitor(Kind.CREDITS)
    Sample.objects.bulk_create(
        Sample(monitor=flooded, at=NOW - n * S, received_at=NOW, total=2**53, bad=0)
        for n in range(1_100)
    )
    post(sound, NOW, value=50)
    assert evaluate_due(now=NOW).broken == 1
    assert judged(sound) == State.OK
    assert MonitorStatus.objects.get(pk=flooded.pk).failed_at == NOW


def test_a_paused_monitor_is_taken_in_but_not_judged() -> None:
    monitor = make_monitor(Kind.ERROR_RATE, is_active=False)
    post(monitor, NOW, total=100, bad=100)
    assert state(monitor) == State.NEW
    assert not Sample.objects.fresh().exists()
    assert evaluate_due(now=NOW + D).judged == 0
    assert not Incident.objects.exists()


def test_a_monitor_written_without_a_status_is_watched_all_the_same() -> None:
    monitor = Monitor.objects.create(
        name="Past the form", slug="past", kind=Kind.CREDITS, created_at=NOW
    )
    post(monitor, NOW, value=50)
    evaluate_due(now=NOW)
    assert state(monitor) == State.OK


def test_signals_of_a_kind_that_does_not_fit_are_put_away() -> None:
    monitor = make_monitor(Kind.ERROR_RATE)
    ping(monitor, NOW, SignalKind.FAIL)
    post(make_monitor(), NOW, value=3)
    assert evaluate_due(now=NOW).broken == 0
    assert not Signal.objects.fresh().exists()
    assert not Sample.objects.fresh().exists()


def test_many_fresh_rows_are_taken_in_over_several_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitoring.figures.BATCH", 10)
    monitor = make_monitor(Kind.BOUNCE_RATE)
    for number in range(25):
        post(monitor, NOW - number * S, total=10, bad=0)
    for _ in range(3):
        assert evaluate_due(now=NOW).judged == 1
    status = look(monitor)
    assert (status.sample_size, evaluate_due(now=NOW).judged) == (250, 0)


# The commands -----------------------------------------------------------------------------


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def call(*words: str) -> str:
        call_command(*words)
        return capsys.readouterr().out

    return call


def test_sweep_judges_first_and_says_so(run: Callable[..., str]) -> None:
    monitor = make_monitor(Kind.BOUNCE_RATE)
    post(monitor, NOW, total=100, bad=50)
    report = json.loads(run("sweep", "--now", NOW.isoformat(), "--json"))
    assert report["evaluation"] == {"judged": 1, "changed": 1, "opened": 1, "broken": 0}
    assert {"warnings", "reminders", "breaches", "failed"} <= set(report)
    assert judged(monitor) == State.FAILING


@pytest.mark.django_db(transaction=True)
def test_the_engine_judges_as_a_part_of_its_cycle() -> None:
    monitor = make_monitor(Kind.CREDITS)
    post(monitor, NOW, value=50)
    assert run_cycle() == 0
    assert judged(monitor) != State.NEW


def test_list_monitors_gives_the_ping_address_of_jobs(run: Callable[..., str]) -> None:
    job = make_monitor(name="Nightly", slug="nightly")
    make_monitor(Kind.SYNC, name="Sync", slug="sync", is_active=False)
    rows = json.loads(run("list_monitors", "--json"))
    assert rows == [
        {
            "slug": "nightly",
            "name": "Nightly",
            "kind": "heartbeat",
            "state": "new",
            "ping_url": f"http://127.0.0.1:8000/ping/{job.ping_id}",
        },
        {"slug": "sync", "name": "Sync", "kind": "sync", "state": "paused", "ping_url": ""},
    ]
    assert "2 monitors." in run("list_monitors")
