"""One incident as plain data: for ``show``, ``list_incidents``, ``act`` and the exports."""

import datetime as dt
from typing import Any

from django.db.models import Prefetch, QuerySet

from incidents.blockers import blockers
from incidents.enums import DeadlineKind, Level
from incidents.errors import Missing
from incidents.models import (
    AffectedClient,
    ClientAnswer,
    Deadline,
    Hold,
    Incident,
    PlaybookRun,
    TimelineEntry,
)
from incidents.playbooks.progress import RunView, StepView, view_runs
from incidents.playbooks.questions import answers_of
from incidents.promises import score_in

Data = dict[str, Any]
CLOCKS = (DeadlineKind.ACKNOWLEDGE, DeadlineKind.RESOLVE)
RELATED = (
    "severity",
    "suggested_severity",
    "reported_by",
    "coordinator",
    "technical_owner",
    "communications_owner",
)


def for_serializing(incidents: QuerySet[Incident]) -> QuerySet[Incident]:
    """The same incidents with what ``incident_data`` reads, in a fixed number of queries."""
    standing = Deadline.objects.counted().select_related("client")
    return incidents.select_related(*RELATED).prefetch_related(
        Prefetch("deadlines", queryset=standing, to_attr="standing_deadlines"),
        Prefetch("affected", queryset=AffectedClient.objects.select_related("client")),
        "systems",
        Prefetch(
            "runs",
            queryset=PlaybookRun.objects.standing().select_related("playbook"),
            to_attr="standing_runs",
        ),
    )


def incident_data(incident: Incident) -> Data:
    """The incident, its clocks and its clients; instants are ISO texts in UTC.

    Works for any incident; use ``for_serializing`` where there are many.
    """
    deadlines = getattr(incident, "standing_deadlines", None)
    if deadlines is None:
        deadlines = list(incident.deadlines.counted().select_related("client"))
    runs = getattr(incident, "standing_runs", None)
    if runs is None:
        runs = list(incident.runs.standing().select_related("playbook"))
    severity = incident.severity
    suggested = incident.suggested_severity
    return {
        "ref": incident.ref,
        "title": incident.title,
        "description": incident.description,
        "status": str(incident.status),
        "severity": severity.code if severity else None,
        "level": incident.level,
        "severity_reason": incident.severity_reason,
        "suggested_severity": suggested.code if suggested else None,
        "source": str(incident.source),
        "reported_by": incident.reported_by.slug if incident.reported_by else None,
        "fault_side": str(incident.fault_side) or None,
        "is_private": incident.is_private,
        "is_breach_suspected": incident.is_breach_suspected,
        "is_in_scope": incident.is_in_scope,
        "is_demo": incident.is_demo,
        "version": incident.version,
        "systems": [system.slug for system in incident.systems.all()],
        "playbooks": [run.playbook.slug for run in runs],
        "owners": {
            "coordinator": _name(incident.coordinator),
            "technical": _name(incident.technical_owner),
            "communications": _name(incident.communications_owner),
        },
        "times": {
            name: iso(getattr(incident, f"{name}_at"))
            for name in (
                "detected",
                "opened",
                "triaged",
                "accepted",
                "acknowledged",
                "workaround",
                "verified",
                "resolved",
                "closed",
                "cancelled",
                "planned_fix",
            )
        },
        "clocks": {
            str(kind): next((_clock(row) for row in deadlines if row.kind == kind), None)
            for kind in CLOCKS
        },
        "deadlines": [
            {"kind": str(row.kind), "client": row.client.slug if row.client else None} | _clock(row)
            for row in deadlines
        ],
        "clients": [_client(row, deadlines) for row in incident.affected.all()],
    }


def full_data(incident: Incident, *, now: dt.datetime) -> Data:
    """The incident with what blocks it and its whole timeline, as ``show`` prints it."""
    entries = incident.timeline.select_related("client")
    return incident_data(incident) | {
        "blockers": [missing_text(item) for item in blockers(incident, now=now)],
        "fixes": [_fix(fix) for fix in incident.fixes.all()],
        "review": _review(incident),
        "runs": [run_data(view) for view in view_runs(incident)],
        "holds": [_hold(hold) for hold in incident.holds.select_related("sending_domain")],
        "timeline": [entry_data(entry) for entry in entries],
    }


def _hold(hold: Hold) -> Data:
    """P4: one hold on sending, and how it ended."""
    return {
        "domain": hold.sending_domain.name,
        "placed_at": iso(hold.placed_at),
        "placed_by": hold.placed_by_name,
        "reason": hold.reason,
        "released_at": iso(hold.released_at),
        "released_by": hold.released_by_name or None,
        "released_how": str(hold.released_how) or None,
        "override_reason": hold.override_reason or None,
        "sent_while_held": hold.sent_while_held,
        "alarmed_at": iso(hold.alarmed_at),
    }


def listed_data(incidents: QuerySet[Incident], *, now: dt.datetime) -> list[Data]:
    """Many incidents without their timelines."""
    return [
        incident_data(incident)
        | {"blockers": [missing_text(item) for item in blockers(incident, now=now)]}
        for incident in for_serializing(incidents)
    ]


def entry_data(entry: TimelineEntry) -> Data:
    """One line of the timeline; ``origin`` keeps people, command line and system apart (W9)."""
    return {
        "at": iso(entry.at),
        "recorded_at": iso(entry.recorded_at),
        "is_added_later": entry.is_added_later,
        "kind": str(entry.kind),
        "origin": str(entry.origin),
        "actor": entry.actor_name,
        "stands_in_for": entry.stands_in_for or None,
        "client": entry.client.slug if entry.client else None,
        "text": entry.text,
        "data": entry.data,
    }


def run_data(view: RunView) -> Data:
    """One playbook at work, or taken off, with its steps and how far it is (rule P2)."""
    run = view.run
    return {
        "playbook": run.playbook.slug,
        "title": run.title,
        "how": str(run.how),
        "attached_at": iso(run.attached_at),
        "attached_by": run.attached_by_name,
        "ended_at": iso(run.ended_at),
        "ended_by": run.ended_by_name or None,
        "end_reason": run.end_reason or None,
        "settled": view.settled,
        "applicable": view.applicable,
        "next": view.next_step.step.number if view.next_step else None,
        "steps": [_run_step(one) for one in view.steps],
    }


def missing_text(item: Missing) -> str:
    """What is missing, and the step that mends it."""
    return f"{item.text} ({item.step})" if item.step else item.text


def iso(instant: dt.datetime | None) -> str | None:
    """An instant in UTC: ``2026-03-10T09:00:00+00:00``."""
    return instant.astimezone(dt.UTC).isoformat() if instant else None


def severity_code(level: int | None) -> str:
    """``SEV-1``, or nothing for an incident nobody triaged."""
    return str(Level(level).label) if level else ""


def _name(person: Any) -> str | None:
    return str(person) if person else None


def _clock(row: Deadline) -> Data:
    return {
        "started_at": iso(row.started_at),
        "due_at": iso(row.due_at),
        "stopped_at": iso(row.stopped_at),
        "breached": row.is_breached,
        "breached_at": iso(row.breached_at),
        "provisional": row.is_provisional,
    }


def _client(row: AffectedClient, deadlines: list[Deadline]) -> Data:
    score = score_in(deadlines, row.client_id)
    return {
        "slug": row.client.slug,
        "name": row.client.name,
        "tier": str(row.client.tier),
        "told_at": iso(row.told_at),
        "told_via": str(row.told_via) or None,
        "resolution_told_at": iso(row.resolution_told_at),
        "resolution_told_via": str(row.resolution_told_via) or None,
        "postmortem_told_at": iso(row.postmortem_told_at),
        "hubspot": str(row.hubspot_state),
        "promises": {"kept": score.kept, "late": score.late, "percent": score.percent},
    }


def _fix(fix: Any) -> Data:
    texts = ("broke", "cause", "done", "tested_what", "tested_where", "test_result")
    return {"kind": str(fix.kind), "at": iso(fix.at), "by": fix.by_name} | {
        name: getattr(fix, name) for name in texts
    }


def _run_step(view: StepView) -> Data:
    step = view.step
    plain = ("number", "key", "text", "condition", "question", "answers", "chosen")
    kept = ("note", "reason", "evidence", "figure", "figures", "version")
    return {name: getattr(step, name) for name in plain} | {
        "kind": str(step.kind),
        "state": str(step.state),
        "branch": step.branch or None,
        "branch_state": view.branch.value,
        "asked_here": view.is_asked_here,
        "waits_for": view.waits_for,
        "at": iso(step.at),
        "by": step.by_name or None,
        **{name: getattr(step, name) for name in kept},
        "questions": step.questions,
        "client_answers": [_client_answer(answer) for answer in answers_of(step)],
    }


def _client_answer(answer: ClientAnswer) -> Data:
    """P6: what a client said to one clarifying question."""
    return {
        "number": answer.number,
        "question": answer.question,
        "client": answer.client.slug if answer.client else None,
        "text": answer.text,
        "at": iso(answer.at),
        "by": answer.by_name,
    }


def _review(incident: Incident) -> Data | None:
    review = getattr(incident, "review", None)
    if review is None:
        return None
    return {
        "timeline": review.timeline,
        "root_cause": review.root_cause,
        "resolution": review.resolution,
        "completed_at": iso(review.completed_at),
        "measures": [
            {
                "text": measure.text,
                "owner": str(measure.owner),
                "due_on": measure.due_on.isoformat(),
                "done_on": measure.done_on.isoformat() if measure.done_on else None,
            }
            for measure in review.measures.select_related("owner")
        ],
    }
