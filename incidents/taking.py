"""How every step is taken: locked, allowed, possible, fresh, and its deadlines kept true."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from incidents.actors import Actor
from incidents.deadlines import sync_deadlines
from incidents.enums import Origin
from incidents.errors import ConflictError, WorkflowError
from incidents.escalation import settle_escalations, sync_escalations
from incidents.models import Incident
from incidents.permissions import authorize
from incidents.sweeping import settle_due
from incidents.transitions import Step, check_transition

#: Kept by ``timeline.record`` itself; a step must not write them back.
TIMELINE_FIELDS = {"last_entry_at", "last_entry", "entry_count"}
#: Steps that change nothing another person's form could be wrong about.
VERSION_NEUTRAL = {
    Step.NOTE,
    Step.WAIT,
    Step.DRAFT,
    Step.SEND,
    Step.APPROVE,
    Step.TOLD,
    Step.HUBSPOT_NOTED,
    Step.CONTAIN,
    Step.ESCALATE,
    Step.STEP,
    Step.HOLD,
    Step.RELEASE,
}
SAVED_FIELDS = [
    field.name
    for field in Incident._meta.concrete_fields
    if field.name not in TIMELINE_FIELDS and not field.primary_key and field.name != "ref"
]


class Taken:
    """The locked incident and the authorised actor inside a step."""

    def __init__(self, incident: Incident, by: Actor, step: Step) -> None:
        self.incident = incident
        self.by = by
        self.step = step
        self.is_correction = False


@contextmanager
def take_step(
    incident: Incident,
    step: Step,
    *,
    by: Actor,
    now: dt.datetime,
    version: int | None = None,
    is_delegated: bool = False,
) -> Iterator[Taken]:
    """Take one step on an incident, in one transaction.

    1. Lock the incident's row and read it anew.
    2. Refuse whom it is hidden from or whose role it is not (rule A1, W11); ``is_delegated``
       says that the caller's own rule already gave the step to this person.
    3. Refuse a form that was written for an older version (rule W1).
    4. Refuse what the transition table forbids.
    5. Write warnings and breaches that were due before this step.
    6. Let the caller change the incident and record entries.
    7. Set the status, raise the version (not for notes and mails, which make no other person's
       form stale), save, and bring the deadlines up to date.

    Raises NotAllowedError, ConflictError or WorkflowError; nothing is changed then.
    """
    with transaction.atomic():
        fresh = lock_incident(incident, by=by)
        actor = by if is_delegated else authorize(step, by=by, now=now)
        taken = Taken(fresh, actor, step)
        if version is not None and version != fresh.version:
            raise ConflictError(
                f"{fresh.ref} was changed by somebody else meanwhile. Look at what changed, "
                "then decide again.",
                recent_changes(fresh),
            )
        target = check_transition(fresh, step)
        settle_due(fresh, now=now)
        settle_escalations(fresh, now=now)
        yield taken
        fresh.status = target
        fresh.version += step not in VERSION_NEUTRAL
        fresh.save(update_fields=SAVED_FIELDS)
        sync_deadlines(fresh, now=now, is_correction=taken.is_correction)
        sync_escalations(fresh, now=now)
    copy_onto(incident, fresh)


def refusal(step: Step, incident: Incident, *, by: Actor, now: dt.datetime) -> WorkflowError | None:
    """Why this person cannot take the step now, as far as role and status tell; else None."""
    try:
        authorize(step, by=by, now=now)
        check_transition(incident, step)
    except WorkflowError as error:
        return error
    return None


def lock_incident(incident: Incident, *, by: Actor) -> Incident:
    """The incident's row, locked until the transaction ends and read anew."""
    rows = Incident.objects.select_for_update(of=("self",)).select_related(
        "severity", "review_severity", "coordinator", "technical_owner", "communications_owner"
    )
    fresh = rows.get(pk=incident.pk)
    if by.user and not Incident.objects.visible_to(by.user).filter(pk=fresh.pk).exists():
        raise WorkflowError(f"There is no incident {fresh.ref}.")
    return fresh


def recent_changes(incident: Incident) -> list[str]:
    """The last few things people did, for the person whose form was too old."""
    entries = incident.timeline.exclude(origin=Origin.SYSTEM)
    return [
        f"{entry.actor_name}, {entry.get_kind_display()}: {entry.text[:120]}"
        for entry in entries.order_by("-id")[:3]
    ]


def copy_onto(incident: Incident, fresh: Incident) -> None:
    """Let the caller's object show what was saved."""
    if incident is not fresh:
        incident.refresh_from_db()


def require(text: str, what: str) -> str:
    """The stripped text. Raises WorkflowError when there is none."""
    stripped = text.strip()
    if not stripped:
        raise WorkflowError(f"{what} is missing.")
    return stripped
