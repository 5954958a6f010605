"""A playbook as a run would show it, walked along some answers; nothing is stored (rule P1)."""

import datetime as dt
from collections.abc import Collection, Sequence

from incidents.enums import StepState
from incidents.models import Playbook, PlaybookRun, PlaybookRunStep
from incidents.models.playbook import STEP_FIELDS, StepFields
from incidents.playbooks.definition import is_asked_itself
from incidents.playbooks.progress import Branch, RunView, branch_of, view_run

#: Said of a branch that a step asks for itself: it does not apply.
NOT = "not-"


def walk(
    playbook: Playbook, steps: Sequence[StepFields], answers: Collection[str], *, now: dt.datetime
) -> RunView:
    """The run after these answers: ``branch`` was chosen, ``not-branch`` was denied.

    Questions with an answer are done; the steps of branches that stayed closed do not apply.
    """
    run = PlaybookRun(playbook=playbook, title=playbook.title, attached_at=now)
    copies = [
        PlaybookRunStep(run=run, **{name: getattr(step, name) for name in STEP_FIELDS})
        for step in steps
    ]
    for step in copies:
        step.chosen = [branch for branch in step.offered_branches if branch in answers]
        if step.chosen:
            step.state = StepState.DONE
        elif is_asked_itself(step, copies):
            step.chosen = [step.branch] if step.branch in answers else []
            is_denied = f"{NOT}{step.branch}" in answers and not step.chosen
            step.state = StepState.NOT_APPLICABLE if is_denied else StepState.OPEN
    for step in copies:
        if step.is_open and branch_of(step, copies).branch == Branch.CLOSED:
            step.state, step.is_by_branch = StepState.NOT_APPLICABLE, True
    return view_run(run, copies)
