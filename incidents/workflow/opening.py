"""SOP steps 1 to 3: detection, triage and accepting an incident."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction

from incidents import staff
from incidents.actors import SYSTEM, Actor
from incidents.correspondence import prepare_notification
from incidents.deadlines import sync_deadlines
from incidents.duties import accept, acknowledge_if_told, owe_duties
from incidents.enums import (
    EntryKind,
    EscalationCode,
    Level,
    Role,
    Source,
)
from incidents.errors import WorkflowError
from incidents.escalation import escalate_severity, raise_by_person
from incidents.models import (
    AffectedClient,
    Client,
    Escalation,
    Incident,
    Participant,
    Playbook,
    Responder,
    Severity,
    System,
)
from incidents.permissions import authorize
from incidents.references import next_reference
from incidents.taking import Taken, require, take_step
from incidents.timeline import record
from incidents.transitions import Step
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
    is_breach_suspected: bool = False,
    key: str | None = None,
    is_demo: bool = False,
) -> Opened:
    """SOP step 1, rules W2 and C1: write the incident down, start its provisional clock, tell
    whoever acts first.

    ``detected_at`` is the earliest evidence and lies neither in the future nor before a client
    was one. ``key`` makes opening idempotent: the same key joins the open incident.
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
            _add_clients(incident, clients, now=now)
            record(
                incident,
                EntryKind.OPENED,
                f"Opened, {Source(source).label.lower()}. {incident.title}",
                by=by,
                now=now,
                at=detected_at,
                data={"description": incident.description},
            )
            if is_breach_suspected:
                summary = f"Data breach suspected in {incident.ref}."
                suspect_breach(incident, summary=summary, by=by, now=now)
            if reported_by:
                prepare_notification(incident, [reported_by], now=now)
            sync_deadlines(incident, now=now)
            _tell_first_actor(incident, now=now)
    except IntegrityError:
        joined = Incident.objects.filter(opening_key=key).first() if key else None
        if joined is None:
            raise
        return Opened(joined, is_joined=True)
    incident.refresh_from_db()
    return Opened(incident)


@dataclass(frozen=True, slots=True)
class Triage:
    """What the person at triage decided (SOP step 2, rule W3)."""

    level: int
    reason: str = ""
    suggested_level: int | None = None
    title: str = ""
    description: str | None = None
    systems: list[System] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)
    technical_owner: Responder | None = None
    communications_owner: Responder | None = None
    playbook: Playbook | None = None
    is_breach_suspected: bool = False
    is_in_scope: bool = False


def triage_incident(
    incident: Incident,
    decision: Triage,
    *,
    by: Actor,
    now: dt.datetime,
    version: int | None = None,
) -> Incident:
    """SOP step 2, rule W3: severity, scope, resolver and log, in one transaction.

    1. Record severity, systems, clients and owners.
    2. Attach the playbook that fits.
    3. Raise the escalations that the severity demands (E1, E4).
    4. Prepare the drafts and tell the owners.

    Delivery may triage what it found itself during a build, where it starts the fix at once (W2).
    """
    is_own_find = (
        decision.is_in_scope and incident.source == Source.AGENT and by.has_role(Role.DELIVERY)
    )
    with take_step(
        incident, Step.TRIAGE, by=by, now=now, version=version, is_delegated=is_own_find
    ) as taken:
        row = taken.incident
        severity = _decide_severity(row, decision)
        row.severity = severity
        row.severity_reason = decision.reason.strip()
        row.suggested_severity_id = decision.suggested_level or row.suggested_severity_id
        row.triaged_at = row.severe_since = now
        row.is_in_scope = decision.is_in_scope
        row.title = decision.title.strip() or row.title
        if decision.description is not None:
            row.description = decision.description.strip()
        _set_owners(row, decision, now=now)
        _scope(row, decision, now=now)
        owe_duties(row)
        if decision.is_breach_suspected and not row.is_breach_suspected:
            summary = f"Data breach suspected in {row.ref}."
            suspect_breach(row, summary=summary, by=taken.by, now=now)
        _log_triage(taken, severity, now=now)
        _attach_playbook(row, decision.playbook, now=now)
        acknowledge_if_told(row, by=taken.by, now=now, is_anew=True)
        sync_deadlines(row, now=now)
        escalate_severity(row, now=now)
        if severity.notifies_clients:
            prepare_notification(row, None, now=now)
        _tell_owners(row, now=now)
    if decision.is_in_scope:
        from_triage_to_investigation(incident, by=by, now=now)
    return incident


def from_triage_to_investigation(incident: Incident, *, by: Actor, now: dt.datetime) -> None:
    """W2: found by delivery during a build and in scope, the fix starts at once."""
    with take_step(incident, Step.INVESTIGATE, by=by, now=now) as taken:
        record(
            taken.incident,
            EntryKind.INVESTIGATING,
            "In scope of the current build: the fix starts at once.",
            by=taken.by,
            now=now,
        )


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


def _add_clients(incident: Incident, clients: list[Client], *, now: dt.datetime) -> None:
    AffectedClient.objects.bulk_create(
        [AffectedClient(incident=incident, client=client, added_at=now) for client in clients]
    )


def suspect_breach(
    incident: Incident, *, summary: str, by: Actor, now: dt.datetime, client: Client | None = None
) -> Escalation:
    """W11: a suspected breach is seen by few from now on, and the founder hears of it (E4)."""
    incident.is_private = incident.is_breach_suspected = True
    incident.save(update_fields=["is_private", "is_breach_suspected"])
    legal = Responder.objects.filter(role=Role.LEGAL, is_active=True, user__isnull=False)
    for responder in legal:
        Participant.objects.get_or_create(
            incident=incident, user=responder.user, defaults={"added_at": now}
        )
    record(
        incident,
        EntryKind.PRIVACY,
        "Data breach suspected: only its owners, the orchestrator, the founder and legal see it.",
        by=by,
        now=now,
    )
    return raise_by_person(
        EscalationCode.E4, summary=summary, by=by, now=now, incident=incident, client=client
    )


def _tell_first_actor(incident: Incident, *, now: dt.datetime) -> None:
    """W2, N1: revenue acknowledges a client's report; otherwise the orchestrator triages."""
    is_report = incident.source == Source.CLIENT_REPORT
    told = {incident.coordinator_id: (incident.coordinator, "Please triage it.")}
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


def _decide_severity(incident: Incident, decision: Triage) -> Severity:
    severity = Severity.objects.filter(pk=decision.level).first()
    if severity is None:
        raise WorkflowError("Choose a severity from SEV-1 to SEV-4.")
    forced = decision.playbook.forces_level if decision.playbook else None
    if forced and severity.level != forced:
        raise WorkflowError(
            f"The playbook “{decision.playbook}” makes this SEV-{forced}. "
            "Choose that severity or another playbook."
        )
    is_breach = decision.is_breach_suspected or incident.is_breach_suspected
    if is_breach and severity.level != Level.SEV1 and not decision.reason.strip():
        raise WorkflowError(
            "A suspected data breach is SEV-1 by default. Give a reason for another severity."
        )
    return severity


def _set_owners(incident: Incident, decision: Triage, *, now: dt.datetime) -> None:
    duty = Responder.objects.on_duty
    incident.coordinator = incident.coordinator or duty(Role.ORCHESTRATOR, at=now)
    incident.technical_owner = decision.technical_owner or duty(Role.DELIVERY, at=now)
    incident.communications_owner = decision.communications_owner or duty(Role.REVENUE, at=now)


def _scope(incident: Incident, decision: Triage, *, now: dt.datetime) -> None:
    """W3: the systems and clients decided on replace what was prefilled."""
    if not decision.systems:
        raise WorkflowError("Name at least one affected system.")
    if incident.reported_by and incident.reported_by not in decision.clients:
        raise WorkflowError(
            f"{incident.reported_by} reported it and stays on it. Tick that client again."
        )
    check_detection(incident.detected_at, decision.clients, now=now)
    incident.systems.set(decision.systems)
    wanted = {client.pk for client in decision.clients}
    incident.affected.exclude(client__in=wanted).filter(told_at__isnull=True).delete()
    present = set(incident.affected.values_list("client", flat=True))
    _add_clients(incident, [c for c in decision.clients if c.pk not in present], now=now)


def _log_triage(taken: Taken, severity: Severity, *, now: dt.datetime) -> None:
    """SOP step 2.4: timestamp, severity, description, affected clients, assigned resolver."""
    row = taken.incident
    clients = [affected.client.name for affected in row.affected.select_related("client")]
    data = {
        "severity": severity.code,
        "description": row.description,
        "clients": clients,
        "systems": [system.name for system in row.systems.all()],
        "resolver": str(row.technical_owner or ""),
        "communications": str(row.communications_owner or ""),
    }
    reason = f" {row.severity_reason}" if row.severity_reason else ""
    text = (
        f"{severity.code}.{reason} Clients: {', '.join(clients) or 'none'}. "
        f"Resolver: {row.technical_owner or 'nobody'}."
    )
    record(row, EntryKind.TRIAGED, text, by=taken.by, now=now, data=data)


def _attach_playbook(incident: Incident, chosen: Playbook | None, *, now: dt.datetime) -> None:
    """The chosen playbook, else that of an affected system, else that of a client's report."""
    playbook = chosen or Playbook.objects.filter(systems__in=incident.systems.all()).first()
    if playbook is None and incident.source == Source.CLIENT_REPORT:
        playbook = Playbook.objects.filter(slug="client-reports-not-working").first()
    if playbook is None or (playbook.forces_level or incident.level) != incident.level:
        return
    incident.playbooks.add(playbook)
    record(
        incident,
        EntryKind.PLAYBOOK,
        f"Playbook “{playbook}” attached.",
        by=SYSTEM,
        now=now,
    )


def _tell_owners(incident: Incident, *, now: dt.datetime) -> None:
    """N1: at every assignment the new owner is told, with the next deadline."""
    for role, responder in (
        ("technical", incident.technical_owner),
        ("communications", incident.communications_owner),
    ):
        tell_assigned(incident, role, responder, now=now)
    names = {str(owner) for owner in (incident.technical_owner, incident.communications_owner)}
    record(incident, EntryKind.STAFF, f"{' and '.join(sorted(names))} told.", by=SYSTEM, now=now)


def tell_assigned(
    incident: Incident, part: str, responder: Responder | None, *, now: dt.datetime
) -> None:
    """N1: tell somebody that a part of the incident is theirs."""
    if responder is None:
        return
    code = incident.severity.code if incident.severity else "untriaged"
    staff.tell(
        responder,
        event=f"assigned:{part}:{incident.version}",
        subject=f"Yours ({part}): {incident.ref} {code} {incident.title}",
        lines=[incident.title, staff.next_deadline_line(incident, responder)],
        now=now,
        incident=incident,
        urgency=Urgency.HIGH,
    )
