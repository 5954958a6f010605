"""The engine's part: what is due, claimed in chunks, one bad row set aside (rules E5, E6, E9)."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.db import connection
from django.db.models import F, Model, QuerySet, Value
from django.db.models.functions import Coalesce

from incidents.enums import Level, SweepPart
from incidents.escalation.due import raise_due
from incidents.escalation.ringing import ring
from incidents.isolation import resting_rows, run_isolated
from incidents.models import DueEscalation, Escalation

Row = TypeVar("Row", bound=Model)

#: Rows written in one transaction.
CHUNK = 250


@dataclass(frozen=True, slots=True)
class Swept:
    """How many were written, and how many rows were set aside because they failed."""

    written: int
    failed: int


def escalate_due(*, now: dt.datetime, limit: int = 1000) -> Swept:
    """Raise every E5 and E6 that is due, most severe and oldest first.

    Harmless when run twice, late, or beside another: rows and incidents are locked together, and
    an incident that somebody is changing is left to that change.
    """
    # The untriaged run on SEV-1's clock (C2).
    severity = Coalesce(F("incident__severity_id"), Value(Level.SEV1.value))
    due = DueEscalation.objects.filter(due_at__lte=now)
    keys = _keys(due.order_by(severity, "due_at", "pk"), SweepPart.ESCALATIONS, limit, now=now)

    def work(chunk: Sequence[int]) -> int:
        # Steps lock the incident before they touch these rows; taking both, and waiting for
        # neither, keeps the sweep out of every deadlock.
        locked = _locked(due.filter(pk__in=chunk), "self", "incident")
        rows = locked.select_related("rule", "incident__severity")
        return raise_due(_in_order(rows, chunk), now=now)

    return _run(SweepPart.ESCALATIONS, keys, work, _describe_due, now=now)


def ring_due(*, now: dt.datetime, limit: int = 1000) -> Swept:
    """E9: ring for every escalation that is due for it; counts the messages.

    Harmless when run twice, late, or beside another: each row is locked and looked at again.
    """
    due = Escalation.objects.to_ring(at=now)
    keys = _keys(due.order_by("next_ring_at", "pk"), SweepPart.RINGS, limit, now=now)

    def work(chunk: Sequence[int]) -> int:
        locked = _locked(due.filter(pk__in=chunk), "self")
        rows = locked.select_related("rule", "incident", "client")
        return ring(_in_order(rows, chunk), now=now)

    return _run(SweepPart.RINGS, keys, work, _describe_ring, now=now)


def _keys(rows: QuerySet[Row], part: SweepPart, limit: int, *, now: dt.datetime) -> list[int]:
    ready = rows.exclude(pk__in=resting_rows(part, at=now))
    return list(ready.values_list("pk", flat=True)[:limit])


def _locked(rows: QuerySet[Row], *of: str) -> QuerySet[Row]:
    skips = connection.features.has_select_for_update_skip_locked
    return rows.select_for_update(skip_locked=skips, no_key=True, of=of).order_by()


def _in_order(rows: QuerySet[Row], keys: Sequence[int]) -> list[Row]:
    found = {row.pk: row for row in rows}
    return [found[key] for key in keys if key in found]


def _run(
    part: SweepPart,
    keys: list[int],
    work: Callable[[Sequence[int]], int],
    describe: Callable[[int], str],
    *,
    now: dt.datetime,
) -> Swept:
    written: list[int] = []
    failed = run_isolated(
        part,
        keys,
        lambda chunk: written.append(work(chunk)),
        chunk=CHUNK,
        describe=describe,
        now=now,
    )
    return Swept(sum(written), failed)


def _describe_due(key: int) -> str:
    row = DueEscalation.objects.select_related("incident").get(pk=key)
    return f"{row.rule_id} of {row.incident.ref}"


def _describe_ring(key: int) -> str:
    row = Escalation.objects.select_related("incident").get(pk=key)
    return f"Repeat of {row.rule_id} of {row.reference}"
