"""Which week an update belongs to, and when it is due. Pure functions.

A week is named by its Monday on the client's calendar, so an hour that is doubled or left out
when the clocks change makes no second update and loses none.
"""

import datetime as dt

from incidents.models import Client

DAY = dt.timedelta(days=1)
WEEK = dt.timedelta(days=7)


def due_of(client: Client, period: dt.date) -> dt.datetime:
    """When the update of that week is due: the client's weekday and hour, in its zone (M9).

    An hour that the clocks leave out is read as if they had not; of a doubled one, the first.
    """
    day = period + client.digest_weekday * DAY
    return dt.datetime.combine(day, dt.time(client.digest_hour), client.zone).astimezone(dt.UTC)


def period_by(client: Client, *, at: dt.datetime) -> dt.date:
    """The last week whose update is due by then."""
    day = at.astimezone(client.zone).date()
    period = day - day.weekday() * DAY
    return period if due_of(client, period) <= at else period - WEEK


def coming_period(client: Client, *, at: dt.datetime) -> dt.date:
    """The first week whose update is due after that."""
    return period_by(client, at=at) + WEEK
