"""E9: an immediate escalation rings until somebody has seen it."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from incidents import staff
from incidents.actors import SYSTEM
from incidents.enums import EntryKind, Role
from incidents.escalation.letters import backup_lines, ring_lines, seen_link, subject_of
from incidents.escalation.matrix import ways_to
from incidents.models import Escalation, EscalationNotice, Responder
from incidents.roster import Roster
from incidents.timeline import NewEntry, record_many
from notifications.batches import insert_new, update_rows
from notifications.enums import Urgency


@dataclass(slots=True)
class Ring:
    """One message of a round: ``number`` of the pattern's ``of``; to the backup after a while."""

    escalation: Escalation
    person: Responder
    channel: str
    number: int
    of: int
    unanswered: str = ""


def ring(due: Sequence[Escalation], *, now: dt.datetime) -> int:
    """Ring for locked escalations; returns how many messages that made.

    A late round rings each person once, however many rings were missed.
    """
    if not due:
        return 0
    roster = Roster(at=now)
    rings = [one for row in due for one in _rings_of(row, _missed_slots(row, now=now), roster)]
    _send(rings, now=now)
    update_rows(due, ["ring_count", "next_ring_at"])
    unanswered = [row for row in due if row.next_ring_at is None]
    record_many(_entries(rings) + _last_entries(unanswered), now=now)
    _tell_coordinators(unanswered, roster, now=now)
    return len(rings)


def _missed_slots(row: Escalation, *, now: dt.datetime) -> list[int]:
    """The rings that are due by now, numbered from 1; moves the row on to the next one.

    One step after the last ring the row says that nobody answered, and rests.
    """
    rule = row.rule
    if rule.ring_every is None or not rule.is_active:
        row.next_ring_at = None
        return []
    passed = (now - row.raised_at) // rule.ring_every + 1
    slots = list(range(row.ring_count + 1, min(passed, rule.rings) + 1))
    row.ring_count = max(row.ring_count, min(passed, rule.rings))
    row.next_ring_at = row.raised_at + row.ring_count * rule.ring_every
    if row.next_ring_at <= now:
        # Somebody who was rung late has as long to answer as the others.
        row.next_ring_at = now + rule.ring_every if slots else None
    return slots


def _rings_of(row: Escalation, slots: list[int], roster: Roster) -> list[Ring]:
    """One message to the person and one to the backup, for the last slot of each."""
    role = next(iter(row.rule.to_roles), Role.FOUNDER)
    target = roster.on_duty(role)
    backup = roster.stand_in(target) if target else None
    own = [slot for slot in slots if slot <= row.rule.rings_to_target]
    others = [slot for slot in slots if slot > row.rule.rings_to_target]
    is_reachable = bool(target and ways_to(row.rule, target))
    first = target if is_reachable else backup
    second = backup or target
    unanswered = target.name if target and backup else ""
    rings = []
    if others:
        rings += _by_way(row, second, others[-1], unanswered=unanswered)
    if own and not (others and first == second):
        # Where no channel reaches the person the backup takes every ring.
        rings += _by_way(row, first, own[-1], unanswered="" if is_reachable else unanswered)
    return rings


def _by_way(row: Escalation, person: Responder | None, slot: int, *, unanswered: str) -> list[Ring]:
    ways = ways_to(row.rule, person) if person else {}
    channel = next(iter(ways), "")
    if person is None or not channel:
        return []
    return [Ring(row, person, channel, slot, row.rule.rings, unanswered)]


def _send(rings: list[Ring], *, now: dt.datetime) -> None:
    messages = staff.tell_many([_telling(ring) for ring in rings], now=now)
    notices = [
        EscalationNotice(
            escalation=ring.escalation,
            responder=ring.person,
            message=message,
            channel=message.channel,
            number=ring.number,
            is_ring=True,
        )
        for ring, message in zip(rings, messages, strict=True)
        if message is not None
    ]
    insert_new(notices, unique=["escalation", "responder", "number", "channel"])


def _telling(ring: Ring) -> staff.Telling:
    row, person = ring.escalation, ring.person
    if ring.unanswered:
        lines = backup_lines(row, person, ring.unanswered, number=ring.number, of=ring.of)
    else:
        lines = ring_lines(row, person, number=ring.number, of=ring.of)
    return staff.Telling(
        responder=person,
        event=f"escalation:{row.pk}:ring{ring.number}",
        subject=subject_of(row),
        lines=lines,
        incident=row.incident,
        urgency=Urgency.IMMEDIATE,
        link=seen_link(row, person),
        channel=ring.channel,
    )


def _entries(rings: list[Ring]) -> list[NewEntry]:
    return [
        NewEntry(
            incident=ring.escalation.incident,
            kind=EntryKind.ESCALATION,
            text=f"{ring.escalation.rule_id} not seen yet: {ring.person.name} told again "
            f"({ring.number} of {ring.of}).",
            by=SYSTEM,
        )
        for ring in rings
        if ring.escalation.incident
    ]


def _last_entries(rows: Sequence[Escalation]) -> list[NewEntry]:
    return [
        NewEntry(
            incident=row.incident,
            kind=EntryKind.ESCALATION,
            text=f"{row.rule_id}: nobody has said “seen”, and the rings are over.",
            by=SYSTEM,
        )
        for row in rows
        if row.incident
    ]


def _tell_coordinators(rows: list[Escalation], roster: Roster, *, now: dt.datetime) -> None:
    """Nothing ends in silence: who coordinates hears that nobody answered."""
    tellings = []
    for row in rows:
        incident = row.incident
        person = roster.coordinator(incident) if incident else roster.on_duty(Role.ORCHESTRATOR)
        tellings.append(
            staff.Telling(
                responder=person,
                event=f"escalation:{row.pk}:unanswered",
                subject=f"Nobody has answered {subject_of(row)}",
                lines=["Everybody of the matrix was told again and again. Please phone them."],
                incident=row.incident,
                urgency=Urgency.HIGH,
                link="",
            )
        )
    staff.tell_many(tellings, now=now)
