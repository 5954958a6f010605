"""What is put together for items that a person judges (rules K8, K10 and P8).

What is kept beside an item reads ``{"at": instant, "lines": […], "tables": [{"title", "head",
"rows"}], "refs": […], "monitors": […]}``. Incidents are kept as references only: whoever looks
sees those that are open to them (rule W11), the others as a number.
"""

import datetime as dt
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef

from incidents import staff
from incidents.enums import Source, Status
from incidents.models import Incident, PlaybookRun
from incidents.models.incident import IncidentQuerySet, Viewer
from monitoring.checklists.answers import SELECTIONS, answer_item, look_at
from monitoring.checklists.domain_report import report_domains
from monitoring.checklists.patterns import count_patterns
from monitoring.checklists.periods import day_start, previous_start
from monitoring.checklists.tables import Table
from monitoring.checklists.tools import report_tools
from monitoring.enums import RunState, State
from monitoring.models import ChecklistRun, Period

#: Of a very bad month, so many incidents are listed.
REFS_LIMIT = 200
#: So many monitors are shown beside an item.
WATCHED_LIMIT = 50


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the system put together; ``value`` is its summary in a few words."""

    lines: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    refs: tuple[str, ...] = ()
    monitors: tuple[int, ...] = ()
    value: str = ""
    threshold: str = ""
    measured_at: dt.datetime | None = None

    def as_json(self, *, at: dt.datetime) -> dict[str, Any]:
        return {
            "at": at.isoformat(),
            "lines": list(self.lines),
            "tables": [table.as_json() for table in self.tables],
            "refs": list(self.refs),
            "monitors": list(self.monitors),
        }


def prepare_item(reading: str, *, run: ChecklistRun, now: dt.datetime) -> Prepared:
    """What helps a person to judge an item; empty where the system knows nothing of it."""
    prepare = _BY_READING.get(reading)
    if prepare is not None:
        return prepare(run, now)
    if reading in SELECTIONS:
        answer = answer_item(reading, now=now, since=previous_opening(run))
        return Prepared(
            lines=answer.lines or (answer.value,),
            tables=_watched(reading, now),
            monitors=answer.monitors,
            value=answer.value,
            threshold=answer.threshold,
            measured_at=answer.measured_at,
        )
    return Prepared()


def listed_incidents(prepared: dict[str, Any], *, viewer: Viewer) -> tuple[IncidentQuerySet, int]:
    """The incidents behind an item that the viewer may see, and how many are hidden (W11)."""
    refs = prepared.get("refs", [])
    visible = Incident.objects.filter(ref__in=refs).visible_to(viewer)
    return visible, len(refs) - visible.count()


def previous_opening(run: ChecklistRun) -> dt.datetime | None:
    """When the run before this one looked, if there was one; a missed one did not look."""
    earlier = ChecklistRun.objects.filter(
        checklist=run.checklist_id, period_start__lt=run.period_start
    ).exclude(state=RunState.MISSED)
    return earlier.order_by("-period_start").values_list("opened_at", flat=True).first()


def _client_reports(run: ChecklistRun, now: dt.datetime) -> Prepared:
    """What clients reported since the week before this one began."""
    begin = day_start(previous_start(run.checklist_id, run.period_start), agency_zone())
    reports = Incident.objects.filter(source=Source.CLIENT_REPORT, detected_at__lte=now)
    refs = _refs(reports.filter(detected_at__gte=begin))
    open_count = Incident.objects.filter(ref__in=refs).unresolved().count()
    count = _count(len(refs), "client report")
    line = f"{count}, {open_count} of them not resolved yet" if refs else "No client reports"
    return Prepared(lines=(line,), refs=refs, value=count)


def _tool_health(run: ChecklistRun, now: dt.datetime) -> Prepared:
    """Each tool by everything that watches it, and the sending domains."""
    report = report_tools(now=now)
    return Prepared(
        lines=report.lines,
        tables=report.tables,
        monitors=report.monitors,
        value=report.value,
        threshold="all fine",
        measured_at=report.measured_at,
    )


def _watched(reading: str, now: dt.datetime) -> tuple[Table, ...]:
    """Every monitor behind a reading: a review looks at those that are well, too."""
    seen = look_at(SELECTIONS[reading], now=now)
    if not seen:
        return ()
    rows = tuple(
        (
            one.status.monitor.name,
            State(one.state).label,
            one.status.value_text or "none",
            one.status.limit_text or "none",
            staff.agency_time(one.status.last_signal_at) if one.status.last_signal_at else "never",
        )
        for one in seen[:WATCHED_LIMIT]
    )
    return (Table("Monitors", ("Monitor", "State", "Now", "Limit", "Last signal"), rows),)


def _domain_reputation(run: ChecklistRun, now: dt.datetime) -> Prepared:
    """K10: every sending domain against last month; asking the world is done before this."""
    month = now.astimezone(agency_zone()).date().replace(day=1)
    report = report_domains(month=month)
    return Prepared(
        lines=report.lines,
        tables=report.tables,
        value=report.value,
        threshold="all good",
        measured_at=report.checked_at,
    )


def _incident_patterns(run: ChecklistRun, now: dt.datetime) -> Prepared:
    """K10: the month before the run's, against the month before that."""
    before, begin, end = _months(run)
    counts = count_patterns(before=before, begin=begin, end=end)
    return Prepared(lines=counts.lines, tables=counts.tables, value=counts.value)


def _without_playbook(run: ChecklistRun, now: dt.datetime) -> Prepared:
    """P8: the incidents of that month for which no playbook was at hand."""
    _, begin, end = _months(run)
    rows = Incident.objects.filter(detected_at__gte=begin, detected_at__lt=end)
    standing = PlaybookRun.objects.standing().filter(incident=OuterRef("pk"))
    refs = _refs(rows.filter(~Exists(standing)).exclude(status=Status.CANCELLED))
    count = _count(len(refs), "incident")
    return Prepared(lines=(f"{count} without a playbook",), refs=refs, value=count)


_BY_READING: dict[str, Callable[[ChecklistRun, dt.datetime], Prepared]] = {
    "client_reports": _client_reports,
    "tool_health": _tool_health,
    "domain_reputation": _domain_reputation,
    "incident_patterns": _incident_patterns,
    "without_playbook": _without_playbook,
}
#: Every reading that an item may name.
READINGS = tuple(dict.fromkeys([*SELECTIONS, *_BY_READING]))


def agency_zone() -> zoneinfo.ZoneInfo:
    return zoneinfo.ZoneInfo(settings.TIME_ZONE)


def _months(run: ChecklistRun) -> tuple[dt.datetime, dt.datetime, dt.datetime]:
    """The beginnings of the last two whole months before the run's period, and their end."""
    this = run.period_start.replace(day=1)
    last = previous_start(Period.MONTHLY, this)
    starts = (previous_start(Period.MONTHLY, last), last, this)
    before, begin, end = (day_start(start, agency_zone()) for start in starts)
    return before, begin, end


def _refs(incidents: IncidentQuerySet) -> tuple[str, ...]:
    return tuple(incidents.order_by("-detected_at").values_list("ref", flat=True)[:REFS_LIMIT])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
