"""Judging a monitor's figures by its limits: pure functions (rules K2 to K5 and K7).

Limits are strict: exactly 1 %, 2 % or 24 h fails; "above 5 %" means more than that, "below 20 %"
less. Silence is a failure, too few events to judge is neither good nor bad, and an unknown
answer is never taken for good. Jobs are judged run by run, see ``heartbeats``.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from incidents import staff
from incidents.enums import Level
from monitoring.enums import Indicator, Kind, State
from monitoring.limits import Limits

HOUR = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of a monitor at one instant; which of it counts depends on the kind.

    ``total`` and ``bad`` are summed over the window, ``value`` is the last one posted (credits:
    percent left), ``last_at`` is the newest signal of any outcome.
    """

    created_at: dt.datetime
    last_at: dt.datetime | None = None
    total: int = 0
    bad: int = 0
    value: float | None = None
    last_success_at: dt.datetime | None = None
    is_last_ok: bool | None = None
    indicator: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a monitor stands. ``opens``: an incident is due, with ``level`` suggested."""

    state: str
    value: float | None = None
    value_text: str = ""
    limit_text: str = ""
    reason: str = ""
    sample_size: int | None = None
    opens: bool = False
    level: int | None = None


def judge(kind: str, figures: Figures, limits: Limits, *, now: dt.datetime) -> Verdict:
    """The verdict on any kind but a job, before damping (rule K6)."""
    return JUDGES[kind](figures, limits, now)


def next_change(
    kind: str, figures: Figures, limits: Limits, *, now: dt.datetime
) -> dt.datetime | None:
    """When the verdict may change although nothing comes in; None: never.

    A rate also changes when its oldest sample leaves the window; the caller knows that one.
    """
    moments = [(figures.last_at or figures.created_at) + limits.window]
    if kind == Kind.SYNC:
        since = figures.last_success_at or figures.created_at
        moments += [since + limits.warn * HOUR, since + limits.incident * HOUR]
    return min((moment for moment in moments if moment > now), default=None)


def is_silent(figures: Figures, limits: Limits, *, now: dt.datetime) -> bool:
    """K7: nothing came in within the window; a signal exactly as old as it is no longer in it."""
    return now - (figures.last_at or figures.created_at) >= limits.window


def judge_rate(figures: Figures, limits: Limits, now: dt.datetime) -> Verdict:
    """K2 and K3: bad in percent of all, over the rolling window."""
    limit_text = f"under {number_text(limits.warn)} %"
    if is_silent(figures, limits, now=now):
        return _no_data(figures, limit_text)
    total, bad = figures.total, figures.bad
    if total < max(limits.minimum_sample, 1):
        return Verdict(
            State.TOO_FEW,
            value_text=f"{total:,} of {limits.minimum_sample:,}",
            limit_text=limit_text,
            reason=f"{total:,} events in the window; {limits.minimum_sample:,} are needed.",
            sample_size=total,
        )
    rate = Fraction(bad * 100, total)
    is_failing = rate > _exact(limits.incident)
    state = State.FAILING if is_failing else State.OK
    if not is_failing and rate >= _exact(limits.warn):
        state = State.WARNING
    return Verdict(
        state,
        value=float(rate),
        value_text=f"{_rounded(rate, limits)} %",
        limit_text=limit_text,
        reason=f"{bad:,} of {total:,} in the window.",
        sample_size=total,
        opens=is_failing,
        level=_rate_level(rate, limits) if is_failing else None,
    )


def judge_calls(figures: Figures, limits: Limits, now: dt.datetime) -> Verdict:
    """K3: like any rate; SEV-1 is suggested when every call fails."""
    verdict = judge_rate(figures, limits, now)
    if not verdict.opens or figures.bad < figures.total:
        return verdict
    return raised_to(verdict, Level.SEV1, "Every call fails")


def judge_sync(figures: Figures, limits: Limits, now: dt.datetime) -> Verdict:
    """K4: hours since the last success; one that never succeeded counts from its creation (K7).

    SEV-1 is suggested when the newest report within the window says that it failed: the
    connection is broken, not merely late.
    """
    age = now - (figures.last_success_at or figures.created_at)
    limit_text = f"under {number_text(limits.warn)} h"
    has_succeeded = figures.last_success_at is not None
    silent = is_silent(figures, limits, now=now)
    fails_now = figures.is_last_ok is False and not silent
    value = age / HOUR if has_succeeded else None
    text = age_text(age) if has_succeeded else "never"
    reason = f"Last success {_when(figures.last_success_at)}."
    if fails_now:
        reason = f"{reason} The last try failed. {figures.detail}"
    if age >= limits.incident * HOUR:
        state = State.FAILING if figures.last_at else State.NO_DATA
        level = Level.SEV1 if fails_now else limits.level
        return Verdict(state, value, text, limit_text, reason, opens=True, level=level)
    if silent:
        return _no_data(figures, limit_text)
    is_late = age >= limits.warn * HOUR or not has_succeeded
    return Verdict(State.WARNING if is_late else State.OK, value, text, limit_text, reason)


def judge_level(figures: Figures, limits: Limits, now: dt.datetime) -> Verdict:
    """K9: the last count; from the limit on it fails. The CRM review opens the incident."""
    limit_text = f"under {number_text(limits.warn)}" if limits.warn > 1 else "none"
    if is_silent(figures, limits, now=now) or figures.value is None:
        return _no_data(figures, limit_text)
    count = figures.value
    is_failing = count >= limits.incident
    state = State.FAILING if is_failing else State.OK
    if not is_failing and count >= limits.warn:
        state = State.WARNING
    level = limits.level if is_failing else None
    text = number_text(count)
    return Verdict(state, count, text, limit_text, figures.detail, level=level)


def judge_credits(figures: Figures, limits: Limits, now: dt.datetime) -> Verdict:
    """K5: percent left; less than the limits warns, and opens an incident."""
    limit_text = f"{number_text(limits.warn)} % or more left"
    if is_silent(figures, limits, now=now) or figures.value is None:
        return _no_data(figures, limit_text)
    left = figures.value
    is_failing = left < limits.incident
    state = State.FAILING if is_failing else State.OK
    if not is_failing and left < limits.warn:
        state = State.WARNING
    return Verdict(
        state,
        left,
        f"{_rounded(Fraction(left), limits)} %",
        limit_text,
        figures.detail,
        opens=is_failing,
        level=limits.level if is_failing else None,
    )


def judge_status(figures: Figures, limits: Limits, now: dt.datetime) -> Verdict:
    """K5: the provider's own word; an unknown answer is unknown, never fine."""
    if is_silent(figures, limits, now=now):
        return _no_data(figures, "answers")
    indicator = Indicator(figures.indicator or Indicator.UNKNOWN)
    state = STATE_OF[indicator]
    level = None
    if state == State.FAILING:
        level = Level.SEV1 if indicator == Indicator.CRITICAL else limits.level
    text = "no answer" if state == State.UNKNOWN else indicator.label.lower()
    return Verdict(
        state,
        value_text=text,
        limit_text="answers" if state == State.UNKNOWN else Indicator.NONE.label.lower(),
        reason=figures.detail,
        opens=state == State.FAILING,
        level=level,
    )


def raised_to(verdict: Verdict, level: int, why: str) -> Verdict:
    """The same verdict with a graver suggestion, and why."""
    return Verdict(
        verdict.state,
        verdict.value,
        verdict.value_text,
        verdict.limit_text,
        f"{verdict.reason} {why}: SEV-{level} suggested.".strip(),
        verdict.sample_size,
        opens=verdict.opens,
        level=min(level, verdict.level or level),
    )


def age_text(age: dt.timedelta) -> str:
    """“23 h”, “40 min”: in whole units that have passed."""
    hours, seconds = divmod(max(age, dt.timedelta()).total_seconds(), 3600)
    return f"{hours:,.0f} h" if hours else f"{seconds // 60:.0f} min"


def number_text(value: float) -> str:
    """“2”, “0.5”, “1,204”: without needless digits."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.3f}".rstrip("0")


def _exact(limit: float) -> Fraction:
    """A limit as somebody typed it: 0.1 is a tenth."""
    return Fraction(repr(float(limit)))


def _rounded(value: Fraction, limits: Limits) -> str:
    """One decimal, or as many more as it takes not to look as if it stood on the limit."""
    marks = [_exact(limit) for limit in (limits.warn, limits.incident, limits.severe) if limit]
    for digits in (1, 2, 3):
        rounded = round(value, digits)
        if all((rounded < mark, rounded > mark) == (value < mark, value > mark) for mark in marks):
            break
    return number_text(float(rounded))


def _rate_level(rate: Fraction, limits: Limits) -> int | None:
    """Above the severe limit the SOP names SEV-2, whatever was set on the monitor."""
    if limits.severe is not None and rate > _exact(limits.severe):
        return min(Level.SEV2, limits.level or Level.SEV2)
    return limits.level


def _no_data(figures: Figures, limit_text: str) -> Verdict:
    """K7: silence is a failure but opens no incident."""
    reason = "No signal since it was added."
    if figures.last_at:
        reason = f"No signal since {_when(figures.last_at)}."
    return Verdict(State.NO_DATA, value_text="no data", limit_text=limit_text, reason=reason)


def _when(instant: dt.datetime | None) -> str:
    return staff.agency_time(instant) if instant else "never"


#: What a provider says about itself, as a state of ours (rule K5).
STATE_OF: dict[str, State] = {
    Indicator.NONE: State.OK,
    Indicator.MAINTENANCE: State.OK,
    Indicator.MINOR: State.WARNING,
    Indicator.MAJOR: State.FAILING,
    Indicator.CRITICAL: State.FAILING,
    Indicator.UNKNOWN: State.UNKNOWN,
}

JUDGES: dict[str, Callable[[Figures, Limits, dt.datetime], Verdict]] = {
    Kind.ERROR_RATE: judge_calls,
    Kind.BOUNCE_RATE: judge_rate,
    Kind.SYNC: judge_sync,
    Kind.LEVEL: judge_level,
    Kind.CREDITS: judge_credits,
    Kind.STATUS: judge_status,
}
