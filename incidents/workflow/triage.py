"""SOP step 2: triage (rule W3)."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from incidents import staff
from incidents.actors import SYSTEM, Actor
from incidents.correspondence import prepare_notification
from incidents.deadlines import sync_deadlines
from incidents.duties import acknowledge_if_told, owe_duties
from incidents.enums import (
    EntryKind,
    Level,
    Role,
    RunHow,
    Source,
    StepState,
)
from incidents.errors import WorkflowError
from incidents.escalation import escalate_severity
from incidents.models import (
    Client,
    Incident,
    Playbook,
    Responder,
    Severity,
    System,
)
from incidents.playbooks.attaching import (
    check_forced,
    end_run,
    standing_playbooks,
    start_run,
)
from incidents.taking import Taken, take_step
from incidents.timeline import record
from incidents.transitions import Step
from incidents.workflow.opening import add_clients, check_detection
from incidents.workflow.privacy import suspect_breach
from notifications.enums import Urgency

#: Attached where a client reported it and nothing fits better (rule P6).
CLIENT_REPORT_PLAYBOOK = "client-reports-not-working"


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
        _attach_playbook(taken, decision.playbook, now=now)
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


def _decide_severity(incident: Incident, decision: Triage) -> Severity:
    severity = Severity.objects.filter(pk=decision.level).first()
    if severity is None:
        raise WorkflowError("Choose a severity from SEV-1 to SEV-4.")
    attached, chosen = standing_playbooks(incident), decision.playbook
    check_forced(attached if chosen is None or chosen in attached else [chosen], severity)
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
    add_clients(incident, [c for c in decision.clients if c.pk not in present], now=now)


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


def _attach_playbook(taken: Taken, chosen: Playbook | None, *, now: dt.datetime) -> None:
    """W3: the chosen playbook takes the place of what it came with. Where none was chosen and
    none came with it, that of an affected system or of a client's report is attached."""
    row = taken.incident
    attached = standing_playbooks(row)
    if chosen is not None and chosen not in attached:
        _clear_playbooks(taken, chosen, now=now)
        start_run(row, chosen, how=RunHow.TRIAGE, by=taken.by, now=now)
    if chosen is not None or attached:
        return
    fitting = fitting_playbook(row.systems.all(), row.level, row.source)
    if fitting is not None and (fitting.forces_level or row.level) == row.level:
        start_run(row, fitting, how=RunHow.TRIAGE, by=SYSTEM, now=now)


def fitting_playbook(systems: Iterable[System], level: int | None, source: str) -> Playbook | None:
    """The playbook of an affected system, for a SEV-4 none; else that of a client's report."""
    playbook = None
    if level != Level.SEV4:
        active = Playbook.objects.filter(is_active=True)
        playbook = active.filter(systems__in=list(systems)).first()
    if playbook is None and source == Source.CLIENT_REPORT:
        playbook = Playbook.objects.filter(slug=CLIENT_REPORT_PLAYBOOK, is_active=True).first()
    return playbook


def _clear_playbooks(taken: Taken, chosen: Playbook, *, now: dt.datetime) -> None:
    """A guess nobody has worked on is gone; one that was worked on is kept to be read."""
    for run in taken.incident.runs.standing():
        if run.steps.exclude(state=StepState.OPEN).exists():
            end_run(run, reason=f"At triage “{chosen}” was chosen.", by=taken.by, now=now)
        else:
            run.delete()


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
