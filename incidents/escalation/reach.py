"""Whether an escalation still reaches somebody, as its messages settle (rule E10)."""

import datetime as dt
from collections.abc import Sequence

from django.db.models import Exists, OuterRef, Q, QuerySet

from incidents.actors import SYSTEM
from incidents.enums import EntryKind
from incidents.models import Escalation, EscalationNotice, Responder
from incidents.timeline import record
from notifications.enums import MessageState
from notifications.handlers import only_for
from notifications.models import Message

#: A message in one of these will reach nobody any more.
LOST = (MessageState.DEAD, MessageState.CANCELLED, MessageState.DISMISSED)


def _of_escalations(ids: Sequence[int]) -> list[int]:
    """Those of the messages that tell of an escalation, themselves or instead of another."""
    notices = EscalationNotice.objects.order_by()
    own = Exists(notices.filter(message=OuterRef("pk")))
    replaced = Exists(notices.filter(message=OuterRef("replaces")))
    messages = Message.objects.filter(own | replaced, pk__in=ids)
    return list(messages.order_by().values_list("pk", flat=True))


@only_for(_of_escalations)
def message_settled(message: Message, *, now: dt.datetime) -> None:
    """Called by the outbox after the fallback had its turn: judge who is reached (E10).

    Every role of the rule needs one message, or one that replaces it, that is delivered or on
    its way. Otherwise the escalation is an alarm on every page, until a later one arrives or
    somebody phones.
    """
    told = Q(notices__message=message) | Q(notices__message__in=_replaced_by(message))
    rows = Escalation.objects.unseen().filter(told).order_by("pk").distinct()
    for row in rows.select_related("rule", "incident"):
        _judge(row, now=now)


def _replaced_by(message: Message) -> list[int]:
    return [message.replaces_id] if message.replaces_id else []


def _judge(row: Escalation, *, now: dt.datetime) -> None:
    is_lost = bool(_unreached_roles(row))
    changed = (
        Escalation.objects.filter(pk=row.pk, is_undeliverable=not is_lost)
        .unseen()
        .update(is_undeliverable=is_lost)
    )
    if changed and row.incident:
        text = "reached nobody: no message can be delivered" if is_lost else "has arrived after all"
        record(row.incident, EntryKind.ESCALATION, f"{row.rule_id} {text}.", by=SYSTEM, now=now)


def _unreached_roles(row: Escalation) -> set[str]:
    """The roles of which nobody has a message that arrived or may still arrive."""
    reached = set(_living(row).values_list("responder__role", flat=True))
    if row.rule.is_ours:
        return set() if reached else {"anybody"}
    return set(row.rule.to_roles) - reached


def _living(row: Escalation) -> QuerySet[EscalationNotice]:
    own = ~Q(message__state__in=LOST)
    replacement = Message.objects.exclude(state__in=LOST).filter(replaces__isnull=False)
    replaced = Q(message__in=replacement.order_by().values("replaces"))
    return EscalationNotice.objects.filter(own | replaced, escalation=row).order_by()


def phone_whom(row: Escalation, *, now: dt.datetime) -> list[Responder]:
    """Whom to phone: those who hold the roles of the rule (E10)."""
    people = [Responder.objects.on_duty(role, at=now) for role in row.rule.to_roles]
    return [person for person in people if person]
