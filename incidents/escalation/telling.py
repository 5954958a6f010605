"""The messages of an escalation: to whom, by which ways, and what the timeline says of it."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from incidents import staff
from incidents.actors import Actor
from incidents.enums import EntryKind, Role
from incidents.escalation.letters import (
    is_summary,
    lines_of,
    next_deadlines,
    seen_link,
    subject_of,
    summary_lines,
)
from incidents.escalation.matrix import ways_to
from incidents.models import Deadline, Escalation, EscalationNotice, Participant, Responder
from incidents.timeline import NewEntry
from notifications.batches import insert_new
from notifications.enums import Urgency
from notifications.models import Message


@dataclass(slots=True)
class Told:
    """One message round: the escalation, earlier ones it stands for, and whom it reached."""

    escalation: Escalation
    missed: list[Escalation]
    addressees: list[tuple[str, Responder | None]]
    reached: list[Responder] = field(default_factory=list)
    unreached: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)

    @property
    def escalations(self) -> list[Escalation]:
        return [*self.missed, self.escalation]


@dataclass(frozen=True, slots=True)
class Call:
    """One message to one person by one way."""

    told: Told
    person: Responder
    channel: str
    is_ring: bool


def tell_people(rounds: Sequence[Told], *, now: dt.datetime) -> None:
    """Queue every message and note whom each round reached and whom it could not."""
    incidents = {
        one.escalation.incident.pk: one.escalation.incident
        for one in rounds
        if one.escalation.incident
    }
    deadlines = next_deadlines(list(incidents.values()))
    calls = [call for one in rounds for call in _calls(one)]
    tellings = [_telling(call, deadlines) for call in calls]
    messages = staff.tell_many(tellings, now=now)
    notices = []
    for call, message in zip(calls, messages, strict=True):
        if message is not None:
            call.told.messages.append(message)
            notices += [
                EscalationNotice(
                    escalation=row,
                    responder=call.person,
                    message=message,
                    channel=message.channel,
                    is_ring=call.is_ring,
                )
                for row in call.told.escalations
            ]
    insert_new(notices, unique=["escalation", "responder", "number", "channel"])
    _admit_legal(rounds, now=now)


def entries_of(rounds: Sequence[Told], *, by: Actor) -> list[NewEntry]:
    """One entry for each round, on the incident it belongs to."""
    return [
        NewEntry(
            incident=one.escalation.incident,
            kind=EntryKind.ESCALATION,
            text=_entry_text(one),
            by=by,
            client=one.escalation.client,
            message=next(iter(one.messages), None),
        )
        for one in rounds
        if one.escalation.incident
    ]


def _calls(told: Told) -> list[Call]:
    """Whom to call by which ways; fills in who is reached. The first role is the one that rings."""
    calls = []
    rings = bool(told.escalation.rule.rings)
    for place, (role, person) in enumerate(told.addressees):
        ways = ways_to(told.escalation.rule, person) if person else {}
        if person is None or not ways:
            told.unreached.append(person.name if person else f"nobody is set as {Role(role).label}")
            continue
        told.reached.append(person)
        for number, channel in enumerate(ways):
            calls.append(Call(told, person, channel, rings and place == number == 0))
    return calls


def _telling(call: Call, deadlines: dict[int, Deadline]) -> staff.Telling:
    escalation, person = call.told.escalation, call.person
    incident = escalation.incident
    if is_summary(escalation, call.channel):
        lines = summary_lines(escalation, person)
    else:
        deadline = deadlines.get(incident.pk) if incident else None
        lines = lines_of(escalation, person, deadline=deadline, missed=call.told.missed)
    return staff.Telling(
        responder=person,
        event=f"escalation:{escalation.pk}",
        subject=subject_of(escalation),
        lines=lines,
        incident=incident,
        urgency=Urgency.IMMEDIATE if escalation.rule.is_immediate else Urgency.HIGH,
        link=seen_link(escalation, person),
        channel=call.channel,
    )


def _admit_legal(rounds: Sequence[Told], *, now: dt.datetime) -> None:
    """E10: legal can open what it is told about, also where no message reaches it."""
    rows = [
        Participant(incident=one.escalation.incident, user=person.user, added_at=now)
        for one in rounds
        for role, person in one.addressees
        if role == Role.LEGAL and person and person.user and one.escalation.incident
    ]
    insert_new(rows, unique=["incident", "user"])


def _entry_text(told: Told) -> str:
    row = told.escalation
    names = " and ".join(person.name for person in told.reached)
    outcome = f"{names} told" if names else "nobody can be reached"
    if names and told.unreached:
        outcome += f", {' and '.join(told.unreached)} cannot be reached"
    late = ""
    if row.is_late and row.due_at:
        late = f" Late, it was due {staff.agency_time(row.due_at)}."
    if told.missed:
        late += f" It stands for {len(told.missed)} earlier ones that were missed."
    return f"{row.rule_id} {row.rule.situation}, {outcome}.{late} {row.summary}"
