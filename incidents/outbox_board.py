"""What the page of the outbox shows: counts by state, paused channels, messages with their
meaning. Reading only; every query leaves out private incidents the reader is not on (W11)."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import QuerySet, Subquery

from incidents.counts import CountOf, capped
from incidents.models import ClientDigest, ClientMail, Incident
from incidents.models.incident import Viewer
from notifications.diagnosis import Diagnosis, diagnose
from notifications.enums import UNSETTLED, Channel, MessageState
from notifications.models import ChannelPause, DeliveryAttempt, Message, OutboxQuerySet

PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class View:
    """One tab: the word in the address, its label, its states."""

    word: str
    label: str
    states: tuple[MessageState, ...]


VIEWS = (
    View("", "All", tuple(MessageState)),
    View("waiting", "Waiting", UNSETTLED),
    View("held", "Held", (MessageState.HELD,)),
    View("uncertain", "Uncertain", (MessageState.UNCERTAIN,)),
    View("failed", "Failed", (MessageState.DEAD,)),
    View("sent", "Delivered", (MessageState.SENT,)),
    View("aside", "Set aside", (MessageState.DISMISSED,)),
    View("cancelled", "Cancelled", (MessageState.CANCELLED,)),
)
VIEW_OF = {view.word: view for view in VIEWS}


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab as it is drawn."""

    word: str
    label: str
    count: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A message with what its last answer means, and the client it speaks to, if any."""

    message: Message
    diagnosis: Diagnosis | None
    client: str


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a set of messages speaks to."""

    clients: tuple[str, ...]
    to_clients: int
    notes: int
    to_staff: int


@dataclass(frozen=True, slots=True)
class Pause:
    """A paused channel, in words."""

    channel: str
    label: str
    diagnosis: Diagnosis
    answer: str
    since: dt.datetime
    until: dt.datetime
    needs_a_person: bool


def visible_messages(viewer: Viewer) -> OutboxQuerySet:
    """Without the messages of private incidents that the reader is not on (rule W11)."""
    return Message.objects.exclude(reference__in=hidden_references(viewer))


def hidden_references(viewer: Viewer) -> QuerySet[Incident, str]:
    visible = Incident.objects.visible_to(viewer).order_by().values("pk")
    private = Incident.objects.filter(is_private=True).order_by()
    return private.exclude(pk__in=visible).values_list("ref", flat=True)


def read_counts(user: User, *, now: dt.datetime) -> dict[str, int]:
    """How many messages stand under each tab, and how many are late, to a cap, in one query."""
    shown = visible_messages(user)
    counts = {
        view.word or "all": CountOf(shown.filter(state__in=view.states) if view.word else shown)
        for view in VIEWS
    }
    counts["stalled"] = CountOf(shown.stalled(at=now))
    row = User.objects.filter(pk=user.pk).order_by().annotate(**counts).values(*counts).first()
    return dict(row or dict.fromkeys(counts, 0))


def tabs_of(counts: dict[str, int], here: str) -> list[Tab]:
    return [
        Tab(view.word, view.label, capped(counts[view.word or "all"]), view.word == here)
        for view in VIEWS
    ]


def read_pauses() -> list[Pause]:
    """The channels at fault now, each with what mends it."""
    return [
        Pause(
            channel=pause.channel,
            label=Channel(pause.channel).label,
            diagnosis=diagnose(channel=pause.channel, answer=pause.reason)
            or Diagnosis("It does not work.", "Look at the log."),
            answer=pause.reason,
            since=pause.since,
            until=pause.until,
            needs_a_person=pause.needs_a_person,
        )
        for pause in ChannelPause.objects.all()
    ]


def rows_of(messages: Iterable[Message]) -> list[Row]:
    """Messages as rows; two queries for the clients, however many rows."""
    messages = list(messages)
    clients = clients_of(messages)
    return [Row(row, diagnosis_of(row), clients.get(row.pk, "")) for row in messages]


def diagnosis_of(message: Message) -> Diagnosis | None:
    """What the last answer means; nothing for one that was delivered after all."""
    if message.state == MessageState.SENT:
        return None
    return diagnose(channel=message.channel, answer=message.last_error, state=message.state)


def audience_of(messages: Iterable[Message]) -> Audience:
    """How many of these messages go to clients, into HubSpot, and to the staff."""
    messages = list(messages)
    clients = clients_of(messages)
    notes = sum(message.channel == Channel.HUBSPOT for message in messages)
    names = tuple(sorted(set(clients.values())))
    return Audience(names, len(clients), notes, len(messages) - len(clients) - notes)


def clients_of(messages: Iterable[Message]) -> dict[int, str]:
    """The clients' names by message, for mails and scheduled updates to clients."""
    keys = [message.pk for message in messages]
    mails = ClientMail.objects.filter(message__in=keys).select_related("client")
    updates = ClientDigest.objects.filter(message__in=keys).select_related("client")
    found = {mail.message_id or 0: mail.client.name for mail in mails}
    return found | {update.message_id or 0: update.client.name for update in updates}


def board_stamp(user: User, *, now: dt.datetime) -> str:
    """What the list depends on: the counts, the newest message and try, and the pauses."""
    facts = {
        "message": Subquery(Message.objects.order_by("-pk").values("pk")[:1]),
        "attempt": Subquery(DeliveryAttempt.objects.order_by("-pk").values("pk")[:1]),
    }
    newest = User.objects.filter(pk=user.pk).order_by().annotate(**facts).values_list(*facts)
    pauses = list(ChannelPause.objects.values_list("channel", "since", "until"))
    return f"{read_counts(user, now=now)}:{list(newest)}:{pauses}"
