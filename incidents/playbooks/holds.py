"""Holds on sending: placed, released through their gate, placed again (rule P4).

A record of ours, not a call to the sending tool. Every change goes through a step of the
workflow, with its entry on the timeline.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence

from incidents.actors import SYSTEM, Actor
from incidents.enums import (
    UNRESOLVED_STATUSES,
    EntryKind,
    ReadingKind,
    ReleaseHow,
    Role,
    StepKind,
    StepState,
)
from incidents.errors import ConflictError, Missing, NotAllowedError, WorkflowError
from incidents.models import Hold, Incident, PlaybookRunStep, SendingDomain
from incidents.playbooks.alarming import tell_of_hold
from incidents.playbooks.figures import snapshot
from incidents.playbooks.gates import Gate, gates_of, open_gates
from incidents.playbooks.marking import TakenStep, mark_step
from incidents.playbooks.placing import write_holds
from incidents.taking import Taken, require, take_step
from incidents.timeline import record
from incidents.transitions import Step

#: A gate is overridden by these, never by somebody who stands in for them (A1, P4).
OVERRIDERS = (Role.ORCHESTRATOR, Role.FOUNDER)


def may_override(by: Actor) -> bool:
    return not by.is_system and by.has_role(*OVERRIDERS)


def place_holds(
    incident: Incident,
    domains: Iterable[SendingDomain],
    *,
    reason: str,
    by: Actor,
    now: dt.datetime,
) -> list[Hold]:
    """P4: nothing is to be sent from these domains until their gate opens.

    What the incident holds already stays as it is. Raises WorkflowError where nothing is named.
    """
    with take_step(incident, Step.HOLD, by=by, now=now) as taken:
        text = require(reason, "The reason")
        placed = write_holds(taken.incident, domains, reason=text, by=taken.by, now=now)
        if not placed:
            raise WorkflowError("Nothing was put on hold: name a domain that is not held already.")
        lock_gates(taken, now=now)
    return placed


def release_gate(
    incident: Incident,
    *,
    by: Actor,
    now: dt.datetime,
    domains: Iterable[SendingDomain] = (),
    override_reason: str = "",
) -> list[Hold]:
    """P4: resume sending from these domains, from all of the incident's where none is named.

    1. Judge every gate anew, inside the lock.
    2. Refuse while one is locked (unknown is locked), with the figure that locks it.
    3. An override needs its reason and the orchestrator or the founder; it is said as one.
    4. The gates of the playbooks are done when nothing of the incident is held any more.

    A domain that another incident holds as well stays on hold for that one.

    Raises WorkflowError, NotAllowedError; nothing is changed then.
    """
    with take_step(incident, Step.RELEASE, by=by, now=now) as taken:
        gates = _asked_for(gates_of(taken.incident, now=now), list(domains))
        if not gates:
            raise _nothing_held(taken.incident)
        locked = [gate for gate in gates if not gate.is_open]
        reason = override_reason.strip()
        if locked:
            _check_override(locked, reason, by=taken.by)
        released = [
            _release(taken, gate, reason="" if gate.is_open else reason, now=now)
            for gate in gates
            if gate.hold is not None
        ]
        _settle_gates(taken, gates, reason=reason if locked else "", now=now)
    return released


def place_again(hold: Hold, *, why: str, now: dt.datetime) -> Hold | None:
    """P4: the rate rose again after a release: the system holds the domain anew and says so.

    None where the incident was resolved, or the domain held, meanwhile.
    """
    incident = hold.incident
    if incident is None or incident.status not in UNRESOLVED_STATUSES:
        return None
    with take_step(incident, Step.HOLD, by=SYSTEM, now=now) as taken:
        text = f"Locked again. {why}"
        domains = [hold.sending_domain]
        placed = write_holds(taken.incident, domains, reason=text, by=SYSTEM, now=now)
        if not placed:
            return None
        lock_gates(taken, now=now)
        tell_of_hold(
            taken.incident,
            event=f"hold:{placed[0].pk}:again",
            subject=f"On hold again: {hold.sending_domain}",
            lines=[why, "Sending from this domain must stop. The gate opens by its figure."],
            now=now,
        )
    return placed[0]


def still_held(released: Iterable[Hold]) -> list[str]:
    """The domains of released holds that another incident holds on, by name."""
    domains = [hold.sending_domain_id for hold in released]
    rows = Hold.objects.standing().filter(sending_domain__in=domains)
    names = rows.order_by("sending_domain__name").values_list("sending_domain__name", flat=True)
    return list(dict.fromkeys(names))


def lock_gates(taken: Taken, *, now: dt.datetime) -> None:
    """A gate on sending that was open locks again when something is held."""
    for one in _sending_gates(taken):
        if one.step.state == StepState.DONE:
            mark_step(one, StepState.OPEN, now=now, text="Locked again: sending is on hold.")


def _asked_for(gates: Sequence[Gate], domains: list[SendingDomain]) -> list[Gate]:
    if not domains:
        return list(gates)
    found = [gate for gate in gates if gate.hold and gate.domain in domains]
    missing = [str(one) for one in domains if one not in [gate.domain for gate in found]]
    if missing:
        raise WorkflowError(f"Not on hold here: {', '.join(missing)}.")
    return found


def _nothing_held(incident: Incident) -> WorkflowError:
    """Who was faster, where somebody released it."""
    last = incident.holds.filter(released_at__isnull=False).order_by("released_at").last()
    if last is None:
        return WorkflowError(f"Nothing of {incident.ref} is on hold.")
    how = ReleaseHow(last.released_how).label.lower()
    return ConflictError(
        f"Nothing of {incident.ref} is on hold any more.",
        [f"{last.released_by_name} released {last.sending_domain}: {how}"],
    )


def _check_override(locked: Sequence[Gate], reason: str, *, by: Actor) -> None:
    if not reason:
        raise WorkflowError(
            "Sending stays on hold.", [Missing(f"Locked: {gate.reason}") for gate in locked]
        )
    if not may_override(by):
        raise NotAllowedError(
            "A locked gate is overridden by the orchestrator or the founder, by name and with a "
            "reason. Ask one of them."
        )


def _release(taken: Taken, gate: Gate, *, reason: str, now: dt.datetime) -> Hold:
    hold = gate.hold
    if hold is None:
        raise ValueError("A gate without a hold has nothing to release.")
    how = ReleaseHow.OVERRIDE if reason else ReleaseHow.GATE
    hold.released_at, hold.released_by_name = now, taken.by.name
    hold.released_how, hold.override_reason = how, reason
    hold.save(update_fields=["released_at", "released_by_name", "released_how", "override_reason"])
    words = f"Sending from {hold.sending_domain} may resume. {gate.reason}"
    if still_held([hold]):
        words = (
            f"{taken.incident.ref} no longer holds {hold.sending_domain}. {gate.reason} "
            "It stays on hold for another incident."
        )
    if reason:
        words = (
            f"Hold on {hold.sending_domain} overridden by {taken.by.name}: {reason} "
            f"The gate was locked: {gate.reason}"
        )
    data = {"domain": hold.sending_domain.name, "how": how.value, "figure": gate.figure.as_data()}
    record(
        taken.incident, EntryKind.HOLD, words, by=taken.by, now=now, data=data, client=hold.client
    )
    return hold


def _settle_gates(taken: Taken, gates: Sequence[Gate], *, reason: str, now: dt.datetime) -> None:
    """Done are the gates that were judged; those on sending once nothing is held any more."""
    judged = {gate.step.pk for gate in gates if gate.step is not None}
    is_free = not Hold.objects.standing().filter(incident=taken.incident).exists()
    figure = snapshot([gate.figure for gate in gates], now=now)
    for step in open_gates(taken.incident):
        is_of_sending = step.reading == ReadingKind.BOUNCE_RATE
        if step.pk in judged or (is_of_sending and is_free):
            note = f"Overridden by {taken.by.name}." if reason else ""
            one = next(row for row in _gate_steps(taken) if row.step.pk == step.pk)
            mark_step(one, StepState.DONE, now=now, note=note, reason=reason, figure=figure)


def _sending_gates(taken: Taken) -> list[TakenStep]:
    return [one for one in _gate_steps(taken) if one.step.reading == ReadingKind.BOUNCE_RATE]


def _gate_steps(taken: Taken) -> list[TakenStep]:
    """The gates of the standing playbooks, each among the steps of its run."""
    rows = PlaybookRunStep.objects.filter(run__incident=taken.incident, run__ended_at=None)
    by_run: dict[int, list[PlaybookRunStep]] = defaultdict(list)
    for row in rows.select_related("run__playbook").order_by("run", "number"):
        by_run[row.run_id].append(row)
    return [
        TakenStep(taken, row, steps)
        for steps in by_run.values()
        for row in steps
        if row.kind == StepKind.GATE
    ]
