"""Sending client mails, the ten seconds of undo, and what a delivery means (rules M2 to M8)."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from incidents import staff
from incidents.actors import SYSTEM, Actor
from incidents.blockers import is_window_over
from incidents.correspondence.drafts import finish_if_sent
from incidents.correspondence.rendering import (
    FieldFinding,
    check_draft,
    missing_fields,
    next_update_of,
    render_for,
)
from incidents.deadlines import start_deadline, stop_deadline, sync_deadlines
from incidents.duties import accept, acknowledge_if_told
from incidents.enums import (
    DeadlineKind,
    EntryKind,
    FixKind,
    Level,
    MailKind,
    Owner,
    Status,
    ToldVia,
    WaiverKind,
)
from incidents.errors import Missing, WorkflowError
from incidents.models import (
    AffectedClient,
    Client,
    ClientMail,
    Incident,
    MailDraft,
    Waiver,
)
from incidents.taking import SAVED_FIELDS, Taken, lock_incident, take_step
from incidents.timeline import record
from incidents.transitions import Step
from notifications.enums import Channel, MessageState, Urgency
from notifications.models import Message
from notifications.outbox import MessageError, cancel_message, queue_message
from notifications.templating import TemplateError


@dataclass(slots=True)
class Sent:
    """The mails that were queued and the clients whose mail is blocked (rule M7)."""

    mails: list[ClientMail] = field(default_factory=list)
    without_contact: list[Client] = field(default_factory=list)
    undo_until: dt.datetime | None = None


def blocking_send(draft: MailDraft, *, now: dt.datetime) -> list[Missing]:
    """What stands between a draft and its Send button, beside the wording."""
    incident = draft.incident
    missing = [Missing(f"Text: {label}", step=Step.DRAFT) for label in missing_fields(draft)]
    if incident.is_breach_suspected and draft.approved_at is None:
        missing.append(Missing("The founder's approval of this text", step=Step.APPROVE))
    if draft.kind == MailKind.RESOLVED:
        missing += _missing_to_say_normal(incident, now=now)
    next_update = next_update_of(draft, now=now)
    if next_update is None and _must_promise(draft):
        missing.append(Missing("The time of the next update", step=Step.DRAFT))
    if next_update is not None and next_update <= now:
        missing.append(Missing("A next update that lies in the future", step=Step.DRAFT))
    return missing


def blocking_findings(draft: MailDraft) -> list[FieldFinding]:
    """Findings that block and are not covered by an override (rules M4, M5)."""
    covered = set(draft.overridden_findings)
    return [
        finding
        for finding in check_draft(draft)
        if finding.is_blocking and finding.fingerprint not in covered
    ]


def override_findings(
    draft: MailDraft,
    *,
    reason: str,
    by: Actor,
    now: dt.datetime,
    certain_fix_at: dt.datetime | None = None,
) -> MailDraft:
    """M5: send in spite of the findings, by name and reason, logged.

    A promise needs the certain fix time, which becomes a deadline when the mail is delivered.
    """
    with take_step(draft.incident, Step.SEND, by=by, now=now) as taken:
        row = MailDraft.objects.select_for_update().get(pk=draft.pk)
        findings = blocking_findings(row)
        if not findings:
            raise WorkflowError("There is no finding to override.")
        if not reason.strip() or taken.by.user is None:
            raise WorkflowError("An override needs a name and a reason.")
        promises = [f for f in findings if f.finding.rule == "promise"]
        fix_at = certain_fix_at or row.certain_fix_at
        if promises and (fix_at is None or fix_at <= now):
            raise WorkflowError("Give the certain fix time: it becomes a deadline of its own.")
        row.certain_fix_at = fix_at if promises else row.certain_fix_at
        row.override_reason, row.overridden_by = reason.strip(), taken.by.user
        row.overridden_findings = [f.fingerprint for f in check_draft(row) if f.is_blocking]
        row.save()
        words = "; ".join(f"{f.finding.rule}: “{f.finding.text}”" for f in findings)
        Waiver.objects.create(
            incident=taken.incident,
            kind=WaiverKind.WORDING,
            reason=row.override_reason,
            by=taken.by.user,
            at=now,
            detail=words[:2000],
        )
        record(
            taken.incident,
            EntryKind.WAIVER,
            f"Wording overridden ({words}): {row.override_reason}",
            by=taken.by,
            now=now,
        )
    draft.refresh_from_db()
    return draft


def send_draft(
    draft: MailDraft,
    *,
    by: Actor,
    now: dt.datetime,
    clients: list[Client] | None = None,
    version: int | None = None,
) -> Sent:
    """SOP steps 3 and 6, rule M3: queue one mail per client, held for the seconds of undo.

    1. Refuse what is missing, and wording that blocks.
    2. Render for each client, in its own zone.
    3. Queue with a unique key; a client without a contact is left out and named (M7).

    Raises WorkflowError with what is missing.
    """
    with take_step(draft.incident, Step.SEND, by=by, now=now) as taken:
        row = MailDraft.objects.select_for_update().select_related("incident").get(pk=draft.pk)
        row.incident = taken.incident
        if version is not None and version != row.version:
            raise WorkflowError("The text was changed meanwhile. Read it again before sending.")
        _refuse_unready(row, now=now)
        mails = row.mails.filter(message__isnull=True).select_related("client")
        if clients is not None:
            mails = mails.filter(client__in=clients)
        if not mails:
            raise WorkflowError("Nobody is left to send this mail to.")
        undo_until = now + dt.timedelta(seconds=settings.MAIL_UNDO_SECONDS)
        sent = Sent(undo_until=undo_until)
        for mail in mails:
            if mail.client.has_contact:
                _queue(mail, row, taken, not_before=undo_until, now=now)
                sent.mails.append(mail)
            else:
                sent.without_contact.append(mail.client)
        if not sent.mails:
            names = ", ".join(client.name for client in sent.without_contact)
            raise WorkflowError(
                f"{names}: no usable contact, so there is nobody to send to.",
                [
                    Missing("An e-mail address", client=client.slug)
                    for client in sent.without_contact
                ],
            )
        finish_if_sent(row, now=now)
    draft.refresh_from_db()
    return sent


def undo_send(draft: MailDraft, *, by: Actor, now: dt.datetime) -> int:
    """M3: take back every mail of this draft that has not left yet; returns how many."""
    with take_step(draft.incident, Step.SEND, by=by, now=now) as taken:
        row = MailDraft.objects.select_for_update().get(pk=draft.pk)
        back = 0
        for mail in row.mails.filter(message__state=MessageState.PENDING).select_related("message"):
            if mail.message and cancel_message(mail.message, now=now):
                mail.message = None
                mail.queued_at = None
                mail.save(update_fields=["message", "queued_at"])
                back += 1
        if not back:
            raise WorkflowError("It has left already and cannot be taken back.")
        row.finished_at = None
        row.save(update_fields=["finished_at"])
        record(
            taken.incident,
            EntryKind.MAIL,
            f"Sending undone for {back} clients.",
            by=taken.by,
            now=now,
        )
    draft.refresh_from_db()
    return back


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
    for promise in incident.deadlines.running().filter(
        kind=DeadlineKind.PROMISE, client=row.client
    ):
        promise.incident = incident
        stop_deadline(promise, at=at, now=now)
    if next_update_at and incident.is_open:
        start_deadline(
            incident,
            kind=DeadlineKind.PROMISE,
            owner=Owner.COMMUNICATIONS,
            due_at=next_update_at,
            client_id=row.client_id,
            now=at,
        )
    acknowledge_if_told(incident, by=SYSTEM, now=now)


def _refuse_unready(draft: MailDraft, *, now: dt.datetime) -> None:
    missing = blocking_send(draft, now=now)
    if missing:
        raise WorkflowError("The mail cannot be sent yet.", missing)
    findings = blocking_findings(draft)
    if findings:
        raise WorkflowError(
            "The wording blocks sending. Rewrite it, or override with a reason.",
            [
                Missing(
                    f"{f.finding.rule.capitalize()}: “{f.finding.text}”. "
                    f"Suggested: {f.finding.suggestion}",
                    step=Step.DRAFT,
                )
                for f in findings
            ],
        )


def _missing_to_say_normal(incident: Incident, *, now: dt.datetime) -> list[Missing]:
    """M8 and SOP step 5: normal again is said once verified, stability included."""
    if incident.verified_at is None:
        return [Missing("The verified fix", step=Step.VERIFY)]
    missing = []
    if not is_window_over(incident, now=now):
        ends_at = incident.verified_at + incident.judged_severity.stability_window
        missing.append(
            Missing(
                f"The stability window runs until {staff.agency_time(ends_at)}", step=Step.WAIVE
            )
        )
    if _rests_on_workaround(incident):
        missing.append(
            Missing("A fix: only a workaround is in place, use the workaround's wording")
        )
    return missing


def _rests_on_workaround(incident: Incident) -> bool:
    kinds = set(incident.fixes.values_list("kind", flat=True))
    return FixKind.WORKAROUND in kinds and not kinds & {FixKind.FIX, FixKind.GUIDANCE}


def _is_the_end(incident: Incident, kind: str) -> bool:
    """A workaround's mail ends it only where the workaround is what was verified."""
    if incident.verified_at is None:
        return False
    return kind == MailKind.RESOLVED or _rests_on_workaround(incident)


def _must_promise(draft: MailDraft) -> bool:
    """M6: the next update is mandatory, but for SEV-4."""
    is_promising = draft.kind in (MailKind.NOTIFICATION, MailKind.UPDATE, MailKind.WORKAROUND)
    return is_promising and draft.incident.level != Level.SEV4


def _queue(
    mail: ClientMail, draft: MailDraft, taken: Taken, *, not_before: dt.datetime, now: dt.datetime
) -> None:
    incident, client = taken.incident, mail.client
    try:
        rendered = render_for(draft, client, now=now)
    except TemplateError as error:
        raise WorkflowError(f"The template of this mail does not render: {error}") from error
    mail.attempt += 1
    mail.message = _into_the_outbox(
        key=f"{incident.ref}:{draft.kind}:{draft.pk}.{mail.attempt}:email:{client.pk}",
        channel=Channel.EMAIL,
        recipient=client.contact_email,
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        reference=incident.ref,
        thread=f"{incident.ref}:{client.slug}",
        urgency=Urgency.HIGH if incident.level == Level.SEV1 else Urgency.NORMAL,
        not_before=not_before,
        is_demo=incident.is_demo,
        now=now,
    )
    mail.queued_at, mail.queued_by = now, taken.by.name
    mail.next_update_at = next_update_of(draft, now=now)
    mail.failed_at = None
    mail.save()
    record(
        incident,
        EntryKind.MAIL,
        f"{draft.get_kind_display()} to {client} sent off: {rendered.subject}",
        by=taken.by,
        now=now,
        client=client,
        message=mail.message,
    )


def _into_the_outbox(**fields: Any) -> Message:
    """Queue a client mail; what no mail can carry is refused in words, not as an error."""
    try:
        return queue_message(**fields)
    except MessageError as error:
        raise WorkflowError(f"This mail cannot be sent: {error}") from error


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
