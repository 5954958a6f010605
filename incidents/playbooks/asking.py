"""“Ask now”: the probe behind a step is run at once, and its answer kept (rules P3, P7)."""

import datetime as dt
import time
from collections.abc import Sequence

from incidents.actors import Actor
from incidents.enums import EntryKind
from incidents.errors import WorkflowError
from incidents.models import Incident, PlaybookRunStep
from incidents.permissions import authorize
from incidents.playbooks.figures import (
    ASKABLE,
    Figure,
    Subjects,
    figure_from,
    keys_of,
    snapshot,
)
from incidents.playbooks.marking import take_run_step
from incidents.readings import Reading, ask, read
from incidents.timeline import record
from incidents.transitions import Step, check_transition

#: Of wall time for everything behind one step: a person waits for it.
ASK_SECONDS = 25.0


def ask_now(
    incident: Incident,
    run_step: PlaybookRunStep,
    *,
    by: Actor,
    now: dt.datetime,
    version: int | None = None,
) -> PlaybookRunStep:
    """Ask what is behind a step and keep the answer on it. Never inside a transaction: it waits
    for others. Raises WorkflowError; an answer that does not come is kept as unknown."""
    figures = ask_outside(incident, run_step, by=by, now=now)
    return keep_answer(incident, run_step, figures, by=by, now=now, version=version)


def ask_outside(
    incident: Incident, run_step: PlaybookRunStep, *, by: Actor, now: dt.datetime
) -> list[Figure]:
    """The answers to every question behind the step, within ASK_SECONDS altogether.

    What could not be asked in time, or by anybody, is what is known, or unknown.
    """
    authorize(Step.STEP, by=by, now=now)
    check_transition(incident, Step.STEP)
    if run_step.reading not in ASKABLE:
        raise WorkflowError(
            f"Behind step {run_step.number} is nothing that can be asked. "
            "Look at it yourself and write down what you found."
        )
    keys = keys_of(run_step.reading, Subjects(incident))
    if not keys:
        raise WorkflowError(
            f"{incident.ref} names nothing that step {run_step.number} could ask about. "
            "Look at it yourself and write down what you found."
        )
    ends = time.monotonic() + ASK_SECONDS
    return [
        _ask(key, seconds=(ends - time.monotonic()) / (len(keys) - number), now=now)
        for number, key in enumerate(keys)
    ]


def keep_answer(
    incident: Incident,
    run_step: PlaybookRunStep,
    figures: Sequence[Figure],
    *,
    by: Actor,
    now: dt.datetime,
    version: int | None = None,
) -> PlaybookRunStep:
    """Put the answers on the step and on the timeline. Nobody's form gets stale by it."""
    with take_run_step(incident, run_step, by=by, now=now, version=version) as taken:
        step = taken.step
        step.figure = snapshot(figures, now=now, is_asked=True)
        step.save(update_fields=["figure"])
        record(
            taken.incident,
            EntryKind.STEP,
            f"{step.run.title}, step {step.number}, asked now: {_said(figures)}",
            by=taken.by,
            now=now,
            data={"playbook": step.run.playbook.slug, "step": step.number, "figure": step.figure},
        )
    return run_step


def _ask(key: str, *, seconds: float, now: dt.datetime) -> Figure:
    """What is left of the time is shared among those still to be asked."""
    answer: Reading | None = ask(key, seconds=seconds, now=now) if seconds > 0 else None
    return figure_from(key, answer or read(key, now=now), now=now)


def _said(figures: Sequence[Figure]) -> str:
    return " ".join(
        f"{one.name}: {one.value or 'unknown'}.{f' {one.detail}' if one.detail else ''}"
        for one in figures
    )
