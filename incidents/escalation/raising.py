"""Raising an escalation: its row, its messages and its entry, once per occurrence (rule E8)."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from django.db import transaction

from incidents import staff
from incidents.actors import SYSTEM, Actor
from incidents.enums import EscalationCode, Level, Role
from incidents.errors import WorkflowError
from incidents.escalation.matrix import ways_to
from incidents.escalation.telling import Told, entries_of, tell_people
from incidents.models import (
    Client,
    Deadline,
    Escalation,
    EscalationRule,
    Incident,
    Responder,
)
from incidents.roster import Roster
from incidents.timeline import NewEntry, record_many
from notifications.batches import insert_new


@dataclass(frozen=True, slots=True, kw_only=True)
class Raising:
    """One escalation to be raised.

    ``to`` replaces the rule's roles by one person; ``due_at`` says when a clock asked for it.
    """

    rule: EscalationRule
    summary: str
    incident: Incident | None = None
    client: Client | None = None
    occurrence: str = "1"
    to: Responder | None = None
    due_at: dt.datetime | None = None
    quote: str = ""
    amount: str = ""

    @property
    def subject(self) -> str:
        parts = [f"incident:{self.incident.pk}"] if self.incident else []
        parts += [f"client:{self.client.pk}"] if self.client else []
        return ":".join(parts)


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
    quote: str = "",
    amount: str = "",
) -> Escalation | None:
    """Write one escalation and its messages; None where that occurrence was raised before (E8).

    None also where the rule is switched off. Somebody who cannot be reached by any channel makes
    the escalation undeliverable, which is an alarm on every page (E10).
    """
    raising = Raising(
        rule=EscalationRule.objects.get(pk=code),
        summary=summary,
        incident=incident,
        client=client,
        occurrence=occurrence,
        to=to,
        quote=quote,
        amount=amount,
    )
    return next(iter(raise_many([raising], by=by, now=now)), None)


def raise_many(
    raisings: Sequence[Raising],
    *,
    by: Actor,
    now: dt.datetime,
    entries: Sequence[NewEntry] = (),
    roster: Roster | None = None,
) -> list[Escalation]:
    """Write those of the escalations that were not raised before, with messages and entries.

    Returns them. Those of one rule and subject share one message: what a stopped system missed
    is told once (N1). The number of statements does not grow with the number of escalations.
    ``entries``, of what led to them, come before their own on the timeline.
    """
    wanted = [raising for raising in raisings if raising.rule.is_active]
    with transaction.atomic():
        rows = [_row(raising, by=by, now=now) for raising in wanted]
        fresh = insert_new(rows, unique=["rule", "subject", "occurrence"])
        people = {
            (row.rule_id, row.subject, row.occurrence): raising.to
            for row, raising in zip(rows, wanted, strict=True)
        }
        told = _tell(fresh, people, roster or Roster(at=now), now=now) if fresh else []
        record_many([*entries, *entries_of(told, by=by)], now=now)
    return fresh


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
    """C8: where the SOP's matrix is silent, a breach goes once to the founder or coordinator."""
    rule = EscalationRule.objects.get(pk=EscalationCode.BREACH)
    raise_many([breach_raising(deadline, rule, Roster(at=now))], by=SYSTEM, now=now)


def breach_raising(deadline: Deadline, rule: EscalationRule, roster: Roster) -> Raising:
    """C8 for one deadline.

    The founder: an acknowledge breach of SEV-1 or SEV-2, and a resolve breach of SEV-1.
    Everything else, and every provisional clock (C2), goes to the coordinator.
    """
    incident = deadline.incident
    severe = {
        "acknowledge": (Level.SEV1, Level.SEV2),
        "resolve": (Level.SEV1,),
    }.get(deadline.kind, ())
    is_founders = incident.level in severe and not deadline.is_provisional
    founder = roster.on_duty(Role.FOUNDER) if is_founders else None
    occurrence = f"{deadline.kind}:{deadline.client_id or 'all'}"
    if deadline.client_id:
        occurrence += f":{deadline.due_at:%Y%m%dT%H%M%S}"
    elif deadline.is_provisional:
        occurrence += ":provisional"
    elif deadline.run_step_id:
        occurrence = f"{deadline.kind}:{deadline.run_step_id}"
    return Raising(
        rule=rule,
        summary=(
            f"{staff.name_deadline(deadline)} of {incident.ref} was due "
            f"{staff.agency_time(deadline.due_at)} and is late: {incident.title}"
        ),
        incident=incident,
        occurrence=occurrence,
        to=founder or roster.coordinator(incident),
        due_at=deadline.due_at,
    )


def raise_by_person(
    code: str,
    *,
    summary: str,
    by: Actor,
    now: dt.datetime,
    incident: Incident | None = None,
    client: Client | None = None,
    quote: str = "",
    amount: str = "",
) -> Escalation:
    """E2, E3, E4, E7: raised on an incident or on a client alone; each raising is an occurrence.

    Legal becomes a participant of what it is told about (E10).
    """
    if incident is None and client is None:
        raise WorkflowError("Name the incident or the client it is about.")
    if not EscalationRule.objects.filter(pk=code, is_active=True).exists():
        raise WorkflowError(f"{code} is switched off. An administrator can switch it on.")
    escalation = raise_escalation(
        code,
        summary=summary,
        by=by,
        now=now,
        incident=incident,
        client=client,
        occurrence=now.strftime("%Y%m%dT%H%M%S.%f"),
        quote=quote,
        amount=amount,
    )
    if escalation is None:
        raise WorkflowError("It was raised just now. The people of the matrix have been told.")
    return escalation


def _row(raising: Raising, *, by: Actor, now: dt.datetime) -> Escalation:
    subjects = (raising.incident, raising.client)
    rule = raising.rule
    return Escalation(
        rule=rule,
        incident=raising.incident,
        client=raising.client,
        subject=raising.subject,
        occurrence=raising.occurrence,
        summary=raising.summary,
        quote=raising.quote,
        amount=raising.amount,
        due_at=raising.due_at,
        raised_at=now,
        raised_by=by.user,
        ring_count=1 if rule.rings else 0,
        next_ring_at=now + rule.ring_every if rule.ring_every and rule.rings else None,
        is_demo=any(subject.is_demo for subject in subjects if subject),
    )


def _tell(
    fresh: list[Escalation],
    people: dict[tuple[str, str, str], Responder | None],
    roster: Roster,
    *,
    now: dt.datetime,
) -> list[Told]:
    """One message per rule and subject; the newest occurrence speaks for the ones before it.

    Only for what repeats by the clock (E5): two clocks that were breached are two things.
    """
    told = []
    for _, same in groupby(fresh, key=_repeated):
        *missed, newest = same
        to = people[newest.rule_id, newest.subject, newest.occurrence]
        told.append(Told(newest, missed, _addressees(newest.rule, to, roster)))
    tell_people(told, now=now)
    lost = [row for one in told if one.unreached for row in one.escalations]
    _set_undeliverable(lost)
    return told


def _repeated(row: Escalation) -> tuple[str, str, str]:
    return row.rule_id, row.subject, "" if row.rule.fires_every else row.occurrence


def people_of(rule: EscalationRule, roster: Roster) -> list[tuple[str, Responder | None]]:
    """The roles a rule tells, each with who holds it now and can be reached; None: nobody."""
    return [(role, _reachable(rule, roster.on_duty(role), roster)) for role in rule.to_roles]


def _addressees(
    rule: EscalationRule, to: Responder | None, roster: Roster
) -> list[tuple[str, Responder | None]]:
    """Whom one escalation tells: a person that the caller named, or the rule's roles."""
    if to is not None:
        return [(to.role, to)]
    if rule.is_ours:
        return [(Role.ORCHESTRATOR, roster.on_duty(Role.ORCHESTRATOR))]
    return people_of(rule, roster)


def _reachable(rule: EscalationRule, person: Responder | None, roster: Roster) -> Responder | None:
    """The person, or their stand-in where no channel reaches the person."""
    if person is None or ways_to(rule, person):
        return person
    other = roster.stand_in(person)
    return other if other and ways_to(rule, other) else person


def _set_undeliverable(rows: list[Escalation]) -> None:
    for row in rows:
        row.is_undeliverable = True
    keys = [row.pk for row in rows]
    if keys:
        Escalation.objects.filter(pk__in=keys).update(is_undeliverable=True)
