"""Telling the people of the agency (rules N1 to N3)."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone

from incidents.enums import DeadlineKind
from incidents.flood import add_to_digests, find_flood
from incidents.models import Deadline, Incident, Responder
from notifications.channels.registry import usable_channels
from notifications.enums import Channel, Urgency
from notifications.models import Message
from notifications.outbox import NewMessage, queue_messages


def address_of(responder: Responder) -> tuple[str, str] | None:
    """The chosen channel and address, the other channel where the chosen one cannot be used."""
    return next(iter(addresses_of(responder).items()), None)


def addresses_of(responder: Responder) -> dict[str, str]:
    """Every channel that can reach a person, with the address; the chosen one comes first."""
    addresses = {Channel.EMAIL: responder.email, Channel.TELEGRAM: responder.telegram_chat}
    order = sorted(addresses, key=lambda channel: channel != responder.channel)
    usable = usable_channels()
    return {
        str(channel.value): addresses[channel]
        for channel in order
        if addresses[channel] and channel in usable
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """One thing to tell one person, still to be queued."""

    responder: Responder | None
    event: str
    subject: str
    lines: Sequence[str]
    incident: Incident | None = None
    urgency: Urgency = Urgency.NORMAL
    link: str = ""
    #: One of ``addresses_of``, whatever the person chose.
    channel: str = ""


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
    telling = Telling(
        responder=responder,
        event=event,
        subject=subject,
        lines=lines,
        incident=incident,
        urgency=urgency,
        link=link,
    )
    return tell_many([telling], now=now)[0]


def tell_many(tellings: Sequence[Telling], *, now: dt.datetime) -> list[Message | None]:
    """Queue many messages at once; for each telling its message, in the same order.

    Everything said of ``tell`` holds for each. The number of statements does not grow with the
    number of tellings.
    """
    written = [_write(telling) for telling in tellings]
    flood = find_flood([message for message in written if message], now=now)
    digests = add_to_digests(list(flood.values()), now=now)
    # What a digest could not take in because it has left goes by itself.
    singles = [message for message in written if message and message.key not in digests]
    found = queue_messages(singles, now=now) | digests
    return [found[message.key] if message else None for message in written]


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
    """“Acknowledge”, “Notice to the client (Acme)”; a playbook's duty by its own words."""
    if deadline.kind == DeadlineKind.PLAYBOOK and deadline.note:
        return f"“{deadline.note}”"
    client = f" ({deadline.client})" if deadline.client_id else ""
    return f"{DeadlineKind(deadline.kind).label}{client}"


def clock_time(instant: dt.datetime, responder: Responder) -> str:
    """An instant in a responder's zone, with the zone printed (rule C9)."""
    return f"{instant.astimezone(responder.zone):%a %d %b %H:%M %Z}"


def late_line(expected: dt.datetime, responder: Responder) -> str:
    """For what is told long after its time, because nothing ran that could have told it."""
    return f"This comes late: {clock_time(expected, responder)} was the time for it."


def agency_time(instant: dt.datetime) -> str:
    """An instant in the agency's zone, for texts that many people read (rule C9)."""
    return f"{instant.astimezone(timezone.get_default_timezone()):%a %d %b %Y %H:%M %Z}"


def _write(telling: Telling) -> NewMessage | None:
    """The message of a telling; None when there is no way to reach the person."""
    responder, incident = telling.responder, telling.incident
    ways = addresses_of(responder) if responder else {}
    channel = telling.channel or next(iter(ways), "")
    recipient = ways.get(channel, "")
    if responder is None or not recipient:
        return None
    reference = incident.ref if incident else ""
    return NewMessage(
        key=f"{reference or 'agency'}:{telling.event}:{channel}:{responder.pk}",
        channel=channel,
        recipient=recipient,
        subject=" ".join(_printable(telling.subject).split())[:200],
        text=_printable("\n\n".join([*telling.lines, telling.link or _page_of(incident)])),
        reference=reference,
        urgency=telling.urgency,
        is_demo=bool(incident and incident.is_demo),
    )


def _page_of(incident: Incident | None) -> str:
    return absolute(incident.get_absolute_url()) if incident else settings.SITE_URL


def _printable(text: str) -> str:
    """What somebody typed, without the control characters that no channel carries."""
    if all(line.isprintable() for line in text.split("\n")):
        return text
    return "".join(sign for sign in text if sign.isprintable() or sign in "\n\t")
