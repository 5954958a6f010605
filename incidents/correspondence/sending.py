"""Sending client mails, the ten seconds of undo, and what a delivery means (rules M2 to M8)."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from incidents.actors import Actor
from incidents.correspondence.drafts import finish_if_sent
from incidents.correspondence.readiness import blocking_findings, blocking_send
from incidents.correspondence.rendering import (
    next_update_of,
    render_for,
)
from incidents.enums import (
    EntryKind,
    Level,
)
from incidents.errors import ConflictError, Missing, WorkflowError
from incidents.models import (
    Client,
    ClientMail,
    MailDraft,
)
from incidents.taking import Taken, take_step
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
            raise ConflictError("The text was changed meanwhile. Read it again before sending.")
        _refuse_unready(row, now=now)
        mails = row.mails.filter(message__isnull=True).select_related("client")
        if clients is not None:
            mails = mails.filter(client__in=clients)
        if not mails:
            raise WorkflowError("Nobody is left to send this mail to.")
        undo_until = now + dt.timedelta(seconds=settings.MAIL_UNDO_SECONDS)
        sent = Sent()
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
