"""When a job's next run is due: by its period, or by its cron expression in its zone (rule K5).

Summer time as Debian's cron has it: a run inside the skipped hour is due when the hour is over,
a run inside the doubled hour is due once.
"""

import datetime as dt
import zoneinfo

from cronsim import CronSim, CronSimError
from django.core.exceptions import ValidationError

from monitoring.models import Monitor

CRON_FIELDS = 5
EXAMPLE = "Write five fields such as “0 2 * * *”: minute, hour, day, month, weekday."


class CronError(ValueError):
    """A cron expression that cannot be read or never fires; the text says which part."""


def expected_after(monitor: Monitor, instant: dt.datetime) -> dt.datetime:
    """The first instant later than the given one at which a run is due, in UTC.

    Raises ValueError for a job whose cron expression never fires, or is none.
    """
    if monitor.period_seconds:
        return instant + dt.timedelta(seconds=monitor.period_seconds)
    return _next_tick(monitor.cron, monitor.time_zone, instant)


def next_runs(monitor: Monitor, *, after: dt.datetime, count: int) -> list[dt.datetime]:
    """The next few instants at which a run is due. Raises ValueError like ``expected_after``."""
    runs = [after]
    for _ in range(count):
        runs.append(expected_after(monitor, runs[-1]))
    return runs[1:]


def skip_past(
    monitor: Monitor, expected: dt.datetime, *, until: dt.datetime
) -> tuple[dt.datetime, int]:
    """The first run due later than ``until``, and how many from ``expected`` on lie before it.

    For a long silence: the number is exact for a period and "at least one" for a cron
    expression, and neither walks through every run.
    """
    if not monitor.period_seconds:
        return expected_after(monitor, until), 1
    period = dt.timedelta(seconds=monitor.period_seconds)
    count = (until - expected) // period + 1
    return expected + count * period, count


def validate_cron(text: str) -> None:
    """Refuse what is no cron expression of five fields, or one that never fires.

    Raises ValidationError with what is wrong and an example.
    """
    if len(text.split()) != CRON_FIELDS:
        raise ValidationError(EXAMPLE, code="cron")
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    try:
        _next_tick(text, "UTC", start)
    except CronError as error:
        raise ValidationError(f"{error} {EXAMPLE}", code="cron") from error


def _next_tick(cron: str, zone: str, instant: dt.datetime) -> dt.datetime:
    try:
        ticks = CronSim(cron, instant.astimezone(zoneinfo.ZoneInfo(zone)))
        # A fixed hour inside the doubled hour comes back as its first pass, which may be over.
        for tick in ticks:
            found = tick.astimezone(dt.UTC)
            if found > instant:
                return found
    except CronSimError as error:
        raise CronError(f"{str(error).replace('Bad ', 'Not understood: ')}.") from error
    raise CronError("It never fires.")
