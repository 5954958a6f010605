"""When a run is due: periods, cron expressions, both nights of summer time (K5)."""

import datetime as dt

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.enums import Kind
from monitoring.models import Monitor
from monitoring.schedule import expected_after, next_runs, skip_past, validate_cron
from tests.factories import NOW

BERLIN = "Europe/Berlin"


def cron(text: str, zone: str = BERLIN) -> Monitor:
    return Monitor(kind=Kind.HEARTBEAT, cron=text, time_zone=zone)


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)


def test_a_period_counts_from_the_last_run_K5() -> None:
    monitor = Monitor(kind=Kind.HEARTBEAT, period_seconds=3600)
    assert expected_after(monitor, NOW) == NOW + dt.timedelta(hours=1)


def test_a_cron_expression_is_read_in_its_zone_K5() -> None:
    assert expected_after(cron("0 2 * * *"), utc(2026, 1, 10, 0, 0)) == utc(2026, 1, 10, 1, 0)
    assert expected_after(cron("0 2 * * *"), utc(2026, 1, 10, 1, 0)) == utc(2026, 1, 11, 1, 0)
    assert expected_after(cron("0 2 * * *"), utc(2026, 7, 10, 0, 0)) == utc(2026, 7, 11, 0, 0)


def test_a_run_in_the_skipped_hour_is_due_when_it_is_over_K5() -> None:
    runs = next_runs(cron("30 2 * * *"), after=utc(2026, 3, 28, 12, 0), count=2)
    assert runs == [utc(2026, 3, 29, 1, 0), utc(2026, 3, 30, 0, 30)]


def test_a_run_in_the_doubled_hour_is_due_once_K5() -> None:
    runs = next_runs(cron("30 2 * * *"), after=utc(2026, 10, 24, 12, 0), count=2)
    assert runs == [utc(2026, 10, 25, 0, 30), utc(2026, 10, 26, 1, 30)]
    # Also for a job that was last heard of in the second pass of that hour.
    assert expected_after(cron("30 2 * * *"), utc(2026, 10, 25, 1, 10)) == utc(2026, 10, 26, 1, 30)


def test_every_half_hour_goes_on_through_both_nights_K5() -> None:
    for night in (utc(2026, 3, 29), utc(2026, 10, 25)):
        runs = next_runs(cron("*/30 * * * *"), after=night, count=10)
        assert [run - night for run in runs] == [n * dt.timedelta(minutes=30) for n in range(1, 11)]


@pytest.mark.parametrize(
    "text",
    ["", "* * * *", "0 2 * * * *", "61 * * * *", "0 25 * * *", "@daily", "0 0 30 2 *", "a b c d e",
     "*/0 * * * *", "0 0 * * 8", "5-1 * * * *", "٣ * * * *", "0 0 * 2 1#6", "0 0 L-3 * *"],
)  # fmt: skip
def test_what_is_no_cron_expression_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValidationError, match="five fields such as"):
        validate_cron(text)


@pytest.mark.parametrize(
    "text", ["* * * * *", "*/5 8-18 * * 1-5", "0 2 L * *", "0 0 29 2 *", "0 9 * * MON#1"]
)
def test_cron_expressions_are_taken(text: str) -> None:
    validate_cron(text)


def test_an_unreadable_expression_raises_a_value_error() -> None:
    with pytest.raises(ValueError, match="Not understood"):
        expected_after(cron("x * * * *"), NOW)


@given(st.text(max_size=100))
@settings(max_examples=300, deadline=None)
def test_no_text_breaks_the_check_of_expressions(text: str) -> None:
    try:
        validate_cron(text)
    except ValidationError:
        return
    assert expected_after(cron(text), NOW) > NOW


@given(
    minutes=st.integers(0, 366 * 24 * 60),
    text=st.sampled_from(
        ["30 2 * * *", "*/7 * * * *", "0 */3 * * *", "15,45 1-3 * * *", "0 0 1 * *", "5 2 * * SUN"]
    ),
    zone=st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "UTC"]),
)
@settings(max_examples=200, deadline=None)
def test_a_run_is_due_later_and_none_is_left_out(minutes: int, text: str, zone: str) -> None:
    monitor, after = cron(text, zone), utc(2026, 1, 1) + dt.timedelta(minutes=minutes)
    expected = expected_after(monitor, after)
    assert after < expected
    # Whoever asks later, but before it is due, hears of the same run.
    assert expected_after(monitor, after + (expected - after) / 2) == expected


@given(st.integers(1, 10_000), st.integers(0, 1_000_000))
def test_a_long_silence_is_counted_exactly_for_a_period(period: int, silence: int) -> None:
    monitor = Monitor(kind=Kind.HEARTBEAT, period_seconds=period)
    until = NOW + dt.timedelta(seconds=silence)
    following, count = skip_past(monitor, NOW, until=until)
    walked = range(0, silence + 1, period)
    assert count == len(walked)
    assert following == NOW + dt.timedelta(seconds=walked[-1] + period)
