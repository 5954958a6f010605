"""When a way to a person fails: the same text by their other way, once (rules E10, N1).

Only for the people of the agency. A client's mail is never sent by another channel: its failure
tells the communications owner.
"""

import datetime as dt
from collections.abc import Sequence

from django.db import transaction

from incidents import staff
from incidents.actors import SYSTEM
from incidents.enums import EntryKind
from incidents.models import ClientDigest, ClientMail, Incident, Responder
from incidents.timeline import record
from notifications.enums import Channel, MessageState, Urgency
from notifications.handlers import only_for
from notifications.models import ChannelPause, Message
from notifications.outbox import cancel_message, queue_message

_ADDRESS_FIELDS = {Channel.EMAIL: "email", Channel.TELEGRAM: "telegram_chat"}


def _lost_or_doubtful(ids: Sequence[int]) -> list[int]:
    rows = Message.objects.filter(pk__in=ids, state__in=(MessageState.DEAD, MessageState.UNCERTAIN))
    return list(rows.order_by().values_list("pk", flat=True))


@only_for(_lost_or_doubtful)
def message_settled(message: Message, *, now: dt.datetime) -> None:
    """Called by the outbox: what failed for good goes by the other way, once.

    So does an escalation of which nobody knows whether it arrived: twice is better than never.
    """
    is_lost = message.state == MessageState.DEAD
    is_doubtful = message.state == MessageState.UNCERTAIN and message.escalation_notices.exists()
    person = _reader_of(message) if is_lost or is_doubtful else None
    if person is None:
        return
    word = "failed for good" if is_lost else "may not have arrived"
    replacement = _send_instead(message, person, now=now)
    _note(message, person, replacement, word, now=now)


def message_delayed(message: Message, *, now: dt.datetime) -> None:
    """Called by the outbox when a message is late: urgent ones, and those behind a channel that
    waits for a person, leave by the other way, and the late one is taken back (N1)."""
    if message.state != MessageState.PENDING or not _cannot_wait(message):
        return
    person = _reader_of(message)
    if person is None:
        return
    with transaction.atomic():
        replacement = _send_instead(message, person, now=now)
        # The replacement stands before the other is taken back: nobody counts as unreachable.
        if replacement and not cancel_message(message, now=now):
            # It is leaving at this moment after all.
            transaction.set_rollback(True)
            return
    if replacement:
        _note(message, person, replacement, "is late", now=now)


def recipient_moved(channel: str, old: str, new: str) -> None:
    """Called by the outbox when Telegram gave a group a new id: it is ours from now on."""
    if channel != Channel.TELEGRAM:
        return
    for responder in Responder.objects.filter(telegram_chat=old):
        keep_chat(responder, new, reason="Telegram gave the group a new id")


def keep_chat(responder: Responder, chat: str, *, reason: str) -> None:
    """Store a chat id that no form gave, with the reason in the person's history (A2)."""
    responder.telegram_chat = chat
    # Where the history takes the reason from.
    responder._change_reason = reason  # type: ignore[attr-defined]
    responder.save(update_fields=["telegram_chat"])


def _cannot_wait(message: Message) -> bool:
    if message.urgency >= Urgency.HIGH:
        return True
    return ChannelPause.objects.filter(channel=message.channel, needs_a_person=True).exists()


def _reader_of(message: Message) -> Responder | None:
    """Who of the agency was to read it; None for a client's mail and for a note."""
    notice = message.escalation_notices.select_related("responder").order_by("id").first()
    if notice is not None:
        return notice.responder
    if message.channel not in _ADDRESS_FIELDS or _is_to_a_client(message):
        return None
    field = _ADDRESS_FIELDS[Channel(message.channel)]
    people = Responder.objects.filter(is_active=True, **{field: message.recipient})
    return people.order_by("pk").first()


def _is_to_a_client(message: Message) -> bool:
    owners = (ClientMail, ClientDigest)
    return any(owner.objects.filter(message=message).exists() for owner in owners)


def _send_instead(message: Message, person: Responder, *, now: dt.datetime) -> Message | None:
    """The same text by the other way; None where there is none, or where this was it."""
    ways = staff.addresses_of(person)
    other = next((channel for channel in ways if channel != message.channel), None)
    if other is None or message.replaces_id is not None:
        return None
    replacement = queue_message(
        key=f"instead:{message.pk}:{other}",
        channel=other,
        recipient=ways[other],
        subject=message.subject,
        text=message.text,
        reference=message.reference,
        urgency=Urgency(message.urgency),
        is_demo=message.is_demo,
        now=now,
    )
    replacement.replaces = message
    replacement.save(update_fields=["replaces"])
    return replacement


def _note(
    message: Message,
    person: Responder,
    replacement: Message | None,
    word: str,
    *,
    now: dt.datetime,
) -> None:
    incident = Incident.objects.filter(ref=message.reference).first()
    if incident is None:
        return
    text = f"{message.get_channel_display()} to {person.name} {word}: {message.last_error}"
    text = text.rstrip(" :.") + "."
    if replacement is not None:
        text += f" Sent by {replacement.get_channel_display()} instead."
    else:
        text += " There is no other way to reach them."
    record(incident, EntryKind.STAFF, text, by=SYSTEM, now=now, message=replacement or message)
