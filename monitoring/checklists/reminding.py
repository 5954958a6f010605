"""Reminding the owner of a run: at half of its time, and when it is overdue (rules K8 and N1)."""

import datetime as dt
import logging

from incidents import staff
from incidents.models import Responder
from monitoring.checklists.opening import describe_period
from monitoring.models import ChecklistRun
from notifications.outbox import MessageError

logger = logging.getLogger(__name__)

#: An old run stays visible as overdue; nobody is told of it anew.
LOOK_BACK = dt.timedelta(days=7)


def remind_owners(*, now: dt.datetime) -> int:
    """Tell the owners of open runs, once at half of the time and once when it is over.

    Where both have passed, as after a downtime, only the later one is sent. While the owner is
    away, whoever stands in is told. Returns how many runs were looked at.
    """
    runs = ChecklistRun.objects.open().filter(opened_at__lte=now, due_at__gt=now - LOOK_BACK)
    due = [run for run in runs.select_related("checklist", "owner") if _half_of(run) <= now]
    for run in due:
        try:
            _remind(run, now=now)
        except MessageError:
            logger.exception("an owner was not reminded", extra={"run": run.pk})
    return len(due)


def _half_of(run: ChecklistRun) -> dt.datetime:
    return run.opened_at + (run.due_at - run.opened_at) / 2


def _remind(run: ChecklistRun, *, now: dt.datetime) -> None:
    person = run.owner
    if person is None or person.is_away(at=now) or not person.is_active:
        person = Responder.objects.on_duty(run.checklist.owner_role, at=now)
    if person is None:
        return
    is_overdue = run.due_at <= now
    word = "Overdue" if is_overdue else "Still open"
    due = "It was due" if is_overdue else "It is due"
    staff.tell(
        person,
        event=f"run:{run.pk}:{'overdue' if is_overdue else 'half'}",
        subject=f"{word}: {run.checklist.title}, {describe_period(run)}",
        lines=[f"{due} {staff.clock_time(run.due_at, person)}."],
        now=now,
        link=staff.absolute(run.get_absolute_url()),
    )
