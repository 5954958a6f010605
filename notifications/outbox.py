"""Writing messages into the outbox, and what a person may decide about them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from functools import lru_cache
from uuid import uuid4

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import F

from notifications.batches import insert_new
from notifications.channels.registry import usable_channels
from notifications.enums import AttemptOutcome, Channel, MessageState, Urgency
from notifications.handlers import call_settled
from notifications.holding import note_decisions
from notifications.models import Message

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


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """One rendered message for one recipient, still to be written."""

    key: str
    channel: str
    recipient: str
    text: str
    subject: str = ""
    html: str = ""
    lane: str = ""
    reference: str = ""
    reply_to: str = ""
    thread: str = ""
    urgency: Urgency = Urgency.NORMAL
    not_before: datetime | None = None
    is_demo: bool = False


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
    message = NewMessage(
        key=key,
        channel=channel,
        recipient=recipient,
        subject=subject,
        text=text,
        html=html,
        lane=lane,
        reference=reference,
        reply_to=reply_to,
        thread=thread,
        urgency=urgency,
        not_before=not_before,
        is_demo=is_demo,
    )
    return queue_messages([message], now=now)[key]


def queue_messages(messages: Sequence[NewMessage], *, now: datetime) -> dict[str, Message]:
    """Write many messages in one statement, in the order given; returns them by key.

    Everything said of ``queue_message`` holds for each of them; one that is refused refuses all.
    """
    for message in messages:
        _check(message)
    roots = _thread_roots({message.thread for message in messages if message.thread})
    rows = [_row(message, roots, now=now) for message in messages]
    found = {row.key: row for row in insert_new(rows, unique=["key"])}
    missing = [row.key for row in rows if row.key not in found]
    if missing:
        found.update(Message.objects.in_bulk(missing, field_name="key"))
    return found


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
            note_decisions([message], AttemptOutcome.CONFIRMED, by=by, now=now)
        return _told(message, changed, now=now)


def resend_dead(message: Message, *, by: object, now: datetime) -> bool:
    """Give a failed message a fresh set of attempts; false when it is no longer failed."""
    return _requeue(message, MessageState.DEAD, by=by, now=now)


def _requeue(message: Message, state: MessageState, *, by: object, now: datetime) -> bool:
    with transaction.atomic():
        changed = Message.objects.filter(pk=message.pk, state=state).update(
            state=MessageState.PENDING,
            attempts=0,
            due_at=now,
            next_attempt_at=now,
            is_delay_told=False,
            handlers_pending=False,
            repeats=F("repeats") + (1 if state == MessageState.UNCERTAIN else 0),
        )
        if changed:
            note_decisions([message], AttemptOutcome.REQUEUED, by=by, now=now)
    message.refresh_from_db()
    return bool(changed)


def _told(message: Message, changed: int, *, now: datetime) -> bool:
    message.refresh_from_db()
    if changed:
        call_settled(message, now=now)
    return bool(changed)


def _new_message_id() -> str:
    return f"<{uuid4().hex}@{_domain_of(settings.DEFAULT_FROM_EMAIL)}>"


def _thread_roots(threads: set[str]) -> dict[str, str]:
    """The same made-up first message for every message of a thread, fixed by the first one."""
    domain = _domain_of(settings.DEFAULT_FROM_EMAIL)
    roots = {thread: f"<thread-{uuid4().hex}@{domain}>" for thread in threads}
    if threads:
        earlier = Message.objects.filter(thread__in=threads).exclude(thread="")
        earlier = earlier.exclude(references="")
        # The oldest comes last, and stays.
        roots.update(earlier.order_by("-id").values_list("thread", "references"))
    return roots


@lru_cache(maxsize=8)
def _domain_of(sender: str) -> str:
    return parseaddr(sender)[1].rpartition("@")[2] or "localhost"


def _row(message: NewMessage, roots: dict[str, str], *, now: datetime) -> Message:
    due_at = max(message.not_before, now) if message.not_before else now
    return Message(
        key=message.key,
        channel=message.channel,
        recipient=message.recipient,
        subject=message.subject,
        text=message.text,
        html=message.html,
        lane=_lane(message),
        reference=message.reference,
        reply_to=message.reply_to or settings.REPLY_TO_EMAIL,
        thread=message.thread,
        message_id=_new_message_id(),
        references=roots.get(message.thread, ""),
        urgency=message.urgency,
        due_at=due_at,
        next_attempt_at=due_at,
        created_at=now,
        is_demo=message.is_demo,
    )


def _lane(message: NewMessage) -> str:
    """What goes to one person about one incident over one channel keeps its order."""
    return message.lane or f"{message.channel}:{message.reference}:{message.recipient}"


def _check(message: NewMessage) -> None:
    _check_channel(message.channel)
    _check_lengths(
        key=message.key,
        recipient=message.recipient,
        subject=message.subject,
        lane=_lane(message),
        reference=message.reference,
        thread=message.thread,
    )
    for name, value in (
        ("key", message.key),
        ("subject", message.subject),
        ("thread", message.thread),
    ):
        _check_header(name, value)
    _check_body(message.text, message.html)
    if message.channel == Channel.EMAIL:
        _check_address("recipient", message.recipient)
        if message.reply_to:
            _check_address("reply-to", message.reply_to)


def _check_channel(channel: str) -> None:
    usable = usable_channels()
    if channel not in usable:
        able = ", ".join(usable)
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
