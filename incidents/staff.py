"""Telling the people of the agency (rules N1 to N3)."""

import datetime as dt

from django.conf import settings
from django.utils import timezone

from incidents.enums import DeadlineKind
from incidents.models import Deadline, Incident, Policy, Responder
from notifications.channels.registry import CHANNELS
from notifications.enums import Channel, MessageState, Urgency
from notifications.models import Message
from notifications.outbox import queue_message

FLOOD_WINDOW = dt.timedelta(minutes=10)


def address_of(responder: Responder) -> tuple[str, str] | None:
    """The chosen channel and address, the other channel where the chosen one cannot be used."""
    addresses = {Channel.EMAIL: responder.email, Channel.TELEGRAM: responder.telegram_chat}
    order = sorted(addresses, key=lambda channel: channel != responder.channel)
    for channel in order:
        if addresses[channel] and channel in CHANNELS:
            return channel, addresses[channel]
    return None


def tell(
    responder: Responder | None,
    *,
    event: str,
    subject: str,
    lines: list[str],
    now: dt.datetime,
    incident: Incident | None = None,
    urgency: Urgency = Urgency.NORMAL,
    link: str = "",
) -> Message | None:
    """Queue one message to one person, once per event; None when there is no way to reach them.

    ``event`` makes the message unique together with the incident and the person: nobody is told
    twice of the same thing (rule N1).
    """
    address = address_of(responder) if responder else None
    if responder is None or address is None:
        return None
    channel, recipient = address
    reference = incident.ref if incident else ""
    key = f"{reference or 'agency'}:{event}:{channel}:{responder.pk}"
    page = link or (absolute(incident.get_absolute_url()) if incident else settings.SITE_URL)
    text = _printable("\n\n".join([*lines, page]))
    subject = " ".join(_printable(subject).split())[:200]
    is_demo = bool(incident and incident.is_demo)
    if urgency == Urgency.LOW and _is_flooded(recipient, now=now):
        digest = _digest(channel, recipient, is_demo=is_demo, now=now)
        return _add_to_digest(digest, f"- {subject} [{key}]\n{text}", mark=f"[{key}]")
    return queue_message(
        key=key,
        channel=channel,
        recipient=recipient,
        subject=subject,
        text=text,
        reference=reference,
        urgency=urgency,
        is_demo=is_demo,
        now=now,
    )


def absolute(path: str) -> str:
    """The full address of a page, for messages."""
    return f"{settings.SITE_URL.rstrip('/')}{path}"


def next_deadline_line(incident: Incident, responder: Responder) -> str:
    """The next running deadline of an incident in the reader's own zone (rules N1, C9)."""
    deadline = incident.deadlines.running().exclude(kind=DeadlineKind.TRIAGE).first()
    if deadline is None:
        return "No deadline is running."
    return f"Next deadline: {name_deadline(deadline)}, {clock_time(deadline.due_at, responder)}."


def name_deadline(deadline: Deadline) -> str:
    """“Acknowledge”, “Notice to the client (Acme)”."""
    client = f" ({deadline.client})" if deadline.client_id else ""
    return f"{deadline.get_kind_display()}{client}"


def clock_time(instant: dt.datetime, responder: Responder) -> str:
    """An instant in a responder's zone, with the zone printed (rule C9)."""
    return f"{instant.astimezone(responder.zone):%a %d %b %H:%M %Z}"


def agency_time(instant: dt.datetime) -> str:
    """An instant in the agency's zone, for texts that many people read (rule C9)."""
    return f"{instant.astimezone(timezone.get_default_timezone()):%a %d %b %Y %H:%M %Z}"


def _printable(text: str) -> str:
    """What somebody typed, without the control characters that no channel carries."""
    return "".join(sign for sign in text if sign.isprintable() or sign in "\n\t")


def _is_flooded(recipient: str, *, now: dt.datetime) -> bool:
    recent = Message.objects.filter(recipient=recipient, created_at__gt=now - FLOOD_WINDOW)
    return recent.count() >= Policy.current().flood_limit


def _digest(channel: str, recipient: str, *, is_demo: bool, now: dt.datetime) -> Message:
    """The one message that gathers what would have been a flood (rule N1).

    It waits for the end of its ten minutes.
    """
    seconds = int(FLOOD_WINDOW.total_seconds())
    window = int(now.timestamp()) // seconds
    return queue_message(
        key=f"digest:{'demo:' if is_demo else ''}{channel}:{recipient}:{window}",
        channel=channel,
        recipient=recipient,
        subject="Several warnings",
        text="These came within ten minutes:",
        not_before=dt.datetime.fromtimestamp((window + 1) * seconds, dt.UTC),
        urgency=Urgency.LOW,
        is_demo=is_demo,
        now=now,
    )


def _add_to_digest(digest: Message, line: str, *, mark: str) -> Message:
    """Add a line while the digest waits, once per mark."""
    if digest.state == MessageState.PENDING and mark not in digest.text:
        digest.text = f"{digest.text}\n\n{line}"
        Message.objects.filter(pk=digest.pk, state=MessageState.PENDING).update(text=digest.text)
    return digest
