"""What the delivery of a scheduled update means (rules M6, M9, W7)."""

import datetime as dt
from collections.abc import Sequence

from django.urls import reverse

from incidents import staff
from incidents.actors import SYSTEM
from incidents.correspondence.settling import mark_told
from incidents.deadlines import sync_deadlines
from incidents.digests.gathering import OVER
from incidents.digests.reading import TEMPLATE
from incidents.enums import DigestPart, EntryKind, Role, Status, ToldVia
from incidents.models import ClientDigest, DigestItem, Responder
from incidents.taking import SAVED_FIELDS, lock_incident
from incidents.timeline import record
from notifications.enums import MessageState, Urgency
from notifications.handlers import only_for
from notifications.models import Message


def _of_updates(ids: Sequence[int]) -> list[int]:
    digests = ClientDigest.objects.order_by().filter(message__in=ids)
    return [pk for pk in digests.values_list("message_id", flat=True) if pk is not None]


@only_for(_of_updates)
def message_settled(message: Message, *, now: dt.datetime) -> None:
    """Called by the outbox when a message was delivered, failed, or may have been delivered.

    Delivered: each incident in it says so, an open promise is kept (M6), and who was never
    notified counts as told of the end (W7). It is no notification (C3) and promises nothing.
    """
    digest = ClientDigest.objects.filter(message=message).select_related("client").first()
    if digest is None or digest.delivered_at is not None:
        return
    if message.state == MessageState.SENT:
        digest.delivered_at = message.sent_at
        digest.save(update_fields=["delivered_at"])
        for item in digest.items.select_related("incident").order_by("incident"):
            _delivered(digest, item, message, now=now)
    elif message.state in (MessageState.DEAD, MessageState.UNCERTAIN):
        _not_delivered(digest, message, now=now)


def _delivered(
    digest: ClientDigest, item: DigestItem, message: Message, *, now: dt.datetime
) -> None:
    incident, client = lock_incident(item.incident, by=SYSTEM), digest.client
    at = digest.delivered_at or now
    row = incident.affected.select_related("client").filter(client=client).first()
    record(
        incident,
        EntryKind.MAIL,
        f"Scheduled update delivered to {client}: {item.text}",
        by=SYSTEM,
        now=now,
        client=client,
        message=message,
    )
    if row is None or incident.status == Status.CANCELLED:
        return
    is_end = item.part == DigestPart.RESOLVED and incident.status in OVER
    if is_end and row.resolution_told_at is None:
        row.resolution_told_at, row.resolution_told_via = at, ToldVia.DIGEST
    mark_told(incident, row, kind=TEMPLATE, via=ToldVia.DIGEST, at=at, now=now)
    incident.save(update_fields=SAVED_FIELDS)
    sync_deadlines(incident, now=now)


def _not_delivered(digest: ClientDigest, message: Message, *, now: dt.datetime) -> None:
    word = "may not have arrived" if message.state == MessageState.UNCERTAIN else "failed for good"
    staff.tell(
        Responder.objects.on_duty(Role.REVENUE, at=now),
        event=f"update-{message.state}:{message.pk}:{message.attempts}",
        subject=f"Scheduled update of {digest.client} {word}",
        lines=[
            f"The server's last answer: {message.last_error}",
            "Settle it in the outbox. Until it is delivered its items stay in the next update.",
        ],
        now=now,
        urgency=Urgency.HIGH,
        link=staff.absolute(reverse("incidents:message", args=[message.pk])),
    )
