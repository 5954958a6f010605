"""The clarifying questions: mailed to the client on request, and the answers kept (rule P6)."""

import datetime as dt
from collections.abc import Mapping

from django.db import transaction

from incidents import correspondence
from incidents.actors import Actor
from incidents.enums import EntryKind, MailKind
from incidents.errors import Missing, WorkflowError
from incidents.models import Client, ClientAnswer, Incident, MailDraft, PlaybookRunStep
from incidents.playbooks.marking import TakenStep, take_run_step
from incidents.timeline import record
from incidents.transitions import Step

LONGEST_ANSWER = 5_000


def keep_answers(
    incident: Incident,
    run_step: PlaybookRunStep,
    replies: Mapping[int, str],
    *,
    by: Actor,
    now: dt.datetime,
    client: Client | None = None,
    version: int | None = None,
) -> PlaybookRunStep:
    """P6: write down what a client said, by the number of the question; open or settled alike.

    A question that is not named keeps its answer. ``client`` may be left out where one client is
    affected. Raises WorkflowError.
    """
    with take_run_step(incident, run_step, by=by, now=now, version=version) as taken:
        step = taken.step
        _require_questions(step)
        given = {number: text.strip() for number, text in replies.items() if text.strip()}
        _check_replies(step, given)
        who = _who_answered(taken.incident, client)
        said = [
            f"“{step.questions[number - 1]}” {text}"
            for number, text in sorted(given.items())
            if _keep(taken, who, number, text, now=now)
        ]
        if said:
            step.version += 1
            step.save(update_fields=["version"])
            _tell(taken, who, said, given, now=now)
    return run_step


def mail_questions(
    incident: Incident,
    run_step: PlaybookRunStep,
    *,
    by: Actor,
    now: dt.datetime,
    client: Client | None = None,
    version: int | None = None,
) -> MailDraft:
    """P6: draft the questions as a mail to the client, or to every affected client.

    It is a draft as any other (M3): the communications owner reads it, the wording guard checks
    it (M4, M5), Send can be undone, and the reply goes to the mailbox (M2). Raises WorkflowError.
    """
    with transaction.atomic():
        with take_run_step(incident, run_step, by=by, now=now, version=version) as taken:
            _require_questions(taken.step)
            row = taken.incident
            affected = correspondence.clients_for(row, MailKind.QUESTIONS)
        if client is None and not affected:
            raise WorkflowError(
                f"{row.ref} names no client who could be asked.",
                [Missing("The affected client", step=Step.CLIENTS)],
            )
        draft = correspondence.start_draft(
            incident,
            kind=MailKind.QUESTIONS,
            clients=[client] if client else affected,
            by=by,
            now=now,
        )
    run_step.refresh_from_db()
    return draft


def _require_questions(step: PlaybookRunStep) -> None:
    if not step.questions:
        raise WorkflowError(f"Step {step.number} has no questions for the client.")
    if step.is_by_branch:
        raise WorkflowError(
            f"Step {step.number} does not apply because of an earlier answer. Change that answer."
        )


def _check_replies(step: PlaybookRunStep, given: Mapping[int, str]) -> None:
    if not given:
        raise WorkflowError(
            "There is no answer to keep.",
            [Missing(f"An answer to “{text}”") for text in step.questions],
        )
    for number, text in given.items():
        if not 1 <= number <= len(step.questions):
            raise WorkflowError(
                f"Step {step.number} has no question {number}; it has {len(step.questions)}."
            )
        if len(text) > LONGEST_ANSWER:
            raise WorkflowError(f"An answer has at most {LONGEST_ANSWER:,} signs. Shorten it.")


def _who_answered(incident: Incident, client: Client | None) -> Client | None:
    """The client named, else the only one affected; None where none is."""
    affected = [row.client for row in incident.affected.select_related("client")]
    if client is not None:
        if client not in affected:
            raise WorkflowError(
                f"{client} is not affected by {incident.ref}.",
                [Missing("The affected client", step=Step.CLIENTS)],
            )
        return client
    if len(affected) > 1:
        names = ", ".join(sorted(one.name for one in affected))
        raise WorkflowError(f"Which client said so? Name one of: {names}.")
    return affected[0] if affected else None


def _keep(
    taken: TakenStep, client: Client | None, number: int, text: str, *, now: dt.datetime
) -> bool:
    """Whether it says something new."""
    step = taken.step
    row = step.client_answers.filter(client=client, number=number).first()
    if row is not None and row.text == text:
        return False
    row = row or ClientAnswer(run_step=step, client=client, number=number)
    row.question = step.questions[number - 1]
    row.text, row.at, row.by_name = text, now, taken.by.name
    row.save()
    return True


def _tell(
    taken: TakenStep,
    client: Client | None,
    said: list[str],
    given: Mapping[int, str],
    *,
    now: dt.datetime,
) -> None:
    step = taken.step
    data = {
        "playbook": step.run.playbook.slug,
        "step": step.number,
        "key": step.key,
        "answers": {str(number): text for number, text in given.items()},
    }
    record(
        taken.incident,
        EntryKind.STEP,
        f"{step.run.title}, step {step.number}, {client or 'the client'} answered: "
        f"{' '.join(said)}",
        by=taken.by,
        now=now,
        data=data,
        client=client,
    )
