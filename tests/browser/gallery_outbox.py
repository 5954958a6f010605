"""Sights of what could not be delivered, and of escalations that reached nobody."""

import datetime as dt
from typing import Any

from django.urls import reverse
from django.utils import timezone

from incidents.enums import Status
from incidents.models import Escalation, Incident
from notifications.enums import AttemptOutcome, Channel, MessageState
from notifications.models import ChannelPause, DeliveryAttempt, Message
from tests.browser.sight import Sight
from tests.factories import make_message

OUTCOMES = {MessageState.UNCERTAIN: AttemptOutcome.UNCERTAIN}


def outbox_sights() -> list[Sight]:
    """Messages in every state, a paused channel, and what is asked before held ones leave.

    Comes last: what is held or paused is told on every page from then on.
    """
    alfred = "alfred"
    listed, held_page = reverse("incidents:outbox"), reverse("incidents:outbox-held")
    failed = _message(MessageState.DEAD, "550 5.1.1 user unknown")
    lost = "The connection broke after the mail was sent: connection reset."
    uncertain = _message(MessageState.UNCERTAIN, lost)
    replacement = _message(MessageState.SENT, replaces=failed, receipt="250 queued", repeats=1)
    _message(MessageState.DISMISSED, "552 5.2.2 mailbox full")
    _message(MessageState.CANCELLED)
    return [
        Sight("message-failed", reverse("incidents:message", args=[failed.pk]), alfred),
        Sight("message-uncertain", reverse("incidents:message", args=[uncertain.pk]), alfred),
        Sight("message-replaced", reverse("incidents:message", args=[replacement.pk]), "devin"),
        Sight("outbox-nothing", f"{listed}?q=nothingisnamedlikethis", alfred),
        Sight("outbox-failed", f"{listed}?state=failed", "rick", is_twin=True),
        Sight("outbox-troubled", listed, alfred, prepare=_trouble),
        Sight("outbox-reading", listed, "devin", prepare=_trouble),
        Sight("outbox-held", f"{listed}?state=held", alfred, prepare=_trouble),
        Sight("outbox-release", f"{held_page}?do=release&all=on", alfred, prepare=_trouble),
        Sight(
            "outbox-cancel", f"{held_page}?do=cancel&all=on", alfred, prepare=_trouble, is_twin=True
        ),
    ]


def _message(state: MessageState, error: str = "", **fields: Any) -> Message:
    now = timezone.now()
    incident = Incident.objects.get(status=Status.INVESTIGATING)
    instants = {"created_at": now, "due_at": now, "next_attempt_at": now}
    if state == MessageState.SENT:
        instants["sent_at"] = now
    message = make_message(
        state=state,
        subject=f"Issue with your CRM sync: {state.label.lower()}",
        reference=incident.ref,
        last_error=error,
        attempts=int(bool(error)),
        **(instants | fields),
    )
    if error:
        DeliveryAttempt.objects.create(
            message=message,
            number=1,
            started_at=now,
            ended_at=now,
            outcome=OUTCOMES.get(state, AttemptOutcome.REFUSED),
            answer=error,
        )
    return message


def _trouble() -> None:
    """Held messages and a refused token, once."""
    if Message.objects.held().exists():
        return
    _message(MessageState.HELD, recipient="mara@haldensolar.example")
    _message(MessageState.HELD, channel=Channel.HUBSPOT, recipient="4711")
    now = timezone.now()
    ChannelPause.objects.create(
        channel=Channel.TELEGRAM,
        reason="401 Unauthorized",
        since=now,
        until=now + dt.timedelta(minutes=4),
        needs_a_person=True,
    )


def escalated_sights() -> list[Sight]:
    """Last, because the alarm stands on every page from then on."""
    listed = reverse("incidents:escalations")
    unseen = Escalation.objects.unseen().latest("pk")
    phone = reverse("incidents:escalation-phone", args=[unseen.pk])
    return [
        Sight("escalations", listed, "clayton"),
        Sight("escalations-alarm", listed, "rick", prepare=_lose_a_message),
        Sight("escalation-phone", phone, "rick"),
    ]


def _lose_a_message() -> None:
    """E10: of the newest escalation no message can be delivered."""
    newest = Escalation.objects.unseen().latest("pk")
    Escalation.objects.filter(pk=newest.pk).update(is_undeliverable=True)
