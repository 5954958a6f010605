"""One batch over one channel: claim, mark, send, record.

Each step is committed before the next, so that whatever dies wherever, the row says what is
known. Nothing is sent inside a transaction.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event

from notifications.channels.base import ChannelSession, DeliveryError
from notifications.channels.registry import CHANNELS
from notifications.delivery.claiming import claim, has_due
from notifications.delivery.recording import write_down
from notifications.delivery.results import Result, accepted, failed, untried
from notifications.delivery.telling import tell_pending
from notifications.models import ChannelPause, Message
from notifications.pace import DeliveryReport, Pace
from notifications.pausing import lift_pause, pause_channel

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]


@dataclass
class Line:
    """The way out over one channel; its connection stays open from batch to batch."""

    channel: str
    _session: ChannelSession | None = field(default=None, repr=False)

    def session(self) -> ChannelSession:
        """A channel that cannot even start is down, not ambiguous."""
        if self._session is None:
            try:
                self._session = CHANNELS[self.channel]()
            except Exception as error:
                logger.exception("The %s channel cannot start", self.channel)
                raise DeliveryError(
                    f"The channel cannot start: {error}", channel_down=True
                ) from error
        return self._session

    def close(self) -> None:
        if self._session is not None:
            try:
                self._session.close()
            except Exception:
                logger.exception("Closing the %s channel failed", self.channel)
            self._session = None


@dataclass
class Batch:
    """What the steps of one batch share."""

    line: Line
    clock: Clock
    pace: Pace
    report: DeliveryReport
    stop: Event | None = None
    #: Why the whole channel does not work, once a message showed it.
    fault: DeliveryError | None = None
    is_answered: bool = False
    started: float = field(default_factory=time.monotonic)

    @property
    def is_over(self) -> bool:
        """Nothing more is sent: too little is left of the lease, or there is no use."""
        is_stopped = self.stop is not None and self.stop.is_set()
        is_half_over = time.monotonic() - self.started >= self.pace.lease / 2
        return is_half_over or is_stopped or self.fault is not None

    def write_down(self, results: list[Result], marking: list[Message]) -> list[Message]:
        return write_down(
            results,
            marking=marking,
            pace=self.pace,
            report=self.report,
            stop=self.stop,
        )


def send_batch(
    line: Line,
    *,
    limit: int,
    clock: Clock,
    pace: Pace,
    report: DeliveryReport,
    stop: Event | None = None,
) -> int:
    """Send up to `limit` due messages of the line's channel; returns how many were claimed.

    None while the channel is paused; when the pause is over, one message tries it.
    """
    now = clock()
    if not has_due(line.channel, now=now):
        return 0
    pause = ChannelPause.objects.filter(pk=line.channel).first()
    if pause is not None and pause.until > now:
        return 0
    batch = Batch(line, clock, pace.of(line.channel), report, stop)
    messages = claim(channel=line.channel, limit=1 if pause else limit, now=now, pace=pace)
    report.claimed += len(messages)
    _send_in_groups(messages, batch)
    report.handlers_failed += tell_pending(
        now=clock(),
        again_after=pace.handlers_again,
        among=[message.pk for message in messages],
    )
    if batch.fault is not None:
        pause_channel(line.channel, batch.fault, now=clock(), pace=pace)
    elif pause is not None and batch.is_answered:
        lift_pause(line.channel)
    return len(messages)


def _send_in_groups(messages: list[Message], batch: Batch) -> None:
    """Mark a group, send it, and record it with the commit that marks the next one.

    A sender that is killed leaves one group in doubt. A smaller group means fewer mails for a
    person to settle then, a larger one fewer commits: eight keep a commit from costing more
    than a mail.
    """
    results: list[Result] = []
    size = batch.pace.group_of(batch.line.channel)
    while messages and not batch.is_over:
        group, messages = messages[:size], messages[size:]
        marked = batch.write_down(results, group)
        results = [_send(message, batch) for message in marked]
    results += [untried(message, now=batch.clock()) for message in messages]
    batch.write_down(results, [])


def _send(message: Message, batch: Batch) -> Result:
    """Hand one message to its channel, unless it is too late for that."""
    started_at = batch.clock()
    if batch.is_over:
        return untried(message, now=started_at)
    try:
        answer = batch.line.session().send(message, seconds=batch.pace.send)
    except DeliveryError as error:
        return _failed(message, error, started_at, batch)
    except Exception as error:
        # Nobody knows how far it came: sending again could double it.
        logger.exception("Message %s: the channel failed", message.pk)
        unknown = DeliveryError(f"{type(error).__name__}: {error}", ambiguous=True)
        return _failed(message, unknown, started_at, batch)
    batch.is_answered = True
    return accepted(message, answer, started_at=started_at, now=batch.clock())


def _failed(message: Message, error: DeliveryError, started_at: datetime, batch: Batch) -> Result:
    result = failed(message, error, started_at=started_at, now=batch.clock(), pace=batch.pace)
    logger.warning("Message %s to %s: %s", message.pk, message.channel, result.answer)
    if error.channel_down:
        batch.fault = error
    elif error.permanent:
        batch.is_answered = True
    return result
