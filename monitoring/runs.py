"""What the pages of checklists show: this period's runs, the one before, a month of them (K8).

A page costs the same number of queries however many runs there are.
"""

import calendar
import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from incidents.enums import UNRESOLVED_STATUSES
from incidents.models import Incident
from incidents.models.incident import Viewer
from incidents.obligations import Term
from monitoring.checklists.opening import describe_period, plan_of
from monitoring.checklists.periods import current_start, next_start, opening_of
from monitoring.enums import Outcome, RunState
from monitoring.models import (
    Checklist,
    ChecklistRun,
    Monitor,
    MonitorIncident,
    Period,
    RunItem,
)
from monitoring.models.run import ChecklistRunQuerySet

#: Checklists of a day are shown as a calendar, the others as a list.
BY_DAY = (Period.DAILY, Period.CRM_REVIEW)
SHOWN_PAST = 6


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run in one line: its mark (as ``state`` draws it) and its words."""

    run: ChecklistRun
    mark: str
    word: str
    period: str

    @property
    def term(self) -> Term:
        return term_of(self.run)


@dataclass(frozen=True, slots=True)
class Tab:
    """A checklist with its newest run, or when its first one opens."""

    checklist: Checklist
    line: RunLine | None
    opens_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class ItemRow:
    """An item beside what was answered last time, and what the system put together."""

    item: RunItem
    previous: RunItem | None
    incident: Incident | None
    is_incident_hidden: bool
    lines: list[str]
    tables: list[dict[str, Any]]
    incidents: list[Incident]
    hidden: int
    monitors: list[Monitor]
    #: The open incident of one of these monitors: what fails joins it (rule K6).
    joins: Incident | None = None

    @property
    def needs_incident(self) -> bool:
        return self.item.outcome == Outcome.FAIL and self.item.incident_id is None


@dataclass(frozen=True, slots=True)
class RunSheet:
    """One run as it is worked on."""

    run: ChecklistRun
    previous: ChecklistRun | None
    rows: list[ItemRow]

    @property
    def automatic(self) -> list[ItemRow]:
        return [row for row in self.rows if row.item.is_automatic]

    @property
    def manual(self) -> list[ItemRow]:
        return [row for row in self.rows if not row.item.is_automatic]

    @property
    def answered(self) -> int:
        return sum(row.item.outcome != Outcome.PENDING for row in self.rows)


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """A day of a month; ``number`` is None outside of it."""

    number: int | None = None
    line: RunLine | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Month:
    """A month of daily runs, Monday first; the neighbours are empty where there is none."""

    first: dt.date
    weeks: list[list[CalendarDay]]
    earlier: dt.date | None
    later: dt.date | None
    passed: int = 0
    failed: int = 0
    missed: int = 0
    open: int = 0


def counted(runs: ChecklistRunQuerySet) -> ChecklistRunQuerySet:
    """With the figures a line reads: items in all, to do, failed, and failed without incident."""
    return runs.select_related("checklist", "owner").annotate(
        total=Count("items"),
        pending=Count("items", filter=Q(items__outcome=Outcome.PENDING)),
        failed=Count("items", filter=Q(items__outcome=Outcome.FAIL)),
    )


def line_of(run: ChecklistRun, *, now: dt.datetime) -> RunLine:
    """A run from ``counted`` in one line."""
    mark, word = _standing(run, now=now)
    return RunLine(run, mark, word, period_of(run, now=now))


def period_of(run: ChecklistRun, *, now: dt.datetime) -> str:
    """“Tue 10 March”, “week 11”, “March”; with the year where it is not this one."""
    start = run.period_start
    if run.checklist_id == Period.WEEKLY:
        # A week belongs to the year of its Thursday.
        start += dt.timedelta(days=3)
    words = describe_period(run)
    year = str(start.year)
    is_this = start.year == now.year
    return words.removesuffix(f" of {year}").removesuffix(f" {year}") if is_this else words


def _standing(run: Any, *, now: dt.datetime) -> tuple[str, str]:
    if run.state == RunState.MISSED:
        return "warn", "Missed"
    if run.state == RunState.OPEN and run.pending:
        done = f"{run.total - run.pending} of {run.total}"
        return ("bad", f"Overdue, {done}") if run.due_at <= now else ("due", done)
    if run.failed:
        return "bad", f"{run.failed} of {run.total} failed"
    if run.state == RunState.OPEN:
        return ("bad", "Overdue, to complete") if run.due_at <= now else ("due", "To complete")
    if run.completed_at and run.completed_at > run.due_at:
        return "warn", "Done late"
    return "ok", f"{run.total} of {run.total} done"


def term_of(run: ChecklistRun) -> Term:
    """The run's clock."""
    stopped_at = run.completed_at
    if run.state == RunState.MISSED:
        return Term(run.opened_at, run.due_at, voided_at=run.due_at)
    return Term(run.opened_at, run.due_at, stopped_at=stopped_at)


def tabs(*, now: dt.datetime) -> list[Tab]:
    """Every active checklist with its newest run: two queries."""
    newest: dict[str, ChecklistRun] = {}
    lists = list(Checklist.objects.filter(is_active=True))
    newest_runs = Q()
    for checklist in lists:
        start = current_start(plan_of(checklist), at=now)
        newest_runs |= Q(checklist=checklist.pk, period_start__gte=start)
    if lists:
        for run in counted(ChecklistRun.objects.filter(newest_runs)).order_by("period_start"):
            newest[run.checklist_id] = run
    found = []
    for checklist in sorted(lists, key=_order):
        plan = plan_of(checklist)
        start = current_start(plan, at=now)
        current = newest.get(checklist.pk)
        coming = opening_of(plan, next_start(plan.period, start))
        line = line_of(current, now=now) if current else None
        found.append(Tab(checklist, line, None if line else coming))
    return found


def _order(checklist: Checklist) -> int:
    return [Period.WEEKLY, Period.DAILY, Period.CRM_REVIEW, Period.MONTHLY].index(
        Period(checklist.period)
    )


def sheet_of(run: ChecklistRun, *, viewer: Viewer) -> RunSheet:
    """A run with the one before beside it; private incidents are counted, never named (W11)."""
    items = list(run.items.all())
    earlier = ChecklistRun.objects.filter(
        checklist=run.checklist_id, period_start__lt=run.period_start
    ).exclude(state=RunState.MISSED)
    previous = earlier.order_by("-period_start").prefetch_related("items").first()
    before = {item.text: item for item in previous.items.all()} if previous else {}
    refs = {ref for item in items for ref in _listed(item, "refs")}
    behind = Q(ref__in=refs) | Q(pk__in=[item.incident_id for item in items if item.incident_id])
    visible = list(Incident.objects.filter(behind).visible_to(viewer).select_related("severity"))
    by_ref = {incident.ref: incident for incident in visible}
    by_key = {incident.pk: incident for incident in visible}
    keys = {key for item in items for key in _listed(item, "monitors")}
    monitors = Monitor.objects.in_bulk(keys) if keys else {}
    standing = _standing_incidents(keys, viewer) if keys and run.state == RunState.OPEN else {}
    rows = []
    for item in items:
        listed = [by_ref[ref] for ref in _listed(item, "refs") if ref in by_ref]
        incident = by_key.get(item.incident_id) if item.incident_id else None
        rows.append(
            ItemRow(
                item=item,
                previous=before.get(item.text),
                incident=incident,
                is_incident_hidden=bool(item.incident_id) and incident is None,
                lines=[str(line) for line in _listed(item, "lines")],
                tables=_listed(item, "tables"),
                incidents=listed,
                hidden=len(_listed(item, "refs")) - len(listed),
                monitors=[monitors[key] for key in _listed(item, "monitors") if key in monitors],
                joins=next(
                    (standing[key] for key in _listed(item, "monitors") if key in standing), None
                ),
            )
        )
    return RunSheet(run, previous, rows)


def _standing_incidents(keys: Collection[int], viewer: Viewer) -> dict[int, Incident]:
    """The unresolved incidents that these monitors raised and the viewer may see, by monitor."""
    visible = Incident.objects.visible_to(viewer).order_by().values("pk")
    links = MonitorIncident.objects.filter(
        monitor__in=keys,
        ended_at__isnull=True,
        incident__status__in=UNRESOLVED_STATUSES,
        incident__in=visible,
    )
    return {link.monitor_id: link.incident for link in links.select_related("incident")}


def _listed(item: RunItem, name: str) -> list[Any]:
    found = item.prepared.get(name) if isinstance(item.prepared, dict) else None
    return found if isinstance(found, list) else []


def month_of(checklist: Checklist, first: dt.date, *, now: dt.datetime, today: dt.date) -> Month:
    """The runs of one month: two queries."""
    after = next_start(Period.MONTHLY, first)
    runs = ChecklistRun.objects.filter(checklist=checklist)
    shown = counted(runs.filter(period_start__gte=first, period_start__lt=after))
    lines = {run.period_start: line_of(run, now=now) for run in shown}
    oldest = runs.order_by("period_start").values_list("period_start", flat=True).first()
    tally = Tally()
    for line in lines.values():
        tally.add(line)
    weeks = [
        [_day(dt.date(first.year, first.month, day) if day else None, lines) for day in week]
        for week in calendar.Calendar().monthdayscalendar(first.year, first.month)
    ]
    earlier = (first - dt.timedelta(days=1)).replace(day=1)
    return Month(
        first=first,
        weeks=weeks,
        earlier=earlier if oldest and oldest < first else None,
        later=after if after <= today else None,
        passed=tally.passed,
        failed=tally.failed,
        missed=tally.missed,
        open=tally.open,
    )


@dataclass(slots=True)
class Tally:
    """The legend below a calendar."""

    passed: int = 0
    failed: int = 0
    missed: int = 0
    open: int = 0

    def add(self, line: RunLine) -> None:
        word = day_word(line)
        if word == "passed":
            self.passed += 1
        elif word == "failed":
            self.failed += 1
        elif word == "missed":
            self.missed += 1
        else:
            self.open += 1


def day_word(line: RunLine) -> str:
    if line.run.state == RunState.MISSED:
        return "missed"
    if getattr(line.run, "failed", 0):
        return "failed"
    return "passed" if line.run.state == RunState.DONE else "open"


def _day(day: dt.date | None, lines: dict[dt.date, RunLine]) -> CalendarDay:
    if day is None:
        return CalendarDay()
    line = lines.get(day)
    return CalendarDay(day.day, line, day_word(line) if line else "")


def past_lines(period: str, *, now: dt.datetime, limit: int = SHOWN_PAST) -> list[RunLine]:
    """The newest runs of a checklist, newest first."""
    runs = counted(ChecklistRun.objects.filter(checklist=period))
    return [line_of(run, now=now) for run in runs.order_by("-period_start")[:limit]]


def lines_of(runs: Iterable[ChecklistRun], *, now: dt.datetime) -> list[RunLine]:
    return [line_of(run, now=now) for run in runs]
