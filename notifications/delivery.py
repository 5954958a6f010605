"""Claim, send, record, and settle what was left behind: one cycle of the outbox.

A message moves pending → leased → sending → sent, each step its own committed transaction,
so that whatever dies wherever, the row says what is known. Nothing is sent inside a
transaction, and only the holder of the lease token may record what came of it.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from django.db import (
    IntegrityError,
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)
from django.db.models import F, Q
from django.utils import timezone

from notifications.channels.base import ChannelSession, DeliveryError
from notifications.channels.registry import CHANNELS
from notifications.enums import AttemptOutcome, MessageState
from notifications.models import DeliveryAttempt, Message
from notifications.outbox import call_settled_handlers
from notifications.redaction import redact

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pace:
    """The limits of delivery, in seconds unless said otherwise.

    Half a lease and one send must fit into a lease, and the grace must outlast one send.
    """

    lease: float = 60
    send: float = 20
    grace: float = 60
    max_attempts: int = 20
    backoff_step: float = 5
    backoff_cap: float = 15 * 60
    pause_without_connection: float = 5
    pause_without_login: float = 60
    handlers_again: float = 60


PACE = Pace()


@dataclass
class DeliveryReport:
    """What one cycle did, in numbers of messages."""

    claimed: int = 0
    sent: int = 0
    retried: int = 0
    dead: int = 0
    uncertain: int = 0
    released: int = 0
    recovered: int = 0
    handlers_failed: int = 0

    def as_dict(self) -> dict[str, int]:
        return asdict(self)

    def __str__(self) -> str:
        counts = self.as_dict().items()
        return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts)


@dataclass
class _Cycle:
    clock: Callable[[], datetime]
    pace: Pace
    report: DeliveryReport = field(default_factory=DeliveryReport)
    sessions: dict[str, ChannelSession] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    started: float = field(default_factory=time.monotonic)

    @property
    def is_half_over(self) -> bool:
        return time.monotonic() - self.started >= self.pace.lease / 2

    def session(self, channel: str) -> ChannelSession:
        """The channel's open batch; a channel that cannot even start is down, not ambiguous."""
        if channel not in self.sessions:
            try:
                self.sessions[channel] = CHANNELS[channel]()
            except Exception as error:
                logger.exception("The %s channel cannot start", channel)
                raise DeliveryError(
                    f"The channel cannot start: {error}", channel_down=True
                ) from error
        return self.sessions[channel]

    def close(self) -> None:
        for channel, session in self.sessions.items():
            try:
                session.close()
            except Exception:
                logger.exception("Closing the %s channel failed", channel)


def deliver_due(
    *, now: datetime | None = None, limit: int = 50, pace: Pace = PACE
) -> DeliveryReport:
    """One cycle: settle what was left behind, then send up to `limit` due messages.

    Without `now` the live clock is read at each step; with it, the given instant stands for
    all of them, so that a day can be replayed. Safe beside other senders, and harmless when
    run twice. Not to be called inside a transaction.
    """
    cycle = _Cycle(clock=timezone.now if now is None else lambda: now, pace=pace)
    _settle_left_behind(cycle)
    _call_pending_handlers(cycle)
    cycle.started = time.monotonic()
    try:
        for message in claim(limit=limit, now=cycle.clock(), pace=pace):
            cycle.report.claimed += 1
            _deliver(message, cycle)
    finally:
        cycle.close()
    return cycle.report


def claim(*, limit: int, now: datetime, pace: Pace = PACE) -> list[Message]:
    """Lease up to `limit` due messages, most urgent first; nobody else gets the same ones.

    From each lane only the oldest unsettled message, and none while another is on its way.
    The attempt is counted here, so that a message that kills its sender dies too.
    """
    token = uuid4().hex
    adapt = connection.ops.adapt_datetimefield_value
    parameters = {
        "now": adapt(now),
        "limit": limit,
        "token": token,
        "expires": adapt(_wall_clock() + timedelta(seconds=pace.lease)),
    }
    sql = _CLAIM_POSTGRESQL if connection.vendor == "postgresql" else _CLAIM_SQLITE
    try:
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            ids = [row[0] for row in cursor.fetchall()]
    except IntegrityError:
        # A message of the same lane was brought back and picked up in this very moment.
        logger.info("Lost a lane to another sender; the next cycle sees it")
        return []
    claimed = Message.objects.filter(pk__in=ids, lease_token=token)
    return list(claimed.order_by("-urgency", "next_attempt_at", "id"))


_DUE = """
    SELECT m.id FROM notifications_message m
    WHERE m.state = 'pending' AND m.next_attempt_at <= %(now)s
      AND NOT EXISTS (
        SELECT 1 FROM notifications_message o
        WHERE o.lane = m.lane AND o.state IN ('pending', 'leased', 'sending')
          AND (o.id < m.id OR o.state <> 'pending'))
    ORDER BY m.urgency DESC, m.next_attempt_at, m.id
    LIMIT %(limit)s
"""
_LEASE = """
    UPDATE notifications_message
    SET state = 'leased', attempts = attempts + 1,
        lease_token = %(token)s, lease_expires_at = %(expires)s
"""
# MATERIALIZED: joined as a plain subquery it may run twice and lock more than the limit.
_CLAIM_POSTGRESQL = f"""
    WITH due AS MATERIALIZED ({_DUE} FOR UPDATE OF m SKIP LOCKED)
    {_LEASE} FROM due WHERE notifications_message.id = due.id
    RETURNING notifications_message.id
"""
_CLAIM_SQLITE = f"{_LEASE} WHERE id IN ({_DUE}) AND state = 'pending' RETURNING id"


def _wall_clock() -> datetime:
    """The machine's time: leases ask whether a sender lives, also while a day is replayed."""
    return timezone.now()


def _deliver(message: Message, cycle: _Cycle) -> None:
    """Take one leased message through sending to its record."""
    if message.channel in cycle.down or cycle.is_half_over:
        _release(message, cycle)
        return
    attempt = _start_sending(message, cycle)
    if attempt is None:
        return
    try:
        answer = cycle.session(message.channel).send(message, seconds=cycle.pace.send)
    except DeliveryError as error:
        _record_failure(message, attempt, error, cycle)
    except Exception as error:
        # Nobody knows how far it came: sending again could double it.
        logger.exception("Message %s: the channel failed", message.pk)
        unknown = DeliveryError(f"{type(error).__name__}: {error}", ambiguous=True)
        _record_failure(message, attempt, unknown, cycle)
    else:
        changes = {"state": MessageState.SENT, "sent_at": cycle.clock(), "last_error": ""}
        _record(message, attempt, AttemptOutcome.SENT, answer, changes, cycle)


def _release(message: Message, cycle: _Cycle) -> None:
    """Give a message back unsent; the attempt that was counted did not take place."""
    cycle.report.released += Message.objects.filter(
        pk=message.pk, state=MessageState.LEASED, lease_token=message.lease_token
    ).update(
        state=MessageState.PENDING,
        attempts=F("attempts") - 1,
        lease_token=None,
        lease_expires_at=None,
    )


def _start_sending(message: Message, cycle: _Cycle) -> DeliveryAttempt | None:
    """Move from leased to sending; None when the lease was lost meanwhile."""
    with transaction.atomic(durable=True):
        changed = Message.objects.filter(
            pk=message.pk, state=MessageState.LEASED, lease_token=message.lease_token
        ).update(state=MessageState.SENDING, sending_since=_wall_clock())
        if not changed:
            return None
        return DeliveryAttempt.objects.create(
            message=message, number=message.attempts, started_at=cycle.clock()
        )


def _record_failure(
    message: Message, attempt: DeliveryAttempt, error: DeliveryError, cycle: _Cycle
) -> None:
    text = redact(str(error))
    logger.warning("Message %s to %s: %s", message.pk, message.channel, text)
    changes: dict[str, object] = {"last_error": text}
    if error.ambiguous:
        outcome = AttemptOutcome.UNCERTAIN
        changes["state"] = MessageState.UNCERTAIN
    elif error.permanent or (error.counts and message.attempts >= cycle.pace.max_attempts):
        outcome = AttemptOutcome.REFUSED if error.permanent else AttemptOutcome.DEFERRED
        changes["state"] = MessageState.DEAD
    else:
        outcome = AttemptOutcome.DEFERRED
        changes |= _changes_for_retry(message, error, cycle)
    _record(message, attempt, outcome, text, changes, cycle)
    if error.channel_down:
        _pause_channel(message.channel, error, cycle)


def _changes_for_retry(message: Message, error: DeliveryError, cycle: _Cycle) -> dict[str, object]:
    wait = _backoff(message.attempts, error.retry_after, cycle.pace)
    return {
        "state": MessageState.PENDING,
        "attempts": message.attempts if error.counts else message.attempts - 1,
        "next_attempt_at": cycle.clock() + timedelta(seconds=wait),
    }


def _backoff(attempts: int, retry_after: float | None, pace: Pace) -> float:
    """Seconds to wait: what the other side asked for, or a random share of a growing span."""
    # The exponent is bounded so that a huge number of attempts cannot overflow the float.
    span = min(pace.backoff_cap, pace.backoff_step * 2 ** min(attempts - 1, 30))
    return max(retry_after or 0, random.uniform(0, span))  # noqa: S311


def _pause_channel(channel: str, error: DeliveryError, cycle: _Cycle) -> None:
    """The channel is at fault: nobody knocks again for a moment, and no attempt is burned."""
    cycle.down.add(channel)
    pause = cycle.pace.pause_without_connection
    if not error.counts:
        pause = cycle.pace.pause_without_login
    until = cycle.clock() + timedelta(seconds=max(pause, error.retry_after or 0))
    Message.objects.filter(
        channel=channel,
        state__in=(MessageState.PENDING, MessageState.LEASED),
        next_attempt_at__lt=until,
    ).update(next_attempt_at=until)
    logger.error("The %s channel is paused until %s", channel, until.isoformat())


def _record(
    message: Message,
    attempt: DeliveryAttempt,
    outcome: AttemptOutcome,
    answer: str,
    changes: dict[str, object],
    cycle: _Cycle,
) -> None:
    """Write what came of a send; a busy or restarted database is asked again."""
    for pause in (0.1, 0.5, 2.0):
        try:
            if _record_once(message, attempt, outcome, answer, changes, cycle):
                _count(str(changes["state"]), cycle.report)
            return
        except (OperationalError, InterfaceError):
            logger.warning("Message %s: recording failed, trying again", message.pk, exc_info=True)
            connection.close_if_unusable_or_obsolete()
            time.sleep(pause)
    logger.error("Message %s stays in sending and will become uncertain", message.pk)


def _record_once(
    message: Message,
    attempt: DeliveryAttempt,
    outcome: AttemptOutcome,
    answer: str,
    changes: dict[str, object],
    cycle: _Cycle,
) -> bool:
    now = cycle.clock()
    with transaction.atomic(durable=True):
        # A sweep may have called it uncertain while this sender slept: a sure answer mends it.
        ours = Q(state=MessageState.SENDING, lease_token=message.lease_token) | Q(
            state=MessageState.UNCERTAIN, attempts=message.attempts
        )
        changed = Message.objects.filter(ours, pk=message.pk).update(
            lease_token=None, lease_expires_at=None, sending_since=None, **changes
        )
        DeliveryAttempt.objects.filter(pk=attempt.pk).update(
            ended_at=now, outcome=outcome, answer=redact(answer)
        )
        if not changed:
            return False
        message.refresh_from_db()
        if message.is_settled:
            _tell(message, cycle)
        return True


def _tell(message: Message, cycle: _Cycle) -> None:
    """Call the handlers; when one fails the record stands, and they are called again later."""
    now = cycle.clock()
    try:
        with transaction.atomic():
            call_settled_handlers(message, now=now)
            failed = False
    except Exception:
        logger.exception("Message %s: a handler failed and will be called again", message.pk)
        failed = True
        cycle.report.handlers_failed += 1
    if failed or message.handlers_pending:
        message.handlers_pending = failed
        message.next_attempt_at = now + timedelta(seconds=cycle.pace.handlers_again)
        message.save(update_fields=["handlers_pending", "next_attempt_at"])


def _call_pending_handlers(cycle: _Cycle) -> None:
    pending = Message.objects.filter(handlers_pending=True, next_attempt_at__lte=cycle.clock())
    for pk in pending.values_list("pk", flat=True)[:50]:
        with transaction.atomic(durable=True):
            message = pending.filter(pk=pk).select_for_update(skip_locked=True).first()
            if message is not None:
                _tell(message, cycle)


def _settle_left_behind(cycle: _Cycle) -> None:
    """Bring back expired leases; call expired sendings uncertain, one transaction each."""
    wall = _wall_clock()
    expired = Message.objects.filter(state=MessageState.LEASED, lease_expires_at__lt=wall)
    cycle.report.recovered += expired.filter(attempts__lt=cycle.pace.max_attempts).update(
        state=MessageState.PENDING, lease_token=None, lease_expires_at=None
    )
    for message in expired:
        _settle_expired(
            message, MessageState.DEAD, "Its senders died before sending, time and again.", cycle
        )
    too_old = wall - timedelta(seconds=cycle.pace.grace)
    for message in Message.objects.filter(state=MessageState.SENDING, lease_expires_at__lt=too_old):
        _settle_expired(message, MessageState.UNCERTAIN, "Its sender died while sending.", cycle)


def _settle_expired(message: Message, state: MessageState, error: str, cycle: _Cycle) -> None:
    now = cycle.clock()
    with transaction.atomic(durable=True):
        changed = Message.objects.filter(
            pk=message.pk, state=message.state, lease_token=message.lease_token
        ).update(
            state=state,
            lease_token=None,
            lease_expires_at=None,
            sending_since=None,
            last_error=error,
        )
        if not changed:
            return
        message.delivery_attempts.filter(outcome=AttemptOutcome.STARTED).update(
            ended_at=now, outcome=AttemptOutcome.UNCERTAIN, answer=error
        )
        message.refresh_from_db()
        _tell(message, cycle)
    _count(state, cycle.report)


def _count(state: str, report: DeliveryReport) -> None:
    name = {MessageState.PENDING.value: "retried"}.get(state, state)
    setattr(report, name, getattr(report, name) + 1)
