"""Working through a playbook: what a person does with a step, and when it is refused (P2)."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from incidents.actors import Actor
from incidents.enums import StepEffect, StepKind, StepState
from incidents.errors import ConflictError, Missing, WorkflowError
from incidents.models import Client, Incident, PlaybookRunStep, SendingDomain
from incidents.playbooks.effects import bring_about
from incidents.playbooks.holds import lock_gates
from incidents.playbooks.marking import TakenStep, conflict_of, mark_step, take_run_step
from incidents.playbooks.progress import Branch, branch_of
from incidents.taking import require
from incidents.transitions import Step


def find_run_step(incident: Incident, step: str | int, *, playbook: str = "") -> PlaybookRunStep:
    """The step with this number or key, of this playbook where the incident runs several.

    Raises WorkflowError that says what there is.
    """
    rows = PlaybookRunStep.objects.filter(run__incident=incident).select_related("run__playbook")
    if playbook:
        rows = rows.filter(run__playbook__slug=playbook)
    else:
        rows = rows.filter(run__ended_at=None)
    wanted = str(step).strip()
    found = [row for row in rows if wanted in (str(row.number), row.key)]
    if len(found) == 1:
        return found[0]
    if found:
        slugs = ", ".join(row.run.playbook.slug for row in found)
        raise WorkflowError(f"Several playbooks have a step {wanted}. Name one of: {slugs}.")
    if not rows:
        raise WorkflowError(
            f"No such playbook runs on {incident.ref}.",
            [Missing("An attached playbook", step=Step.PLAYBOOK)],
        )
    known = ", ".join(f"{row.number} {row.key}" for row in rows)
    raise WorkflowError(f"There is no step “{wanted}”. Steps: {known}.")


def finish_step(
    incident: Incident,
    run_step: PlaybookRunStep,
    *,
    by: Actor,
    now: dt.datetime,
    answers: Iterable[str] = (),
    note: str = "",
    evidence: str = "",
    figures: Mapping[str, int] | None = None,
    figure: Mapping[str, Any] | None = None,
    domains: Iterable[SendingDomain] = (),
    version: int | None = None,
) -> PlaybookRunStep:
    """P2: the step is done, with its note and evidence; a question is done by answering it.

    An answered question may be answered anew: the branches follow, and what was done stays done.
    A prohibition is acknowledged and a gate released instead. ``domains`` are those that a step
    which pauses sending puts on hold; none: those the incident is about. Raises WorkflowError.
    """
    with take_run_step(incident, run_step, by=by, now=now, version=version) as taken:
        check_finishable(taken)
        chosen = _check_answers(taken.step, answers)
        counted = _check_figures(taken.step, figures or {})
        effect = bring_about(
            taken.incident, taken.step, note=note, domains=domains, by=taken.by, now=now
        )
        parts = [
            effect,
            f"Answer: {_labels(taken.step, chosen)}." if taken.step.is_question else "",
            " ".join(f"{label}: {counted[name]}." for name, label in _counts(taken.step)),
        ]
        mark_step(
            taken,
            StepState.DONE,
            now=now,
            text=" ".join(part for part in parts if part),
            chosen=chosen or taken.step.chosen,
            note=note.strip(),
            evidence=evidence.strip(),
            figures=counted,
            figure=dict(figure) if figure else taken.step.figure,
        )
        if taken.step.effect == StepEffect.HOLD:
            lock_gates(taken.taken, now=now)
    return run_step


def skip_step(
    incident: Incident,
    run_step: PlaybookRunStep,
    *,
    reason: str,
    by: Actor,
    now: dt.datetime,
    version: int | None = None,
) -> PlaybookRunStep:
    """P2: left out, with a reason. Behind a skipped question each step is asked itself.

    A prohibition and a gate cannot be skipped: a gate is overridden by name and reason (P4, P5).
    """
    with take_run_step(incident, run_step, by=by, now=now, version=version) as taken:
        _refuse_kind(taken.step, StepKind.PROHIBITION, StepKind.GATE)
        _refuse_settled(taken.step)
        mark_step(
            taken,
            StepState.SKIPPED,
            now=now,
            reason=require(reason, "The reason"),
        )
    return run_step


def decide_branch(
    incident: Incident,
    run_step: PlaybookRunStep,
    *,
    applies: bool,
    by: Actor,
    now: dt.datetime,
    note: str = "",
    version: int | None = None,
) -> PlaybookRunStep:
    """P1, P2: a condition that no earlier answer decides is asked at the step itself."""
    with take_run_step(incident, run_step, by=by, now=now, version=version) as taken:
        step = taken.step
        view = branch_of(step, taken.steps)
        if not view.is_asked_here:
            raise WorkflowError(
                f"Step {step.number} always applies. Skip it with a reason instead."
                if not step.branch
                else f"Whether step {step.number} applies follows from an earlier answer. "
                "Change that answer."
            )
        _refuse_settled(step)
        if applies and view.branch == Branch.OPEN:
            raise ConflictError(f"It was said already that step {step.number} applies.")
        state = StepState.OPEN if applies else StepState.NOT_APPLICABLE
        chosen = [step.branch] if applies else []
        text = "It applies." if applies else ""
        mark_step(taken, state, now=now, text=text, chosen=chosen, note=note.strip())
    return run_step


def acknowledge_prohibition(
    incident: Incident,
    run_step: PlaybookRunStep,
    *,
    by: Actor,
    now: dt.datetime,
    note: str = "",
    version: int | None = None,
) -> PlaybookRunStep:
    """P5: “do NOT” was read and will be kept; that is never work ticked off."""
    with take_run_step(incident, run_step, by=by, now=now, version=version) as taken:
        if taken.step.kind != StepKind.PROHIBITION:
            raise WorkflowError(f"Step {taken.step.number} is no prohibition: do it or skip it.")
        _refuse_settled(taken.step)
        mark_step(taken, StepState.ACKNOWLEDGED, now=now, note=note.strip())
    return run_step


def reopen_step(
    incident: Incident,
    run_step: PlaybookRunStep,
    *,
    reason: str,
    by: Actor,
    now: dt.datetime,
    version: int | None = None,
) -> PlaybookRunStep:
    """P2: a settled step is open again; the timeline keeps who had settled it.

    A step that an answer closed is opened by changing that answer; a gate closes by itself (P4).
    """
    with take_run_step(incident, run_step, by=by, now=now, version=version) as taken:
        step = taken.step
        if step.is_open:
            raise WorkflowError(f"Step {step.number} is open.")
        _refuse_kind(step, StepKind.GATE)
        _refuse_by_branch(step)
        text = f"Open again: {require(reason, 'The reason')}"
        mark_step(taken, StepState.OPEN, now=now, text=text, chosen=[])
    return run_step


def check_finishable(taken: TakenStep) -> None:
    """Refuse what cannot be ticked off now: by its kind, its branch, or because it was."""
    step = taken.step
    _refuse_kind(step, StepKind.PROHIBITION, StepKind.GATE)
    view = branch_of(step, taken.steps)
    if view.waits_for is not None and step.is_open:
        raise WorkflowError(
            f"Whether step {step.number} applies depends on step {view.waits_for}.",
            [Missing(f"The answer of step {view.waits_for}", step=Step.STEP)],
        )
    if not (step.is_question and step.state == StepState.DONE):
        _refuse_settled(step)
    untold = _untold(taken.incident, step)
    if untold:
        raise WorkflowError(
            f"Step {step.number} is done when every affected client was told.",
            [
                Missing(f"{client} has not been told", step=Step.DRAFT, client=client.slug)
                for client in untold
            ],
        )


def _refuse_settled(step: PlaybookRunStep) -> None:
    _refuse_by_branch(step)
    if not step.is_open:
        raise conflict_of(step)


def _refuse_by_branch(step: PlaybookRunStep) -> None:
    if step.is_by_branch:
        raise WorkflowError(
            f"Step {step.number} does not apply because of an earlier answer. Change that answer."
        )


def _refuse_kind(step: PlaybookRunStep, *kinds: StepKind) -> None:
    if step.kind not in kinds:
        return
    if step.kind == StepKind.GATE:
        raise WorkflowError(
            f"Step {step.number} is a gate. It opens by its figure, or by an override."
        )
    raise WorkflowError(
        f"Step {step.number} is a prohibition: it is acknowledged, never ticked off."
    )


def _check_answers(step: PlaybookRunStep, answers: Iterable[str]) -> list[str]:
    """The chosen branches in the order of the answers offered."""
    given = {answer.strip() for answer in answers if answer.strip()}
    offered = step.offered_branches
    unknown = sorted(given - set(offered))
    if unknown:
        known = ", ".join(offered) or "none"
        raise WorkflowError(f"Step {step.number} has no answer {unknown[0]}. Answers: {known}.")
    if offered and not given:
        raise WorkflowError(
            f"Step {step.number} is done by answering: {step.question} "
            f"Answers: {', '.join(offered)}."
        )
    if len(given) > 1 and not step.is_multiple:
        raise WorkflowError(f"Step {step.number} takes one answer.")
    return [branch for branch in offered if branch in given]


def _check_figures(step: PlaybookRunStep, figures: Mapping[str, int]) -> dict[str, int]:
    """P7: every number the step asks for, none below zero, and no other."""
    names = dict(_counts(step))
    unknown = sorted(set(figures) - set(names))
    if unknown:
        known = ", ".join(names) or "none"
        raise WorkflowError(f"Step {step.number} has no number “{unknown[0]}”. Numbers: {known}.")
    missing = [label for name, label in names.items() if figures.get(name) is None]
    if missing:
        raise WorkflowError(
            f"Step {step.number} needs its numbers.", [Missing(label) for label in missing]
        )
    if any(figures[name] < 0 for name in names):
        raise WorkflowError("A number cannot be below zero.")
    return {name: int(figures[name]) for name in names}


def _counts(step: PlaybookRunStep) -> list[tuple[str, str]]:
    return [(count["name"], count["label"]) for count in step.counts]


def _untold(incident: Incident, step: PlaybookRunStep) -> list[Client]:
    """P3, P5: an obligation to notify is kept by telling, not by ticking it off."""
    if step.kind != StepKind.NOTIFY or step.due_after is None:
        return []
    rows = incident.affected.filter(told_at__isnull=True).select_related("client")
    return [row.client for row in rows]


def _labels(step: PlaybookRunStep, chosen: Iterable[str]) -> str:
    labels = {answer["branch"]: answer["label"] for answer in step.answers}
    return ", ".join(labels[branch] for branch in chosen)
