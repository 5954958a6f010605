"""A checklist from the command line: what the schedule does, with the same result (rule K8)."""

import datetime as dt

from django.db import transaction

from incidents.errors import WorkflowError
from monitoring.checklists.filling import fill_run
from monitoring.checklists.opening import open_current_run, open_run, plan_of
from monitoring.checklists.periods import EARLIEST, LATEST, current_start, period_start
from monitoring.enums import RunState
from monitoring.models import Checklist, ChecklistRun, Period

MARGIN = dt.timedelta(days=40)


def run_period(period: str, *, date: dt.date | None = None, now: dt.datetime) -> ChecklistRun:
    """The run of the period in which a local date lies, opened and filled; today's without one.

    Whatever the schedule would do by now is done first: passed periods are recorded as missed,
    so the result is the same whoever comes first. Without a date it is the last period that has
    opened. A date asks for its period by name: that of today may be opened before its hour, one
    before the first run is opened late. Raises WorkflowError for a period that has not begun,
    a date that cannot be meant, or a checklist that is not there.
    """
    if not EARLIEST + MARGIN <= now.date() <= LATEST - MARGIN:
        raise WorkflowError(f"{now:%Y-%m-%d} is outside of the years {_years()}.")
    checklist = Checklist.objects.filter(period=period).first()
    if checklist is None:
        raise WorkflowError(f"There is no checklist “{period}”. Run manage.py load_sop first.")
    start = _start(checklist, date, now=now)
    with transaction.atomic():
        if checklist.is_active:
            open_current_run(checklist, now=now)
        run = checklist.runs.filter(period_start=start).first()
        if run is None and not checklist.is_active:
            raise WorkflowError(f"The checklist “{checklist}” is switched off.")
        if run is None:
            run, _ = open_run(checklist, start, now=now)
    return fill_run(run.pk, now=now) if run.state == RunState.OPEN else run


def run_crm_review(*, date: dt.date | None = None, now: dt.datetime) -> ChecklistRun:
    """K9: the CRM review of a day; its findings open incidents. Raises what ``run_period`` does."""
    return run_period(Period.CRM_REVIEW, date=date, now=now)


def read_date(text: str | None) -> dt.date | None:
    """A local date such as 2026-03-10, or None. Raises WorkflowError."""
    if not text:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise WorkflowError(f"--date: {text!r} is not a date such as 2026-03-10.") from error


def _start(checklist: Checklist, date: dt.date | None, *, now: dt.datetime) -> dt.date:
    plan = plan_of(checklist)
    if date is None:
        return current_start(plan, at=now)
    if not EARLIEST + MARGIN <= date <= LATEST - MARGIN:
        raise WorkflowError(f"--date: {date} is outside of the years {_years()}.")
    start = period_start(plan.period, date)
    if start > now.astimezone(plan.zone).date():
        raise WorkflowError(f"--date: the period of {date} has not begun yet.")
    return start


def _years() -> str:
    return f"{EARLIEST.year} to {LATEST.year}"
