"""Incidents of monitors: one open per monitor, later alerts join, recovery is noted (rule K6).

Called by the evaluation with the monitor's status locked, so that no two looks open one each.
Nothing here closes an incident: people do.
"""

import datetime as dt
from collections.abc import Collection

from django.db import transaction
from django.db.models import Min, Q

from incidents.actors import SYSTEM
from incidents.enums import UNRESOLVED_STATUSES, Source, Status
from incidents.errors import WorkflowError
from incidents.models import Client, Dependency, Incident, Playbook, System
from incidents.workflow import add_evidence, open_incident, report_relapse
from monitoring.alerts import describe_alert, first_evidence, name_state, title_of
from monitoring.enums import State
from monitoring.judging import Verdict
from monitoring.look import Look
from monitoring.models import MaintenanceWindow, Monitor, MonitorIncident, MonitorStatus


def follow_state(look: Look, verdict: Verdict, *, at: dt.datetime) -> None:
    """Do what a verdict means for the monitor's incident.

    1. Green: note the recovery, once.
    2. Failing with an incident open: note what got worse, or came back; inside the stability
       window that is a relapse (rule W6).
    3. Failing without one: open it, unless maintenance runs, or the last one was a false alarm
       and the monitor was not green since.

    ``at`` is when it happened; the look may be later.
    """
    if verdict.state == State.OK:
        if look.status.is_raised:
            _note_recovery(look, at=at)
        look.status.is_raised, look.status.suggested_level = False, None
    elif verdict.opens or verdict.state == State.FAILING:
        link = _open_link(look.status)
        if link is not None:
            _join(look, verdict, link, at=at)
        elif verdict.opens and not look.status.is_raised and not silenced_until(look, at=at):
            _open(look, verdict)


def silenced_until(look: Look, *, at: dt.datetime) -> dt.datetime | None:
    """When the first of the maintenance windows that run now ends; None where none runs."""
    concerned = Q(monitor=look.monitor) | Q(monitor__isnull=True)
    windows = MaintenanceWindow.objects.running(at=at).filter(concerned)
    ends_at: dt.datetime | None = windows.aggregate(first=Min("ends_at"))["first"]
    return ends_at


def end_settled(*, now: dt.datetime, monitors: Collection[int] | None = None) -> None:
    """Let go of incidents that people resolved, closed or cancelled.

    The next failure opens a new one; after a false alarm only once the monitor was green. The
    monitors of an incident that was merged go on in the one it was merged into. ``monitors``
    narrows it to those whose statuses the caller has locked.
    """
    over = MonitorIncident.objects.filter(ended_at__isnull=True).exclude(
        incident__status__in=UNRESOLVED_STATUSES
    )
    if monitors is not None:
        over = over.filter(monitor__in=monitors)
    for pk in over.order_by().values_list("pk", flat=True):
        with transaction.atomic():
            link = over.select_related("incident__merged_into").filter(pk=pk).first()
            if link is not None:
                _end(link, now=now)


def systems_of(monitor: Monitor) -> list[System]:
    return [monitor.system] if monitor.system else []


def clients_of(monitor: Monitor, *, now: dt.datetime) -> list[Client]:
    """Whose it is; else the sending domain's client; else everybody who depends on the system."""
    domain = monitor.sending_domain
    owner = monitor.client or (domain.client if domain else None)
    if owner is not None:
        return [owner]
    if monitor.system is None:
        return []
    depending = Client.objects.active().filter(dependencies__system=monitor.system, since__lte=now)
    return list(depending)


def is_only_channel(monitor: Monitor) -> bool:
    """K2: whether the monitor's system is the only channel of the domain's client."""
    domain = monitor.sending_domain
    owner_id = monitor.client_id or (domain.client_id if domain else None)
    return Dependency.objects.filter(
        client=owner_id, system=monitor.system_id, is_only_channel=True
    ).exists()


def _open_link(status: MonitorStatus) -> MonitorIncident | None:
    links = MonitorIncident.objects.filter(monitor=status.pk, ended_at__isnull=True)
    return links.select_related("incident").first()


def _join(look: Look, verdict: Verdict, link: MonitorIncident, *, at: dt.datetime) -> None:
    status, incident = look.status, link.incident
    worst = min(verdict.level or 9, status.suggested_level or 9)
    is_worse = status.suggested_level is not None and worst < status.suggested_level
    came_back = link.recovered_at is not None
    level = worst if worst < 9 else None
    status.is_raised, status.suggested_level = True, level
    if came_back:
        MonitorIncident.objects.filter(pk=link.pk).update(recovered_at=None)
    text = f"{title_of(look.monitor, status)}. {status.reason}".strip()
    if incident.status == Status.MONITORING:
        if not silenced_until(look, at=at):
            _relapse(incident, text, now=look.now)
    elif came_back or is_worse:
        word = "Failing again" if came_back else "Worse"
        add_evidence(
            incident, f"{word}: {text}", suggested_level=level, by=SYSTEM, now=look.now, at=at
        )


def _relapse(incident: Incident, text: str, *, now: dt.datetime) -> None:
    """W6: back to investigating; somebody who was faster has decided otherwise."""
    try:
        report_relapse(incident, reason=text, by=SYSTEM, now=now)
    except WorkflowError:
        incident.refresh_from_db()


def _note_recovery(look: Look, *, at: dt.datetime) -> None:
    link = _open_link(look.status)
    if link is None or link.recovered_at is not None:
        return
    MonitorIncident.objects.filter(pk=link.pk).update(recovered_at=at)
    text = f"Recovered: {name_state(look.monitor, look.status)}."
    add_evidence(link.incident, text, by=SYSTEM, now=look.now, at=at)


def _open(look: Look, verdict: Verdict) -> None:
    monitor, status = look.monitor, look.status
    clients = clients_of(monitor, now=look.now)
    detected_at = max([first_evidence(look), *(client.since for client in clients)])
    opened = open_incident(
        title=title_of(monitor, status),
        source=Source.MONITORING,
        description=describe_alert(monitor, status),
        systems=systems_of(monitor),
        clients=clients,
        playbooks=Playbook.objects.filter(slug=look.limits.playbook),
        suggested_level=verdict.level,
        detected_at=min(detected_at, look.now),
        key=_free_key(monitor),
        is_demo=monitor.is_demo,
        by=SYSTEM,
        now=look.now,
    )
    MonitorIncident.objects.create(monitor=monitor, incident=opened.incident, opened_at=look.now)
    status.is_raised, status.suggested_level = True, verdict.level
    look.opened += 1


def _free_key(monitor: Monitor) -> str:
    """``monitor:<pk>:<n>``, counting this monitor's incidents."""
    prefix = f"monitor:{monitor.pk}:"
    number = Incident.objects.filter(opening_key__startswith=prefix).count() + 1
    while Incident.objects.filter(opening_key=f"{prefix}{number}").exists():
        number += 1
    return f"{prefix}{number}"


def _end(link: MonitorIncident, *, now: dt.datetime) -> None:
    status = MonitorStatus.objects.select_for_update(of=("self",)).get(pk=link.monitor_id)
    MonitorIncident.objects.filter(pk=link.pk).update(ended_at=now)
    target = link.incident.merged_into
    if target is not None and target.status in UNRESOLVED_STATUSES:
        MonitorIncident.objects.get_or_create(
            monitor_id=link.monitor_id,
            incident=target,
            defaults={"opened_at": now, "recovered_at": link.recovered_at},
        )
    elif link.incident.status != Status.CANCELLED:
        status.is_raised = False
        status.save(update_fields=["is_raised"])
