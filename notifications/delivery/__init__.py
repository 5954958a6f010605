"""The outbox at work: claim, send, record, and settle what was left behind.

A message moves pending → leased → sending → sent, each step committed before the next, so that
whatever dies wherever, the row says what is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from threading import Event

from django.utils import timezone

from notifications.channels.registry import CHANNELS
from notifications.delivery.claiming import claim
from notifications.delivery.recovering import recover_left_behind
from notifications.delivery.sending import Clock, Line, send_batch
from notifications.delivery.telling import tell_delays, tell_pending
from notifications.pace import PACE, DeliveryReport, Pace

__all__ = [
    "PACE",
    "DeliveryReport",
    "Pace",
    "claim",
    "deliver_due",
    "empty_channel",
    "tend_outbox",
]


def deliver_due(
    *,
    now: datetime | None = None,
    limit: int = 50,
    pace: Pace = PACE,
    channels: Sequence[str] = tuple(CHANNELS),
) -> DeliveryReport:
    """One cycle: settle what was left behind, then send up to `limit` messages of each channel.

    Without `now` the live clock is read at each step; with it, the given instant stands for
    all of them, so that a day can be replayed. Safe beside other senders, and harmless when
    run twice. Not to be called inside a transaction.
    """
    clock, report = _clock(now), DeliveryReport()
    tend_outbox(now=now, pace=pace, report=report)
    for channel in channels:
        line = Line(channel)
        try:
            send_batch(line, limit=limit, clock=clock, pace=pace, report=report)
        finally:
            line.close()
    return report


def empty_channel(
    channel: str, *, limit: int = 100, pace: Pace = PACE, stop: Event | None = None
) -> DeliveryReport:
    """Send what is due over one channel, batch after batch over one connection."""
    clock, report, line = _clock(None), DeliveryReport(), Line(channel)
    sent = -1
    try:
        while report.sent > sent:
            sent = report.sent
            send_batch(line, limit=limit, clock=clock, pace=pace, report=report, stop=stop)
    finally:
        line.close()
    return report


def tend_outbox(
    *, now: datetime | None = None, pace: Pace = PACE, report: DeliveryReport | None = None
) -> None:
    """Everything but sending: what dead senders left, handlers to call again, delays to tell."""
    clock, report = _clock(now), report or DeliveryReport()
    recover_left_behind(clock=clock, pace=pace, report=report)
    report.handlers_failed += tell_pending(now=clock(), again_after=pace.handlers_again)
    report.delayed += tell_delays(now=clock())


def _clock(now: datetime | None) -> Clock:
    return timezone.now if now is None else lambda: now
