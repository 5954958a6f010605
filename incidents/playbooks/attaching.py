"""Putting a playbook onto an incident and taking it off again (rules W3, P2, P5)."""

import datetime as dt

from incidents.actors import Actor
from incidents.enums import EntryKind, RunHow, Status
from incidents.errors import Missing, WorkflowError
from incidents.models import Incident, Playbook, PlaybookRun, PlaybookRunStep, Severity
from incidents.models.playbook import STEP_FIELDS
from incidents.permissions import authorize
from incidents.regrading import regrade_incident
from incidents.taking import Taken, require, take_step
from incidents.timeline import record
from incidents.transitions import Step


def standing_playbooks(incident: Incident) -> list[Playbook]:
    """The playbooks at work on an incident, the first one first."""
    runs = incident.runs.standing().select_related("playbook")
    return [run.playbook for run in runs]


def attach_playbook(
    incident: Incident,
    playbook: Playbook,
    *,
    by: Actor,
    now: dt.datetime,
    version: int | None = None,
) -> PlaybookRun:
    """P2, P5: another playbook comes onto the incident, and its severity with it.

    A playbook that forces a severity upgrades a triaged incident at once (the founder is told,
    E1); that is the orchestrator's. Before triage it is what triage must choose. Raises
    WorkflowError.
    """
    with take_step(incident, Step.PLAYBOOK, by=by, now=now, version=version) as taken:
        row = taken.incident
        if row.runs.standing().filter(playbook=playbook).exists():
            raise WorkflowError(f"“{playbook}” is attached already.")
        if not playbook.is_active:
            raise WorkflowError(f"“{playbook}” is no longer in use. Choose another playbook.")
        run = start_run(row, playbook, how=RunHow.CHOSEN, by=taken.by, now=now)
        _force_severity(taken, playbook, now=now)
    return run


def detach_playbook(
    incident: Incident,
    playbook: Playbook,
    *,
    reason: str,
    by: Actor,
    now: dt.datetime,
    version: int | None = None,
) -> PlaybookRun:
    """Take a playbook off, with a reason; its steps stay readable, its obligations fall away."""
    with take_step(incident, Step.PLAYBOOK, by=by, now=now, version=version) as taken:
        run = taken.incident.runs.standing().filter(playbook=playbook).first()
        if run is None:
            raise WorkflowError(f"“{playbook}” is not attached.")
        end_run(run, reason=require(reason, "The reason"), by=taken.by, now=now)
    return run


def start_run(
    incident: Incident, playbook: Playbook, *, how: str, by: Actor, now: dt.datetime
) -> PlaybookRun:
    """Copy the playbook's steps onto the incident and say so; called inside a step (W3, P2).

    One that was taken off goes on where it stood, with the steps it had.
    """
    run = incident.runs.filter(playbook=playbook).first()
    if run is not None:
        run.ended_at, run.ended_by_name, run.end_reason = None, "", ""
        run.save(update_fields=["ended_at", "ended_by_name", "end_reason"])
        text = f"Playbook “{run.title}” attached again; it goes on where it stood."
    else:
        run = PlaybookRun.objects.create(
            incident=incident,
            playbook=playbook,
            title=playbook.title,
            attached_at=now,
            attached_by_name=by.name,
            how=how,
        )
        count = len(_copy_steps(run, playbook))
        text = f"Playbook “{playbook}” attached, {count} {'step' if count == 1 else 'steps'}."
    record(incident, EntryKind.PLAYBOOK, text, by=by, now=now, data={"playbook": playbook.slug})
    return run


def end_run(run: PlaybookRun, *, reason: str, by: Actor, now: dt.datetime) -> None:
    """Take one run off and say so; called inside a step."""
    run.ended_at, run.ended_by_name, run.end_reason = now, by.name, reason
    run.save(update_fields=["ended_at", "ended_by_name", "end_reason"])
    text = f"Playbook “{run.title}” taken off. {reason}"
    data = {"playbook": run.playbook.slug}
    record(run.incident, EntryKind.PLAYBOOK, text, by=by, now=now, data=data)


def check_forced(playbooks: list[Playbook], severity: Severity) -> None:
    """P5: refuse a severity that one of the playbooks does not allow."""
    for playbook in playbooks:
        if playbook.forces_level and playbook.forces_level != severity.level:
            raise WorkflowError(
                f"The playbook “{playbook}” makes this SEV-{playbook.forces_level}. "
                "Choose that severity or another playbook."
            )


def _copy_steps(run: PlaybookRun, playbook: Playbook) -> list[PlaybookRunStep]:
    """P2: every field as it is now; what is edited later does not reach the copy."""
    return PlaybookRunStep.objects.bulk_create(
        PlaybookRunStep(run=run, **{name: getattr(step, name) for name in STEP_FIELDS})
        for step in playbook.steps.order_by("number")
    )


def _force_severity(taken: Taken, playbook: Playbook, *, now: dt.datetime) -> None:
    """P5: before triage the suggestion, afterwards the severity itself."""
    row, level = taken.incident, playbook.forces_level
    if level is None or row.level == level:
        return
    if row.status == Status.DETECTED:
        row.suggested_severity_id = level
        return
    others = [run.playbook for run in row.runs.standing().exclude(playbook=playbook)]
    severity = Severity.objects.get(pk=level)
    check_forced(others, severity)
    if level > row.judged_severity.level:
        raise WorkflowError(
            f"“{playbook}” makes this SEV-{level}, which it is not.",
            [Missing(f"The severity SEV-{level}", step=Step.SEVERITY)],
        )
    actor = authorize(Step.SEVERITY, by=taken.by, now=now)
    reason = f"The playbook “{playbook}” makes it so."
    regrade_incident(row, severity, reason=reason, by=actor, now=now)
