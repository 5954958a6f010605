"""Opening the runs that are due, each exactly once per period (rule K8)."""

import datetime as dt
import logging
import zoneinfo

from django.conf import settings
from django.db import transaction
from django.db.models import OuterRef, Subquery

from incidents import staff
from incidents.models import Responder
from monitoring.checklists.periods import (
    Plan,
    current_start,
    due_of,
    next_start,
    opening_of,
    starts_between,
)
from monitoring.enums import RunState
from monitoring.models import Checklist, ChecklistRun, Period, RunItem

logger = logging.getLogger(__name__)

#: At most so many periods are looked back on after a downtime.
MISSED_LIMIT = 400


def plan_of(checklist: Checklist) -> Plan:
    """The checklist's hours in the agency's zone, with the agency's holidays."""
    return Plan(
        period=checklist.period,
        opens_at=checklist.opens_at,
        due_hours=checklist.due_hours,
        zone=zoneinfo.ZoneInfo(settings.TIME_ZONE),
        country=settings.HOLIDAY_COUNTRY,
    )


def open_due_runs(*, now: dt.datetime) -> list[ChecklistRun]:
    """Open what is due of every active checklist; returns the runs that this call opened.

    A checklist that breaks is logged and stops no other one.
    """
    latest = ChecklistRun.objects.filter(checklist=OuterRef("pk")).order_by("-period_start")
    checklists = Checklist.objects.filter(is_active=True).annotate(
        latest_start=Subquery(latest.values("period_start")[:1])
    )
    opened = []
    for checklist in checklists:
        try:
            run = _open_current(checklist, checklist.latest_start, now=now)
        except Exception:
            logger.exception("a checklist was not opened", extra={"checklist": checklist.pk})
        else:
            opened += [run] if run else []
    return opened


def open_current_run(checklist: Checklist, *, now: dt.datetime) -> ChecklistRun | None:
    """Open the checklist's current period, after recording the periods that passed.

    None where the run was there already. After a downtime, what lies between the last run and
    now is written down as missed; the current period runs once.
    """
    latest = checklist.runs.order_by("-period_start").values_list("period_start", flat=True)
    return _open_current(checklist, latest.first(), now=now)


def open_run(
    checklist: Checklist, start: dt.date, *, now: dt.datetime
) -> tuple[ChecklistRun, bool]:
    """The run of one period, and whether this call opened it.

    However many ask at once, one row is written: the unique key of checklist and period
    decides. Items are copied, so that later edits do not rewrite history. The owner is whoever
    is on duty for the checklist's role, and is told at once where people have something to
    answer (rule N1); of an automatic run they hear when something fails.
    """
    plan = plan_of(checklist)
    due_at = due_of(plan, opening_of(plan, start))
    with transaction.atomic():
        run, is_new = _get_or_create(
            checklist, start, opened_at=now, due_at=due_at if due_at > now else due_of(plan, now)
        )
        if is_new:
            items = _copy_items(checklist, run)
            if not all(item.is_automatic for item in items):
                _tell_opened(run, now=now)
    return run, is_new


def _open_current(
    checklist: Checklist, latest: dt.date | None, *, now: dt.datetime
) -> ChecklistRun | None:
    plan = plan_of(checklist)
    start = current_start(plan, at=now)
    if latest is not None and latest >= start:
        return None
    with transaction.atomic():
        if latest is not None and next_start(checklist.period, latest) < start:
            _record_missed(checklist, plan, latest, start, now=now)
        run, is_new = open_run(checklist, start, now=now)
    return run if is_new else None


def _record_missed(
    checklist: Checklist, plan: Plan, latest: dt.date, current: dt.date, *, now: dt.datetime
) -> None:
    """K8: what passed while nothing ran stays visible, and its owner is told once."""
    off_until = _off_until(checklist)
    starts = list(starts_between(checklist.period, latest, current))[-MISSED_LIMIT:]
    missed = []
    for start in starts:
        opened_at = opening_of(plan, start)
        if off_until is not None and opened_at <= off_until:
            continue
        due_at = due_of(plan, opened_at)
        run, is_new = _get_or_create(
            checklist, start, state=RunState.MISSED, opened_at=opened_at, due_at=due_at, now=now
        )
        missed += [run] if is_new else []
    if missed:
        _tell_missed(missed, now=now)


def _off_until(checklist: Checklist) -> dt.datetime | None:
    """Until when the checklist was switched off, if it ever was: no run was owed then."""
    history = checklist.history.order_by("history_date", "history_id")
    last_off = history.filter(is_active=False).last()
    if last_off is None:
        return None
    on_again = history.filter(history_id__gt=last_off.history_id).first()
    return on_again.history_date if on_again else None


def _get_or_create(
    checklist: Checklist,
    start: dt.date,
    *,
    opened_at: dt.datetime,
    due_at: dt.datetime,
    state: str = RunState.OPEN,
    now: dt.datetime | None = None,
) -> tuple[ChecklistRun, bool]:
    found = ChecklistRun.objects.filter(checklist=checklist, period_start=start).first()
    if found:
        return found, False
    owner = Responder.objects.on_duty(checklist.owner_role, at=now or opened_at)
    # What a demonstration's stand-in owns goes with the demonstration.
    is_demo = bool(owner and owner.is_demo)
    return ChecklistRun.objects.get_or_create(
        checklist=checklist,
        period_start=start,
        defaults={
            "state": state,
            "owner": owner,
            "opened_at": opened_at,
            "due_at": due_at,
            "is_demo": is_demo,
        },
    )


def _copy_items(checklist: Checklist, run: ChecklistRun) -> list[RunItem]:
    return RunItem.objects.bulk_create(
        RunItem(
            run=run,
            number=item.number,
            text=item.text,
            is_automatic=item.is_automatic,
            reading=item.reading,
        )
        for item in checklist.items.all()
    )


def _tell_opened(run: ChecklistRun, *, now: dt.datetime) -> None:
    if run.owner is None:
        return
    staff.tell(
        run.owner,
        event=f"run:{run.pk}:opened",
        subject=f"Checklist to do: {run.checklist.title}",
        lines=[
            f"{run.checklist.title}, {describe_period(run)}, is yours.",
            f"Due {staff.clock_time(run.due_at, run.owner)}.",
        ],
        now=now,
        link=staff.absolute(run.get_absolute_url()),
    )


def _tell_missed(missed: list[ChecklistRun], *, now: dt.datetime) -> None:
    last = missed[-1]
    count = "1 run was" if len(missed) == 1 else f"{len(missed)} runs were"
    staff.tell(
        last.owner,
        event=f"run:{last.pk}:missed",
        subject=f"Checklist missed: {last.checklist.title}",
        lines=[
            f"{count} missed while nothing of ours ran: "
            f"{describe_period(missed[0])} to {describe_period(last)}."
            if len(missed) > 1
            else f"{count} missed while nothing of ours ran: {describe_period(last)}."
        ],
        now=now,
        link=staff.absolute(last.get_absolute_url()),
    )


def describe_period(run: ChecklistRun) -> str:
    """“Tue 10 March 2026”, “week 11 of 2026”, “March 2026”."""
    start = run.period_start
    if run.checklist_id == Period.WEEKLY:
        return f"week {start.isocalendar().week} of {start.isocalendar().year}"
    if run.checklist_id == Period.MONTHLY:
        return f"{start:%B %Y}"
    return f"{start:%a} {start.day} {start:%B %Y}"
