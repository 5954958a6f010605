"""Samples summed per hour, so that a rolling window reads few rows, and old rows can go."""

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Count, F, Max, Min, Q, QuerySet, Sum
from django.db.models.functions import TruncHour

from monitoring.models import HourlyFigure, Monitor, Sample, Signal

HOUR = dt.timedelta(hours=1)
#: Hours are kept for the longest window and the charts of a year.
HOURS_KEPT = dt.timedelta(days=400)
#: So many stretches of hours in one statement; SQLite bounds the depth of a condition.
STRETCHES = 50
#: Rows deleted in one statement, roughly in one call of ``prune``, and monitors asked at once.
BATCH, BUDGET, MONITORS = 5_000, 50_000, 500


@dataclass(frozen=True, slots=True)
class WindowSums:
    """``leaves_at``: the next instant at which a sample may leave the window."""

    total: int = 0
    bad: int = 0
    leaves_at: dt.datetime | None = None


def hour_of(instant: dt.datetime) -> dt.datetime:
    """The beginning of the hour (UTC) in which an instant lies."""
    return instant.astimezone(dt.UTC).replace(minute=0, second=0, microsecond=0)


def roll_up(monitor_id: int, instants: Iterable[dt.datetime]) -> None:
    """Sum up anew the hours in which these instants lie, from their samples."""
    stretches = list(_stretches({hour_of(instant) for instant in instants}))
    for start in range(0, len(stretches), STRETCHES):
        _sum_up(monitor_id, stretches[start : start + STRETCHES])


def sum_window(monitor_id: int, *, window: dt.timedelta, until: dt.datetime) -> WindowSums:
    """What was posted later than the beginning of the window and not later than its end.

    Whole hours come from their sums, the two ends from their samples: however much was posted,
    no more than two hours of samples are read.
    """
    after = until - window
    whole_from, whole_until = hour_of(after) + HOUR, hour_of(until)
    hours = HourlyFigure.objects.filter(
        monitor=monitor_id, hour__gte=whole_from, hour__lt=whole_until, samples__gt=0
    ).aggregate(total=Sum("total"), bad=Sum("bad"), first=Min("hour"))
    ends = Q(at__gt=after, at__lte=until)
    if whole_from < whole_until:
        ends &= Q(at__lt=whole_from) | Q(at__gte=whole_until)
    edges = Sample.objects.filter(ends, monitor=monitor_id).aggregate(
        total=Sum("total"), bad=Sum("bad"), first=Min("at")
    )
    firsts = [first for first in (hours["first"], edges["first"]) if first]
    return WindowSums(
        total=int(hours["total"] or 0) + int(edges["total"] or 0),
        bad=int(hours["bad"] or 0) + int(edges["bad"] or 0),
        leaves_at=min(firsts) + window if firsts else None,
    )


def prune(*, now: dt.datetime) -> int:
    """Delete samples, signals and hours that are older than the settings keep; how many.

    The newest of each monitor stays, and what the evaluation has not seen yet. A big backlog
    goes over several calls.
    """
    samples_before = now - dt.timedelta(days=settings.SAMPLE_KEEP_DAYS)
    signals_before = now - dt.timedelta(days=settings.SIGNAL_KEEP_DAYS)
    seen = Q(is_fresh=False, at__lt=F("monitor__status__last_signal_at"))
    monitors = list(Monitor.objects.order_by("pk").values_list("pk", flat=True))
    deleted = 0
    for start in range(0, len(monitors), MONITORS):
        # Named one by one, because the indexes begin with the monitor.
        some = Q(monitor__in=monitors[start : start + MONITORS])
        olds: list[QuerySet[Any]] = [
            Sample.objects.filter(some, seen, at__lt=samples_before),
            Signal.objects.filter(some, seen, at__lt=signals_before),
            HourlyFigure.objects.filter(some, hour__lt=now - HOURS_KEPT),
        ]
        deleted += sum(_delete(rows, most=max(BUDGET - deleted, 0)) for rows in olds)
    return deleted


def _stretches(hours: set[dt.datetime]) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """Hours that follow each other as one stretch: its beginning, and its end."""
    ordered = sorted(hours)
    start = end = None
    for hour in ordered:
        if hour != end:
            if start and end:
                yield start, end
            start = hour
        end = hour + HOUR
    if start and end:
        yield start, end


def _sum_up(monitor_id: int, stretches: list[tuple[dt.datetime, dt.datetime]]) -> None:
    within = Q()
    for start, end in stretches:
        within |= Q(at__gte=start, at__lt=end)
    sums = (
        Sample.objects.filter(within, monitor=monitor_id)
        .annotate(hour=TruncHour("at", tzinfo=dt.UTC))
        .order_by()
        .values("hour")
        .annotate(
            samples=Count("pk"),
            sum_total=Sum("total"),
            sum_bad=Sum("bad"),
            low=Min("value"),
            high=Max("value"),
        )
    )
    HourlyFigure.objects.bulk_create(
        [
            HourlyFigure(
                monitor_id=monitor_id,
                hour=row["hour"],
                samples=row["samples"],
                total=int(row["sum_total"] or 0),
                bad=int(row["sum_bad"] or 0),
                low=row["low"],
                high=row["high"],
            )
            for row in sums
        ],
        update_conflicts=True,
        unique_fields=["monitor", "hour"],
        update_fields=["samples", "total", "bad", "low", "high"],
    )


def _delete(rows: QuerySet[Any], *, most: int) -> int:
    deleted = 0
    while deleted < most:
        ids = list(rows.order_by().values_list("pk", flat=True)[: min(BATCH, most - deleted)])
        if not ids:
            break
        deleted += rows.model._default_manager.filter(pk__in=ids).delete()[0]
    return deleted
