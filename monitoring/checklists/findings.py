"""The incidents behind failed items: joined where a monitor has one open, else opened prefilled.

One open incident per monitor (rule K6) holds here too: the monitors' statuses are locked, as
the evaluation locks them, before anybody looks whether there is one.
"""

import datetime as dt
from dataclasses import dataclass

from incidents.actors import SYSTEM, Actor
from incidents.enums import UNRESOLVED_STATUSES, Level, Source
from incidents.models import Incident, Playbook
from incidents.workflow import Opened, add_evidence, open_incident
from monitoring.alerts import describe_alert, first_evidence, title_of
from monitoring.checklists.answers import lock_statuses
from monitoring.checklists.opening import describe_period
from monitoring.enums import BAD_STATES, Kind, Measure, State
from monitoring.limits import limits_of
from monitoring.look import Look
from monitoring.models import ChecklistRun, Monitor, MonitorIncident, MonitorStatus, Period, RunItem
from monitoring.raising import clients_of, end_settled, systems_of

TITLE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Words:
    """What a new incident says; its scope comes from the monitors."""

    title: str
    description: str
    source: str


def join_or_open(item: RunItem, run: ChecklistRun, *, by: Actor, now: dt.datetime) -> Opened:
    """The incident of a failed item, in the caller's transaction.

    All monitors that failed stand behind one incident, so that its verification waits for each
    of them (rule W6).
    """
    statuses = _lock(item.prepared.get("monitors", []), now=now)
    joined = open_incident_of(statuses)
    if joined:
        text = f"{run.checklist}, {describe_period(run)}: “{item.text}” failed. {item.note}"
        add_evidence(joined, text.strip(), by=by, now=now)
        return Opened(joined, is_joined=True)
    words = Words(
        title=_item_title(item, statuses),
        description="\n".join([*_alerts(statuses), item.note]).strip(),
        source=Source.MONITORING if _is_monitoring(item, run) else Source.SCHEDULED_REVIEW,
    )
    since = None if statuses else item.answered_at
    return _open(statuses, words, key=f"run-item:{item.pk}", since=since, by=by, now=now)


def raise_findings(run: ChecklistRun, items: list[RunItem], *, now: dt.datetime) -> None:
    """K9: each monitor that failed the CRM review has an open incident, found by the review.

    The orchestrator acts and revenue is named (rule W2). One that is open is joined; nothing is
    opened inside a maintenance window, nor after a false alarm until the monitor was green.
    The items point at the incident of their worst monitor; the caller saves them.
    """
    failing = [pk for item in items for pk in item.prepared["monitors"]]
    statuses = {status.pk: status for status in _lock(failing, now=now)}
    in_maintenance = Monitor.objects.silenced(at=now).filter(pk__in=failing)
    silenced = set(in_maintenance.values_list("pk", flat=True))
    for item in items:
        found = [
            _raise_finding(statuses[pk], run, is_silenced=pk in silenced, now=now)
            for pk in item.prepared["monitors"]
            if pk in statuses
        ]
        item.incident = next((incident for incident in found if incident), None)


def open_incident_of(statuses: list[MonitorStatus]) -> Incident | None:
    """The unresolved incident that one of these monitors raised, the first monitor's first."""
    rows = MonitorIncident.objects.filter(
        monitor__in=[status.pk for status in statuses],
        ended_at__isnull=True,
        incident__status__in=UNRESOLVED_STATUSES,
    ).select_related("incident")
    by_monitor = {row.monitor_id: row.incident for row in rows}
    return next((by_monitor[s.pk] for s in statuses if s.pk in by_monitor), None)


def _raise_finding(
    status: MonitorStatus, run: ChecklistRun, *, is_silenced: bool, now: dt.datetime
) -> Incident | None:
    title = title_of(status.monitor, status)
    joined = open_incident_of([status])
    if joined:
        text = f"{run.checklist}, {describe_period(run)}: {title}."
        add_evidence(joined, text, by=SYSTEM, now=now)
        return joined
    if is_silenced or status.is_raised or not _opens(status):
        return None
    words = Words(title, describe_alert(status.monitor, status), Source.SCHEDULED_REVIEW)
    key = f"review:{run.period_start}:{status.pk}"
    return _open([status], words, key=key, by=SYSTEM, now=now).incident


def _opens(status: MonitorStatus) -> bool:
    """K9: records from the limit on, and a sync that failed; no data opens nothing (rule K7)."""
    if status.monitor.kind == Kind.LEVEL:
        limit = limits_of(status.monitor).incident
        return status.state in (State.WARNING, State.FAILING) and (status.value or 0) >= limit
    return status.state == State.FAILING


def _open(
    statuses: list[MonitorStatus],
    words: Words,
    *,
    key: str,
    since: dt.datetime | None = None,
    by: Actor,
    now: dt.datetime,
) -> Opened:
    """Open what the monitors stand behind; ``since`` is the evidence where there is no monitor."""
    monitors = [status.monitor for status in statuses]
    clients = {client.pk: client for m in monitors for client in clients_of(m, now=now)}
    detected_at = min((_evidence(status, now=now) for status in statuses), default=since or now)
    slugs = {limits_of(monitor).playbook for monitor in monitors}
    opened = open_incident(
        title=words.title,
        source=words.source,
        description=words.description,
        systems={system.pk: system for m in monitors for system in systems_of(m)}.values(),
        clients=clients.values(),
        playbooks=Playbook.objects.filter(slug__in=slugs, is_active=True),
        suggested_level=min((level for s in statuses if (level := _level(s))), default=None),
        detected_at=min(max([detected_at, *(c.since for c in clients.values())]), now),
        key=key,
        is_demo=bool(monitors) and all(monitor.is_demo for monitor in monitors),
        by=by,
        now=now,
    )
    if not opened.is_joined:
        _link(statuses, opened.incident, now=now)
    return opened


def _evidence(status: MonitorStatus, *, now: dt.datetime) -> dt.datetime:
    """C1: the earliest evidence; a warning counts too, since it failed the item."""
    evidence = first_evidence(Look(status, limits_of(status.monitor), now))
    return min(evidence, status.since) if status.state in BAD_STATES else evidence


def _lock(monitors: list[int], *, now: dt.datetime) -> list[MonitorStatus]:
    """Their statuses, locked and let go of settled incidents, in the given order."""
    lock_statuses(monitors)
    end_settled(now=now, monitors=monitors)
    related = ("client", "system", "sending_domain__client", "severity", "playbook")
    rows = MonitorStatus.objects.select_related("monitor", *(f"monitor__{one}" for one in related))
    found = rows.in_bulk(monitors)
    return [found[pk] for pk in dict.fromkeys(monitors) if pk in found]


def _link(statuses: list[MonitorStatus], incident: Incident, *, now: dt.datetime) -> None:
    """The incident is the monitors' one open incident from now on (rule K6)."""
    for status in statuses:
        MonitorIncident.objects.create(monitor=status.monitor, incident=incident, opened_at=now)
        status.is_raised, status.suggested_level = True, _level(status)
        status.save(update_fields=["is_raised", "suggested_level"])


def _alerts(statuses: list[MonitorStatus]) -> list[str]:
    return [describe_alert(status.monitor, status) for status in statuses]


def _is_monitoring(item: RunItem, run: ChecklistRun) -> bool:
    """W2: what a monitor says is monitoring's; the CRM review and what a person found are not."""
    return item.is_automatic and run.checklist_id != Period.CRM_REVIEW


def _item_title(item: RunItem, statuses: list[MonitorStatus]) -> str:
    if len(statuses) == 1:
        return title_of(statuses[0].monitor, statuses[0])
    more = f"Failed, {len(statuses)} monitors: " if statuses else "Failed: "
    return f"{more}{item.text}"[:TITLE_LENGTH]


def _level(status: MonitorStatus) -> int | None:
    """The SOP calls a sync that drops records SEV-2; else what the monitor suggests."""
    monitor = status.monitor
    if monitor.measure == Measure.DROPPED and monitor.severity_id is None:
        return Level.SEV2
    return status.suggested_level or limits_of(monitor).level
