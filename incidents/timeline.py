"""Writing the timeline (rule W9)."""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from incidents.actors import Actor
from incidents.enums import EntryKind
from incidents.models import Client, Incident, TimelineEntry
from notifications.batches import insert_values, source_of
from notifications.models import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """One entry, still to be written; ``at`` is when it happened, where that was not now."""

    incident: Incident
    kind: str
    text: str
    by: Actor
    at: dt.datetime | None = None
    data: dict[str, Any] | None = None
    client: Client | None = None
    message: Message | None = None


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
    new = NewEntry(
        incident=incident,
        kind=kind,
        text=text,
        by=by,
        at=at,
        data=data,
        client=client,
        message=message,
    )
    values = _values(new, now=now)
    entry = TimelineEntry.objects.create(**values)
    entry.incident = incident
    _count([values], now=now)
    return entry


def record_many(entries: Sequence[NewEntry], *, now: dt.datetime) -> None:
    """Add many entries in the order given: one statement for them, one for their incidents."""
    rows = [_values(entry, now=now) for entry in entries]
    insert_values(TimelineEntry, rows)
    _count(rows, now=now)


def _values(entry: NewEntry, *, now: dt.datetime) -> dict[str, Any]:
    by = entry.by
    return {
        "incident_id": entry.incident.pk,
        "at": entry.at or now,
        "recorded_at": now,
        "kind": entry.kind,
        "origin": by.origin,
        "actor_id": by.user.pk if by.user else None,
        "actor_name": by.name,
        "stands_in_for": by.stands_in_for,
        "text": entry.text,
        "data": entry.data or {},
        "client_id": entry.client.pk if entry.client else None,
        "message_id": entry.message.pk if entry.message else None,
        "is_demo": entry.incident.is_demo,
    }


def _count(rows: Sequence[dict[str, Any]], *, now: dt.datetime) -> None:
    """Keep each incident's number of entries and its last one; of several the last one stands."""
    if not rows:
        return
    counts: dict[int, dict[str, Any]] = {}
    for row in rows:
        incident = row["incident_id"]
        count = counts.setdefault(incident, {"id": incident, "added": 0})
        count["added"] += 1
        count["last"] = f"{EntryKind(row['kind']).label}: {row['text']}"[:200]
    source = source_of({"id": "bigint", "added": "integer", "last": "text"})
    sql = f"""UPDATE incidents_incident
        SET last_entry_at = %s, last_entry = i.last, entry_count = entry_count + i.added
        FROM {source} WHERE incidents_incident.id = i.id"""  # noqa: S608 - ours alone
    at = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(sql, [at, json.dumps(list(counts.values()))])
