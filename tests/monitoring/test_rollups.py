"""Hours summed up, windows over them, and old rows pruned."""

import datetime as dt

import pytest
from django.test import override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from monitoring.enums import Kind
from monitoring.models import HourlyFigure, Sample, Signal
from monitoring.rollups import prune, roll_up, sum_window
from tests.factories import NOW, make_monitor, make_sop
from tests.monitoring.arrivals import MIN, D, H, S, evaluate_due, look, ping, post

moments = st.one_of(
    st.integers(-50 * 60, 0).map(lambda n: NOW + n * MIN),
    st.integers(-50, 0).map(lambda n: NOW + n * H),
    st.integers(-180_000_000_000, 0).map(lambda n: NOW + dt.timedelta(microseconds=n)),
)
samples = st.dictionaries(moments, st.tuples(st.integers(0, 2**53), st.integers(0, 9)), max_size=40)
windows = st.one_of(
    st.sampled_from([H, D, 30 * MIN, 90 * MIN]),
    st.integers(60, 48 * 3600).map(lambda n: n * S),
)
ends = st.one_of(
    st.sampled_from([NOW, NOW - H, NOW - MIN]), st.integers(0, 7200).map(lambda n: NOW - n * S)
)


class WindowTest(TestCase):
    @given(posted=samples, window=windows, until=ends)
    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def test_the_window_over_hours_equals_the_sum_of_its_samples(
        self,
        posted: dict[dt.datetime, tuple[int, int]],
        window: dt.timedelta,
        until: dt.datetime,
    ) -> None:
        monitor = make_monitor(Kind.BOUNCE_RATE)
        Sample.objects.bulk_create(
            Sample(monitor=monitor, at=at, total=total + bad, bad=bad, received_at=at)
            for at, (total, bad) in posted.items()
        )
        roll_up(monitor.pk, posted)
        sums = sum_window(monitor.pk, window=window, until=until)
        inside = {at: n for at, n in posted.items() if until - window < at <= until}
        assert sums.total == sum(total + bad for total, bad in inside.values())
        assert sums.bad == sum(bad for _, bad in inside.values())
        if inside:
            # Never later than the first sample leaves, so that no change is overlooked.
            assert until < sums.leaves_at <= min(inside) + window
        else:
            assert sums.leaves_at is None


pytestmark = pytest.mark.django_db


def test_an_hour_is_summed_up_anew_when_a_figure_comes_again() -> None:
    monitor = make_monitor(Kind.BOUNCE_RATE)
    post(monitor, NOW, total=100, bad=5)
    post(monitor, NOW + MIN, total=50, bad=0)
    look(monitor, NOW + MIN)
    post(monitor, NOW, total=10, bad=1)
    look(monitor, NOW + 2 * MIN)
    hour = HourlyFigure.objects.get()
    assert (hour.hour, hour.samples, hour.total, hour.bad) == (NOW, 2, 60, 1)


def test_values_keep_their_lowest_and_highest_of_the_hour() -> None:
    monitor = make_monitor(Kind.CREDITS)
    for minute, value in enumerate([50, 40, 60]):
        post(monitor, NOW + minute * MIN, value=value)
    look(monitor, NOW + H)
    hour = HourlyFigure.objects.get()
    assert (hour.samples, hour.low, hour.high) == (3, 40, 60)


def test_hundreds_of_hours_come_in_at_once() -> None:
    monitor = make_monitor(Kind.BOUNCE_RATE)
    Sample.objects.bulk_create(
        Sample(monitor=monitor, at=NOW - n * 7 * H, total=1, bad=0, received_at=NOW)
        for n in range(100)
    )
    look(monitor)
    assert HourlyFigure.objects.count() == 100


@override_settings(SAMPLE_KEEP_DAYS=35, SIGNAL_KEEP_DAYS=90)
def test_old_rows_go_and_sums_stay() -> None:
    make_sop()
    rate, job = make_monitor(Kind.BOUNCE_RATE), make_monitor(period_seconds=31_536_000)
    for days in (100, 36, 34, 0):
        post(rate, NOW - days * D, total=10, bad=0)
        ping(job, NOW - days * D)
    evaluate_due(now=NOW)
    assert prune(now=NOW) == 2 + 1
    assert Sample.objects.count() == 2
    kept = Signal.objects.filter(monitor=job).order_by("at")
    assert [NOW - signal.at for signal in kept] == [36 * D, 34 * D, 0 * D]
    assert HourlyFigure.objects.count() == 4
    assert prune(now=NOW) == 0


def test_the_newest_and_what_nobody_judged_yet_stay() -> None:
    silent, fresh = make_monitor(Kind.CREDITS), make_monitor(Kind.CREDITS)
    post(silent, NOW - 200 * D, value=50)
    evaluate_due(now=NOW - 200 * D)
    post(fresh, NOW - 200 * D, value=50)
    assert prune(now=NOW) == 0
    assert Sample.objects.count() == 2


def test_a_backlog_goes_over_several_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitoring.rollups.BATCH", 3)
    monkeypatch.setattr("monitoring.rollups.BUDGET", 7)
    monitor = make_monitor(Kind.CREDITS)
    for number in range(11):
        post(monitor, NOW - 200 * D + number * MIN, value=50)
    evaluate_due(now=NOW - 199 * D)
    assert [prune(now=NOW) for _ in range(3)] == [7, 3, 0]
