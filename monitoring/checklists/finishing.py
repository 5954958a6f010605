"""What people do with a run: answer, open an incident for what failed, complete (rule K8)."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from incidents.actors import Actor
from incidents.enums import Role
from incidents.errors import ConflictError, Missing, NotAllowedError, WorkflowError
from incidents.models import Responder
from incidents.workflow import Opened
from monitoring.checklists.findings import join_or_open
from monitoring.enums import Outcome, RunState
from monitoring.models import ChecklistRun, RunItem

ANSWERS = (Outcome.PASS, Outcome.FAIL, Outcome.NOT_APPLICABLE)
NOTE_LENGTH, EVIDENCE_LENGTH = 5_000, 2_000


def may_answer(run: ChecklistRun, *, by: Actor, now: dt.datetime) -> bool:
    """Whether ``answer`` and the others would let this person do it."""
    try:
        _authorize(run, by=by, now=now)
    except NotAllowedError:
        return False
    return True


def answer(
    item: RunItem,
    *,
    outcome: str,
    note: str = "",
    evidence: str = "",
    by: Actor,
    now: dt.datetime,
    version: int | None = None,
) -> RunItem:
    """Answer one item by hand, or add a note and evidence to one that a monitor answered.

    An empty outcome leaves the answer as it is. ``version`` is the run's as the person saw it.
    Raises NotAllowedError for anybody but the orchestrator, the founder, the run's owner and
    who stands in for the owner; ConflictError when somebody was faster; WorkflowError on a run
    that is not open or an answer that is none.
    """
    note = _text(note, "The note", NOTE_LENGTH)
    evidence = _text(evidence, "The evidence", EVIDENCE_LENGTH)
    with _take(item.run, by=by, now=now, version=version) as (run, actor):
        row = run.items.get(pk=item.pk)
        if row.is_automatic:
            _refuse_another_outcome(row, outcome)
        elif outcome and outcome not in ANSWERS:
            raise WorkflowError("Choose pass, fail or not applicable.")
        elif outcome and outcome != row.outcome:
            row.outcome = outcome
            row.answered_at, row.answered_by = now, _name(actor)
        row.note, row.evidence = note, evidence
        row.save()
        run.version += 1
        run.save(update_fields=["version"])
    item.refresh_from_db()
    return item


def complete_run(
    run: ChecklistRun, *, by: Actor, now: dt.datetime, version: int | None = None
) -> ChecklistRun:
    """Close a run: every item is answered, and every failed one has an incident or a note.

    Raises what ``answer`` raises; what is left to do is named.
    """
    with _take(run, by=by, now=now, version=version) as (fresh, actor):
        missing = what_is_left(fresh)
        if missing:
            raise WorkflowError("This run is not finished.", missing)
        close_run(fresh, name=_name(actor), now=now)
    run.refresh_from_db()
    return run


def open_item_incident(
    item: RunItem, *, by: Actor, now: dt.datetime, version: int | None = None
) -> Opened:
    """One click on a failed item: open its incident, prefilled, or join the one that is open.

    Prefilled are title, systems, clients, suggested severity and playbook of the monitors that
    failed. A second click gives the same incident. Raises what ``answer`` raises, and
    WorkflowError for an item that did not fail.
    """
    with _take(item.run, by=by, now=now, version=version) as (run, actor):
        row = run.items.select_related("incident").get(pk=item.pk)
        if row.outcome != Outcome.FAIL:
            raise WorkflowError("Only a failed item opens an incident.")
        if row.incident:
            return Opened(row.incident, is_joined=True)
        opened = join_or_open(row, run, by=actor, now=now)
        row.incident = opened.incident
        row.save(update_fields=["incident"])
        run.version += 1
        run.save(update_fields=["version"])
    item.refresh_from_db()
    return opened


def what_is_left(run: ChecklistRun) -> list[Missing]:
    """What stands between a run and its completion, in the order of the items."""
    missing = []
    for item in run.items.all():
        if item.outcome == Outcome.PENDING:
            missing.append(Missing(f"Item {item.number} has no answer"))
        elif item.outcome == Outcome.FAIL and not item.incident_id and not item.note.strip():
            missing.append(Missing(f"Item {item.number} failed: an incident or a note"))
    return missing


def close_run(run: ChecklistRun, *, name: str, now: dt.datetime) -> None:
    """Write down that a run is done; the caller holds its row and has judged that it is."""
    run.state = RunState.DONE
    run.completed_at, run.completed_by = now, name
    run.version += 1
    run.save(update_fields=["state", "completed_at", "completed_by", "version"])


@contextmanager
def _take(
    run: ChecklistRun, *, by: Actor, now: dt.datetime, version: int | None
) -> Iterator[tuple[ChecklistRun, Actor]]:
    """The run's row, locked and read anew, for somebody who may change it."""
    with transaction.atomic():
        rows = ChecklistRun.objects.select_for_update(of=("self",))
        fresh = rows.select_related("checklist", "owner").get(pk=run.pk)
        actor = _authorize(fresh, by=by, now=now)
        if fresh.state == RunState.DONE:
            raise WorkflowError(f"This run was completed by {fresh.completed_by}.")
        if fresh.state != RunState.OPEN:
            raise WorkflowError("This run was missed; its period has passed.")
        if version is not None and version != fresh.version:
            raise ConflictError(
                "Somebody else changed this run meanwhile. Look at it, then answer again.",
                _recent_answers(fresh),
            )
        yield fresh, actor


def _authorize(run: ChecklistRun, *, by: Actor, now: dt.datetime) -> Actor:
    """The orchestrator, the founder, the owner, and who stands in for the owner (rule A1)."""
    if by.is_system or (by.user and run.owner and run.owner.user_id == by.user.pk):
        return by
    role = Role(run.checklist.owner_role)
    if by.has_role(Role.ORCHESTRATOR, Role.FOUNDER):
        return by if by.has_role(role, Role.FOUNDER) else by.standing_in_for(role)
    on_duty = Responder.objects.on_duty(role, at=now)
    if by.user and on_duty and on_duty.user_id == by.user.pk:
        return by.standing_in_for(role)
    raise NotAllowedError(
        f"This checklist is for its owner, {run.owner or role.label.lower()}, the orchestrator "
        "and the founder. Ask one of them."
    )


def _name(actor: Actor) -> str:
    """Who it was, with whom they stood in for."""
    if not actor.stands_in_for:
        return actor.name[:150]
    return f"{actor.name}, for {Role(actor.stands_in_for).label.lower()}"[:150]


def _refuse_another_outcome(item: RunItem, outcome: str) -> None:
    if item.outcome == Outcome.PENDING:
        raise WorkflowError("The monitors have not answered this item yet. Try again shortly.")
    if outcome and outcome != item.outcome:
        raise WorkflowError("The monitors answered this item. Add a note if they are wrong.")


def _text(text: str, what: str, limit: int) -> str:
    text = text.strip()
    if "\0" in text:
        raise WorkflowError(f"{what} contains a character that cannot be kept.")
    if len(text) > limit:
        raise WorkflowError(f"{what} has {len(text)} characters; {limit} are kept.")
    return text


def _recent_answers(run: ChecklistRun) -> list[str]:
    """The last answers, for the person whose page was too old."""
    answered = run.items.exclude(answered_at__isnull=True).order_by("-answered_at", "number")
    return [
        f"{item.answered_by}: {item.get_outcome_display().lower()}, {item.text}"
        for item in answered[:3]
    ]
