"""Which period an instant belongs to, and when it opens. Pure functions.

A period is named by a local date of the agency: the day, the Monday, the first of the month. So
an hour that is doubled or left out when the clocks change makes no second run and loses none.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from incidents.clocks import is_working_day
from monitoring.models import Period

DAY = dt.timedelta(days=1)
#: Dates outside are typing errors; zones and holidays are known inside.
EARLIEST, LATEST = dt.date(2000, 1, 1), dt.date(2199, 12, 31)


@dataclass(frozen=True, slots=True)
class Plan:
    """When a checklist is due: its period, its hour in the agency's zone, the agency's holidays.

    ``country`` is a code such as ``DE``; empty: no public holidays.
    """

    period: str
    opens_at: dt.time
    due_hours: int
    zone: ZoneInfo
    country: str = ""


def period_start(period: str, day: dt.date) -> dt.date:
    """The date that names the period in which a local day lies."""
    if period == Period.WEEKLY:
        return day - day.weekday() * DAY
    if period == Period.MONTHLY:
        return day.replace(day=1)
    return day


def opening_of(plan: Plan, start: dt.date) -> dt.datetime:
    """When that period's run opens (rule K8): that day, that Monday, the first working day.

    An hour that the clocks leave out is read as if they had not; of a doubled one, the first.
    """
    day = start
    while plan.period == Period.MONTHLY and not is_working_day(day, country=plan.country):
        day += DAY
    return dt.datetime.combine(day, plan.opens_at, plan.zone).astimezone(dt.UTC)


def due_of(plan: Plan, opened_at: dt.datetime) -> dt.datetime:
    """So many hours later by the clock on the wall: 18:00 stays 18:00 in any night."""
    local = opened_at.astimezone(plan.zone).replace(tzinfo=None)
    wall = local + dt.timedelta(hours=plan.due_hours)
    return wall.replace(tzinfo=plan.zone).astimezone(dt.UTC)


def current_start(plan: Plan, *, at: dt.datetime) -> dt.date:
    """The period whose run should be there: the last one that has opened by then."""
    start = period_start(plan.period, at.astimezone(plan.zone).date())
    while opening_of(plan, start) > at:
        start = previous_start(plan.period, start)
    return start


def previous_start(period: str, start: dt.date) -> dt.date:
    return period_start(period, start - DAY)


def next_start(period: str, start: dt.date) -> dt.date:
    if period == Period.MONTHLY:
        return (start + 31 * DAY).replace(day=1)
    return start + (7 if period == Period.WEEKLY else 1) * DAY


def starts_between(period: str, after: dt.date, before: dt.date) -> Iterator[dt.date]:
    """The periods strictly between two others, oldest first."""
    start = next_start(period, after)
    while start < before:
        yield start
        start = next_start(period, start)


def day_start(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    """The first instant of a local day."""
    return dt.datetime.combine(day, dt.time.min, zone).astimezone(dt.UTC)
