"""The escalation matrix: who is told beyond the team, once per occurrence (rules E1 to E10, C8)."""

import datetime as dt

from django.core import signing
from django.db import IntegrityError, transaction
from django.urls import reverse

from incidents import staff
from incidents.actors import SYSTEM, Actor
from incidents.enums import EntryKind, EscalationCode, Level, Owner, Role
from incidents.errors import WorkflowError
from incidents.models import (
    Client,
    Deadline,
    Escalation,
    EscalationNotice,
    EscalationRule,
    Incident,
    Participant,
    Responder,
)
from incidents.timeline import record
from notifications.enums import Urgency

SEEN_SIGNER = signing.Signer(salt="incidents.escalation.seen")


def raise_escalation(
    code: str,
    *,
    summary: str,
    by: Actor,
    now: dt.datetime,
    incident: Incident | None = None,
    client: Client | None = None,
    occurrence: str = "1",
    to: Responder | None = None,
) -> Escalation | None:
    """Write one escalation and its messages; None where that occurrence was raised before (E8).

    ``to`` replaces the rule's roles by one person. Somebody who cannot be reached by any channel
    makes the escalation undeliverable, which is an alarm on every page (E10).
    """
    rule = EscalationRule.objects.get(pk=code)
    try:
        with transaction.atomic():
            escalation = Escalation.objects.create(
                rule=rule,
                incident=incident,
                client=client,
                subject=_subject(incident, client),
                occurrence=occurrence,
                summary=summary,
                raised_at=now,
                raised_by=by.user,
                is_demo=any(subject.is_demo for subject in (incident, client) if subject),
            )
    except IntegrityError:
        return None
    people = [to] if to else [Responder.objects.on_duty(role, at=now) for role in rule.to_roles]
    reached = [person for person in people if person and _notify(escalation, person, now=now)]
    if len(reached) < len(people):
        escalation.is_undeliverable = True
        escalation.save(update_fields=["is_undeliverable"])
    if incident:
        _log(incident, escalation, reached, by=by, now=now)
    return escalation


def escalate_severity(incident: Incident, *, now: dt.datetime) -> None:
    """E1: a SEV-1 goes to the founder at classification or upgrade, once per incident."""
    if incident.level == Level.SEV1:
        raise_escalation(
            EscalationCode.E1,
            summary=f"{incident.ref} is SEV-1: {incident.title}",
            by=SYSTEM,
            now=now,
            incident=incident,
        )


def escalate_breach(deadline: Deadline, *, now: dt.datetime) -> None:
    """C8: where the SOP's matrix is silent, a breach goes once to the founder or coordinator.

    The founder: an acknowledge breach of SEV-1 or SEV-2, and a resolve breach of SEV-1.
    Everything else, and every provisional clock (C2), goes to the coordinator.
    """
    incident = deadline.incident
    severe = {
        "acknowledge": (Level.SEV1, Level.SEV2),
        "resolve": (Level.SEV1,),
    }.get(deadline.kind, ())
    is_founders = incident.level in severe and not deadline.is_provisional
    founder = Responder.objects.on_duty(Role.FOUNDER, at=now) if is_founders else None
    occurrence = f"{deadline.kind}:{deadline.client_id or 'all'}"
    if deadline.client_id:
        occurrence += f":{deadline.due_at:%Y%m%dT%H%M%S}"
    elif deadline.is_provisional:
        occurrence += ":provisional"
    raise_escalation(
        EscalationCode.BREACH,
        summary=(
            f"{staff.name_deadline(deadline)} of {incident.ref} was due "
            f"{staff.agency_time(deadline.due_at)} and is late: {incident.title}"
        ),
        by=SYSTEM,
        now=now,
        incident=incident,
        occurrence=occurrence,
        to=founder or _coordinator(incident, now=now),
    )


def raise_by_person(
    code: str,
    *,
    summary: str,
    by: Actor,
    now: dt.datetime,
    incident: Incident | None = None,
    client: Client | None = None,
) -> Escalation:
    """E2, E3, E4, E7: raised on an incident or on a client alone; each raising is an occurrence.

    Legal becomes a participant of what it is told about (E10).
    """
    if incident is None and client is None:
        raise WorkflowError("Name the incident or the client it is about.")
    escalation = raise_escalation(
        code,
        summary=summary,
        by=by,
        now=now,
        incident=incident,
        client=client,
        occurrence=now.strftime("%Y%m%dT%H%M%S.%f"),
    )
    if escalation is None:
        raise WorkflowError("It was raised just now. The people of the matrix have been told.")
    return escalation


def acknowledge_escalation(
    escalation: Escalation, *, name: str, by: Actor, now: dt.datetime, note: str = ""
) -> bool:
    """“Seen”: stops the repeats (E9). False when somebody was faster; nothing changes then."""
    with transaction.atomic():
        changed = (
            Escalation.objects.filter(pk=escalation.pk)
            .unseen()
            .update(acknowledged_at=now, acknowledged_by=name, acknowledgement_note=note)
        )
        if changed and escalation.incident:
            text = f"{name} has seen {escalation.rule_id} {escalation.rule.situation}."
            record(
                escalation.incident,
                EntryKind.ESCALATION,
                f"{text} “{note}”" if note else text,
                by=by,
                now=now,
            )
    return bool(changed)


def seen_token(escalation: Escalation, responder: Responder) -> str:
    """The signed token of the page that says “seen” without a login (rule N3)."""
    return SEEN_SIGNER.sign_object([escalation.pk, responder.pk])


def read_seen_token(token: str) -> tuple[Escalation, Responder]:
    """The escalation and the person a token was made for. Raises signing.BadSignature."""
    try:
        escalation_pk, responder_pk = SEEN_SIGNER.unsign_object(token)
    except (TypeError, ValueError) as error:
        raise signing.BadSignature("No such link.") from error
    try:
        escalation = Escalation.objects.select_related("rule", "incident").get(pk=escalation_pk)
        return escalation, Responder.objects.get(pk=responder_pk)
    except (Escalation.DoesNotExist, Responder.DoesNotExist) as error:
        raise signing.BadSignature("No such link.") from error


def _notify(escalation: Escalation, responder: Responder, *, now: dt.datetime) -> bool:
    rule = escalation.rule
    where = escalation.incident.ref if escalation.incident else str(escalation.client)
    page = reverse("incidents:escalation", args=[seen_token(escalation, responder)])
    lines = [escalation.summary, f"Rule: {rule.code} {rule.situation}."]
    if escalation.incident:
        lines.append(staff.next_deadline_line(escalation.incident, responder))
    lines.append("Say “seen” here, no login needed:")
    message = staff.tell(
        responder,
        event=f"escalation:{escalation.pk}",
        subject=f"{rule.code} {rule.situation}: {where}",
        lines=lines,
        now=now,
        incident=escalation.incident,
        urgency=Urgency.IMMEDIATE if rule.is_immediate else Urgency.HIGH,
        link=staff.absolute(page),
    )
    if message is None:
        return False
    EscalationNotice.objects.create(escalation=escalation, responder=responder, message=message)
    if responder.role == Role.LEGAL and responder.user_id and escalation.incident:
        Participant.objects.get_or_create(
            incident=escalation.incident, user=responder.user, defaults={"added_at": now}
        )
    return True


def _log(
    incident: Incident,
    escalation: Escalation,
    reached: list[Responder],
    *,
    by: Actor,
    now: dt.datetime,
) -> None:
    names = " and ".join(person.name for person in reached)
    outcome = f"{names} told" if reached else "nobody can be reached"
    first = escalation.notices.select_related("message").first()
    record(
        incident,
        EntryKind.ESCALATION,
        f"{escalation.rule_id} {escalation.rule.situation}, {outcome}. {escalation.summary}",
        by=by,
        now=now,
        client=escalation.client,
        message=first.message if first else None,
    )


def _coordinator(incident: Incident, *, now: dt.datetime) -> Responder | None:
    coordinator = incident.owner(Owner.COORDINATOR)
    if coordinator and not coordinator.is_away(at=now):
        return coordinator
    return Responder.objects.on_duty(Role.ORCHESTRATOR, at=now) or coordinator


def _subject(incident: Incident | None, client: Client | None) -> str:
    parts = [f"incident:{incident.pk}"] if incident else []
    parts += [f"client:{client.pk}"] if client else []
    return ":".join(parts)
