"""Writing what is due: harmless when run twice, late, or beside another (rules C8, E8)."""

import datetime as dt
import logging
from dataclasses import dataclass

from django.db import transaction

from incidents.alarms import breach, remind, remind_backup, warn
from incidents.deadlines import next_event_of
from incidents.enums import (
    REMINDER_KINDS,
    DeadlineKind,
)
from incidents.models import Deadline, Incident, Policy

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class SweepReport:
    """What one sweep wrote."""

    warnings: int = 0
    reminders: int = 0
    breaches: int = 0
    failed: int = 0

    def __str__(self) -> str:
        return (
            f"{self.warnings} warnings, {self.reminders} reminders, {self.breaches} breaches, "
            f"{self.failed} failed"
        )


def sweep(*, now: dt.datetime, limit: int = 1000) -> SweepReport:
    """Write every warning, reminder and breach that is due, most severe first.

    Harmless when run twice, late, or beside another: each row is locked and looked at again.
    One bad row is counted as failed and stops nobody.
    """
    report = SweepReport()
    due = (
        Deadline.objects.needing_attention(at=now)
        .order_by("incident__severity", "next_event_at", "id")
        .values_list("pk", flat=True)
    )
    for pk in due[:limit]:
        try:
            with transaction.atomic():
                row = (
                    Deadline.objects.needing_attention(at=now)
                    .select_for_update(skip_locked=_can_skip_locked(), of=("self",))
                    .select_related("incident", "client")
                    .filter(pk=pk)
                    .first()
                )
                if row is not None:
                    settle(row, now=now, report=report)
        except Exception:
            report.failed += 1
            logger.exception("deadline could not be settled", extra={"deadline": pk})
    return report


def settle_due(incident: Incident, *, now: dt.datetime) -> None:
    """Write what is due for one locked incident, before a step changes it."""
    for row in incident.deadlines.needing_attention(at=now).select_related("client"):
        row.incident = incident
        settle(row, now=now, report=SweepReport())


def settle(deadline: Deadline, *, now: dt.datetime, report: SweepReport) -> None:
    """Write the one thing a deadline has to say by ``now``, and when to look again.

    After a long silence only the latest stage is told: a breach makes its warnings pointless.
    """
    policy = Policy.current()
    if now >= deadline.due_at:
        if deadline.kind in REMINDER_KINDS:
            report.reminders += 1
            remind(deadline, now=now)
        else:
            report.breaches += 1
            breach(deadline, now=now, is_quiet=False)
        deadline.next_event_at = None
    elif deadline.kind == DeadlineKind.TRIAGE:
        report.reminders += 1
        deadline.half_warned_at = now
        remind_backup(deadline, now=now)
        deadline.next_event_at = deadline.due_at
    else:
        report.warnings += 1
        warn(deadline, policy, now=now)
        deadline.next_event_at = next_event_of(deadline, policy)
    deadline.save()


def _can_skip_locked() -> bool:
    return transaction.get_connection().features.has_select_for_update_skip_locked
