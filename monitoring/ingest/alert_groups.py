"""A group of alerts becomes one incident while that is unresolved (rules K6, W2 and W6).

Repeats change nothing; new alerts join with one note, recovery is noted, and nothing here closes
an incident: people do.
"""

import datetime as dt
from dataclasses import dataclass

from django.db import transaction

from incidents.actors import SYSTEM
from incidents.enums import UNRESOLVED_STATUSES, Source, Status
from incidents.errors import WorkflowError
from incidents.models import Client, Incident, System
from incidents.workflow import add_evidence, open_incident, report_relapse
from incidents.workflow.opening import Opened
from monitoring.ingest.alertmanager import CLIENT_LABELS, SYSTEM_LABELS, Alert, Group
from monitoring.models import ExternalAlert

#: Alerts that a note or a description lists by name.
LISTED = 20
BATCH = 200

Identity = tuple[str, dt.datetime]
Known = dict[Identity, ExternalAlert]


@dataclass(frozen=True, slots=True)
class TakenGroup:
    """The incident of the group, if it needs one; ``started`` counts alerts not firing before."""

    incident: Incident | None
    is_opened: bool = False
    started: int = 0


def take_group(group: Group, *, now: dt.datetime) -> TakenGroup:
    """Take in one notification, in one transaction.

    1. Find the unresolved incident of the group, or of an alert that another group brought.
    2. Without one, open it if something fires; after a false alarm, only if something new does.
    3. Lock the incident, so that two notifications at once write one note between them.
    4. Store the alerts, and note what started or that everything recovered; inside the
       stability window a start is a relapse (rule W6).
    """
    if not group.alerts:
        return TakenGroup(None)
    with transaction.atomic():
        known = _known(group.alerts)
        incident, is_opened = _current(group, known), False
        if incident is None and _opens(group, known):
            opened = _open(group, now=now)
            incident, is_opened = opened.incident, not opened.is_joined
        if incident is not None:
            incident = Incident.objects.select_for_update(of=("self",)).get(pk=incident.pk)
            known = _known(group.alerts)
        started = [alert for alert in group.firing if not _fires(known.get(alert.identity))]
        had_fire = incident is not None and _is_burning(incident)
        _store(group, known, incident, now=now)
        if incident is not None and not is_opened:
            _note(incident, group, started, had_fire=had_fire, now=now)
    return TakenGroup(incident, is_opened, len(started))


def _known(alerts: list[Alert]) -> Known:
    rows = ExternalAlert.objects.filter(fingerprint__in={alert.fingerprint for alert in alerts})
    wanted = {alert.identity for alert in alerts}
    found = {(row.fingerprint, row.starts_at): row for row in rows.select_related("incident")}
    return {identity: row for identity, row in found.items() if identity in wanted}


def _is_burning(incident: Incident) -> bool:
    """Whether an alert of the incident fires, by whichever group it came."""
    return ExternalAlert.objects.filter(incident=incident, is_firing=True).exists()


def _fires(row: ExternalAlert | None) -> bool:
    return row is not None and row.is_firing


def _current(group: Group, known: Known) -> Incident | None:
    """The unresolved incident that the group belongs to."""
    last = _last(group)
    while last is not None and last.merged_into is not None:
        last = last.merged_into
    if last is not None and last.status in UNRESOLVED_STATUSES:
        return last
    others = (row.incident for row in known.values())
    return next((one for one in others if one and one.status in UNRESOLVED_STATUSES), None)


def _opens(group: Group, known: Known) -> bool:
    """A false alarm is not raised again by the alerts that were called so."""
    last = _last(group)
    if last is None or last.status != Status.CANCELLED:
        return bool(group.firing)
    return any(not _fires(known.get(alert.identity)) for alert in group.firing)


def _last(group: Group) -> Incident | None:
    opened = Incident.objects.filter(opening_key__startswith=_prefix(group))
    return opened.select_related("merged_into").order_by("-id").first()


def _prefix(group: Group) -> str:
    return f"alertmanager:{group.key}:"


def _open(group: Group, *, now: dt.datetime) -> Opened:
    """Two at once count the same number, so that the second joins what the first opens."""
    number = Incident.objects.filter(opening_key__startswith=_prefix(group)).count() + 1
    systems = list(System.objects.active().filter(slug__in=group.values_of(SYSTEM_LABELS)))
    clients = _clients(group, systems, now=now)
    evidence = min(alert.starts_at for alert in group.firing)
    detected_at = max([evidence, *(client.since for client in clients)])
    return open_incident(
        title=group.title,
        source=Source.MONITORING,
        description=_description(group),
        systems=systems,
        clients=clients,
        suggested_level=group.level,
        detected_at=min(detected_at, now),
        key=f"{_prefix(group)}{number}",
        by=SYSTEM,
        now=now,
    )


def _clients(group: Group, systems: list[System], *, now: dt.datetime) -> list[Client]:
    """Those that a label names, else everybody who depends on the systems (rule W3)."""
    present = Client.objects.active().filter(since__lte=now)
    named = list(present.filter(slug__in=group.values_of(CLIENT_LABELS)))
    return named or list(present.filter(dependencies__system__in=systems).distinct())


def _store(group: Group, known: Known, incident: Incident | None, *, now: dt.datetime) -> None:
    rows = []
    for alert in sorted(group.alerts, key=lambda alert: alert.identity):
        row = known.get(alert.identity) or ExternalAlert(
            fingerprint=alert.fingerprint,
            starts_at=alert.starts_at,
            name=alert.name,
            group_key=group.key,
            labels=alert.labels,
            annotations=alert.annotations,
            first_received_at=now,
        )
        row.pk = None
        row.is_firing = alert.is_firing
        row.ends_at, row.last_received_at = alert.ends_at, now
        if incident is not None and (alert.is_firing or row.incident_id is None):
            row.incident = incident
        rows.append(row)
    ExternalAlert.objects.bulk_create(
        rows,
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["fingerprint", "starts_at"],
        update_fields=["is_firing", "ends_at", "last_received_at", "incident"],
    )
    if group.is_resolved:
        # Alertmanager may cut a long list; the group's own status speaks for all of them.
        ExternalAlert.objects.filter(group_key=group.key, is_firing=True).update(
            is_firing=False, ends_at=now
        )


def _note(
    incident: Incident, group: Group, started: list[Alert], *, had_fire: bool, now: dt.datetime
) -> None:
    """One entry for what started, or for the recovery of everything."""
    if started:
        noun = "alert" if len(started) == 1 else "alerts"
        text = f"{len(started)} more {noun} of “{group.name}”: {_names(started)}."
        if incident.status == Status.MONITORING:
            _relapse(incident, text, now=now)
        else:
            at = min(now, *(alert.starts_at for alert in started))
            add_evidence(incident, text, suggested_level=group.level, by=SYSTEM, now=now, at=at)
    elif had_fire and not _is_burning(incident):
        text = f"Recovered: no alert of “{group.name}” fires any more, says Alertmanager."
        add_evidence(incident, text, by=SYSTEM, now=now)


def _relapse(incident: Incident, text: str, *, now: dt.datetime) -> None:
    """W6: back to investigating; somebody who was faster has decided otherwise."""
    try:
        report_relapse(incident, reason=text, by=SYSTEM, now=now)
    except WorkflowError:
        incident.refresh_from_db()


def _description(group: Group) -> str:
    lines = ["Alertmanager reports:"]
    for alert in group.firing[:LISTED]:
        words = alert.annotations.get("description") or alert.annotations.get("summary") or ""
        labels = ", ".join(f"{name}={value}" for name, value in sorted(alert.labels.items()))
        lines.append(f"- {alert.name}: {words[:400]} ({labels[:400]})")
    if len(group.firing) > LISTED:
        lines.append(f"- and {len(group.firing) - LISTED} more")
    return "\n".join(lines)


def _names(alerts: list[Alert]) -> str:
    shown = [_name(alert) for alert in alerts[:LISTED]]
    if len(alerts) > LISTED:
        shown.append(f"and {len(alerts) - LISTED} more")
    return ", ".join(shown)[:1_500]


def _name(alert: Alert) -> str:
    where = alert.labels.get("instance") or alert.labels.get("job")
    return f"{alert.name} ({where[:80]})" if where else alert.name
