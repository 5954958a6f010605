"""What a person does with one step of a running playbook: one table for pages and ``act``."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from incidents.actors import Actor
from incidents.enums import StepAction
from incidents.models import Client, Incident, MailDraft, PlaybookRunStep, SendingDomain
from incidents.playbooks.asking import ask_now, keep_answer
from incidents.playbooks.clarifying import keep_answers, mail_questions
from incidents.playbooks.figures import Figure, figures_of, snapshot
from incidents.playbooks.running import (
    acknowledge_prohibition,
    decide_branch,
    find_run_step,
    finish_step,
    reopen_step,
    skip_step,
)


@dataclass(frozen=True, slots=True)
class Doing:
    """What was asked for: which step, what with it, and what is kept with it.

    ``domains`` are what a step that pauses sending puts on hold. ``asked`` are the answers of
    those who were asked ahead, outside of any transaction. ``replies`` are what a client said, by
    the number of the question (P6). ``version`` is the version of the
    run's step that the person saw.
    """

    action: str
    step: str
    playbook: str = ""
    answers: list[str] = field(default_factory=list)
    note: str = ""
    reason: str = ""
    evidence: str = ""
    figures: dict[str, int] = field(default_factory=dict)
    domains: list[SendingDomain] = field(default_factory=list)
    asked: list[Figure] | None = None
    client: Client | None = None
    replies: dict[int, str] = field(default_factory=dict)
    version: int | None = None


#: What became of it: the step, or the mail that was drafted.
Result = PlaybookRunStep | MailDraft
Act = Callable[[Incident, PlaybookRunStep, Doing, Actor, dt.datetime], Result]


def act_on_step(incident: Incident, doing: Doing, *, by: Actor, now: dt.datetime) -> Result:
    """Find the step and do it. Raises WorkflowError and changes nothing then."""
    run_step = find_run_step(incident, doing.step, playbook=doing.playbook)
    return ACTIONS[StepAction(doing.action)](incident, run_step, doing, by, now)


def _finish(
    incident: Incident, step: PlaybookRunStep, doing: Doing, by: Actor, now: dt.datetime
) -> PlaybookRunStep:
    version = doing.version
    with transaction.atomic():
        if doing.replies:
            _answers(incident, step, doing, by, now)
            version = step.version
        return finish_step(
            incident,
            step,
            answers=doing.answers,
            note=doing.note,
            evidence=doing.evidence,
            figures=doing.figures,
            figure=_seen(incident, step, now=now),
            domains=doing.domains,
            by=by,
            now=now,
            version=version,
        )


def _skip(
    incident: Incident, step: PlaybookRunStep, doing: Doing, by: Actor, now: dt.datetime
) -> PlaybookRunStep:
    return skip_step(incident, step, reason=doing.reason, by=by, now=now, version=doing.version)


def _applies(
    incident: Incident, step: PlaybookRunStep, doing: Doing, by: Actor, now: dt.datetime
) -> PlaybookRunStep:
    return decide_branch(
        incident, step, applies=True, note=doing.note, by=by, now=now, version=doing.version
    )


def _does_not_apply(
    incident: Incident, step: PlaybookRunStep, doing: Doing, by: Actor, now: dt.datetime
) -> PlaybookRunStep:
    return decide_branch(
        incident, step, applies=False, note=doing.note, by=by, now=now, version=doing.version
    )


def _acknowledge(
    incident: Incident, step: PlaybookRunStep, doing: Doing, by: Actor, now: dt.datetime
) -> PlaybookRunStep:
    return acknowledge_prohibition(
        incident, step, note=doing.note, by=by, now=now, version=doing.version
    )


def _reopen(
    incident: Incident, step: PlaybookRunStep, doing: Doing, by: Actor, now: dt.datetime
) -> PlaybookRunStep:
    return reopen_step(incident, step, reason=doing.reason, by=by, now=now, version=doing.version)


def _ask(
    incident: Incident, step: PlaybookRunStep, doing: Doing, by: Actor, now: dt.datetime
) -> PlaybookRunStep:
    if doing.asked is None:
        return ask_now(incident, step, by=by, now=now, version=doing.version)
    return keep_answer(incident, step, doing.asked, by=by, now=now, version=doing.version)


def _answers(
    incident: Incident, step: PlaybookRunStep, doing: Doing, by: Actor, now: dt.datetime
) -> PlaybookRunStep:
    return keep_answers(
        incident,
        step,
        doing.replies,
        client=doing.client,
        by=by,
        now=now,
        version=doing.version,
    )


def _mail_questions(
    incident: Incident, step: PlaybookRunStep, doing: Doing, by: Actor, now: dt.datetime
) -> MailDraft:
    return mail_questions(
        incident, step, client=doing.client, by=by, now=now, version=doing.version
    )


def _seen(incident: Incident, step: PlaybookRunStep, *, now: dt.datetime) -> dict[str, Any]:
    """The figures as they stood when the step was done; an answer asked for stays."""
    if not step.reading or step.figure.get("asked"):
        return {}
    return snapshot(figures_of(incident, step, now=now), now=now)


ACTIONS: dict[StepAction, Act] = {
    StepAction.DONE: _finish,
    StepAction.ANSWER: _finish,
    StepAction.SKIP: _skip,
    StepAction.APPLIES: _applies,
    StepAction.NOT_APPLICABLE: _does_not_apply,
    StepAction.ACKNOWLEDGE: _acknowledge,
    StepAction.REOPEN: _reopen,
    StepAction.ASK: _ask,
    StepAction.ANSWERS: _answers,
    StepAction.MAIL_QUESTIONS: _mail_questions,
}
