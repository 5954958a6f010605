"""Asking providers how they stand (rules K1 and K5)."""

import datetime as dt
from collections.abc import Callable

from django.db import transaction
from django.db.models import Q

from incidents.enums import StatusPage
from incidents.models import System
from monitoring.enums import Indicator, Kind, SignalKind
from monitoring.models import Monitor, MonitorStatus, Signal
from monitoring.probes.better_stack import ask_better_stack
from monitoring.probes.pages import Found, OddPageError, Page
from monitoring.probes.statuspage import ask_statuspage
from notifications.channels.http import CallError
from notifications.redaction import redact

#: Who reads which kind of page.
READERS: dict[str, Callable[[Page], Found]] = {
    StatusPage.STATUSPAGE: ask_statuspage,
    StatusPage.BETTER_STACK: ask_better_stack,
}
_DETAIL_LENGTH = 300


def probe_provider(monitor: Monitor, *, now: dt.datetime, seconds: float | None = None) -> Signal:
    """Ask the status page of the monitor's system and write the answer as a fresh signal.

    Whatever cannot be told (no page, no answer, another page, an odd word) is
    ``Indicator.UNKNOWN`` with the reason as its detail. Takes as long as two calls
    at most; ``seconds`` limits each of them.
    """
    found = ask_page(monitor.system, identity=monitor.page_identity, seconds=seconds)
    signal = Signal.objects.create(
        monitor=monitor,
        kind=SignalKind.PROBE,
        at=now,
        indicator=found.indicator,
        detail=redact(found.detail, limit=_DETAIL_LENGTH),
    )
    MonitorStatus.objects.filter(monitor=monitor).update(probe_at=_next_probe(monitor, now))
    return signal


def ask_page(system: System | None, *, identity: str = "", seconds: float | None = None) -> Found:
    """What the status page of a system says; whatever cannot be told is unknown."""
    reader = READERS.get(system.status_page) if system else None
    if system is None or reader is None:
        return Found(Indicator.UNKNOWN, "There is no status page to ask.")
    try:
        return reader(Page(system.status_page_url, identity, seconds))
    except (CallError, OddPageError) as error:
        return Found(Indicator.UNKNOWN, str(error))


def due_probes(*, now: dt.datetime) -> list[int]:
    """The monitors to be asked now, by key; claimed for their period, so that a second worker
    does not ask them too. Demonstration monitors ask nobody."""
    due = Q(probe_at__isnull=True) | Q(probe_at__lte=now)
    with transaction.atomic():
        rows = list(
            MonitorStatus.objects.select_for_update(of=("self",))
            .filter(due, monitor__kind=Kind.STATUS, monitor__is_active=True)
            .filter(monitor__is_demo=False)
            .select_related("monitor")
            .order_by("monitor")
        )
        for row in rows:
            row.probe_at = _next_probe(row.monitor, now)
        MonitorStatus.objects.bulk_update(rows, ["probe_at"])
    return [row.monitor_id for row in rows]


def _next_probe(monitor: Monitor, now: dt.datetime) -> dt.datetime:
    return now + dt.timedelta(seconds=monitor.probe_seconds)
