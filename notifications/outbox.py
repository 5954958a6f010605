"""Writing messages into the outbox, and what a person may decide about them."""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import parseaddr
from uuid import uuid4

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.module_loading import import_string

from notifications.channels.registry import CHANNELS
from notifications.enums import AttemptOutcome, Channel, MessageState, Urgency
from notifications.models import DeliveryAttempt, Message

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_IN_A_HEADER = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")
_LENGTHS = {
    "key": 300,
    "recipient": 254,
    "subject": 500,
    "lane": 400,
    "reference": 40,
    "thread": 200,
}


class MessageError(ValueError):
    """A message that no channel could carry; the text says which part is wrong and why."""


def queue_message(
    *,
    key: str,
    channel: str,
    recipient: str,
    subject: str = "",
    text: str,
    html: str = "",
    lane: str = "",
    reference: str = "",
    reply_to: str = "",
    thread: str = "",
    urgency: Urgency = Urgency.NORMAL,
    not_before: datetime | None = None,
    is_demo: bool = False,
    now: datetime,
) -> Message:
    """Write one rendered message for one recipient, in the caller's transaction.

    The same key again returns the message that exists, unchanged, so that a step done twice
    sends once. The engine looks every second, so nothing needs to be nudged. Raises
    MessageError on a header with a line break, anything but exactly one address, control
    characters, or a channel that cannot deliver yet.
    """
    lane = lane or f"{channel}:{reference}:{recipient}"
    _check_channel(channel)
    _check_lengths(
        key=key, recipient=recipient, subject=subject, lane=lane, reference=reference, thread=thread
    )
    for name, value in {"key": key, "subject": subject, "thread": thread}.items():
        _check_header(name, value)
    _check_body(text, html)
    if channel == Channel.EMAIL:
        _check_address("recipient", recipient)
        if reply_to:
            _check_address("reply-to", reply_to)
    due_at = max(not_before, now) if not_before else now
    message, _ = Message.objects.get_or_create(
        key=key,
        defaults={
            "channel": channel,
            "recipient": recipient,
            "subject": subject,
            "text": text,
            "html": html,
            "lane": lane,
            "reference": reference,
            "reply_to": reply_to or settings.REPLY_TO_EMAIL,
            "thread": thread,
            "message_id": _new_message_id(),
            "references": _thread_root(thread) if thread else "",
            "urgency": urgency,
            "due_at": due_at,
            "next_attempt_at": due_at,
            "created_at": now,
            "is_demo": is_demo,
        },
    )
    return message


def cancel_message(message: Message, *, now: datetime) -> bool:
    """Take back a message that nobody has picked up yet (the ten-second undo of M3).

    False when it has left, or is leaving: then it counts as sent, whatever comes of it.
    """
    with transaction.atomic():
        # Skipping a locked row keeps this from waiting for a sender who waits for our caller.
        rows = Message.objects.filter(pk=message.pk, state=MessageState.PENDING)
        if not list(rows.select_for_update(skip_locked=True).values_list("pk")):
            return False
        changed = rows.update(state=MessageState.CANCELLED)
        return _told(message, changed, now=now)


def settle_uncertain(message: Message, *, arrived: bool, by: object, now: datetime) -> bool:
    """Close an uncertain message: it arrived, or it is sent again under its old Message-ID.

    An arrived one counts as sent when it was handed over, not when the person looked.
    False when it was settled by somebody else meanwhile.
    """
    if not arrived:
        return _requeue(message, MessageState.UNCERTAIN, by=by, now=now)
    with transaction.atomic():
        last_try = message.delivery_attempts.filter(outcome=AttemptOutcome.UNCERTAIN).last()
        changed = Message.objects.filter(pk=message.pk, state=MessageState.UNCERTAIN).update(
            state=MessageState.SENT, sent_at=last_try.started_at if last_try else now
        )
        if changed:
            _note_decision(message, AttemptOutcome.CONFIRMED, by=by, now=now)
        return _told(message, changed, now=now)


def resend_dead(message: Message, *, by: object, now: datetime) -> bool:
    """Give a failed message a fresh set of attempts; false when it is no longer failed."""
    return _requeue(message, MessageState.DEAD, by=by, now=now)


def call_settled_handlers(message: Message, *, now: datetime) -> None:
    """Tell the floors above that a message is sent, uncertain, dead or cancelled.

    Runs in the transaction that records it; each handler is `handler(message, *, now)`.
    """
    for path in settings.MESSAGE_SETTLED_HANDLERS:
        import_string(path)(message, now=now)


def _requeue(message: Message, state: MessageState, *, by: object, now: datetime) -> bool:
    with transaction.atomic():
        changed = Message.objects.filter(pk=message.pk, state=state).update(
            state=MessageState.PENDING,
            attempts=0,
            due_at=now,
            next_attempt_at=now,
            handlers_pending=False,
        )
        if changed:
            _note_decision(message, AttemptOutcome.REQUEUED, by=by, now=now)
    message.refresh_from_db()
    return bool(changed)


def _told(message: Message, changed: int, *, now: datetime) -> bool:
    message.refresh_from_db()
    if changed:
        call_settled_handlers(message, now=now)
    return bool(changed)


def _note_decision(message: Message, outcome: AttemptOutcome, *, by: object, now: datetime) -> None:
    DeliveryAttempt.objects.create(
        message=message,
        number=message.attempts,
        started_at=now,
        ended_at=now,
        outcome=outcome,
        by=str(by)[:150],
    )


def _new_message_id() -> str:
    return f"<{uuid4().hex}@{_our_domain()}>"


def _thread_root(thread: str) -> str:
    """The same made-up first message for every message of a thread, fixed by the first one."""
    earlier = Message.objects.filter(thread=thread).exclude(references="").order_by("id").first()
    return earlier.references if earlier else f"<thread-{uuid4().hex}@{_our_domain()}>"


def _our_domain() -> str:
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"


def _check_channel(channel: str) -> None:
    if channel not in CHANNELS:
        able = ", ".join(CHANNELS)
        raise MessageError(f"The channel {channel} cannot deliver yet; there is: {able}.")


def _check_lengths(**parts: str) -> None:
    for name, value in parts.items():
        limit = _LENGTHS[name]
        if len(value) > limit:
            raise MessageError(f"The {name} has {len(value)} characters; {limit} are allowed.")


def _check_header(name: str, value: str) -> None:
    if _IN_A_HEADER.search(value):
        raise MessageError(f"The {name} contains a line break or control character.")


def _check_body(text: str, html: str) -> None:
    if not text.strip():
        raise MessageError("The message has no text.")
    if _CONTROL.search(text) or _CONTROL.search(html):
        raise MessageError("The message contains a control character such as NUL.")


def _check_address(name: str, address: str) -> None:
    try:
        validate_email(address)
    except ValidationError as error:
        raise MessageError(
            f"The {name} must be exactly one e-mail address, without a display name."
        ) from error
