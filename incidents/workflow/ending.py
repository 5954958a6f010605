"""SOP steps 6 and 7: resolve, the post-incident entry, close; and cancelling a false alarm."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from incidents.actors import Actor
from incidents.blockers import blocking_close, blocking_resolve
from incidents.correspondence import discard_open_drafts, prepare_notes
from incidents.enums import EntryKind
from incidents.errors import Missing, WorkflowError
from incidents.models import Incident, PreventionMeasure, Responder, Review
from incidents.playbooks.gates import blocking_holds
from incidents.taking import require, take_step
from incidents.timeline import record
from incidents.transitions import Step


@dataclass(frozen=True, slots=True)
class Measure:
    """One prevention measure; ``done_on`` moves it from planned to changed (rule W8)."""

    text: str
    owner: Responder
    due_on: dt.date
    done_on: dt.date | None = None


def resolve_incident(
    incident: Incident, *, by: Actor, now: dt.datetime, version: int | None = None
) -> Incident:
    """SOP step 6, rule W7: refused with the list of what is missing; queues the HubSpot notes."""
    with take_step(incident, Step.RESOLVE, by=by, now=now, version=version) as taken:
        row = taken.incident
        missing = blocking_resolve(row, now=now)
        if missing:
            raise WorkflowError(f"{row.ref} cannot be resolved yet.", missing)
        row.resolved_at = now
        record(row, EntryKind.RESOLVED, "Resolved.", by=taken.by, now=now)
        prepare_notes(row, now=now)
    return incident


def write_review(
    incident: Incident,
    *,
    timeline: str,
    root_cause: str,
    resolution: str,
    measures: Iterable[Measure],
    by: Actor,
    now: dt.datetime,
    is_complete: bool = True,
    version: int | None = None,
) -> Review:
    """SOP step 7.1: save the post-incident entry; complete it when asked and nothing is missing.

    Measures given replace those not kept; a complete entry stays editable, but never incomplete.
    """
    with take_step(incident, Step.REVIEW, by=by, now=now, version=version) as taken:
        row = taken.incident
        review, _ = Review.objects.get_or_create(
            incident=row, defaults={"updated_at": now, "updated_by": taken.by.name}
        )
        review.timeline = timeline.strip()
        review.root_cause = root_cause.strip()
        review.resolution = resolution.strip()
        review.updated_at, review.updated_by = now, taken.by.name
        _replace_measures(review, measures)
        missing = review.missing_parts()
        was_complete = review.completed_at is not None
        if is_complete or was_complete:
            if missing:
                raise WorkflowError(
                    "The post-incident entry is not complete.", [Missing(part) for part in missing]
                )
            review.completed_at = review.completed_at or now
        review.save()
        done = "completed" if review.completed_at and not was_complete else "saved"
        record(row, EntryKind.REVIEW, f"Post-incident entry {done}.", by=taken.by, now=now)
    return review


def close_incident(
    incident: Incident, *, by: Actor, now: dt.datetime, version: int | None = None
) -> Incident:
    """Rule W8: nothing closes until it is documented."""
    with take_step(incident, Step.CLOSE, by=by, now=now, version=version) as taken:
        missing = blocking_close(taken.incident)
        if missing:
            raise WorkflowError(f"{taken.incident.ref} cannot be closed yet.", missing)
        taken.incident.closed_at = now
        record(taken.incident, EntryKind.CLOSED, "Closed.", by=taken.by, now=now)
        discard_open_drafts(taken.incident, by=taken.by, now=now)
    return incident


def cancel_incident(
    incident: Incident, *, reason: str, by: Actor, now: dt.datetime, version: int | None = None
) -> Incident:
    """Rule W1: a false alarm, with its reason; every deadline falls away.

    Refused once a client was told: that client is owed a resolution, not silence. Refused while
    a hold of it stands, which nobody would lift then (P4).
    """
    with take_step(incident, Step.CANCEL, by=by, now=now, version=version) as taken:
        row = taken.incident
        text = require(reason, "The reason")
        told = row.affected.filter(told_at__isnull=False).select_related("client")
        if told:
            names = ", ".join(affected.client.name for affected in told)
            raise WorkflowError(
                f"{names} were told of it. Take it through to Resolved, so that they hear the end."
            )
        holds = blocking_holds(row)
        if holds:
            raise WorkflowError(f"Sending is on hold because of {row.ref}: resume it first.", holds)
        row.cancelled_at = now
        record(row, EntryKind.CANCELLED, f"Cancelled: {text}", by=taken.by, now=now)
        discard_open_drafts(row, by=taken.by, now=now)
    return incident


def _replace_measures(review: Review, measures: Iterable[Measure]) -> None:
    kept = []
    for measure in measures:
        row, _ = PreventionMeasure.objects.update_or_create(
            review=review,
            text=require(measure.text, "The prevention measure"),
            defaults={
                "owner": measure.owner,
                "due_on": measure.due_on,
                "done_on": measure.done_on,
            },
        )
        kept.append(row.pk)
    review.measures.exclude(pk__in=kept).delete()
