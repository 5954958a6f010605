"""Messages that wait for a person, and what the person decides about them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import F

from notifications.batches import insert_all, update_rows
from notifications.enums import UNSETTLED, AttemptOutcome, MessageState
from notifications.handlers import call_settled
from notifications.models import DeliveryAttempt, Message

_AT_ONCE = 1000


def hold_all(*, now: datetime) -> int:
    """Hold every unsent message: after a restore nobody knows which of them left meanwhile.

    Each counts as one that may have arrived, so that HubSpot is asked first and Telegram says
    that it is a repeat. Returns how many are held.
    """
    with transaction.atomic():
        unsent = Message.objects.filter(state__in=UNSETTLED)
        messages = list(unsent.select_for_update().order_by("id").only("attempts"))
        note_decisions(messages, AttemptOutcome.HELD, by="", now=now)
        unsent.update(
            state=MessageState.HELD,
            repeats=F("repeats") + 1,
            lease_token=None,
            lease_expires_at=None,
            sending_since=None,
        )
    return len(messages)


def release_held(messages: Iterable[Message], *, by: object, now: datetime) -> int:
    """Let held messages leave, the oldest of each lane first; returns how many were still held."""
    with transaction.atomic():
        held = _lock_held(messages)
        for message in held:
            message.state, message.attempts, message.is_delay_told = MessageState.PENDING, 0, False
            message.due_at = message.next_attempt_at = now
        update_rows(held, ["state", "attempts", "due_at", "next_attempt_at", "is_delay_told"])
        note_decisions(held, AttemptOutcome.RELEASED, by=by, now=now)
    return len(held)


def cancel_held(messages: Iterable[Message], *, by: object, now: datetime) -> int:
    """Held messages that must not leave any more; returns how many were still held."""
    with transaction.atomic():
        held = _lock_held(messages)
        for message in held:
            message.state = MessageState.CANCELLED
        update_rows(held, ["state"])
        note_decisions(held, AttemptOutcome.CANCELLED, by=by, now=now)
        for message in held:
            call_settled(message, now=now)
    return len(held)


def dismiss(message: Message, *, reason: str = "", by: object, now: datetime) -> bool:
    """A failed message needs nothing more, says a person; false when it is no longer failed.

    The floors above heard of the failure when it happened, and are not told again.
    """
    with transaction.atomic():
        changed = Message.objects.filter(pk=message.pk, state=MessageState.DEAD).update(
            state=MessageState.DISMISSED
        )
        if changed:
            note_decisions([message], AttemptOutcome.DISMISSED, by=by, now=now, answer=reason)
    message.refresh_from_db()
    return bool(changed)


def note_decisions(
    messages: Iterable[Message],
    outcome: AttemptOutcome,
    *,
    by: object,
    now: datetime,
    answer: str = "",
) -> None:
    """Put what was decided about the messages, and by whom, beside their attempts."""
    insert_all(
        [
            DeliveryAttempt(
                message=message,
                number=message.attempts,
                started_at=now,
                ended_at=now,
                outcome=outcome,
                answer=answer,
                by=str(by)[:150],
            )
            for message in messages
        ]
    )


def _lock_held(messages: Iterable[Message]) -> list[Message]:
    """Those that are still held, oldest first; asked in pieces, for SQLite's limit of values."""
    wanted = sorted(message.pk for message in messages)
    pieces = [wanted[start : start + _AT_ONCE] for start in range(0, len(wanted), _AT_ONCE)]
    rows = Message.objects.held().select_for_update().order_by("id")
    return [message for piece in pieces for message in rows.filter(pk__in=piece)]
