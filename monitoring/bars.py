"""The 30 days of a monitor as bars: pure arithmetic from figures to rectangles."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from monitoring.enums import BAD_STATES, State
from monitoring.models import DayFigure

DAYS = 30
#: Shares of the height: room for the cap above a bad day, the least a bar shows, a day without
#: a figure of its own, and a bad one.
HEADROOM, LEAST, PLAIN, PLAIN_BAD = 0.16, 0.07, 0.22, 1.0
GAP = 0.22


@dataclass(frozen=True, slots=True)
class Bar:
    """One day; x, y, width and height in the chart's own units."""

    day: dt.date
    kind: str
    x: float
    y: float
    width: float
    height: float
    cap_y: float | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """One day in words, for the table beside a chart."""

    day: dt.date
    state: State | None
    value: float | None


@dataclass(frozen=True, slots=True)
class Bars:
    """A chart: ``limit_y`` is None where no line is drawn."""

    width: int
    height: int
    bars: list[Bar]
    limit_y: float | None
    label: str


def days_until(
    today: dt.date, figures: Mapping[dt.date, DayFigure], *, days: int = DAYS
) -> list[Day]:
    """The days up to today, the oldest first; a day nobody judged has no state."""
    found = []
    for back in range(days - 1, -1, -1):
        day = today - dt.timedelta(days=back)
        figure = figures.get(day)
        state = State(figure.state) if figure else None
        found.append(Day(day, state, figure.value if figure else None))
    return found


def draw_bars(
    days: list[Day], *, name: str, width: int, height: int, limit: float | None = None
) -> Bars:
    """Bad days are taller and carry a cap, days without data are hollow (no colour needed)."""
    top = _top([day.value for day in days if day.value is not None], limit)
    step = width / max(1, len(days))
    usable = height * (1 - HEADROOM)
    bars = []
    for number, day in enumerate(days):
        is_bad = day.state in BAD_STATES
        tall = max(height * LEAST, usable * _share(day, top))
        y = height - tall
        cap_y = max(0.0, y - height * 0.12) if is_bad else None
        bars.append(
            Bar(
                day=day.day,
                kind=_kind(day),
                x=round(number * step, 1),
                y=round(y, 1),
                width=round(step * (1 - GAP), 1),
                height=round(tall, 1),
                cap_y=None if cap_y is None else round(cap_y, 1),
            )
        )
    limit_y = None
    if limit is not None and limit > 0:
        limit_y = round(height - usable * min(1.0, limit / top), 1)
    return Bars(width, height, bars, limit_y, f"{name}, {_summary(days)}")


def _top(values: list[float], limit: float | None) -> float:
    """The figure of the full height: the largest, and always some way above the limit."""
    return max([*values, (limit or 0) * 1.5, 0.0]) or 1.0


def _share(day: Day, top: float) -> float:
    if day.value is None:
        return PLAIN_BAD if day.state in BAD_STATES else PLAIN
    return min(1.0, day.value / top)


def _kind(day: Day) -> str:
    if day.state == State.OK:
        return "ok"
    return "bad" if day.state in (State.WARNING, State.FAILING) else "none"


def _summary(days: list[Day]) -> str:
    """“30 days: 2 failed, 1 without data”."""
    failed = sum(day.state in (State.WARNING, State.FAILING) for day in days)
    silent = sum(day.state in (State.NO_DATA, State.UNKNOWN) for day in days)
    blank = sum(day.state is None for day in days)
    parts = [f"{failed} failed" if failed else "none failed"]
    if silent:
        parts.append(f"{silent} without data")
    if blank:
        parts.append(f"{blank} before its first figure" if blank < len(days) else "no figure yet")
    return f"{len(days)} days: {', '.join(parts)}"
