"""What the pages of monitors show: rows with their state, figure, 30 days and open incident.

A list costs the same number of queries however many monitors it shows.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import (
    Case,
    Count,
    Exists,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    When,
)
from django.utils import timezone

from incidents.models import Incident
from incidents.models.incident import Viewer
from incidents.prepared import prepared
from monitoring.bars import DAYS, Bars, Day, days_until, draw_bars
from monitoring.descriptions import describe_monitor, limit_line
from monitoring.enums import STATES_BY_WEIGHT, Kind, State
from monitoring.models import DayFigure, Monitor, MonitorIncident, MonitorStatus

#: Somebody should look.
NOT_GREEN = (State.FAILING, State.NO_DATA, State.WARNING, State.UNKNOWN)
#: Neither good nor bad: nothing, or too little, came in to say.
NOT_JUDGED = (State.NEW, State.TOO_FEW)
#: As many monitors that are not green as one look takes in.
SHOWN_NOT_GREEN = 100
ROW_CHART = (180, 28)


@dataclass(frozen=True, slots=True)
class MonitorRow:
    """One monitor as a line of a list."""

    monitor: Monitor
    status: MonitorStatus
    about: str
    bars: Bars
    incidents: list[Incident] = field(default_factory=list)
    is_silenced: bool = False


@dataclass(frozen=True, slots=True)
class MonitorFilter:
    """What the address narrows the list to; unknown words narrow nothing."""

    query: str = ""
    kind: str = ""
    state: str = ""
    client: str = ""
    system: str = ""

    @property
    def is_set(self) -> bool:
        return any((self.query, self.kind, self.state, self.client, self.system))

    @property
    def shows_paused(self) -> bool:
        return self.state == "paused"

    def apply(self, monitors: QuerySet[Monitor], *, now: dt.datetime) -> QuerySet[Monitor]:
        rows = monitors.filter(is_active=not self.shows_paused)
        if self.query:
            named = Q(name__icontains=self.query) | Q(slug__icontains=self.query)
            named |= Q(sending_domain__name__icontains=self.query)
            rows = rows.filter(named | Q(system__name__icontains=self.query))
        if self.kind in Kind.values:
            rows = rows.filter(kind=self.kind)
        if self.state in State.values:
            rows = rows.filter(status__state=self.state)
        if self.state == "silenced":
            rows = rows.filter(pk__in=Monitor.objects.silenced(at=now).values("pk"))
        if self.client:
            own = Q(client__slug=self.client) | Q(sending_domain__client__slug=self.client)
            rows = rows.filter(own)
        if self.system:
            rows = rows.filter(system__slug=self.system)
        return rows


@dataclass(frozen=True, slots=True)
class KindLine:
    """All active monitors of a kind in a few figures."""

    kind: Kind
    total: int
    green: int
    not_judged: int
    oldest: dt.datetime | None
    newest: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Health:
    """All active monitors in a few figures."""

    kinds: list[KindLine]

    @property
    def total(self) -> int:
        return sum(line.total for line in self.kinds)

    @property
    def green(self) -> int:
        return sum(line.green for line in self.kinds)

    @property
    def not_judged(self) -> int:
        return sum(line.not_judged for line in self.kinds)

    @property
    def not_green(self) -> int:
        return self.total - self.green - self.not_judged

    @property
    def jobs(self) -> int:
        return sum(line.total for line in self.kinds if line.kind == Kind.HEARTBEAT)

    @property
    def jobs_on_time(self) -> int:
        return sum(line.green for line in self.kinds if line.kind == Kind.HEARTBEAT)

    @property
    def last_signal_at(self) -> dt.datetime | None:
        return max((line.newest for line in self.kinds if line.newest), default=None)


def health_of_all() -> Health:
    """Every kind that is watched, in the order of the kinds: one query."""
    found: dict[str, dict[str, Any]] = {row["kind"]: row for row in _kinds()}
    return Health(
        [KindLine(Kind(row.pop("kind")), **row) for row in map(found.get, Kind) if row is not None]
    )


@prepared
def _kinds() -> QuerySet[Monitor, Any]:
    return (
        Monitor.objects.active()
        .order_by()
        .values("kind")
        .annotate(
            total=Count("pk"),
            green=Count("pk", filter=Q(status__state=State.OK)),
            not_judged=Count("pk", filter=Q(status__state__in=NOT_JUDGED)),
            oldest=Min("status__last_signal_at"),
            newest=Max("status__last_signal_at"),
        )
    )


def shown(monitors: QuerySet[Monitor]) -> QuerySet[Monitor]:
    """With everything a row reads."""
    return monitors.select_related(
        "status", "system", "client", "sending_domain__client", "playbook"
    )


def worst_first(monitors: QuerySet[Monitor]) -> QuerySet[Monitor]:
    weights = [
        When(status__state=state, then=weight) for weight, state in enumerate(STATES_BY_WEIGHT)
    ]
    weight = Case(*weights, default=0, output_field=IntegerField())
    return monitors.order_by(weight.desc(), "name")


def rows_of(monitors: Iterable[Monitor], *, viewer: Viewer, now: dt.datetime) -> list[MonitorRow]:
    """The rows of these monitors (from ``shown``): three queries, however many. Incidents that
    the reader may not see are left out (rule W11)."""
    listed = list(monitors)
    keys = [monitor.pk for monitor in listed]
    today = now.astimezone(dt.UTC).date()
    figures = figures_of(keys, today=today)
    raised = _open_incidents(keys, viewer)
    silenced = set(
        Monitor.objects.filter(pk__in=keys).silenced(at=now).values_list("pk", flat=True)
    )
    return [
        MonitorRow(
            monitor=monitor,
            status=monitor.status,
            about=describe_monitor(monitor, monitor.status),
            bars=_bars(monitor, days_until(today, figures.get(monitor.pk, {}))),
            incidents=raised.get(monitor.pk, []),
            is_silenced=monitor.pk in silenced,
        )
        for monitor in listed
    ]


def figures_of(keys: list[int], *, today: dt.date) -> dict[int, dict[dt.date, DayFigure]]:
    """The days of these monitors up to today (UTC), by monitor and day."""
    found: dict[int, dict[dt.date, DayFigure]] = {}
    first = today - dt.timedelta(days=DAYS - 1)
    for figure in DayFigure.objects.filter(monitor__in=keys, day__gte=first, day__lte=today):
        found.setdefault(figure.monitor_id, {})[figure.day] = figure
    return found


def _bars(monitor: Monitor, days: list[Day]) -> Bars:
    width, height = ROW_CHART
    return draw_bars(days, name=monitor.name, width=width, height=height, limit=limit_line(monitor))


def _open_incidents(keys: list[int], viewer: Viewer) -> dict[int, list[Incident]]:
    visible = Incident.objects.visible_to(viewer).order_by().values("pk")
    links = MonitorIncident.objects.filter(
        monitor__in=keys, ended_at__isnull=True, incident__in=visible
    ).select_related("incident")
    found: dict[int, list[Incident]] = {}
    for link in links:
        found.setdefault(link.monitor_id, []).append(link.incident)
    return found


@dataclass(frozen=True, slots=True)
class Counts:
    """The figures of the head of the list."""

    not_green: str
    green: str
    not_judged: str
    silenced: str
    paused: str


def counts_of_all(*, now: dt.datetime) -> Counts:
    """One query; a monitor inside a maintenance window is also counted by its state."""
    silenced = Exists(Monitor.objects.silenced(at=now).filter(pk=OuterRef("pk")))
    figures = Monitor.objects.annotate(is_quiet=silenced).aggregate(
        not_green=Count("pk", filter=Q(is_active=True, status__state__in=NOT_GREEN)),
        green=Count("pk", filter=Q(is_active=True, status__state=State.OK)),
        not_judged=Count("pk", filter=Q(is_active=True, status__state__in=NOT_JUDGED)),
        silenced=Count("pk", filter=Q(is_active=True, is_quiet=True)),
        paused=Count("pk", filter=Q(is_active=False)),
    )
    return Counts(**{name: str(figure) for name, figure in figures.items()})


def stamp_of_list(*, now: dt.datetime) -> str:
    """What the list depends on: signals, states, settings, maintenance, the day."""
    facts = MonitorStatus.objects.aggregate(signal=Max("last_signal_at"), since=Max("since"))
    edited = Monitor.history.order_by("-history_id").values_list("history_id", flat=True).first()
    quiet = Monitor.objects.silenced(at=now).count()
    raised = MonitorIncident.objects.aggregate(last=Max("pk"), ended=Max("ended_at"))
    day = timezone.localtime(now).date()
    return f"monitors:{day}:{edited}:{quiet}:{facts}:{raised}"
