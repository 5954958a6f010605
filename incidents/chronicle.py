"""The timeline as a person reads it: newest first, days apart, system entries folded (W9)."""

import datetime as dt
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import QuerySet
from django.utils import timezone

from incidents.enums import EntryKind, Origin
from incidents.models import Incident, TimelineEntry
from incidents.prepared import prepared

#: As many as a page shows unless all are asked for.
LATEST = 200
#: System entries a reader must not have to unfold.
TOLD_APART = (EntryKind.BREACH, EntryKind.MAIL, EntryKind.RELAPSE)


@dataclass(slots=True)
class Item:
    """One line: an entry, or a run of system entries. ``gap_at`` lies just below it."""

    entries: list[TimelineEntry]
    day: dt.date | None = None
    gap_at: str = ""

    @property
    def entry(self) -> TimelineEntry:
        return self.entries[0]

    @property
    def is_folded(self) -> bool:
        return len(self.entries) > 1

    @property
    def is_system(self) -> bool:
        return self.entry.origin == Origin.SYSTEM

    @property
    def is_breach(self) -> bool:
        return self.entry.kind == EntryKind.BREACH

    @property
    def is_command_line(self) -> bool:
        return self.entry.origin == Origin.COMMAND_LINE


@dataclass(slots=True)
class Chronicle:
    """What is shown of a timeline, and how much more there is."""

    items: list[Item] = field(default_factory=list)
    shown: int = 0
    total: int = 0

    @property
    def has_more(self) -> bool:
        return self.shown < self.total


def read_chronicle(incident: Incident, *, is_whole: bool = False) -> Chronicle:
    """The latest entries, or all of them; one query."""
    entries = _entries(incident=incident.pk, is_whole=is_whole)
    for entry in entries:
        entry.incident = incident
    total = max(incident.entry_count, len(entries))
    return Chronicle(fold(entries), len(entries), len(entries) if is_whole else total)


@prepared
def _entries(*, incident: int, is_whole: bool) -> QuerySet[TimelineEntry]:
    rows = TimelineEntry.objects.filter(incident=incident).select_related("client", "message")
    rows = rows.order_by("-at", "-id")
    return rows if is_whole else rows[:LATEST]


def fold(entries: Iterable[TimelineEntry]) -> list[Item]:
    """Entries of people one by one, runs of system entries of a day together."""
    items: list[Item] = []
    day: dt.date | None = None
    for entry in entries:
        own_day = timezone.localtime(entry.at).date()
        last = items[-1] if items else None
        is_plain = entry.origin == Origin.SYSTEM and entry.kind not in TOLD_APART
        if last and is_plain and _is_run(last) and own_day == day:
            last.entries.append(entry)
            continue
        items.append(Item([entry], day=own_day if own_day != day else None))
        day = own_day
    _place_gaps(items)
    return items


def _is_run(item: Item) -> bool:
    return item.is_system and item.entry.kind not in TOLD_APART


def _place_gaps(items: list[Item]) -> None:
    """Between two lines an entry can be put in; its time is halfway."""
    for upper, lower in itertools.pairwise(items):
        newer, older = upper.entries[-1].at, lower.entry.at
        middle = timezone.localtime(older + (newer - older) / 2)
        upper.gap_at = f"{middle:%Y-%m-%dT%H:%M}"
