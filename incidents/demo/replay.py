"""Plays the stories of the demonstration through the real workflow, on a clock of its own.

Warnings, breaches and deliveries happen at their own instants between the steps, so that the
timeline, the clocks and the outbox are as true as if the days had passed. No server is asked:
the messages of the demonstration are settled here.
"""

import datetime as dt
import heapq
from collections.abc import Callable, Iterator
from itertools import count

from django.db.models import Q, QuerySet

from incidents.actors import Actor, actor_for
from incidents.demo.cast import Cast, read_cast
from incidents.escalation import settle_escalations
from incidents.models import Client, Deadline, DueEscalation, Incident, Responder, System
from incidents.sweeping import settle_due
from notifications.enums import AttemptOutcome, MessageState
from notifications.handlers import call_settled
from notifications.models import DeliveryAttempt, Message

DELIVERED_BY = "demonstration"


class Replay:
    """The clock of the demonstration and short names for whoever takes part."""

    def __init__(self, cast: Cast, *, until: dt.datetime) -> None:
        self.cast = cast
        self.until = until
        self.now = until

    def actor(self, username: str) -> Actor:
        return actor_for(self.cast.users[username])

    def client(self, slug: str) -> Client:
        return self.cast.clients[slug]

    def system(self, slug: str) -> System:
        return self.cast.systems[slug]

    def responder(self, role: str) -> Responder | None:
        return Responder.objects.on_duty(role, at=self.now)

    def play(self, stories: list["Story"]) -> None:
        """Play all stories at once, step by step in the order of time, up to ``until``.

        A story yields the instant of its next step; ``now`` is that instant when it goes on.
        """
        order = count()
        waiting: list[tuple[dt.datetime, int, Iterator[dt.datetime]]] = []
        for story in stories:
            steps = story(self)
            heapq.heappush(waiting, (next(steps), next(order), steps))
        while waiting:
            at, _, steps = heapq.heappop(waiting)
            self._advance(at)
            following = next(steps, None)
            if following is not None:
                heapq.heappush(waiting, (following, next(order), steps))
        self._advance(self.until)
        for message in _own_messages():
            self._deliver(message)

    def _advance(self, to: dt.datetime) -> None:
        """Let everything happen that is due by then, each at its own instant."""
        while (at := _next_event()) is not None and at <= to:
            self.now = at
            for message in _own_messages().filter(due_at__lte=at):
                self._deliver(message)
            for incident in _incidents_due(at):
                settle_due(incident, now=at)
                settle_escalations(incident, now=at)
        self.now = to

    def _deliver(self, message: Message) -> None:
        """Record a message as delivered, the way the outbox does it, without sending it."""
        changed = Message.objects.filter(pk=message.pk, state=MessageState.PENDING).update(
            state=MessageState.SENT, sent_at=self.now, attempts=1, is_demo=True
        )
        if not changed:
            return
        message.refresh_from_db()
        DeliveryAttempt.objects.create(
            message=message,
            number=1,
            started_at=self.now,
            ended_at=self.now,
            outcome=AttemptOutcome.SENT,
            answer="Part of the demonstration: nothing was sent.",
            by=DELIVERED_BY,
        )
        call_settled(message, now=self.now)


Story = Callable[[Replay], Iterator[dt.datetime]]


def _own_messages() -> QuerySet[Message]:
    """Unsent messages of the demonstration. A digest of many warnings has no incident."""
    digests = Q(key__startswith="digest:", recipient__endswith=f"@{read_cast()['domain']}")
    unsent = Message.objects.filter(Q(is_demo=True) | digests, state=MessageState.PENDING)
    return unsent.order_by("due_at", "id")


def _due_deadlines() -> QuerySet[Deadline]:
    running = Deadline.objects.running().filter(incident__is_demo=True, next_event_at__isnull=False)
    return running.order_by("next_event_at", "id")


def _incidents_due(at: dt.datetime) -> QuerySet[Incident]:
    deadlines = _due_deadlines().filter(next_event_at__lte=at)
    escalations = _due_escalations().filter(due_at__lte=at)
    due = Q(deadlines__in=deadlines) | Q(due_escalations__in=escalations)
    return Incident.objects.filter(due).distinct().order_by("id")


def _due_escalations() -> QuerySet[DueEscalation]:
    return DueEscalation.objects.filter(incident__is_demo=True).order_by("due_at", "id")


def _next_event() -> dt.datetime | None:
    """The earliest instant at which a message leaves or a clock has something to say."""
    message, deadline = _own_messages().first(), _due_deadlines().first()
    escalation = _due_escalations().first()
    instants = [message.due_at] if message else []
    instants += [escalation.due_at] if escalation else []
    instants += [deadline.next_event_at] if deadline and deadline.next_event_at else []
    return min(instants, default=None)
