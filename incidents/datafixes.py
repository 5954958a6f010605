"""What an administrator may mend on incidents, through the same door as everybody (A1, A2, C1)."""

import datetime as dt
from collections.abc import Iterable

from django.db import transaction
from django.db.models import Q

from incidents.actors import Actor
from incidents.deadlines import sync_deadlines
from incidents.enums import EntryKind, Level
from incidents.models import Incident, Severity, System
from incidents.records import Kind, check_editor
from incidents.sweeping import settle_due
from incidents.taking import lock_incident, require
from incidents.timeline import record


def mend_incident(
    incident: Incident,
    *,
    title: str,
    description: str,
    systems: Iterable[System],
    by: Actor,
    now: dt.datetime,
) -> Incident:
    """Correct what an incident is called and which systems it is on; the timeline says so.

    Status, clocks and version stay: nothing here skips a gate. Raises WorkflowError.
    """
    check_editor(Kind.INCIDENT, by=by)
    with transaction.atomic():
        row = lock_incident(incident, by=by)
        wanted = {"title": require(title, "The title"), "description": description.strip()}
        changed = [name for name, text in wanted.items() if getattr(row, name) != text]
        if "title" in changed:
            said = f"Title corrected from “{row.title}” to “{wanted['title']}”."
            record(row, EntryKind.NOTE, said, by=by, now=now)
        if "description" in changed:
            record(row, EntryKind.NOTE, "Description corrected.", by=by, now=now)
        for name in changed:
            setattr(row, name, wanted[name])
        if changed:
            row.save(update_fields=changed)
        _set_systems(row, list(systems), by=by, now=now)
    return row


def recompute_open_deadlines(severity: Severity, *, by: Actor, now: dt.datetime) -> int:
    """After a severity was edited: work out the deadlines of its open incidents anew.

    One transaction and lock each. A clock that is found stopped late records the breach and
    nobody is called, as in a correction (C1). Returns how many incidents changed.
    """
    wanted = Q(severity=severity)
    if severity.level == Level.SEV1:
        # Until triage an incident runs on SEV-1's clock (C2).
        wanted |= Q(severity=None)
    keys = list(Incident.objects.open().filter(wanted).values_list("pk", flat=True))
    return sum(_recompute(key, severity, by=by, now=now) for key in keys)


def _recompute(key: int, severity: Severity, *, by: Actor, now: dt.datetime) -> bool:
    with transaction.atomic():
        rows = Incident.objects.select_for_update(of=("self",))
        incident = rows.select_related("severity", "review_severity").get(pk=key)
        if not incident.is_open or incident.severity not in (severity, None):
            return False
        settle_due(incident, now=now)
        before = _due_times(incident)
        sync_deadlines(incident, now=now, is_correction=True)
        if _due_times(incident) == before:
            return False
        said = f"Deadlines worked out anew: the clocks of {severity.code} were changed."
        record(incident, EntryKind.SEVERITY, said, by=by, now=now)
    return True


def _due_times(incident: Incident) -> set[tuple[object, ...]]:
    rows = incident.deadlines.counted().values_list("kind", "client", "due_at", "stopped_at")
    return set(rows)


def _set_systems(incident: Incident, systems: list[System], *, by: Actor, now: dt.datetime) -> None:
    before = set(incident.systems.all())
    if before == set(systems):
        return
    incident.systems.set(systems)
    names = ", ".join(sorted(str(system) for system in systems)) or "none"
    record(incident, EntryKind.NOTE, f"Systems corrected: {names}.", by=by, now=now)
