"""Writing what is due: harmless when run twice, late, or beside another (rules C8, E8)."""

import datetime as dt
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from incidents.alarms import Alarms
from incidents.claiming import BY_SEVERITY, claim_rows, ready_keys
from incidents.deadlines import next_event_of
from incidents.enums import REMINDER_KINDS, DeadlineKind, SweepPart
from incidents.escalation import escalate_due, ring_due
from incidents.isolation import run_isolated
from incidents.models import Client, Deadline, Incident
from notifications.batches import update_rows

logger = logging.getLogger(__name__)

#: Deadlines written in one transaction: their incidents are locked for about a quarter of a second.
CHUNK = 1000
#: What the messages and entries say of an incident; its texts may be long.
CLAIMED_FIELDS = (
    *(field.name for field in Deadline._meta.concrete_fields),
    *(
        f"incident__{name}"
        for name in (
            "ref",
            "title",
            "status",
            "severity",
            "coordinator",
            "technical_owner",
            "communications_owner",
            "is_private",
            "is_demo",
        )
    ),
)
#: What settling changes on a deadline.
SETTLED_FIELDS = ("half_warned_at", "near_warned_at", "breached_at", "next_event_at")


@dataclass(slots=True)
class SweepReport:
    """What one sweep wrote; ``failed`` rows were set aside and are tried again."""

    warnings: int = 0
    reminders: int = 0
    breaches: int = 0
    escalations: int = 0
    rings: int = 0
    failed: int = 0

    def __str__(self) -> str:
        return (
            f"{self.warnings} warnings, {self.reminders} reminders, {self.breaches} breaches, "
            f"{self.escalations} escalations, {self.rings} rings, {self.failed} failed"
        )


def sweep(*, now: dt.datetime, limit: int = 5000) -> SweepReport:
    """Write everything that is due by ``now``, most severe first, then oldest.

    1. Warnings, reminders and breaches of deadlines (C8, N2).
    2. Escalations that fall due by the clock (E5, E6).
    3. Repeats of escalations that nobody has seen (E9).

    Harmless when run twice, late, or beside another: each row is locked and looked at again. A
    bad row is set aside, and a part that fails does not keep the next one from its turn. Raises
    what kept a part from working at all, such as a database that is away, once all had theirs.
    """
    report = SweepReport()
    errors: list[Exception] = []
    for part in (_sweep_deadlines, _sweep_escalations, _sweep_rings):
        try:
            part(report, now=now, limit=limit)
        except Exception as error:
            logger.exception("a part of the sweep failed", extra={"part": part.__name__})
            errors.append(error)
    if errors:
        raise errors[0]
    return report


def settle_due(incident: Incident, *, now: dt.datetime) -> None:
    """Write what is due for one locked incident, before a step changes it."""
    rows = list(incident.deadlines.needing_attention(at=now).select_related("client"))
    for row in rows:
        row.incident = incident
    settle(rows, now=now)


def settle(deadlines: Sequence[Deadline], *, now: dt.datetime) -> Counter[str]:
    """Write the one thing each deadline has to say by ``now``, and when to look again.

    After a long silence only the latest stage is told: a breach makes its warnings pointless.
    The number of statements does not grow with the number of deadlines.
    """
    alarms = Alarms(now=now)
    written = Counter(_settle(deadline, alarms) for deadline in deadlines)
    alarms.write()
    update_rows(deadlines, SETTLED_FIELDS)
    return written


def _settle(deadline: Deadline, alarms: Alarms) -> str:
    """Let one deadline speak; returns which figure of the report that is."""
    if alarms.now >= deadline.due_at:
        if deadline.kind in REMINDER_KINDS:
            alarms.remind(deadline)
            what = "reminders"
        else:
            alarms.breach(deadline, is_quiet=False, is_swept=True)
            what = "breaches"
        deadline.next_event_at = None
        return what
    if deadline.kind == DeadlineKind.TRIAGE:
        alarms.remind_backup(deadline)
        deadline.half_warned_at = alarms.now
        deadline.next_event_at = deadline.due_at
        return "reminders"
    alarms.warn(deadline)
    deadline.next_event_at = next_event_of(deadline, alarms.policy)
    return "warnings"


def _sweep_deadlines(report: SweepReport, *, now: dt.datetime, limit: int) -> None:
    def write(keys: Sequence[int]) -> None:
        for name, count in settle(_claim(keys, now=now), now=now).items():
            written[name] += count

    written: Counter[str] = Counter()
    due = Deadline.objects.needing_attention(at=now).order_by(BY_SEVERITY, "next_event_at", "id")
    keys = ready_keys(due, SweepPart.DEADLINES, limit=limit, now=now)
    report.failed += run_isolated(
        SweepPart.DEADLINES, keys, write, chunk=CHUNK, describe=_describe, now=now
    )
    report.warnings, report.reminders = written["warnings"], written["reminders"]
    report.breaches = written["breaches"]


def _sweep_escalations(report: SweepReport, *, now: dt.datetime, limit: int) -> None:
    swept = escalate_due(now=now, limit=limit)
    report.escalations = swept.written
    report.failed += swept.failed


def _sweep_rings(report: SweepReport, *, now: dt.datetime, limit: int) -> None:
    swept = ring_due(now=now, limit=limit)
    report.rings = swept.written
    report.failed += swept.failed


def _claim(keys: Sequence[int], *, now: dt.datetime) -> list[Deadline]:
    """Lock those deadlines that are still due, and their incidents; in the order of the keys."""
    due = Deadline.objects.needing_attention(at=now)
    rows = due.select_related("incident").only(*CLAIMED_FIELDS)
    found = claim_rows(rows, keys, of=("self", "incident"))
    clients = Client.objects.in_bulk({row.client_id for row in found if row.client_id})
    for row in found:
        row.client = clients[row.client_id] if row.client_id else None
    return found


def _describe(key: int) -> str:
    row = Deadline.objects.select_related("incident").get(pk=key)
    return f"{row.get_kind_display()} of {row.incident.ref}"
