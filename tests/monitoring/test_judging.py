"""Figures and limits in, a verdict out; and how a verdict is worded (K2 to K5, K7)."""

import datetime as dt
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.enums import Indicator, Kind, State
from monitoring.judging import Figures, Verdict, judge, next_change, number_text
from monitoring.limits import DEFAULTS, Limits
from tests.factories import NOW
from tests.monitoring.arrivals import MIN, D, H

ADDED = NOW - 30 * D
MICROSECOND = dt.timedelta(microseconds=1)
counts = st.tuples(st.integers(0, 2**53), st.integers(0, 2**53)).map(
    lambda pair: (max(pair), min(pair))
)


def rate(kind: str, total: int, bad: int, **limits: float) -> Verdict:
    figures = Figures(ADDED, last_at=NOW, total=total, bad=bad)
    base = DEFAULTS[kind]
    wanted = {name: getattr(base, name) for name in Limits.__slots__} | limits
    return judge(kind, figures, Limits(**wanted), now=NOW)


@pytest.mark.parametrize(
    ("bad", "state", "opens", "text"),
    [
        (19, State.OK, False, "1.9 %"),
        (20, State.WARNING, False, "2 %"),
        (50, State.WARNING, False, "5 %"),
        (51, State.FAILING, True, "5.1 %"),
        (101, State.FAILING, True, "10.1 %"),
    ],
)
def test_bounce_rate_K2(bad: int, state: State, opens: bool, text: str) -> None:
    verdict = rate(Kind.BOUNCE_RATE, 1000, bad)
    assert (verdict.state, verdict.opens, verdict.value_text) == (state, opens, text)
    assert verdict.limit_text == "under 2 %"


@pytest.mark.parametrize(
    ("total", "bad", "text"),
    [
        (100_000, 1_999, "1.999 %"),
        (10_000, 199, "1.99 %"),
        (10_000, 501, "5.01 %"),
        (2694, 318, "11.8 %"),
    ],
)
def test_a_figure_never_looks_as_if_it_stood_on_the_limit_K2(
    total: int, bad: int, text: str
) -> None:
    assert rate(Kind.BOUNCE_RATE, total, bad).value_text == text


def test_limits_are_taken_as_they_were_typed_K7() -> None:
    """A tenth of a percent is a tenth, whatever a float makes of it."""
    assert rate(Kind.ERROR_RATE, 1000, 1, warn=0.1).state == State.WARNING
    assert rate(Kind.ERROR_RATE, 10_000, 7, warn=0.07).state == State.WARNING
    assert rate(Kind.ERROR_RATE, 10_000, 6, warn=0.07).state == State.OK


@given(counts)
def test_any_counts_are_judged_as_exact_arithmetic_says_K2(pair: tuple[int, int]) -> None:
    total, bad = pair
    verdict = rate(Kind.BOUNCE_RATE, total, bad)
    if total < 50:
        assert verdict.state == State.TOO_FEW
    elif bad * 100 > total * 5:
        assert verdict.opens
        assert verdict.level == 2
    else:
        assert verdict.state == (State.WARNING if bad * 100 >= total * 2 else State.OK)
    assert len(verdict.value_text) < 80


@given(st.sampled_from(list(DEFAULTS)), st.integers(0, 10**10))
def test_time_alone_changes_nothing_before_it_is_said_to(kind: str, seconds: int) -> None:
    """``next_change`` overlooks nothing: until then the state stays."""
    if kind == Kind.HEARTBEAT:
        return
    figures = Figures(
        ADDED, last_at=NOW, total=100, value=50, last_success_at=NOW, is_last_ok=True,
        indicator=Indicator.NONE,
    )  # fmt: skip
    limits = DEFAULTS[kind]
    changes_at = next_change(kind, figures, limits, now=NOW)
    assert changes_at is not None
    share = Fraction(seconds, 10**10 + 1)
    moment = NOW + dt.timedelta(microseconds=int((changes_at - NOW) / MICROSECOND * share))
    before, at = (judge(kind, figures, limits, now=now) for now in (moment, changes_at))
    assert before.state == judge(kind, figures, limits, now=NOW).state != at.state


def test_a_shorter_window_of_a_sync_is_no_data_before_it_is_too_old_K4() -> None:
    limits = Limits(6 * H, warn=24, incident=24, level=2)
    figures = Figures(ADDED, last_at=NOW - 6 * H, last_success_at=NOW - 6 * H, is_last_ok=True)
    assert judge(Kind.SYNC, figures, limits, now=NOW).state == State.NO_DATA
    verdict = judge(Kind.SYNC, figures, limits, now=NOW + 18 * H)
    assert (verdict.state, verdict.opens, verdict.value_text) == (State.FAILING, True, "24 h")


def test_an_old_report_of_failure_is_no_broken_connection_K4() -> None:
    limits = DEFAULTS[Kind.SYNC]
    figures = Figures(ADDED, last_at=NOW - 24 * H, last_success_at=NOW - 30 * H, is_last_ok=False)
    assert judge(Kind.SYNC, figures, limits, now=NOW).level == 2
    assert judge(Kind.SYNC, figures, limits, now=NOW - MIN).level == 1


def test_a_signal_of_the_future_is_no_silence() -> None:
    figures = Figures(ADDED, last_at=NOW + MIN, value=50)
    assert judge(Kind.CREDITS, figures, DEFAULTS[Kind.CREDITS], now=NOW).state == State.OK


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind != Kind.HEARTBEAT])
def test_every_verdict_says_what_is_expected(kind: str) -> None:
    for last_at in (None, NOW - 100 * D, NOW):
        figures = Figures(ADDED, last_at=last_at, total=100, bad=50, value=1, indicator="major")
        verdict = judge(kind, figures, DEFAULTS[kind], now=NOW)
        assert verdict.value_text
        assert verdict.limit_text


@pytest.mark.parametrize(
    ("value", "text"), [(2.0, "2"), (0.5, "0.5"), (1204.0, "1,204"), (1 / 3, "0.333"), (0, "0")]
)
def test_numbers_are_written_without_needless_digits(value: float, text: str) -> None:
    assert number_text(value) == text


def test_ages_are_of_a_timedelta_however_large() -> None:
    figures = Figures(ADDED, last_at=NOW, last_success_at=dt.datetime(2000, 1, 1, tzinfo=dt.UTC))
    assert judge(Kind.SYNC, figures, DEFAULTS[Kind.SYNC], now=NOW).value_text.endswith(" h")
