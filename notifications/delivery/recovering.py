"""What senders left behind that died: expired leases, and sendings without a record."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from notifications.delivery.claiming import wall_clock
from notifications.delivery.sending import Clock
from notifications.enums import (
    REPEATED_WHEN_UNCLEAR,
    SETTLED,
    AttemptOutcome,
    Channel,
    MessageState,
)
from notifications.models import DeliveryAttempt, Message
from notifications.pace import DeliveryReport, Pace

_DIED_BEFORE = "Its senders died before sending, time and again."
_DIED_SENDING = "Its sender died while sending."


def recover_left_behind(*, clock: Clock, pace: Pace, report: DeliveryReport) -> None:
    """Bring back expired leases, and settle expired sendings, one transaction each.

    Nothing was sent under a lease. What was being sent may have arrived: a mail becomes
    uncertain, the other channels look first or say that it is a repeat.
    """
    wall = wall_clock()
    expired = Message.objects.filter(state=MessageState.LEASED, lease_expires_at__lt=wall)
    report.recovered += expired.filter(attempts__lt=pace.max_attempts).update(
        state=MessageState.PENDING, lease_token=None, lease_expires_at=None
    )
    for message in expired:
        _settle(message, MessageState.DEAD, _DIED_BEFORE, clock, report)
    for channel in Channel:
        too_old = wall - timedelta(seconds=pace.of(channel).grace)
        for message in Message.objects.filter(
            state=MessageState.SENDING, channel=channel, lease_expires_at__lt=too_old
        ):
            state = _after_unclear(message, pace)
            _settle(message, state, _DIED_SENDING, clock, report)


def _after_unclear(message: Message, pace: Pace) -> MessageState:
    if message.channel not in REPEATED_WHEN_UNCLEAR:
        return MessageState.UNCERTAIN
    return MessageState.PENDING if message.attempts < pace.max_attempts else MessageState.DEAD


def _settle(
    message: Message,
    state: MessageState,
    error: str,
    clock: Clock,
    report: DeliveryReport,
) -> None:
    now, before, since = clock(), message.state, message.sending_since
    was_sending = before == MessageState.SENDING
    message.repeats += was_sending and message.channel in REPEATED_WHEN_UNCLEAR
    with transaction.atomic(durable=True):
        changed = Message.objects.filter(
            pk=message.pk, state=before, lease_token=message.lease_token
        ).update(
            state=state,
            repeats=message.repeats,
            lease_token=None,
            lease_expires_at=None,
            sending_since=None,
            last_error=error,
            handlers_pending=state in SETTLED,
            next_attempt_at=now,
        )
        if not changed:
            return
        DeliveryAttempt.objects.create(
            message=message,
            number=message.attempts,
            started_at=since or now,
            ended_at=now,
            outcome=AttemptOutcome.UNCERTAIN if was_sending else AttemptOutcome.DEFERRED,
            answer=error,
        )
    report.count("repeated" if state == MessageState.PENDING else state)
