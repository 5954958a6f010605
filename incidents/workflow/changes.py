"""Changes that may come at any time: owners, detection, clients, waivers, notes."""

import datetime as dt

from incidents import staff
from incidents.actors import Actor
from incidents.correspondence import prepare_notification
from incidents.duties import acknowledge_if_told
from incidents.enums import EntryKind, Role, Side, WaiverKind
from incidents.errors import WorkflowError
from incidents.models import (
    AffectedClient,
    Client,
    Incident,
    Responder,
    TimelineEntry,
    Wait,
    Waiver,
)
from incidents.taking import require, take_step
from incidents.timeline import record
from incidents.transitions import Step
from incidents.workflow.opening import check_detection
from incidents.workflow.triage import tell_assigned

PARTS = {
    "coordinator": Role.ORCHESTRATOR,
    "technical_owner": Role.DELIVERY,
    "communications_owner": Role.REVENUE,
}


def assign_incident(
    incident: Incident,
    *,
    by: Actor,
    now: dt.datetime,
    coordinator: Responder | None = None,
    technical_owner: Responder | None = None,
    communications_owner: Responder | None = None,
    version: int | None = None,
) -> Incident:
    """Give parts of an incident to others; each new owner is told (rule N1)."""
    wanted = {
        "coordinator": coordinator,
        "technical_owner": technical_owner,
        "communications_owner": communications_owner,
    }
    with take_step(incident, Step.ASSIGN, by=by, now=now, version=version) as taken:
        row = taken.incident
        changed = {part: new for part, new in wanted.items() if new and new != getattr(row, part)}
        if not changed:
            raise WorkflowError("Nobody new was named. Choose another person for a part.")
        for part, responder in changed.items():
            setattr(row, part, responder)
            label = part.replace("_", " ").capitalize()
            record(row, EntryKind.ASSIGNED, f"{label}: {responder}.", by=taken.by, now=now)
        for part, responder in changed.items():
            tell_assigned(row, part.split("_")[0], responder, now=now)
    return incident


def correct_detection(
    incident: Incident,
    *,
    detected_at: dt.datetime,
    reason: str,
    by: Actor,
    now: dt.datetime,
    version: int | None = None,
) -> Incident:
    """Rule C1: the detection time with a reason; every deadline is recomputed, nobody is called."""
    with take_step(incident, Step.DETECTED_AT, by=by, now=now, version=version) as taken:
        row = taken.incident
        require(reason, "The reason")
        clients = [affected.client for affected in row.affected.select_related("client")]
        check_detection(detected_at, clients, now=min(now, row.opened_at))
        record(
            row,
            EntryKind.DETECTED_AT,
            f"Detection corrected from {staff.agency_time(row.detected_at)} to "
            f"{staff.agency_time(detected_at)}: {reason.strip()}",
            by=taken.by,
            now=now,
        )
        row.detected_at = detected_at
        taken.is_correction = True
    return incident


def change_clients(
    incident: Incident,
    *,
    clients: list[Client],
    by: Actor,
    now: dt.datetime,
    version: int | None = None,
) -> Incident:
    """Add or take off affected clients; one who was told stays. New ones get their notice (C3)."""
    with take_step(incident, Step.CLIENTS, by=by, now=now, version=version) as taken:
        row = taken.incident
        present = {a.client: a for a in row.affected.select_related("client")}
        added = [client for client in clients if client not in present]
        gone = [client for client in present if client not in clients]
        if not added and not gone:
            raise WorkflowError("The affected clients are the same as before.")
        for client in gone:
            if present[client].told_at or client == row.reported_by:
                raise WorkflowError(f"{client} was told or reported it, and stays on it.")
            present[client].delete()
        check_detection(row.detected_at, added, now=now)
        AffectedClient.objects.bulk_create(
            AffectedClient(incident=row, client=client, added_at=now) for client in added
        )
        text = "; ".join(
            f"{word}: {', '.join(client.name for client in some)}"
            for word, some in (("added", added), ("taken off", gone))
            if some
        )
        record(row, EntryKind.CLIENTS, f"Affected clients {text}.", by=taken.by, now=now)
        acknowledge_if_told(row, by=taken.by, now=now)
        if added and row.judged_severity.notifies_clients:
            prepare_notification(row, added, now=now)
    return incident


def add_note(
    incident: Incident,
    *,
    text: str,
    by: Actor,
    now: dt.datetime,
    at: dt.datetime | None = None,
    kind: str = EntryKind.NOTE,
) -> TimelineEntry:
    """W9: an entry by a person, at a past time if need be (marked as added later)."""
    text = require(text, "The text")
    if at is not None and at > now:
        raise WorkflowError("An entry cannot lie in the future.")
    if kind not in (EntryKind.NOTE, EntryKind.FINDING):
        raise WorkflowError("An entry is a note or a finding; other kinds have steps of their own.")
    with take_step(incident, Step.NOTE, by=by, now=now) as taken:
        return record(taken.incident, kind, text, by=taken.by, now=now, at=at)


def start_wait(incident: Incident, *, on: str, what: str, by: Actor, now: dt.datetime) -> Wait:
    """C6: waiting on a client or a vendor is recorded; no clock pauses."""
    with take_step(incident, Step.WAIT, by=by, now=now) as taken:
        if taken.incident.waits.filter(on=on, ended_at__isnull=True).exists():
            raise WorkflowError("That wait is running already. End it first.")
        wait = Wait.objects.create(
            incident=taken.incident, on=on, what=require(what, "What is waited for"), started_at=now
        )
        party = "a client" if on == Side.CLIENT else "a vendor"
        record(
            taken.incident, EntryKind.WAIT, f"Waiting on {party}: {wait.what}", by=taken.by, now=now
        )
    return wait


def end_wait(incident: Incident, *, on: str, by: Actor, now: dt.datetime) -> Wait:
    """C6: the end of a wait, so that reports give gross and net times."""
    with take_step(incident, Step.WAIT, by=by, now=now) as taken:
        wait = taken.incident.waits.filter(on=on, ended_at__isnull=True).first()
        if wait is None:
            raise WorkflowError("No such wait is running.")
        wait.ended_at = now
        wait.save(update_fields=["ended_at"])
        record(taken.incident, EntryKind.WAIT, f"Wait ended: {wait.what}", by=taken.by, now=now)
    return wait


def waive_gate(
    incident: Incident, *, kind: str, reason: str, by: Actor, now: dt.datetime
) -> Waiver:
    """W5, W7: the orchestrator or the founder opens a gate by name and reason; no stand-ins."""
    with take_step(incident, Step.WAIVE, by=by, now=now) as taken:
        if kind not in (WaiverKind.TEST_EVIDENCE, WaiverKind.STABILITY_WINDOW):
            raise WorkflowError("That cannot be waived here.")
        if kind == WaiverKind.STABILITY_WINDOW and taken.incident.verified_at is None:
            raise WorkflowError("There is no stability window yet: verify the fix first.")
        if taken.by.user is None:
            raise WorkflowError("A waiver needs a person's name.")
        waiver = Waiver.objects.create(
            incident=taken.incident,
            kind=kind,
            reason=require(reason, "The reason"),
            by=taken.by.user,
            at=now,
        )
        record(
            taken.incident,
            EntryKind.WAIVER,
            f"{waiver.get_kind_display()} waived: {waiver.reason}",
            by=taken.by,
            now=now,
        )
    return waiver
