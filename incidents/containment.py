"""Containment: pause, switch to the backup, revoke a key (rule W5)."""

import datetime as dt

from incidents.actors import Actor
from incidents.enums import EntryKind, FixKind
from incidents.models import FixRecord, Incident
from incidents.timeline import record


def record_containment(incident: Incident, done: str, *, by: Actor, now: dt.datetime) -> FixRecord:
    """W5: exempt from test evidence, always recorded; called inside a step."""
    fix = FixRecord.objects.create(
        incident=incident, kind=FixKind.CONTAINMENT, at=now, by_name=by.name, done=done
    )
    record(incident, EntryKind.CONTAINMENT, fix.done, by=by, now=now)
    return fix
