"""The engine's part: what is due, claimed in chunks, one bad row set aside (rules E5, E6, E9)."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from incidents.claiming import BY_SEVERITY, claim_rows, ready_keys
from incidents.enums import SweepPart
from incidents.escalation.due import raise_due
from incidents.escalation.ringing import ring
from incidents.isolation import run_isolated
from incidents.models import DueEscalation, Escalation

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
    due = DueEscalation.objects.filter(due_at__lte=now)
    first = due.order_by(BY_SEVERITY, "due_at", "pk")
    keys = ready_keys(first, SweepPart.ESCALATIONS, limit=limit, now=now)

    def work(chunk: Sequence[int]) -> int:
        rows = due.select_related("rule", "incident__severity")
        return raise_due(claim_rows(rows, chunk, of=("self", "incident")), now=now)

    return _run(SweepPart.ESCALATIONS, keys, work, _describe_due, now=now)


def ring_due(*, now: dt.datetime, limit: int = 1000) -> Swept:
    """E9: ring for every escalation that is due for it; counts the messages.

    Harmless when run twice, late, or beside another: each row is locked and looked at again.
    """
    due = Escalation.objects.to_ring(at=now)
    first = due.order_by("next_ring_at", "pk")
    keys = ready_keys(first, SweepPart.RINGS, limit=limit, now=now)

    def work(chunk: Sequence[int]) -> int:
        rows = due.select_related("rule", "incident", "client")
        return ring(claim_rows(rows, chunk, of=("self",)), now=now)

    return _run(SweepPart.RINGS, keys, work, _describe_ring, now=now)


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
