"""Filling a run: automatic items are answered, the others prepared (rules K8 to K10)."""

import datetime as dt
import logging
import time

from django.db import transaction
from django.db.models import Q, QuerySet

from incidents import staff
from incidents.models import SendingDomain
from monitoring.checklists.answers import answer_item, wait_for_looks
from monitoring.checklists.findings import open_incident_of, raise_findings
from monitoring.checklists.finishing import close_run
from monitoring.checklists.opening import describe_period
from monitoring.checklists.preparing import Prepared, prepare_item, previous_opening
from monitoring.enums import Outcome, RunState
from monitoring.evaluation import evaluate_due
from monitoring.models import ChecklistRun, MonitorStatus, Period, RunItem
from monitoring.probes.domains import check_domain, due_domains
from notifications.enums import Urgency

logger = logging.getLogger(__name__)

DOMAINS = "domain_reputation"
#: No further domain is asked after so many seconds: one takes up to 45, a task 60. The next
#: minute goes on with the others.
ASKING_SECONDS = 10.0
#: An item with domains still to be asked waits so long for them.
DOMAINS_WAIT = dt.timedelta(hours=1)

#: Items that a run still waits for.
UNFILLED = Q(is_automatic=True, outcome=Outcome.PENDING) | (
    Q(is_automatic=False, prepared={}) & ~Q(reading="")
)


def unfilled_runs() -> QuerySet[ChecklistRun]:
    """Open runs with items that the system has still to answer or to prepare."""
    items = RunItem.objects.filter(UNFILLED, run__state=RunState.OPEN)
    return ChecklistRun.objects.filter(pk__in=items.values("run"))


def fill_run(run_id: int, *, now: dt.datetime) -> ChecklistRun:
    """Answer and prepare what is not yet; running it again changes nothing.

    1. Judge the monitors that are due, so that no answer rests on an old look.
    2. Ask the world about sending domains where an item wants that, outside of any transaction.
    3. Lock the run and the monitors behind it; answer automatic items, prepare the others.
    4. Point failed items at the incidents of their monitors; the CRM review opens them (K9).
    5. A run of automatic items without a failure completes itself; else its owner is told.

    A run that is done or missed stays as it is.
    """
    _look_again(now=now)
    _ask_about_domains(run_id, now=now)
    with transaction.atomic():
        rows = ChecklistRun.objects.select_for_update(of=("self",))
        run = rows.select_related("checklist", "owner").get(pk=run_id)
        if run.state == RunState.OPEN:
            _fill(run, now=now)
    return run


def _fill(run: ChecklistRun, *, now: dt.datetime) -> None:
    items = list(run.items.filter(UNFILLED))
    wait_for_looks({item.reading for item in items if item.is_automatic})
    filled = [item for item in items if _fill_item(item, run, now=now)]
    if not filled:
        return
    _point_at_incidents(run, [item for item in filled if item.is_automatic], now=now)
    for item in filled:
        item.save()
    run.version += 1
    run.save(update_fields=["version"])
    failed = [item for item in filled if item.outcome == Outcome.FAIL]
    if failed:
        _tell_failed(run, failed, now=now)
    elif _is_answered_by_monitors(run):
        close_run(run, name="System", now=now)


def _fill_item(item: RunItem, run: ChecklistRun, *, now: dt.datetime) -> bool:
    """Answer or prepare one item in memory; false where it has to wait."""
    if item.is_automatic:
        answer = answer_item(item.reading, now=now, since=previous_opening(run))
        item.outcome = answer.outcome
        item.answered_at, item.answered_by = now, "System"
        found = Prepared(
            lines=answer.lines,
            monitors=answer.monitors,
            value=answer.value,
            threshold=answer.threshold,
            measured_at=answer.measured_at,
        )
    elif item.reading == DOMAINS and now < run.opened_at + DOMAINS_WAIT and due_domains(now=now):
        return False
    else:
        found = prepare_item(item.reading, run=run, now=now)
    item.value, item.threshold = found.value[:120], found.threshold[:80]
    item.measured_at = found.measured_at
    item.prepared = found.as_json(at=now)
    return True


def _point_at_incidents(run: ChecklistRun, items: list[RunItem], *, now: dt.datetime) -> None:
    failed = [item for item in items if item.outcome == Outcome.FAIL]
    if run.checklist_id == Period.CRM_REVIEW:
        raise_findings(run, failed, now=now)
        return
    for item in failed:
        keys = item.prepared["monitors"]
        found = MonitorStatus.objects.in_bulk(keys)
        item.incident = open_incident_of([found[key] for key in keys if key in found])


def _is_answered_by_monitors(run: ChecklistRun) -> bool:
    """Every item is automatic and none failed: nobody has anything to add."""
    items = list(run.items.all())
    return bool(items) and all(
        item.is_automatic and item.outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE)
        for item in items
    )


def _tell_failed(run: ChecklistRun, failed: list[RunItem], *, now: dt.datetime) -> None:
    """N1: the owner hears once what failed."""
    staff.tell(
        run.owner,
        event=f"run:{run.pk}:failed",
        subject=f"Checklist failed: {run.checklist.title}, {describe_period(run)}",
        lines=[f"{item.text}: {item.value or item.get_outcome_display()}" for item in failed],
        now=now,
        urgency=Urgency.HIGH,
        link=staff.absolute(run.get_absolute_url()),
    )


def _look_again(*, now: dt.datetime) -> None:
    """The engine does so every few seconds; a checklist from cron may run without one."""
    try:
        evaluate_due(now=now, limit=None)
    except Exception:
        logger.exception("the monitors were not judged before a checklist")


def _ask_about_domains(run_id: int, *, now: dt.datetime) -> None:
    wanting = RunItem.objects.filter(UNFILLED, run=run_id, run__state=RunState.OPEN)
    if not wanting.filter(reading=DOMAINS).exists():
        return
    begun = time.monotonic()
    for domain in SendingDomain.objects.filter(pk__in=due_domains(now=now)):
        if time.monotonic() - begun > ASKING_SECONDS:
            return
        try:
            check_domain(domain, now=now)
        except Exception:
            logger.exception("a sending domain was not asked about", extra={"domain": domain.name})
