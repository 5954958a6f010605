"""Which jobs missed or failed a run since the last checklist (rule K5)."""

import datetime as dt
from collections import Counter

from django.db.models import Count, Q

from monitoring.enums import BAD_STATES, Kind, SignalKind
from monitoring.models import Monitor, Signal, StateChange


def bad_runs(*, since: dt.datetime, now: dt.datetime) -> dict[int, int]:
    """How many runs of each job were missed or failed after ``since``, by the job's key.

    A missed run is written at the instant it was due and known only after its grace, so it
    counts from there: none falls between two checklists. A job that stood badly meanwhile for
    another reason, such as a start without an end, counts once.
    """
    jobs = Monitor.objects.active().filter(kind=Kind.HEARTBEAT)
    late = Q(pk__in=[])
    for grace in jobs.order_by().values_list("grace_seconds", flat=True).distinct():
        known_after = since - dt.timedelta(seconds=grace)
        late |= Q(monitor__grace_seconds=grace, at__gt=known_after)
    failed = Q(kind=SignalKind.FAIL, at__gt=since)
    signals = Signal.objects.filter(failed | (Q(kind=SignalKind.MISSED) & late), at__lte=now)
    rows = signals.filter(monitor__in=jobs).order_by().values("monitor")
    found = Counter(dict(rows.annotate(runs=Count("pk")).values_list("monitor", "runs")))
    changes = StateChange.objects.filter(at__gt=since, at__lte=now, after__in=BAD_STATES)
    troubled = changes.filter(monitor__in=jobs).order_by().values_list("monitor", flat=True)
    for job in troubled.distinct():
        found[job] = found[job] or 1
    return dict(found)
