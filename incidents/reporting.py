"""From a report to an incident in one go (SOP steps 1 and 2, rule W2)."""

import datetime as dt
from dataclasses import dataclass, field

from django.db import transaction

from incidents.actors import Actor
from incidents.models import Client, Incident, System
from incidents.workflow import Triage, open_incident, triage_incident


@dataclass(frozen=True, slots=True)
class Report:
    """What somebody saw, as it was written down."""

    title: str
    source: str
    detected_at: dt.datetime | None = None
    description: str = ""
    systems: list[System] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)
    reported_by: Client | None = None
    suggested_level: int | None = None
    is_breach_suspected: bool = False


def report_incident(
    report: Report, *, decision: Triage | None, by: Actor, now: dt.datetime
) -> Incident:
    """Open an incident and, with a decision, triage it in the same transaction: both or nothing.

    With the decision's ``is_in_scope``, delivery triages what it found itself and the fix starts
    at once (W2). Raises WorkflowError; nothing is kept then, not even the reference.
    """
    with transaction.atomic():
        incident = open_incident(
            title=report.title,
            source=report.source,
            by=by,
            now=now,
            detected_at=report.detected_at,
            description=report.description,
            systems=report.systems,
            clients=report.clients,
            reported_by=report.reported_by,
            suggested_level=report.suggested_level,
            # A triage says so itself, once its owners are set and may see a private incident.
            is_breach_suspected=report.is_breach_suspected and decision is None,
            is_triaged_at_once=decision is not None,
        ).incident
        if decision is not None:
            triage_incident(incident, decision, by=by, now=now)
    return incident
