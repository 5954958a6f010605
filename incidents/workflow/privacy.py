"""Suspected data breaches are seen by few (rule W11)."""

import datetime as dt

from incidents.actors import Actor
from incidents.enums import (
    EntryKind,
    EscalationCode,
    Role,
)
from incidents.escalation import raise_by_person
from incidents.models import (
    Client,
    Escalation,
    Incident,
    Participant,
    Responder,
)
from incidents.timeline import record


def suspect_breach(
    incident: Incident,
    *,
    summary: str,
    by: Actor,
    now: dt.datetime,
    client: Client | None = None,
    quote: str = "",
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
        EscalationCode.E4,
        summary=summary,
        quote=quote,
        by=by,
        now=now,
        incident=incident,
        client=client,
    )
