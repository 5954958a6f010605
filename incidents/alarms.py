"""What deadlines say: warnings, reminders and breaches (rules C8, N2)."""

import datetime as dt
from dataclasses import replace
from functools import cached_property

from incidents import staff
from incidents.actors import SYSTEM
from incidents.enums import (
    DeadlineKind,
    EntryKind,
    EscalationCode,
    Owner,
    Role,
)
from incidents.escalation.raising import breach_raising, raise_many
from incidents.models import Client, Deadline, EscalationRule, Policy, Responder
from incidents.roster import Roster
from incidents.staff import Telling, tell_many
from incidents.timeline import NewEntry, record_many
from notifications.enums import Urgency

#: What was due longer ago is said to be late.
LATE_AFTER = dt.timedelta(minutes=5)


class Alarms:
    """What a batch of deadlines has to say: gathered first, then written at once.

    The deadlines themselves are only changed in memory; saving them is left to the caller.
    """

    def __init__(self, *, now: dt.datetime) -> None:
        self.now = now
        self._entries: list[NewEntry] = []
        self._tellings: list[Telling] = []
        self._called: list[tuple[Deadline, dt.datetime | None]] = []

    @cached_property
    def policy(self) -> Policy:
        return Policy.current()

    @cached_property
    def _roster(self) -> Roster:
        return Roster(at=self.now)

    def write(self) -> None:
        """Write the entries, the messages, and last the escalations of breaches."""
        tell_many(self._tellings, now=self.now)
        if self._called:
            self._escalate()
        else:
            record_many(self._entries, now=self.now)

    def warn(self, deadline: Deadline) -> None:
        """C8: the owner hears at half and at four fifths of each clock."""
        percents = (self.policy.half_warning_percent, self.policy.near_warning_percent)
        half_at, near_at = (deadline.instant_at(percent) for percent in percents)
        is_near = self.now >= near_at
        if is_near:
            deadline.near_warned_at = self.now
        deadline.half_warned_at = deadline.half_warned_at or self.now
        percent = percents[is_near]
        what = staff.name_deadline(deadline)
        late = self._lateness(deadline, near_at if is_near else half_at)
        self._tell_owner(deadline, f"{percent}% used: {what}", event=f"warn{percent}", late=late)
        text = f"{percent} % of {what} used, due {staff.agency_time(deadline.due_at)}."
        self._record(deadline, EntryKind.WARNING, text, late=late, client=deadline.client)

    def breach(self, deadline: Deadline, *, is_quiet: bool, is_swept: bool = False) -> None:
        """Put a breach on record and tell whom C8 names; quietly, nobody is called (C1).

        ``is_swept``: found by looking at the clock, which may come late, not by a step.
        """
        deadline.breached_at = deadline.due_at
        expected = _expected(deadline, deadline.due_at) if is_swept else None
        self._record(
            deadline,
            EntryKind.BREACH,
            f"{staff.name_deadline(deadline)} breached: it was due "
            f"{staff.agency_time(deadline.due_at)}.",
            late=expected if expected and self.now - expected > LATE_AFTER else None,
            client=deadline.client,
            data={"kind": deadline.kind, "provisional": deadline.is_provisional},
        )
        if not is_quiet:
            self._called.append((deadline, expected))

    def remind(self, deadline: Deadline) -> None:
        """A reminder has come due; for an untriaged incident that informs the founder (N2)."""
        late = self._lateness(deadline, deadline.due_at)
        if deadline.kind == DeadlineKind.TRIAGE:
            self._inform_founder(deadline, late=late)
            return
        text = {
            DeadlineKind.WINDOW: "The stability window is over: it can be resolved.",
            DeadlineKind.PLANNED_FIX: "The planned fix is due.",
        }[DeadlineKind(deadline.kind)]
        self._tell_owner(deadline, text, event="due", late=late)
        self._record(deadline, EntryKind.WARNING, text, late=late)

    def remind_backup(self, deadline: Deadline) -> None:
        """N2: an incident that stays untriaged goes to the orchestrator's backup."""
        backup = self._roster.backup_of(Role.ORCHESTRATOR)
        incident = deadline.incident
        late = self._lateness(deadline, deadline.started_at + self.policy.untriaged_backup_after)
        self._tell(
            backup,
            deadline,
            event="untriaged:backup",
            subject=f"Untriaged: {incident.ref} {incident.title}",
            lines=["Nobody has triaged it yet. Please triage it as the backup."],
            urgency=Urgency.HIGH,
            late=late,
        )
        self._record_told(deadline, backup, "untriaged, backup told (N2)", late=late)

    def _escalate(self) -> None:
        rule = EscalationRule.objects.get(pk=EscalationCode.BREACH)
        raisings = [
            replace(breach_raising(deadline, rule, self._roster), due_at=expected)
            for deadline, expected in self._called
        ]
        raise_many(raisings, by=SYSTEM, now=self.now, entries=self._entries, roster=self._roster)

    def _inform_founder(self, deadline: Deadline, *, late: dt.datetime | None) -> None:
        founder = self._roster.on_duty(Role.FOUNDER)
        incident = deadline.incident
        self._tell(
            founder,
            deadline,
            event="untriaged:founder",
            subject=f"For your information, untriaged: {incident.ref}",
            lines=[
                incident.title,
                f"It has waited for triage since {staff.agency_time(deadline.started_at)}.",
                "Nothing is asked of you.",
            ],
            urgency=Urgency.NORMAL,
            late=late,
        )
        self._record_told(deadline, founder, "untriaged, told as information (N2)", late=late)

    def _lateness(self, deadline: Deadline, instant: dt.datetime) -> dt.datetime | None:
        """When it should have been said, where that is long ago; None where it is in time."""
        expected = _expected(deadline, instant)
        return expected if self.now - expected > LATE_AFTER else None

    def _tell_owner(
        self, deadline: Deadline, text: str, *, event: str, late: dt.datetime | None
    ) -> None:
        incident = deadline.incident
        owner = self._roster.acting_owner(incident, deadline.owner)
        if owner is None:
            return
        whom = deadline.run_step_id or deadline.client_id or "all"
        which = f"{deadline.kind}:{whom}:due {deadline.due_at:%Y%m%dT%H%M}"
        due = f"{staff.name_deadline(deadline)}: {staff.clock_time(deadline.due_at, owner)}"
        self._tell(
            owner,
            deadline,
            event=f"{event}:{which}",
            subject=f"{text} ({incident.ref})",
            lines=[incident.title, due],
            urgency=Urgency.NORMAL if deadline.owner == Owner.COMMUNICATIONS else Urgency.LOW,
            late=late,
        )

    def _tell(
        self,
        person: Responder | None,
        deadline: Deadline,
        *,
        event: str,
        subject: str,
        lines: list[str],
        urgency: Urgency,
        late: dt.datetime | None,
    ) -> None:
        if late and person:
            subject = f"Late: {subject}"
            lines = [*lines, staff.late_line(late, person)]
        self._tellings.append(
            Telling(
                responder=person,
                event=event,
                subject=subject,
                lines=lines,
                incident=deadline.incident,
                urgency=urgency,
            )
        )

    def _record_told(
        self, deadline: Deadline, person: Responder | None, what: str, *, late: dt.datetime | None
    ) -> None:
        name = person.name if person else "nobody is set for it"
        self._record(deadline, EntryKind.STAFF, f"{name}: {what}.", late=late)

    def _record(
        self,
        deadline: Deadline,
        kind: str,
        text: str,
        *,
        late: dt.datetime | None,
        client: Client | None = None,
        data: dict[str, object] | None = None,
    ) -> None:
        data = data or {}
        if late:
            text = f"{text} Noted late: {staff.agency_time(late)} was the time for it."
            data |= {"late": True}
        self._entries.append(
            NewEntry(
                incident=deadline.incident,
                kind=kind,
                text=text,
                by=SYSTEM,
                client=client,
                data=data,
            )
        )


def _expected(deadline: Deadline, instant: dt.datetime) -> dt.datetime:
    """When something could be said at the earliest: a deadline may be past when it is made."""
    return max(instant, deadline.next_event_at or instant)
