"""One step of a run, taken and marked: locked, fresh, told on the timeline, branches true (P2)."""

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from incidents import staff
from incidents.actors import Actor
from incidents.enums import EntryKind, StepState
from incidents.errors import ConflictError, Missing, WorkflowError
from incidents.models import Incident, PlaybookRun, PlaybookRunStep
from incidents.playbooks.progress import Branch, branch_of
from incidents.taking import Taken, recent_changes, take_step
from incidents.timeline import record
from incidents.transitions import Step


@dataclass(frozen=True, slots=True)
class TakenStep:
    """A step of a run inside a step of the workflow: the incident is locked, the row fresh."""

    taken: Taken
    step: PlaybookRunStep
    steps: Sequence[PlaybookRunStep]

    @property
    def run(self) -> PlaybookRun:
        return self.step.run

    @property
    def by(self) -> Actor:
        return self.taken.by

    @property
    def incident(self) -> Incident:
        return self.taken.incident


@contextmanager
def take_run_step(
    incident: Incident,
    run_step: PlaybookRunStep,
    *,
    by: Actor,
    now: dt.datetime,
    version: int | None = None,
    step: Step = Step.STEP,
) -> Iterator[TakenStep]:
    """Change one step of a run inside a step of the workflow.

    1. Lock the incident and read the run's steps anew; two people wait for each other here.
    2. Refuse a playbook that was taken off.
    3. Refuse a form that was written for an older state of the step, and say who did what (W1).

    ``version`` is the run step's own. Raises what ``take_step`` raises.
    """
    with take_step(incident, step, by=by, now=now) as taken:
        rows = PlaybookRunStep.objects.filter(run=run_step.run_id, run__incident=taken.incident)
        steps = list(rows.select_related("run__playbook").order_by("number"))
        fresh = next((row for row in steps if row.pk == run_step.pk), None)
        if fresh is None:
            raise WorkflowError(f"{taken.incident.ref} has no such playbook step.")
        run = fresh.run
        for row in steps:
            row.run = run
        if not run.is_standing:
            raise WorkflowError(
                f"“{run.title}” was taken off by {run.ended_by_name}: {run.end_reason} "
                "Its steps are kept as they were.",
                [Missing("Attach the playbook again", step=Step.PLAYBOOK)],
            )
        if version is not None and version != fresh.version:
            raise conflict_of(fresh)
        yield TakenStep(taken, fresh, steps)
    run_step.refresh_from_db()


def mark_step(
    taken: TakenStep,
    state: StepState,
    *,
    now: dt.datetime,
    text: str = "",
    **fields: Any,
) -> None:
    """Set a step's state with who and when, tell the timeline, and let the branches follow.

    ``fields`` are what is kept with it: note, reason, evidence, chosen, figure, figures. What is
    not given is emptied. Called inside ``take_run_step``, which did the checks.
    """
    step, is_open = taken.step, state == StepState.OPEN
    kept = {"note": "", "reason": "", "evidence": "", "chosen": [], "figures": {}}
    for name, value in (kept | {"figure": step.figure} | fields).items():
        setattr(step, name, value)
    step.state = state
    step.is_by_branch = False
    step.at = None if is_open else now
    step.by = None if is_open else taken.by.user
    step.by_name = "" if is_open else taken.by.name
    step.version += 1
    step.save()
    record(
        taken.incident,
        EntryKind.STEP,
        _entry_text(step, text),
        by=taken.by,
        now=now,
        data=_entry_data(step),
    )
    _follow_branches(taken, now=now)


def conflict_of(step: PlaybookRunStep) -> ConflictError:
    """Who did what with the step meanwhile."""
    if step.is_open:
        return ConflictError(
            f"Step {step.number} was changed by somebody else meanwhile. It is open.",
            recent_changes(step.run.incident),
        )
    state = StepState(step.state).label.lower()
    when = staff.agency_time(step.at) if step.at else ""
    what = " ".join(part for part in (step.reason, step.note) if part)
    return ConflictError(
        f"Step {step.number} is {state} already: {step.by_name}, {when}.",
        [f"{step.by_name}, {state}: {what or step.text}"],
    )


def _follow_branches(taken: TakenStep, *, now: dt.datetime) -> None:
    """Close the steps of branches that were not chosen, open those that are possible again.

    In the order of their numbers, so that what hangs on a closed question closes with it.
    """
    for step in taken.steps:
        if step.pk == taken.step.pk or not step.branch:
            continue
        is_closed = branch_of(step, taken.steps).branch == Branch.CLOSED
        if step.is_open and is_closed:
            step.state, step.is_by_branch = StepState.NOT_APPLICABLE, True
            step.at, step.by, step.by_name = now, taken.by.user, taken.by.name
        elif step.is_by_branch and not is_closed:
            step.state, step.is_by_branch = StepState.OPEN, False
            step.at, step.by, step.by_name = None, None, ""
        else:
            continue
        step.version += 1
        step.save(update_fields=["state", "is_by_branch", "at", "by", "by_name", "version"])


def _entry_text(step: PlaybookRunStep, text: str) -> str:
    """“API Down, step 1 done: Check provider status page. Answer: …”"""
    state = "" if step.is_open else f" {StepState(step.state).label.lower()}"
    end = "" if step.text.endswith((".", "?", "!")) else "."
    parts = [
        f"{step.run.title}, step {step.number}{state}: {step.text}{end}",
        text,
        step.reason,
        step.note,
        f"Evidence: {step.evidence}" if step.evidence else "",
    ]
    return " ".join(part for part in parts if part)


def _entry_data(step: PlaybookRunStep) -> dict[str, Any]:
    return {
        "playbook": step.run.playbook.slug,
        "step": step.number,
        "key": step.key,
        "state": str(step.state),
        "chosen": step.chosen,
        "figures": step.figures,
        "figure": step.figure,
        "evidence": step.evidence,
    }
