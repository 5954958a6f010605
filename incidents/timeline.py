"""Writing the timeline (rule W9)."""

import datetime as dt
from typing import Any

from django.db.models import F

from incidents.actors import Actor
from incidents.models import Client, Incident, TimelineEntry
from notifications.models import Message


def record(
    incident: Incident,
    kind: str,
    text: str,
    *,
    by: Actor,
    now: dt.datetime,
    at: dt.datetime | None = None,
    data: dict[str, Any] | None = None,
    client: Client | None = None,
    message: Message | None = None,
) -> TimelineEntry:
    """Add one entry; ``at`` is when it happened, where that was not now."""
    entry = TimelineEntry.objects.create(
        incident=incident,
        at=at or now,
        recorded_at=now,
        kind=kind,
        origin=by.origin,
        actor=by.user,
        actor_name=by.name,
        stands_in_for=by.stands_in_for,
        text=text,
        data=data or {},
        client=client,
        message=message,
        is_demo=incident.is_demo,
    )
    Incident.objects.filter(pk=incident.pk).update(
        last_entry_at=now,
        last_entry=f"{entry.get_kind_display()}: {text}"[:200],
        entry_count=F("entry_count") + 1,
    )
    return entry
