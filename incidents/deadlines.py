"""Deadlines in the database: written from the facts, watched by the sweep (rules C1 to C8)."""

import datetime as dt

from django.conf import settings
from django.utils import timezone

from incidents.alarms import Alarms
from incidents.clocks import (
    ClientFacts,
    DutyFacts,
    Facts,
    Plan,
    Terms,
    plan_deadlines,
    review_due,
)
from incidents.enums import (
    OPEN_STATUSES,
    REMINDER_KINDS,
    DeadlineKind,
    Level,
    StepKind,
    StepState,
)
from incidents.models import (
    Deadline,
    Incident,
    PlaybookRunStep,
    PlaybookStep,
    Policy,
    Review,
    Severity,
)

#: Made by a mail or an override, not worked out from the facts.
EVENT_KINDS = (DeadlineKind.PROMISE, DeadlineKind.CERTAIN_FIX)
#: What a deadline keeps of the words of a playbook step.
NOTE_LENGTH = 200


def facts_of(incident: Incident) -> Facts:
    """Collect what the clocks need to know of an incident."""
    policy = Policy.current()
    severity = incident.severity
    review = Review.objects.filter(incident=incident).first()
    affected = incident.affected.select_related("client")
    return Facts(
        status=incident.status,
        detected_at=incident.detected_at,
        provisional_terms=terms_of(Severity.objects.get(pk=Level.SEV1)),
        untriaged_limit=policy.untriaged_founder_after,
        same_day_minimum=policy.same_day_minimum,
        terms=terms_of(severity) if severity and incident.triaged_at else None,
        triaged_at=incident.triaged_at,
        severe_since=incident.severe_since,
        accepted_at=incident.accepted_at,
        acknowledged_at=incident.acknowledged_at,
        workaround_at=incident.workaround_at,
        verified_at=incident.verified_at,
        resolved_at=incident.resolved_at,
        planned_fix_at=incident.planned_fix_at,
        review_due_at=_review_due(incident),
        reviewed_at=review.completed_at if review else None,
        clients=tuple(
            ClientFacts(
                id=row.client_id,
                zone=row.client.zone,
                added_at=row.added_at,
                told_at=row.told_at,
                is_reporter=row.client_id == incident.reported_by_id,
            )
            for row in affected
        ),
        level=severity.level if severity and incident.triaged_at else None,
        duties=duties_of(incident),
    )


def sync_deadlines(incident: Incident, *, now: dt.datetime, is_correction: bool = False) -> None:
    """Make the stored deadlines those that the facts demand.

    Called with the incident locked. A deadline that no longer applies is voided, never deleted.
    A clock found stopped late records the breach; in a correction nobody is called (rule C1).
    """
    policy = Policy.current()
    standing = {
        (row.kind, row.client_id, row.run_step_id): row
        for row in incident.deadlines.counted().exclude(kind__in=EVENT_KINDS)
    }
    alarms = Alarms(now=now)
    for plan in plan_deadlines(facts_of(incident)):
        key = (plan.kind, plan.client_id, plan.run_step_id)
        row = standing.pop(key, None) or Deadline(
            incident=incident,
            kind=plan.kind,
            client_id=plan.client_id,
            run_step_id=plan.run_step_id,
            note=plan.note,
        )
        was_met = row.stopped_at is not None
        if _apply(row, plan, policy, now=now):
            row.incident = incident
            if _is_newly_late(row):
                alarms.breach(row, is_quiet=is_correction or was_met)
            row.save()
    alarms.write()
    leftovers = list(standing.values())
    if incident.status not in OPEN_STATUSES:
        leftovers += incident.deadlines.running().filter(kind__in=EVENT_KINDS)
    for row in leftovers:
        void(row, now=now)


def void(deadline: Deadline, *, now: dt.datetime) -> None:
    """Take a deadline out of force; it stays readable."""
    deadline.voided_at = now
    deadline.next_event_at = None
    deadline.save(update_fields=["voided_at", "next_event_at"])


def start_deadline(
    incident: Incident,
    *,
    kind: str,
    owner: str,
    due_at: dt.datetime,
    now: dt.datetime,
    client_id: int | None = None,
    note: str = "",
) -> Deadline:
    """Start a promise or a certain fix time (rules M5, M6)."""
    row = Deadline(incident=incident, kind=kind, client_id=client_id, note=note)
    plan = Plan(kind, owner, started_at=min(now, due_at), due_at=due_at, client_id=client_id)
    _apply(row, plan, Policy.current(), now=now)
    row.save()
    return row


def stop_deadline(deadline: Deadline, *, at: dt.datetime, now: dt.datetime) -> None:
    """Keep a promise, or record that it was kept late."""
    deadline.stopped_at = at
    deadline.next_event_at = None
    if _is_newly_late(deadline):
        alarms = Alarms(now=now)
        alarms.breach(deadline, is_quiet=False)
        alarms.write()
    deadline.save()


def terms_of(severity: Severity) -> Terms:
    """The clocks' view of a severity."""
    return Terms(
        acknowledge_within=severity.acknowledge_within,
        resolve_within=severity.resolve_within,
        stability_window=severity.stability_window,
        communication=severity.communication,
        notice_within=severity.notice_within,
        workaround_stops_resolve=severity.workaround_stops_resolve,
        follow_up_within=severity.follow_up_within,
    )


def duties_of(incident: Incident) -> tuple[DutyFacts, ...]:
    """P3, P5: the obligations of standing playbooks whose branch is open or undecided."""
    rows = PlaybookRunStep.objects.filter(
        run__incident=incident, run__ended_at__isnull=True, due_after__isnull=False
    ).exclude(state__in=[StepState.SKIPPED, StepState.NOT_APPLICABLE])
    return tuple(
        duty_of(row, attached_at=row.run.attached_at, done_at=row.at)
        for row in rows.select_related("run")
    )


def duty_of(
    step: PlaybookRunStep | PlaybookStep,
    *,
    attached_at: dt.datetime,
    done_at: dt.datetime | None = None,
) -> DutyFacts:
    """The obligation of one step, of a run or of a playbook that may be attached."""
    return DutyFacts(
        step_id=step.pk,
        text=step.text[:NOTE_LENGTH],
        due_after=step.due_after or dt.timedelta(),
        attached_at=attached_at,
        only_below=step.due_only_below,
        is_notice=step.kind == StepKind.NOTIFY,
        done_at=done_at,
    )


def _review_due(incident: Incident) -> dt.datetime | None:
    owed = incident.review_severity
    if owed is None or owed.review_days is None or incident.resolved_at is None:
        return None
    return review_due(
        incident.resolved_at,
        days=owed.review_days,
        in_working_days=owed.review_in_working_days,
        zone=timezone.get_default_timezone(),
        country=settings.HOLIDAY_COUNTRY,
    )


def _apply(row: Deadline, plan: Plan, policy: Policy, *, now: dt.datetime) -> bool:
    """Copy a plan onto a row; True when that changed anything.

    A moved deadline is warned of anew, and its breach is judged anew; the timeline keeps the old.
    """
    wanted = {
        "owner": plan.owner,
        "started_at": plan.started_at,
        "due_at": plan.due_at,
        "stopped_at": plan.stopped_at,
        "is_provisional": plan.is_provisional,
    }
    if row.pk and all(getattr(row, name) == value for name, value in wanted.items()):
        return False
    moved = row.pk is not None and row.due_at != plan.due_at
    for name, value in wanted.items():
        setattr(row, name, value)
    if moved:
        row.half_warned_at = row.near_warned_at = None
    if moved and row.breached_at:
        is_late = (row.stopped_at or now) > row.due_at
        row.breached_at = row.due_at if is_late else None
    next_event = next_event_of(row, policy)
    # What is past already can only be said from now on: the sweep is not late with it.
    row.next_event_at = max(next_event, now) if next_event else None
    return True


def _is_newly_late(row: Deadline) -> bool:
    """Stopped after its time, and not on record as breached; a reminder cannot be late."""
    if row.kind in REMINDER_KINDS or row.breached_at or row.stopped_at is None:
        return False
    return row.stopped_at > row.due_at


def next_event_of(row: Deadline, policy: Policy) -> dt.datetime | None:
    """The next moment at which the sweep has something to write for this row."""
    if not row.is_running or row.breached_at:
        return None
    if row.kind == DeadlineKind.TRIAGE:
        backup_at = row.started_at + policy.untriaged_backup_after
        return row.due_at if row.half_warned_at else min(backup_at, row.due_at)
    if row.kind in REMINDER_KINDS or row.near_warned_at:
        return row.due_at
    percent = policy.near_warning_percent if row.half_warned_at else policy.half_warning_percent
    return row.instant_at(percent)
