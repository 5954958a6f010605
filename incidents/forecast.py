"""What submitting a report or a triage would do, before it is done. Reads, never writes.

The deadlines come from the same pure functions that set the real ones (``incidents.clocks``).
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from incidents import staff
from incidents.clocks import ClientFacts, DutyFacts, Facts, Plan, plan_deadlines
from incidents.deadlines import duties_of, duty_of, terms_of
from incidents.enums import DeadlineKind, EscalationCode, Level, Role, Source, Status
from incidents.escalation import people_of, ways_to
from incidents.models import (
    AffectedClient,
    Client,
    EscalationRule,
    Incident,
    Playbook,
    Policy,
    Responder,
    Severity,
)
from incidents.playbooks.attaching import standing_playbooks
from incidents.roster import Roster
from incidents.workflow import Triage
from incidents.workflow.triage import fitting_playbook
from notifications.enums import Channel

HOW = {Channel.EMAIL: "by e-mail", Channel.TELEGRAM: "on Telegram", Channel.HUBSPOT: "in HubSpot"}


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody who will hear of it, and how ("by e-mail"); empty where they cannot be reached."""

    person: Responder
    how: str
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClientNotice:
    """By when one client must be told; ``due_at`` is empty where no notice is owed by a clock."""

    client: Client
    due_at: dt.datetime | None
    is_told: bool = False


@dataclass(slots=True)
class Forecast:
    """What would follow from a decision at this moment."""

    severity: Severity | None = None
    acknowledge: Plan | None = None
    resolve: Plan | None = None
    provisional_due_at: dt.datetime | None = None
    notices: list[ClientNotice] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    founder: Responder | None = None
    is_founder_told: bool = False
    drafted: list[Client] = field(default_factory=list)
    without_contact: list[Client] = field(default_factory=list)
    playbook: Playbook | None = None
    unfitting_playbook: Playbook | None = None
    #: P3, P5: what the playbooks at work then owe by a time of their own.
    duties: list[Plan] = field(default_factory=list)
    is_private: bool = False
    starts_fix: bool = False


def forecast_report(
    *,
    source: str,
    detected_at: dt.datetime,
    reported_by: Client | None,
    is_breach_suspected: bool,
    now: dt.datetime,
) -> Forecast:
    """What opening alone does: the provisional clock, and whoever acts first (rules C2, W2)."""
    severity = Severity.objects.get(pk=Level.SEV1)
    result = Forecast(
        provisional_due_at=detected_at + severity.acknowledge_within,
        is_private=is_breach_suspected,
    )
    duty = Responder.objects.on_duty
    _tell(result, duty(Role.ORCHESTRATOR, at=now), "to triage it")
    if source == Source.CLIENT_REPORT:
        _tell(result, duty(Role.REVENUE, at=now), "to acknowledge the client's report")
    elif source == Source.SCHEDULED_REVIEW:
        _tell(result, duty(Role.REVENUE, at=now), "as communications owner")
    _add_escalations(result, {EscalationCode.E4} if is_breach_suspected else set(), now=now)
    _add_drafts(result, [reported_by] if reported_by else [])
    return result


def forecast_triage(
    decision: Triage,
    *,
    source: str,
    detected_at: dt.datetime,
    reported_by: Client | None,
    now: dt.datetime,
    incident: Incident | None = None,
) -> Forecast:
    """What triaging so does (rules W3, S1 to S7, C2 to C7, E1, E4, N1).

    ``incident`` is the one being triaged, none for a new one.
    """
    severity = Severity.objects.get(pk=decision.level)
    rows = _rows(incident)
    is_breach = decision.is_breach_suspected or bool(incident and incident.is_breach_suspected)
    fitting, unfitting = _playbooks(decision, severity, source, incident)
    facts = replace(
        _facts(decision, severity, rows, incident, detected_at, reported_by, now=now),
        duties=_duties(decision, fitting, incident, now=now),
    )
    plans = plan_deadlines(facts)
    result = Forecast(
        severity=severity,
        acknowledge=_first(plans, DeadlineKind.ACKNOWLEDGE),
        resolve=_first(plans, DeadlineKind.RESOLVE),
        provisional_due_at=detected_at + facts.provisional_terms.acknowledge_within,
        notices=_notices(decision.clients, plans, rows),
        is_private=is_breach,
        starts_fix=decision.is_in_scope,
        playbook=fitting,
        unfitting_playbook=unfitting,
        duties=[plan for plan in plans if plan.kind == DeadlineKind.PLAYBOOK],
    )
    duty = Responder.objects.on_duty
    technical = decision.technical_owner or duty(Role.DELIVERY, at=now)
    _tell(result, technical, "technical owner")
    _tell(
        result,
        decision.communications_owner or duty(Role.REVENUE, at=now),
        "communications owner",
    )
    codes = {EscalationCode.E1} if severity.level == Level.SEV1 else set()
    if decision.is_breach_suspected and not (incident and incident.is_breach_suspected):
        codes.add(EscalationCode.E4)
    _add_escalations(result, codes, now=now)
    if severity.notifies_clients:
        told = {row.client_id for row in rows.values() if row.told_at}
        _add_drafts(result, [c for c in decision.clients if c.pk not in told])
    elif reported_by and incident is None:
        _add_drafts(result, [reported_by])
    return result


def _rows(incident: Incident | None) -> dict[int, AffectedClient]:
    if incident is None:
        return {}
    return {row.client_id: row for row in incident.affected.all()}


def _facts(
    decision: Triage,
    severity: Severity,
    rows: dict[int, AffectedClient],
    incident: Incident | None,
    detected_at: dt.datetime,
    reported_by: Client | None,
    *,
    now: dt.datetime,
) -> Facts:
    policy = Policy.current()
    clients = [
        ClientFacts(
            id=client.pk,
            zone=client.zone,
            added_at=rows[client.pk].added_at if client.pk in rows else now,
            told_at=rows[client.pk].told_at if client.pk in rows else None,
            is_reporter=client == reported_by,
        )
        for client in decision.clients
    ]
    return Facts(
        status=Status.TRIAGED,
        detected_at=detected_at,
        provisional_terms=terms_of(Severity.objects.get(pk=Level.SEV1)),
        untriaged_limit=policy.untriaged_founder_after,
        same_day_minimum=policy.same_day_minimum,
        terms=terms_of(severity),
        triaged_at=now,
        severe_since=now,
        accepted_at=incident.accepted_at if incident else None,
        clients=tuple(clients),
        level=severity.level,
    )


def _first(plans: Iterable[Plan], kind: str) -> Plan | None:
    return next((plan for plan in plans if plan.kind == kind), None)


def _notices(
    clients: Iterable[Client], plans: Iterable[Plan], rows: dict[int, AffectedClient]
) -> list[ClientNotice]:
    due = {plan.client_id: plan.due_at for plan in plans if plan.kind == DeadlineKind.NOTICE}
    return [
        ClientNotice(
            client,
            due.get(client.pk),
            is_told=client.pk in rows and rows[client.pk].told_at is not None,
        )
        for client in clients
    ]


def _tell(result: Forecast, person: Responder | None, why: str, *, how: str = "") -> None:
    if person is None:
        return
    address = staff.address_of(person)
    how = how or (HOW[Channel(address[0])] if address else "")
    known = [one for one in result.told if one.person == person]
    result.told = [one for one in result.told if one.person != person]
    result.told.append(Told(person, how, (*(known[0].why if known else ()), why)))


def _add_escalations(result: Forecast, codes: set[EscalationCode], *, now: dt.datetime) -> None:
    """Who the matrix names for these rules, and whether the founder is among them."""
    duty = Responder.objects.on_duty
    result.founder = duty(Role.FOUNDER, at=now)
    roster = Roster(at=now)
    for rule in EscalationRule.objects.filter(code__in=codes, is_active=True):
        for role, person in people_of(rule, roster):
            ways = ways_to(rule, person) if person else {}
            how = " and ".join(HOW[Channel(channel)] for channel in ways)
            _tell(result, person, f"{rule.code} {rule.situation}", how=how)
            result.is_founder_told |= role == Role.FOUNDER


def _add_drafts(result: Forecast, clients: Iterable[Client]) -> None:
    for client in clients:
        (result.drafted if client.has_contact else result.without_contact).append(client)


def _playbooks(
    decision: Triage, severity: Severity, source: str, incident: Incident | None
) -> tuple[Playbook | None, Playbook | None]:
    """The playbook that will be at work, as the workflow chooses it; and the one that fits the
    systems but not the severity."""
    attached = standing_playbooks(incident) if incident else []
    playbook = decision.playbook or next(iter(attached), None)
    playbook = playbook or fitting_playbook(decision.systems, severity.level, source)
    if playbook is None:
        return None, None
    fits = (playbook.forces_level or severity.level) == severity.level
    return (playbook, None) if fits else (None, playbook)


def _duties(
    decision: Triage, playbook: Playbook | None, incident: Incident | None, *, now: dt.datetime
) -> tuple[DutyFacts, ...]:
    """Those of the playbooks that stay, and of the one that is attached."""
    attached = standing_playbooks(incident) if incident else []
    stay = incident is not None and (decision.playbook is None or decision.playbook in attached)
    kept = duties_of(incident) if incident and stay else ()
    if playbook is None or playbook in attached:
        return kept
    owed = playbook.steps.filter(due_after__isnull=False).order_by("number")
    return (*kept, *(duty_of(step, attached_at=now) for step in owed))
