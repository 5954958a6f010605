"""What a sweep takes: the keys of what is due, then the rows themselves, locked (rules C8, E8)."""

import datetime as dt
from collections.abc import Sequence
from typing import TypeVar

from django.db.models import F, Model, QuerySet, Value
from django.db.models.functions import Coalesce

from incidents.enums import Level
from incidents.models import SetAside

Row = TypeVar("Row", bound=Model)

#: Sorts rows of an incident, the most severe first. The untriaged run on SEV-1's clock (C2).
BY_SEVERITY = Coalesce(F("incident__severity_id"), Value(Level.SEV1.value))


def ready_keys(rows: QuerySet[Row], part: str, *, limit: int, now: dt.datetime) -> list[int]:
    """The keys of the first ``limit`` rows, in their order, without those set aside for now."""
    resting = SetAside.objects.resting(part, at=now).values_list("row", flat=True)
    return list(rows.exclude(pk__in=resting).values_list("pk", flat=True)[:limit])


def claim_rows(rows: QuerySet[Row], keys: Sequence[int], *, of: Sequence[str]) -> list[Row]:
    """Lock those of ``rows`` that have these keys; returns them in the order of the keys.

    ``of`` names what is locked: "self", and "incident" where a step takes the incident before it
    touches these rows: both at once, and no waiting, so that no ring of locks comes about. What
    another sweeper or a step holds is passed over: they write what is due themselves. SQLite has
    one writer at a time and locks no rows. Needs a transaction.
    """
    free = rows.filter(pk__in=keys).select_for_update(skip_locked=True, no_key=True, of=of)
    found = {row.pk: row for row in free.order_by()}
    return [found[key] for key in keys if key in found]
