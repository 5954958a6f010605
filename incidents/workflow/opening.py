"""SOP steps 1 and 3: detection, and accepting an incident."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from incidents import staff
from incidents.actors import Actor
from incidents.correspondence import prepare_notification
from incidents.deadlines import sync_deadlines
from incidents.duties import accept, acknowledge_if_told
from incidents.enums import (
    EntryKind,
    Role,
    RunHow,
    Source,
    Status,
)
from incidents.errors import WorkflowError
from incidents.models import (
    AffectedClient,
    Client,
    Incident,
    Playbook,
    Responder,
    System,
)
from incidents.permissions import authorize
from incidents.playbooks.attaching import start_run
from incidents.references import next_reference
from incidents.taking import require, take_step
from incidents.timeline import record
from incidents.transitions import Step
from incidents.workflow.privacy import suspect_breach
from notifications.enums import Urgency


@dataclass(frozen=True, slots=True)
class Opened:
    """The incident, and whether an open one with the same key was joined instead."""

    incident: Incident
    is_joined: bool = False


def open_incident(
    *,
    title: str,
    source: str,
    by: Actor,
    now: dt.datetime,
    detected_at: dt.datetime | None = None,
    description: str = "",
    systems: Iterable[System] = (),
    clients: Iterable[Client] = (),
    reported_by: Client | None = None,
    suggested_level: int | None = None,
    playbooks: Iterable[Playbook] = (),
    is_breach_suspected: bool = False,
    key: str | None = None,
    is_triaged_at_once: bool = False,
    is_demo: bool = False,
) -> Opened:
    """SOP step 1, rules W2 and C1: write the incident down, start its provisional clock, tell
    whoever acts first.

    ``detected_at`` is the earliest evidence and lies neither in the future nor before a client
    was one. ``playbooks`` are attached at once; triage keeps them or chooses another. ``key``
    makes opening idempotent: the same key joins the incident it opened. With
    ``is_triaged_at_once`` nobody is asked to triage: the caller does so in the same transaction.
    """
    systems, clients = list(systems), list(clients)
    detected_at = detected_at or now
    if reported_by and reported_by not in clients:
        clients.append(reported_by)
    authorize(Step.OPEN, by=by, now=now)
    check_detection(detected_at, clients, now=now)
    try:
        with transaction.atomic():
            incident = Incident.objects.create(
                ref=next_reference(at=now, is_demo=is_demo),
                title=require(title, "The title"),
                description=description.strip(),
                source=source,
                detected_at=detected_at,
                opened_at=now,
                opened_by=by.user,
                reported_by=reported_by,
                suggested_severity_id=suggested_level,
                coordinator=Responder.objects.on_duty(Role.ORCHESTRATOR, at=now),
                communications_owner=Responder.objects.on_duty(Role.REVENUE, at=now),
                opening_key=key or None,
                is_demo=is_demo,
            )
            incident.systems.set(systems)
            add_clients(incident, clients, now=now)
            record(
                incident,
                EntryKind.OPENED,
                f"Opened, {Source(source).label.lower()}. {incident.title}",
                by=by,
                now=now,
                at=detected_at,
                data={"description": incident.description},
            )
            _attach(incident, playbooks, by=by, now=now)
            if is_breach_suspected:
                summary = f"Data breach suspected in {incident.ref}."
                suspect_breach(incident, summary=summary, by=by, now=now)
            if reported_by:
                prepare_notification(incident, [reported_by], now=now)
            sync_deadlines(incident, now=now)
            _tell_first_actor(incident, asks_for_triage=not is_triaged_at_once, now=now)
    except IntegrityError:
        joined = Incident.objects.filter(opening_key=key).first() if key else None
        if joined is None:
            raise
        return Opened(joined, is_joined=True)
    incident.refresh_from_db()
    return Opened(incident)


def add_evidence(
    incident: Incident,
    text: str,
    *,
    by: Actor,
    now: dt.datetime,
    at: dt.datetime | None = None,
    suggested_level: int | None = None,
) -> Incident:
    """A machine has more to say of an incident that it opened, in whatever status that is (K6).

    ``at`` is when it happened, where that was not now. Until triage a graver ``suggested_level``
    replaces the suggestion; afterwards a person decides.
    """
    with take_step(incident, Step.NOTE, by=by, now=now) as taken:
        row = taken.incident
        record(row, EntryKind.NOTE, require(text, "The text"), by=taken.by, now=now, at=at)
        suggested = row.suggested_severity_id
        if row.status == Status.DETECTED and suggested_level and suggested_level < (suggested or 9):
            row.suggested_severity_id = suggested_level
    return incident


def acknowledge_incident(
    incident: Incident,
    *,
    by: Actor,
    now: dt.datetime,
    planned_fix_at: dt.datetime | None = None,
    version: int | None = None,
) -> Incident:
    """SOP step 3, rule C3: the communications owner accepts the incident.

    Stops the acknowledge clock of SEV-3 and SEV-4, and of any incident without affected clients.
    A client who reported it, and every client of a SEV-1 or SEV-2, must have been told as well.
    Accepting a SEV-4 sets its planned-fix date, the resolve limit by default.
    """
    with take_step(incident, Step.ACKNOWLEDGE, by=by, now=now, version=version) as taken:
        row = taken.incident
        if row.accepted_at is not None:
            raise WorkflowError(f"{row.ref} was accepted already.")
        accept(row, at=now, planned_fix_at=planned_fix_at)
        text = f"Accepted by {taken.by.name}."
        if row.planned_fix_at:
            text += f" Fix planned for {staff.agency_time(row.planned_fix_at)}."
        record(row, EntryKind.ACKNOWLEDGED, text, by=taken.by, now=now)
        acknowledge_if_told(row, by=taken.by, now=now)
    return incident


def check_detection(
    detected_at: dt.datetime, clients: Iterable[Client], *, now: dt.datetime
) -> None:
    """Refuse a detection time in the future or before a client was one (rule C1)."""
    if detected_at > now:
        raise WorkflowError("The detection time lies in the future. Give the earliest evidence.")
    for client in clients:
        if detected_at < client.since:
            raise WorkflowError(
                f"The detection time is before {client} became a client "
                f"({staff.agency_time(client.since)})."
            )


def add_clients(incident: Incident, clients: list[Client], *, now: dt.datetime) -> None:
    AffectedClient.objects.bulk_create(
        [AffectedClient(incident=incident, client=client, added_at=now) for client in clients]
    )


def _attach(
    incident: Incident, playbooks: Iterable[Playbook], *, by: Actor, now: dt.datetime
) -> None:
    """W3: what it comes with. A playbook that forces a severity suggests it to triage (P5)."""
    how = RunHow.MONITOR if by.is_system else RunHow.CHOSEN
    suggested = incident.suggested_severity_id
    for playbook in playbooks:
        start_run(incident, playbook, how=how, by=by, now=now)
        if playbook.forces_level:
            suggested = min(suggested or playbook.forces_level, playbook.forces_level)
    if suggested != incident.suggested_severity_id:
        incident.suggested_severity_id = suggested
        incident.save(update_fields=["suggested_severity"])


def _tell_first_actor(incident: Incident, *, asks_for_triage: bool, now: dt.datetime) -> None:
    """W2, N1: revenue acknowledges a client's report; otherwise the orchestrator triages."""
    is_report = incident.source == Source.CLIENT_REPORT
    told = {}
    if asks_for_triage:
        told[incident.coordinator_id] = (incident.coordinator, "Please triage it.")
    if is_report or incident.source == Source.SCHEDULED_REVIEW:
        ask = "Please acknowledge the client's report." if is_report else "You are named on it."
        told[incident.communications_owner_id] = (incident.communications_owner, ask)
    for responder, ask in told.values():
        if responder is None:
            continue
        staff.tell(
            responder,
            event="opened",
            subject=f"New: {incident.ref} {incident.title}",
            lines=[
                f"{Source(incident.source).label}. {ask}",
                staff.next_deadline_line(incident, responder),
            ],
            now=now,
            incident=incident,
            urgency=Urgency.HIGH,
        )
