"""Reference numbers without gaps or doubles."""

import datetime as dt

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from incidents.models import ReferenceCounter


def next_reference(*, at: dt.datetime, is_demo: bool = False) -> str:
    """``INC-2026-0001``, counted per year of the agency's zone; ``DEMO-0001`` for demonstrations.

    Must run in the transaction that uses the number: the counter's row is locked until it ends.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("A reference is only given inside a transaction.")
    year = at.astimezone(timezone.get_default_timezone()).year
    series = "DEMO" if is_demo else f"INC-{year}"
    if not ReferenceCounter.objects.filter(series=series).update(last=F("last") + 1):
        ReferenceCounter.objects.get_or_create(series=series)
        ReferenceCounter.objects.filter(series=series).update(last=F("last") + 1)
    number = ReferenceCounter.objects.values_list("last", flat=True).get(series=series)
    return f"{series}-{number:04d}"
