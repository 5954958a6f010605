"""What comes in, written as the ingest and the probes write it: one fresh row each."""

import datetime as dt
from typing import Any

from monitoring.enums import SignalKind, State
from monitoring.evaluation import evaluate_due
from monitoring.models import Monitor, MonitorStatus, Sample, Signal
from tests.factories import NOW

S, MIN, H, D = (
    dt.timedelta(seconds=1),
    dt.timedelta(minutes=1),
    dt.timedelta(hours=1),
    dt.timedelta(days=1),
)


def ping(monitor: Monitor, at: dt.datetime, kind: str = SignalKind.SUCCESS, **more: Any) -> Signal:
    return Signal.objects.create(monitor=monitor, kind=kind, at=at, **more)


def probe(monitor: Monitor, at: dt.datetime, indicator: str, detail: str = "") -> Signal:
    return ping(monitor, at, SignalKind.PROBE, indicator=indicator, detail=detail)


def post(monitor: Monitor, at: dt.datetime, **figures: Any) -> Sample:
    """A posted figure; the last one wins for the same time."""
    fields = {"received_at": at, "is_fresh": True, **figures}
    return Sample.objects.update_or_create(monitor=monitor, at=at, defaults=fields)[0]


def look(monitor: Monitor, at: dt.datetime = NOW) -> MonitorStatus:
    """Evaluate at an instant; the status after it."""
    assert evaluate_due(now=at).broken == 0
    return MonitorStatus.objects.select_related("monitor").get(pk=monitor.pk)


def state(monitor: Monitor, at: dt.datetime = NOW) -> State:
    return State(look(monitor, at).state)
