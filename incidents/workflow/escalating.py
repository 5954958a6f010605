"""Raising an escalation on an incident (rules E2, E3, E4, E7, W11)."""

import datetime as dt

from incidents.actors import Actor
from incidents.enums import EscalationCode, Level
from incidents.escalation import raise_by_person
from incidents.models import Client, Escalation, Incident, Severity
from incidents.regrading import regrade_incident
from incidents.taking import Taken, require, take_step
from incidents.transitions import Step, is_possible
from incidents.workflow.privacy import suspect_breach


def escalate_incident(
    incident: Incident,
    *,
    code: str,
    summary: str,
    by: Actor,
    now: dt.datetime,
    client: Client | None = None,
    quote: str = "",
    amount: str = "",
) -> Escalation:
    """E2, E3, E4, E7 on an incident, in somebody's words and, if there are any, the client's.

    A suspected breach makes it private and SEV-1 as well (W11).
    """
    with take_step(incident, Step.ESCALATE, by=by, now=now) as taken:
        row = taken.incident
        text = require(summary, "What happened")
        if code == EscalationCode.E4 and not row.is_breach_suspected:
            escalation = suspect_breach(
                row, summary=text, quote=quote.strip(), by=taken.by, now=now, client=client
            )
            # Who may see it and its severity change: that makes other people's forms stale.
            row.version += 1
            _make_critical(taken, now=now)
            return escalation
        return raise_by_person(
            code,
            summary=text,
            quote=quote.strip(),
            amount=amount.strip(),
            by=taken.by,
            now=now,
            incident=row,
            client=client,
        )


def _make_critical(taken: Taken, *, now: dt.datetime) -> None:
    """W11: a suspected breach is SEV-1 by default; before triage the triage decides that."""
    row = taken.incident
    if row.level == Level.SEV1 or not is_possible(Step.SEVERITY, row.status):
        return
    critical = Severity.objects.get(pk=Level.SEV1)
    regrade_incident(
        taken.incident, critical, by=taken.by, now=now, reason="A data breach is suspected."
    )
