"""What other pages show of monitors and checklists: home, and the pages of systems and clients."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Exists, F, Model, OuterRef, Q, QuerySet

from incidents.models import Client, Responder, System
from incidents.models.incident import Viewer
from incidents.obligations import Obligation, Term
from incidents.panels import Panel
from incidents.prepared import prepared
from monitoring.board import NOT_GREEN, Health, health_of_all, rows_of, shown, worst_first
from monitoring.checklists.opening import plan_of
from monitoring.checklists.periods import current_start, next_start, opening_of
from monitoring.descriptions import describe_monitor
from monitoring.enums import Outcome, RunState
from monitoring.models import Checklist, ChecklistRun, Monitor, MonitorStatus, RunItem
from monitoring.runs import RunLine, counted, line_of, period_of

SHOWN_MONITORS = 8
SHOWN_RUNS = 8
#: As many duties from checklists as one look takes in.
MOST_DUTIES = 50
#: A finished run stays on home for the rest of its day.
FINISHED_FOR = dt.timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class MonitorLine:
    monitor: Monitor
    status: MonitorStatus
    about: str


@dataclass(frozen=True, slots=True)
class HomePanels:
    """Beside the incidents on home; ``health`` and ``coming`` prove a calm day."""

    health: Health
    not_green: list[MonitorLine]
    runs: list[RunLine]
    coming: list[tuple[Checklist, dt.datetime]]


def home_panels(*, now: dt.datetime) -> HomePanels:
    """Four queries, however many monitors and runs there are."""
    not_green = [
        MonitorLine(one, one.status, describe_monitor(one, one.status)) for one in _not_green()
    ]
    lines = [line_of(run, now=now) for run in _fresh_runs(now=now)]
    return HomePanels(health_of_all(), not_green, lines, coming_runs(now=now))


@prepared
def _not_green() -> QuerySet[Monitor]:
    monitors = shown(Monitor.objects.active().filter(status__state__in=NOT_GREEN))
    return worst_first(monitors)[:SHOWN_MONITORS]


@prepared
def _fresh_runs(*, now: dt.datetime) -> QuerySet[ChecklistRun]:
    fresh = Q(state=RunState.OPEN) | Q(opened_at__gt=now - FINISHED_FOR)
    runs = counted(ChecklistRun.objects.filter(fresh))
    return runs.order_by("-state", "due_at", "pk")[:SHOWN_RUNS]


def coming_runs(*, now: dt.datetime) -> list[tuple[Checklist, dt.datetime]]:
    """The next opening of every checklist, the soonest first: one query."""
    found = []
    for checklist in _active():
        plan = plan_of(checklist)
        start = current_start(plan, at=now)
        found.append((checklist, opening_of(plan, next_start(plan.period, start))))
    return sorted(found, key=lambda one: one[1])


@prepared
def _active() -> QuerySet[Checklist]:
    return Checklist.objects.filter(is_active=True)


def run_duties(
    user: User | None, *, now: dt.datetime, is_everyones: bool = False
) -> list[Obligation]:
    """Open runs in which a person has something to do, for “Mine now”: one query.

    They are the owner's, or whose who stands in for an owner that is away (rule A1).
    """
    if user is None and not is_everyones:
        return []
    key = None if is_everyones or user is None else user.pk
    return [_duty(run, now=now) for run in _due_runs(user=key, now=now)]


@prepared
def _due_runs(*, user: int | None, now: dt.datetime) -> QuerySet[ChecklistRun]:
    waiting = RunItem.objects.filter(run=OuterRef("pk")).filter(_asks_a_person())
    runs = ChecklistRun.objects.open().filter(Exists(waiting) | Q(due_at__lte=now))
    if user is not None:
        roles = Responder.objects.present(at=now).filter(user=user).values("role")
        stands_in = Q(owner__away_until__gt=now, owner__role__in=roles)
        runs = runs.filter(Q(owner__user=user) | stands_in)
    return counted(runs).order_by("due_at")[:MOST_DUTIES]


def _asks_a_person() -> Q:
    """Items that a person answers, and failures that still need an incident or a note."""
    return Q(is_automatic=False) | Q(outcome=Outcome.FAIL, incident__isnull=True, note="")


def _duty(run: Any, *, now: dt.datetime) -> Obligation:
    done = run.total - run.pending
    action = "Go on" if done else "Answer"
    if not run.pending:
        action = "See to it" if run.failed else "Complete it"
    return Obligation(
        title=f"{run.checklist.title}, {period_of(run, now=now)}",
        incident=None,
        action=action,
        url=run.get_absolute_url(),
        deadline=Term(run.opened_at, run.due_at),
        note=f"{done} of {run.total} answered" + (f", {run.failed} failed" if run.failed else ""),
        icon="check-circle",
        holder=run.owner.name if run.owner else "nobody",
        holder_user=run.owner.user_id if run.owner else None,
        part="owner",
    )


def home_stamp() -> dict[str, Any]:
    """What the panels of home depend on, as expressions for one row of any query."""
    statuses = MonitorStatus.objects.order_by()
    runs = ChecklistRun.objects.order_by()
    return {
        "signal": _newest(statuses, "last_signal_at"),
        "state": _newest(statuses, "since"),
        "run": _newest(runs, "pk"),
        "run_change": _newest(ChecklistRun.history.order_by(), "history_id"),
        "answer": _newest(RunItem.objects.order_by(), "answered_at"),
    }


def _newest(rows: QuerySet[Any], name: str) -> QuerySet[Any]:
    return rows.filter(**{f"{name}__isnull": False}).order_by(F(name).desc()).values(name)[:1]


def panels_of(record: Model, *, viewer: Viewer, now: dt.datetime) -> list[Panel]:
    """The monitors of a system or a client, for its page; named in ``settings.RECORD_PANELS``."""
    if isinstance(record, System):
        monitors = Monitor.objects.filter(system=record)
        more = f"system={record.slug}"
    elif isinstance(record, Client):
        own = Q(client=record) | Q(sending_domain__client=record)
        monitors = Monitor.objects.filter(own)
        more = f"client={record.slug}"
    else:
        return []
    rows = rows_of(worst_first(shown(monitors.active()))[:SHOWN_MONITORS], viewer=viewer, now=now)
    return [Panel("monitoring/_of_record.html", {"rows": rows, "more": more})]
