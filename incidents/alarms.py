"""What a deadline says: warnings, reminders and breaches (rules C8, N2)."""

import datetime as dt

from incidents import staff
from incidents.actors import SYSTEM
from incidents.enums import (
    DeadlineKind,
    EntryKind,
    Owner,
    Role,
)
from incidents.escalation import escalate_breach
from incidents.models import Deadline, Policy, Responder
from incidents.timeline import record
from notifications.enums import Urgency


def warn(deadline: Deadline, policy: Policy, *, now: dt.datetime) -> None:
    """C8: the owner hears at half and at four fifths of each clock."""
    near_at = (
        deadline.started_at
        + (deadline.due_at - deadline.started_at) * policy.near_warning_percent / 100
    )
    percent = policy.near_warning_percent if now >= near_at else policy.half_warning_percent
    if now >= near_at:
        deadline.near_warned_at = now
    deadline.half_warned_at = deadline.half_warned_at or now
    what = staff.name_deadline(deadline)
    _tell_owner(deadline, f"{percent}% used: {what}", now=now, event=f"warn{percent}")
    record(
        deadline.incident,
        EntryKind.WARNING,
        f"{percent} % of {what} used, due {staff.agency_time(deadline.due_at)}.",
        by=SYSTEM,
        now=now,
        client=deadline.client,
    )


def breach(deadline: Deadline, *, now: dt.datetime, is_quiet: bool) -> None:
    """Put a breach on record and tell whom C8 names; quietly, nobody is called (C1)."""
    deadline.breached_at = deadline.due_at
    record(
        deadline.incident,
        EntryKind.BREACH,
        f"{staff.name_deadline(deadline)} breached: it was due "
        f"{staff.agency_time(deadline.due_at)}.",
        by=SYSTEM,
        now=now,
        client=deadline.client,
        data={"kind": deadline.kind, "provisional": deadline.is_provisional},
    )
    if not is_quiet:
        escalate_breach(deadline, now=now)


def remind(deadline: Deadline, *, now: dt.datetime) -> None:
    """Say that a reminder has come due; for an untriaged incident that informs the founder (N2)."""
    if deadline.kind == DeadlineKind.TRIAGE:
        founder = Responder.objects.on_duty(Role.FOUNDER, at=now)
        staff.tell(
            founder,
            event="untriaged:founder",
            subject=f"For your information, untriaged: {deadline.incident.ref}",
            lines=[
                deadline.incident.title,
                f"It has waited for triage since {staff.agency_time(deadline.started_at)}.",
                "Nothing is asked of you.",
            ],
            now=now,
            incident=deadline.incident,
        )
        _record_told(deadline, founder, "untriaged, told as information (N2)", now=now)
        return
    text = {
        DeadlineKind.WINDOW: "The stability window is over: it can be resolved.",
        DeadlineKind.PLANNED_FIX: "The planned fix is due.",
    }[DeadlineKind(deadline.kind)]
    _tell_owner(deadline, text, now=now, event="due")
    record(deadline.incident, EntryKind.WARNING, text, by=SYSTEM, now=now)


def remind_backup(deadline: Deadline, *, now: dt.datetime) -> None:
    """N2: an incident that stays untriaged goes to the orchestrator's backup."""
    backup = Responder.objects.backup_of(Role.ORCHESTRATOR)
    staff.tell(
        backup,
        event="untriaged:backup",
        subject=f"Untriaged: {deadline.incident.ref} {deadline.incident.title}",
        lines=["Nobody has triaged it yet. Please triage it as the backup."],
        now=now,
        incident=deadline.incident,
        urgency=Urgency.HIGH,
    )
    _record_told(deadline, backup, "untriaged, backup told (N2)", now=now)


def _record_told(
    deadline: Deadline, person: Responder | None, what: str, *, now: dt.datetime
) -> None:
    name = person.name if person else "nobody is set for it"
    record(deadline.incident, EntryKind.STAFF, f"{name}: {what}.", by=SYSTEM, now=now)


def _tell_owner(deadline: Deadline, text: str, *, now: dt.datetime, event: str) -> None:
    incident = deadline.incident
    owner = incident.owner(deadline.owner)
    if owner and owner.is_away(at=now):
        owner = Responder.objects.on_duty(owner.role, at=now)
    if owner is None:
        return
    subject = f"{deadline.kind}:{deadline.client_id or 'all'}:due {deadline.due_at:%Y%m%dT%H%M}"
    due = f"{staff.name_deadline(deadline)}: {staff.clock_time(deadline.due_at, owner)}"
    staff.tell(
        owner,
        event=f"{event}:{subject}",
        subject=f"{text} ({incident.ref})",
        lines=[incident.title, due],
        now=now,
        incident=incident,
        urgency=Urgency.NORMAL if deadline.owner == Owner.COMMUNICATIONS else Urgency.LOW,
    )
