"""Drafts: prepared by the system, written by the communications owner (rules M1, M3, M7)."""

import datetime as dt
from collections.abc import Iterable, Mapping

from incidents import staff
from incidents.actors import SYSTEM, Actor
from incidents.correspondence.rendering import DRAFT_FIELDS
from incidents.duties import premium_clients_owed_postmortem
from incidents.enums import EntryKind, FixKind, MailKind
from incidents.errors import ConflictError, Missing, WorkflowError
from incidents.models import Client, ClientMail, Incident, MailDraft, System
from incidents.playbooks.questions import questions_to_ask
from incidents.taking import take_step
from incidents.timeline import record
from incidents.transitions import Step
from notifications.enums import Urgency

#: Copied from the last mail of the incident, so that nobody types them twice.
CARRIED_OVER = ("brief", "system_name")


def prepare_notification(
    incident: Incident, clients: Iterable[Client] | None, *, now: dt.datetime
) -> MailDraft | None:
    """W3: a notice draft for the clients given, or for every affected client not told yet.

    Called with the incident locked. A client without a usable contact gets a task instead (M7).
    """
    rows = incident.affected.filter(told_at__isnull=True).select_related("client")
    if clients is not None:
        rows = rows.filter(client__in=list(clients))
    waiting = [row.client for row in rows]
    drafted = ClientMail.objects.filter(
        draft__incident=incident, draft__kind=MailKind.NOTIFICATION, draft__is_discarded=False
    ).values_list("client", flat=True)
    waiting = [client for client in waiting if client.pk not in set(drafted)]
    if not waiting:
        return None
    draft = _open_draft(incident, MailKind.NOTIFICATION, by=SYSTEM, now=now)
    _add_mails(draft, waiting)
    names = ", ".join(client.name for client in waiting)
    record(incident, EntryKind.DRAFT, f"Notice drafted for {names}.", by=SYSTEM, now=now)
    for client in waiting:
        if not client.has_contact:
            _raise_contact_task(incident, client, now=now)
    _tell_draft_waits(incident, draft, now=now)
    return draft


def start_draft(
    incident: Incident,
    *,
    kind: str,
    clients: list[Client],
    by: Actor,
    now: dt.datetime,
) -> MailDraft:
    """Begin a mail of a kind, or go on with the one that is open, for these clients."""
    with take_step(incident, Step.DRAFT, by=by, now=now) as taken:
        row = taken.incident
        _check_kind(row, kind)
        affected = {a.client_id for a in row.affected.all()}
        for client in clients:
            if client.pk not in affected:
                raise WorkflowError(f"{client} is not affected by {row.ref}.")
        if not clients:
            raise WorkflowError("Choose at least one client.")
        draft = _open_draft(row, kind, by=taken.by, now=now)
        _add_mails(draft, clients)
        names = ", ".join(client.name for client in clients)
        record(
            row,
            EntryKind.DRAFT,
            f"{draft.get_kind_display()} drafted for {names}.",
            by=taken.by,
            now=now,
        )
    return draft


def edit_draft(
    draft: MailDraft,
    values: Mapping[str, object],
    *,
    by: Actor,
    now: dt.datetime,
    version: int | None = None,
) -> MailDraft:
    """Change what the mails say; an approval of an older text is void.

    Raises ConflictError where somebody saved a newer text meanwhile.
    """
    with take_step(draft.incident, Step.DRAFT, by=by, now=now) as taken:
        row = MailDraft.objects.select_for_update().get(pk=draft.pk)
        if not row.is_open:
            raise WorkflowError("This mail is finished. Start a new one.")
        if version is not None and version != row.version:
            raise ConflictError(
                f"{row.updated_by or 'Somebody'} saved a newer text of this mail at "
                f"{staff.agency_time(row.updated_at)}. Your text is kept below; compare, then save."
            )
        allowed = {*DRAFT_FIELDS[MailKind(row.kind)], "next_update_at", "certain_fix_at"}
        for name, value in values.items():
            if name in allowed:
                setattr(row, name, value.strip() if isinstance(value, str) else value)
        if row.data_loss and row.data_loss != taken.incident.data_loss:
            taken.incident.data_loss = row.data_loss
        row.version += 1
        row.updated_at, row.updated_by = now, taken.by.name
        row.approved_at = row.approved_by = None
        row.save()
    draft.refresh_from_db()
    return draft


def approve_draft(
    draft: MailDraft, *, by: Actor, now: dt.datetime, version: int | None = None
) -> MailDraft:
    """W11: the founder approves the present text of a private incident's mail.

    Raises ConflictError where it is not the text of ``version``, the one that was read.
    """
    with take_step(draft.incident, Step.APPROVE, by=by, now=now) as taken:
        row = MailDraft.objects.select_for_update().get(pk=draft.pk)
        if version is not None and version != row.version:
            raise ConflictError("The text was changed meanwhile. Read it again before approving.")
        if not row.is_open:
            raise WorkflowError("This mail is finished.")
        row.approved_at, row.approved_by = now, taken.by.user
        row.save(update_fields=["approved_at", "approved_by"])
        record(
            taken.incident,
            EntryKind.DRAFT,
            f"{row.get_kind_display()} approved.",
            by=taken.by,
            now=now,
        )
    draft.refresh_from_db()
    return draft


def discard_draft(draft: MailDraft, *, by: Actor, now: dt.datetime) -> None:
    """Throw away what was not sent; sent mails stay as they are."""
    with take_step(draft.incident, Step.DRAFT, by=by, now=now) as taken:
        row = MailDraft.objects.select_for_update().get(pk=draft.pk)
        if not row.is_open:
            raise WorkflowError("This mail is finished already.")
        _discard(row, by=taken.by, now=now)


def discard_open_drafts(incident: Incident, *, by: Actor, now: dt.datetime) -> None:
    """At the end of an incident nothing half written is left to be sent by mistake."""
    for draft in incident.drafts.filter(finished_at__isnull=True):
        _discard(draft, by=by, now=now)


def finish_if_sent(draft: MailDraft, *, now: dt.datetime) -> None:
    """A draft is finished once each of its clients has a mail in the outbox."""
    if draft.is_open and not draft.mails.filter(message__isnull=True).exists():
        draft.finished_at = now
        draft.save(update_fields=["finished_at"])


def _open_draft(incident: Incident, kind: str, *, by: Actor, now: dt.datetime) -> MailDraft:
    draft = incident.drafts.filter(kind=kind, finished_at__isnull=True).first()
    if draft is not None:
        return draft
    return MailDraft.objects.create(
        incident=incident,
        kind=kind,
        created_at=now,
        updated_at=now,
        updated_by=by.name,
        **_first_text(incident, kind),
    )


def _first_text(incident: Incident, kind: str) -> dict[str, str]:
    """What the system knows already: the subject's words, the plain name, the review's parts."""
    last = incident.drafts.exclude(brief="").last()
    values = {name: getattr(last, name) if last else "" for name in CARRIED_OVER}
    if not values["system_name"]:
        system: System | None = incident.systems.first()
        values["system_name"] = system.plain_name if system else ""
    if not values["brief"] and values["system_name"]:
        plain = values["system_name"].removeprefix("your ")
        values["brief"] = f"{plain[:1].upper()}{plain[1:]}"
    if "data_loss" in DRAFT_FIELDS[MailKind(kind)]:
        values["data_loss"] = incident.data_loss
    if kind == MailKind.QUESTIONS:
        values["questions"] = questions_to_ask(incident)
    review = getattr(incident, "review", None)
    if kind == MailKind.POSTMORTEM and review is not None:
        values |= {"timeline": review.timeline, "root_cause": review.root_cause}
    return values


def _check_kind(incident: Incident, kind: str) -> None:
    """M8, S6: the end is only told once verified, a postmortem only once it is written."""
    if kind not in MailKind.values:
        raise WorkflowError("Choose one of the client mails.")
    if kind == MailKind.RESOLVED and incident.verified_at is None:
        raise WorkflowError(
            "“Everything is back to normal” is only written once the fix is verified.",
            [Missing("The verified fix", step=Step.VERIFY)],
        )
    if kind == MailKind.WORKAROUND and not incident.fixes.filter(kind=FixKind.WORKAROUND).exists():
        raise WorkflowError(
            "There is no workaround on record to tell of.",
            [Missing("A recorded workaround", step=Step.WORKAROUND)],
        )
    if kind == MailKind.POSTMORTEM:
        review = getattr(incident, "review", None)
        if review is None or review.completed_at is None:
            raise WorkflowError(
                "The postmortem is written from the post-incident entry.",
                [Missing("The complete post-incident entry", step=Step.REVIEW)],
            )


def clients_for(incident: Incident, kind: str) -> list[Client]:
    """Whom a mail of this kind is for, to begin with."""
    if kind == MailKind.POSTMORTEM:
        rows = premium_clients_owed_postmortem(incident)
        return [row.client for row in rows if row.postmortem_told_at is None]
    rows = list(incident.affected.select_related("client"))
    if kind == MailKind.NOTIFICATION:
        rows = [row for row in rows if row.told_at is None]
    elif kind != MailKind.QUESTIONS:
        rows = [row for row in rows if row.told_at is not None]
    return [row.client for row in rows]


def _add_mails(draft: MailDraft, clients: Iterable[Client]) -> None:
    for client in clients:
        ClientMail.objects.get_or_create(draft=draft, client=client)


def _discard(draft: MailDraft, *, by: Actor, now: dt.datetime) -> None:
    unsent = draft.mails.filter(message__isnull=True)
    names = ", ".join(mail.client.name for mail in unsent.select_related("client"))
    draft.is_discarded = not draft.mails.filter(message__isnull=False).exists()
    draft.finished_at = now
    draft.save(update_fields=["is_discarded", "finished_at"])
    unsent.delete()
    record(
        draft.incident,
        EntryKind.DRAFT,
        f"{draft.get_kind_display()} for {names or 'nobody'} discarded.",
        by=by,
        now=now,
    )


def _raise_contact_task(incident: Incident, client: Client, *, now: dt.datetime) -> None:
    owner = incident.communications_owner
    if owner:
        staff.tell(
            owner,
            event=f"no-contact:{client.pk}",
            subject=f"No contact for {client}: {incident.ref}",
            lines=[
                f"{client} has no e-mail address, so its mail cannot be sent. The clock runs.",
                "Add a contact, or tell the client another way and record it.",
            ],
            now=now,
            incident=incident,
            urgency=Urgency.HIGH,
        )
    record(
        incident,
        EntryKind.DRAFT,
        f"{client} has no contact: its mail is blocked until one is added.",
        by=SYSTEM,
        now=now,
        client=client,
    )


def _tell_draft_waits(incident: Incident, draft: MailDraft, *, now: dt.datetime) -> None:
    staff.tell(
        incident.communications_owner,
        event=f"draft:{draft.pk}",
        subject=f"Draft waits: {draft.get_kind_display()} for {incident.ref}",
        lines=["A client mail waits for your text and your Send."],
        now=now,
        incident=incident,
    )
