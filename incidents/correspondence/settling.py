"""What a delivery means: clients are told, clocks stop, promises are kept or made (C3, M6)."""

import datetime as dt
from collections.abc import Sequence

from incidents import staff
from incidents.actors import SYSTEM
from incidents.correspondence.readiness import rests_on_workaround
from incidents.deadlines import start_deadline, sync_deadlines
from incidents.duties import accept, acknowledge_if_told
from incidents.enums import (
    DeadlineKind,
    EntryKind,
    MailKind,
    Owner,
    Status,
    ToldVia,
)
from incidents.models import (
    AffectedClient,
    ClientMail,
    Incident,
    MailDraft,
)
from incidents.promises import keep_promises, make_promise
from incidents.taking import SAVED_FIELDS, lock_incident
from incidents.timeline import record
from notifications.enums import MessageState, Urgency
from notifications.handlers import only_for
from notifications.models import Message


def _of_client_mails(ids: Sequence[int]) -> list[int]:
    mails = ClientMail.objects.order_by().filter(message__in=ids)
    return list(mails.values_list("message_id", flat=True))


@only_for(_of_client_mails)
def message_settled(message: Message, *, now: dt.datetime) -> None:
    """Called by the outbox when a message was delivered, failed, or may have been delivered.

    Delivered: the client counts as told, clocks stop, promises are kept or made. Otherwise the
    communications owner hears of it, and nothing counts as told (rule C3).
    """
    mail = (
        ClientMail.objects.filter(message=message)
        .select_related("draft__incident", "client")
        .first()
    )
    if mail is None or message.state == MessageState.CANCELLED:
        return
    if mail.delivered_at is not None:
        return
    incident = lock_incident(mail.draft.incident, by=SYSTEM)
    if message.state == MessageState.SENT:
        mail.delivered_at = message.sent_at
        mail.save(update_fields=["delivered_at"])
        _delivered(incident, mail, message, now=now)
    else:
        mail.failed_at = now
        mail.save(update_fields=["failed_at"])
        _not_delivered(incident, mail, message, now=now)


def mark_told(
    incident: Incident,
    row: AffectedClient,
    *,
    kind: str,
    via: str,
    at: dt.datetime,
    now: dt.datetime,
    next_update_at: dt.datetime | None = None,
) -> None:
    """A client has heard from us: clocks stop, open promises are kept, a new one is made (M6)."""
    if kind == MailKind.NOTIFICATION and row.told_at is None:
        row.told_at, row.told_via = at, via
    if kind == MailKind.NOTIFICATION and incident.accepted_at is None:
        accept(incident, at=at)
    if kind in (MailKind.RESOLVED, MailKind.WORKAROUND) and _is_the_end(incident, kind):
        row.resolution_told_at, row.resolution_told_via = at, via
    if kind == MailKind.POSTMORTEM:
        row.postmortem_told_at = at
    row.save()
    keep_promises(incident, row.client, at=at, now=now)
    if next_update_at and incident.is_open:
        make_promise(incident, row.client, due_at=next_update_at, at=at)
    acknowledge_if_told(incident, by=SYSTEM, now=now)


def _is_the_end(incident: Incident, kind: str) -> bool:
    """A workaround's mail ends it only where the workaround is what was verified."""
    if incident.verified_at is None:
        return False
    return kind == MailKind.RESOLVED or rests_on_workaround(incident)


def _delivered(incident: Incident, mail: ClientMail, message: Message, *, now: dt.datetime) -> None:
    draft, client = mail.draft, mail.client
    row = incident.affected.select_related("client").filter(client=client).first()
    text = f"{draft.get_kind_display()} delivered to {client}."
    if mail.next_update_at:
        text += f" Next update promised for {staff.agency_time(mail.next_update_at)}."
    record(incident, EntryKind.MAIL, text, by=SYSTEM, now=now, client=client, message=message)
    if row is None:
        return
    at = mail.delivered_at or now
    mark_told(
        incident,
        row,
        kind=draft.kind,
        via=ToldVia.MAIL,
        at=at,
        now=now,
        next_update_at=mail.next_update_at,
    )
    _track_certain_fix(incident, draft, now=now)
    incident.save(update_fields=SAVED_FIELDS)
    if incident.status != Status.CANCELLED:
        sync_deadlines(incident, now=now)


def _track_certain_fix(incident: Incident, draft: MailDraft, *, now: dt.datetime) -> None:
    """M5: a fix time that was promised as certain is a deadline, once per time."""
    fix_at = draft.certain_fix_at
    if fix_at is None or not draft.overridden_findings:
        return
    known = incident.deadlines.filter(kind=DeadlineKind.CERTAIN_FIX, due_at=fix_at)
    if not known.exists() and incident.verified_at is None:
        start_deadline(
            incident,
            kind=DeadlineKind.CERTAIN_FIX,
            owner=Owner.TECHNICAL,
            due_at=fix_at,
            now=now,
            note=f"Promised in the {draft.get_kind_display().lower()}",
        )


def _not_delivered(
    incident: Incident, mail: ClientMail, message: Message, *, now: dt.datetime
) -> None:
    is_uncertain = message.state == MessageState.UNCERTAIN
    word = "may not have arrived" if is_uncertain else "failed for good"
    record(
        incident,
        EntryKind.MAIL,
        f"{mail.draft.get_kind_display()} to {mail.client} {word}: {message.last_error}",
        by=SYSTEM,
        now=now,
        client=mail.client,
        message=message,
    )
    staff.tell(
        incident.communications_owner,
        event=f"mail-{message.state}:{message.pk}:{message.attempts}",
        subject=f"Mail to {mail.client} {word}: {incident.ref}",
        lines=[
            f"The server's last answer: {message.last_error}",
            "Settle it in the outbox, or tell the client another way and record it.",
        ],
        now=now,
        incident=incident,
        urgency=Urgency.HIGH,
    )
