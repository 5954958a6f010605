"""Taking in what is fresh, and the figures of a monitor at one instant."""

import datetime as dt
from dataclasses import dataclass, replace

from monitoring.enums import RATE_KINDS, VALUE_KINDS, Kind, SignalKind
from monitoring.judging import Figures
from monitoring.look import Look
from monitoring.models import Sample, Signal
from monitoring.rollups import roll_up, sum_window

#: So many fresh rows of one monitor are taken in by one look; the rest waits for the next.
BATCH = 2_000


@dataclass(frozen=True, slots=True)
class Intake:
    """When the fresh rows are from, in order; ``has_more``: one look was not enough."""

    instants: list[dt.datetime]
    signals: list[Signal]
    has_more: bool = False


def take_in(look: Look) -> Intake:
    """Take in the fresh rows until now, exactly those that were read, and sum up their hours.

    A figure that is posted again meanwhile is fresh again: its row is locked, or left for the
    next look.
    """
    signals = _take_signals(look)
    samples = _take_samples(look)
    instants = [sample.at for sample in samples]
    if instants:
        roll_up(look.status.pk, instants)
    if look.monitor.kind == Kind.STATUS:
        instants += [signal.at for signal in signals if signal.kind == SignalKind.PROBE]
    if look.monitor.kind != Kind.HEARTBEAT and instants:
        newest = max(instants)
        look.status.last_signal_at = max(newest, look.status.last_signal_at or newest)
    if look.monitor.kind == Kind.SYNC:
        _note_success(look, samples)
    return Intake(sorted(instants), signals, has_more=BATCH in (len(signals), len(samples)))


def figures_at(look: Look, at: dt.datetime) -> tuple[Figures, dt.datetime | None]:
    """The figures as they stood at an instant, and when a sample leaves the window next."""
    status, monitor = look.status, look.monitor
    known = Figures(
        created_at=monitor.created_at,
        last_at=min(status.last_signal_at, at) if status.last_signal_at else None,
        last_success_at=status.last_success_at,
    )
    if monitor.kind in RATE_KINDS:
        sums = sum_window(status.pk, window=look.limits.window, until=at)
        return replace(known, total=sums.total, bad=sums.bad), sums.leaves_at
    if monitor.kind == Kind.STATUS:
        probe = _newest_probe(status.pk, at)
        if probe:
            known = replace(known, indicator=probe.indicator, detail=probe.detail)
        return known, None
    sample = Sample.objects.filter(monitor=status.pk, at__lte=at).order_by("-at").first()
    if sample is None:
        return known, None
    value = _percent_left(look, sample.value) if monitor.kind in VALUE_KINDS else None
    return replace(known, value=value, is_last_ok=sample.is_ok, detail=sample.detail), None


def _take_signals(look: Look) -> list[Signal]:
    fresh = Signal.objects.fresh().filter(monitor=look.status.pk, at__lte=look.now)
    signals = list(fresh.order_by("at", "id").defer("body")[:BATCH])
    if signals:
        keys = [signal.pk for signal in signals]
        Signal.objects.filter(pk__in=keys).update(is_fresh=False)
    return signals


def _take_samples(look: Look) -> list[Sample]:
    fresh = Sample.objects.fresh().filter(monitor=look.status.pk, at__lte=look.now)
    rows = fresh.select_for_update(skip_locked=True).order_by("at")
    samples = list(rows[:BATCH])
    if samples:
        Sample.objects.filter(pk__in=[row.pk for row in samples]).update(is_fresh=False)
    return samples


def _note_success(look: Look, samples: list[Sample]) -> None:
    """Keep the newest success; a report that was posted again may take it back."""
    status = look.status
    good = [sample.at for sample in samples if sample.is_ok]
    status.last_success_at = max([*good, *filter(None, [status.last_success_at])], default=None)
    taken_back = [sample.at for sample in samples if not sample.is_ok]
    if status.last_success_at in taken_back:
        rows = Sample.objects.filter(monitor=status.pk, is_ok=True, at__lte=look.now)
        status.last_success_at = rows.order_by("-at").values_list("at", flat=True).first()


def _newest_probe(monitor_id: int, at: dt.datetime) -> Signal | None:
    rows = Signal.objects.filter(monitor=monitor_id, kind=SignalKind.PROBE, at__lte=at)
    return rows.order_by("-at", "-id").defer("body").first()


def _percent_left(look: Look, value: float | None) -> float | None:
    """Credits with an allowance are posted as a count."""
    allowance = look.monitor.allowance
    if value is None or allowance is None or look.monitor.kind != Kind.CREDITS:
        return value
    return value / allowance * 100 if allowance else 0.0
