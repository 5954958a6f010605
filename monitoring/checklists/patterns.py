"""The monthly pattern review: one month of incidents against the month before (rule K10).

Four statements, whatever the number of incidents. Private ones are not broken down (rule W11).
"""

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count, FilteredRelation, Q

from incidents.enums import Side, Status
from incidents.models import Incident
from monitoring.checklists.tables import Table

#: The longest rows of each table.
ROWS_LIMIT = 20
HEAD = ("What", "Month", "Before")


@dataclass(frozen=True, slots=True)
class Patterns:
    value: str
    lines: tuple[str, ...]
    tables: tuple[Table, ...]


#: Title of the table, the field that is counted by, what stands for an empty one.
VIEWS = (
    ("By system", "systems__name", "No system"),
    ("By side at fault", "fault_side", "Not said yet"),
    ("By client", "clients__name", "No client"),
    ("By playbook", "standing_run__playbook__title", "No playbook"),
)


def count_patterns(*, before: dt.datetime, begin: dt.datetime, end: dt.datetime) -> Patterns:
    """Incidents from ``begin`` to ``end`` against those from ``before`` to ``begin``.

    They are counted by detection; false alarms and merged ones are left out.
    """
    rows = Incident.objects.filter(detected_at__gte=before, detected_at__lt=end)
    rows = rows.exclude(status=Status.CANCELLED)
    later = Q(detected_at__gte=begin)
    totals = rows.aggregate(
        now=Count("pk", filter=later),
        then=Count("pk", filter=~later),
        private=Count("pk", filter=later & Q(is_private=True)),
    )
    lines = [f"{totals['now']} against {totals['then']} the month before"]
    if totals["private"]:
        lines.append(f"{totals['private']} private, not broken down")
    # A playbook that was taken off again did not fit: it does not count.
    standing = FilteredRelation("runs", condition=Q(runs__ended_at__isnull=True))
    shown = rows.filter(is_private=False).annotate(standing_run=standing).order_by()
    tables = []
    for title, name, empty in VIEWS:
        counted = shown.values(name).annotate(
            now=Count("pk", filter=later, distinct=True),
            then=Count("pk", filter=~later, distinct=True),
        )
        found = [(_label(row[name], empty), row["now"], row["then"]) for row in counted]
        found.sort(key=lambda row: (-row[1], -row[2], row[0]))
        tables.append(Table(title, HEAD, tuple(found[:ROWS_LIMIT])))
    return Patterns(value=lines[0], lines=tuple(lines), tables=tuple(tables))


def _label(value: str | None, empty: str) -> str:
    if not value:
        return empty
    return Side(value).label if value in Side.values else value
