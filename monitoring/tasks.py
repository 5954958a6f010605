"""What django-q runs; every task may run twice, late or never without harm.

Tasks carry keys and dates only. What is due stands in our own tables, so a task that is lost is
queued again by the next tick.
"""

import datetime as dt
import logging
from collections.abc import Callable

from django.db import connection
from django.utils import timezone
from django_q.tasks import async_task

from monitoring import rollups
from monitoring.checklists.filling import fill_run, unfilled_runs
from monitoring.checklists.opening import open_due_runs
from monitoring.checklists.reminding import remind_owners
from monitoring.checklists.running import run_crm_review
from monitoring.models import ChecklistRun, Monitor, Period
from monitoring.probes.provider import due_probes, probe_provider

logger = logging.getLogger(__name__)

#: The minute of each hour in which old samples and signals go.
PRUNE_MINUTE = 17


def tick() -> None:
    """Once a minute: open what is due and queue the work.

    A part that fails is logged and stops no other one. That the tick comes through at all is
    the canary of the cluster (rule K11).
    """
    now = timezone.now()
    for part in PARTS:
        try:
            part(now)
        except Exception:
            logger.exception("a part of the tick failed", extra={"part": part.__name__})
            if not connection.in_atomic_block:
                connection.close()


def run_checklist(run_id: int) -> None:
    """Answer and prepare the items of a run (rule K8); nothing where the run is gone."""
    if ChecklistRun.objects.filter(pk=run_id).exists():
        fill_run(run_id, now=timezone.now())


def crm_review(date: str) -> None:
    """The CRM review of a local date such as 2026-03-10 (rule K9)."""
    run_crm_review(date=dt.date.fromisoformat(date), now=timezone.now())


def probe(monitor_id: int) -> None:
    """Ask a provider how it stands (rule K5); nothing where the monitor is gone or paused."""
    monitor = Monitor.objects.active().select_related("system").filter(pk=monitor_id).first()
    if monitor is not None:
        probe_provider(monitor, now=timezone.now())


def prune() -> None:
    """Let go of samples and signals that are older than the settings keep."""
    rollups.prune(now=timezone.now())


def _run_checklists(now: dt.datetime) -> None:
    open_due_runs(now=now)
    for run in unfilled_runs():
        if run.checklist_id == Period.CRM_REVIEW:
            async_task("monitoring.tasks.crm_review", run.period_start.isoformat())
        else:
            async_task("monitoring.tasks.run_checklist", run.pk)


def _remind(now: dt.datetime) -> None:
    remind_owners(now=now)


def _probe_providers(now: dt.datetime) -> None:
    for monitor_id in due_probes(now=now):
        async_task("monitoring.tasks.probe", monitor_id)


def _prune_hourly(now: dt.datetime) -> None:
    if now.minute == PRUNE_MINUTE:
        async_task("monitoring.tasks.prune")


PARTS: tuple[Callable[[dt.datetime], None], ...] = (
    _run_checklists,
    _remind,
    _probe_providers,
    _prune_hourly,
)
