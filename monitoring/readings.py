"""Live figures for incidents, by key (rules W6, P3, P4 and P7).

``incident:<REF>:monitor``, ``monitor:<slug>``; of a system ``status``, ``error_rate`` and
``credits`` (``system:<slug>:status``); of a client ``last_sync`` and ``connection``; of a domain
``bounce_rate``, ``bounce_rate@<ISO instant>`` (only what was sent later), ``authentication`` and
``reputation``. Good means green: too few events, silence, a pause and an evaluation that stopped
are unknown, and unknown is never good.
"""

import datetime as dt
from dataclasses import replace

from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime

from incidents import staff
from incidents.models import Client, Incident, SendingDomain, System
from incidents.readings import Reading
from monitoring.alerts import name_state
from monitoring.checklists.answers import STALE_AFTER
from monitoring.domain_figures import read_check, read_rate_since
from monitoring.enums import STATES_BY_WEIGHT, Kind, State
from monitoring.judging import age_text
from monitoring.models import DomainCheck, ExternalAlert, MonitorStatus, Sample

WEIGHT = {state: weight for weight, state in enumerate(STATES_BY_WEIGHT)}
#: Of several that are not green, so many are named.
NAMED = 3
#: A report of a sync says nothing about the connection after so long.
CONNECTION_STALE = dt.timedelta(hours=24)
SYSTEM_FIGURES: dict[str, tuple[str, str]] = {
    "status": (Kind.STATUS, "Status page"),
    "error_rate": (Kind.ERROR_RATE, "Error rate"),
    "credits": (Kind.CREDITS, "Credits"),
}
CLIENT_FIGURES = ("last_sync", "connection")
DOMAIN_FIGURES = ("bounce_rate", "authentication", "reputation")


def read(key: str, *, now: dt.datetime) -> Reading | None:
    """The answer to a key; None where the key, or what it names, is not monitoring's."""
    key, _, since = key.partition("@")
    subject, _, rest = key.partition(":")
    if subject == "monitor":
        return _read_one(_statuses().filter(monitor__slug=rest), rest, now=now)
    name, _, figure = rest.rpartition(":")
    if (subject, figure) == ("incident", "monitor"):
        return _read_incident(name, now=now)
    if subject == "system" and figure in SYSTEM_FIGURES:
        return _read_of_system(name, figure, now=now)
    if subject == "client" and figure in CLIENT_FIGURES:
        return _read_of_client(name, figure, now=now)
    if subject == "domain" and figure in DOMAIN_FIGURES:
        return _read_of_domain(name, figure, since, now=now)
    return None


def domains_behind(incident: Incident) -> list[SendingDomain]:
    """The sending domains of the monitors that raised or joined an incident."""
    concerned = Q(monitors__raised__incident=incident) | Q(
        monitors__raised__incident__merged_into=incident
    )
    rows = SendingDomain.objects.filter(concerned).select_related("client")
    return list(rows.distinct().order_by("name"))


def _read_of_system(slug: str, figure: str, *, now: dt.datetime) -> Reading | None:
    system = System.objects.filter(slug=slug).first()
    if system is None:
        return None
    kind, title = SYSTEM_FIGURES[figure]
    return _read_worst(f"{title} of {system}", kind, now=now, system__slug=slug)


def _read_of_client(slug: str, figure: str, *, now: dt.datetime) -> Reading | None:
    client = Client.objects.filter(slug=slug).first()
    if client is None:
        return None
    if figure == "connection":
        return _read_connection(client, now=now)
    return _read_worst(f"CRM sync of {client}", Kind.SYNC, now=now, client__slug=slug)


def _read_of_domain(name: str, figure: str, since: str, *, now: dt.datetime) -> Reading | None:
    if not SendingDomain.objects.filter(name=name).exists():
        return None
    if figure != "bounce_rate":
        reading = read_check(name, is_of_lists=figure == "reputation")
        return replace(reading, age=_age_of_check(name, now=now))
    instant = parse_datetime(since) if since else None
    if instant is not None:
        return read_rate_since(name, instant, now=now)
    return _read_worst(
        f"Bounce rate of {name}", Kind.BOUNCE_RATE, now=now, sending_domain__name=name
    )


def _read_connection(client: Client, *, now: dt.datetime) -> Reading:
    """P7: whether the newest sync report of the client said that it worked."""
    title = f"Connection of {client}"
    rows = Sample.objects.filter(
        monitor__kind=Kind.SYNC, monitor__client=client, monitor__is_active=True, at__lte=now
    )
    newest = rows.order_by("-at").first()
    if newest is None:
        return Reading(title, None, value="not watched")
    age = now - newest.at
    if age >= CONNECTION_STALE:
        return Reading(title, None, value="no report lately", age=age, detail=newest.detail)
    word = "the last sync worked" if newest.is_ok else "the last sync failed"
    return Reading(title, newest.is_ok, value=word, age=age, detail=newest.detail)


def _age_of_check(domain: str, *, now: dt.datetime) -> dt.timedelta | None:
    asked = DomainCheck.objects.filter(domain__name=domain).order_by("-checked_at")
    at = asked.values_list("checked_at", flat=True).first()
    return now - at if at else None


def _statuses() -> QuerySet[MonitorStatus]:
    return MonitorStatus.objects.select_related("monitor").order_by("monitor__name")


def _read_incident(ref: str, *, now: dt.datetime) -> Reading | None:
    """W6: all monitors that raised or joined the incident, or one that was merged into it."""
    concerned = Q(monitor__raised__incident__ref=ref) | Q(
        monitor__raised__incident__merged_into__ref=ref
    )
    statuses = list(_statuses().filter(concerned).distinct())
    alerts = ExternalAlert.objects.filter(
        Q(incident__ref=ref) | Q(incident__merged_into__ref=ref)
    ).order_by("name")
    if not statuses and not alerts:
        return None
    readings = [_reading(status, now=now) for status in statuses]
    blocking = [
        _blocking_text(status)
        for status, reading in zip(statuses, readings, strict=True)
        if not reading.is_good
    ]
    firing = list(dict.fromkeys(f"{a.name} (firing)" for a in alerts if a.is_firing))
    is_bad = bool(firing) or any(reading.is_good is False for reading in readings)
    names = [*blocking, *firing]
    more = [f"and {len(names) - NAMED} more"] if len(names) > NAMED else []
    age = min((reading.age for reading in readings if reading.age is not None), default=None)
    return Reading(
        name=", ".join([*names[:NAMED], *more]) or "Monitors of the incident",
        is_good=False if is_bad else (None if blocking else True),
        value=f"{len(statuses) + len(alerts) - len(names)} green",
        threshold="all green",
        age=age,
    )


def _read_one(rows: QuerySet[MonitorStatus], slug: str, *, now: dt.datetime) -> Reading | None:
    status = rows.first()
    return None if status is None else _reading(status, now=now)


def _read_worst(title: str, kind: str, *, now: dt.datetime, **named: str) -> Reading:
    """The worst of the monitors of a kind; unknown where nobody watches."""
    about = {f"monitor__{name}": value for name, value in named.items()}
    rows = _statuses().filter(monitor__kind=kind, **about)
    readings = [(WEIGHT[State(row.state)], _reading(row, now=now)) for row in rows]
    if not readings:
        return Reading(title, None, value="not watched")
    # What is unknown behind a green state comes before what is green.
    _, worst = max(readings, key=lambda pair: (pair[1].is_good is not True, pair[0]))
    return worst


def _reading(status: MonitorStatus, *, now: dt.datetime) -> Reading:
    monitor, at = status.monitor, status.last_signal_at
    value, detail = status.value_text or State(status.state).label, status.reason
    if monitor.kind == Kind.SYNC:
        at = status.last_success_at
        value = f"{age_text(now - at)} ago" if at else "never"
        detail = _gap(status, now=now)
    return Reading(
        name=monitor.name,
        is_good=_is_good(status, now=now),
        value=value,
        threshold=status.limit_text,
        age=now - at if at else None,
        detail=detail,
    )


def _gap(status: MonitorStatus, *, now: dt.datetime) -> str:
    """P7: between which instants records may be missing."""
    since = status.last_success_at
    if since is None:
        return "No successful sync is known: the gap begins before the first report."
    if status.state == State.OK:
        return f"Last success {staff.agency_time(since)}."
    return f"Gap: from {staff.agency_time(since)} until {staff.agency_time(now)}."


def _is_good(status: MonitorStatus, *, now: dt.datetime) -> bool | None:
    is_overdue = status.check_at is None or status.check_at < now - STALE_AFTER
    if not status.monitor.is_active or status.failed_at is not None or is_overdue:
        return None
    if status.state == State.OK:
        return True
    return False if status.state in (State.WARNING, State.FAILING) else None


def _blocking_text(status: MonitorStatus) -> str:
    if not status.monitor.is_active:
        return f"{status.monitor.name} (paused)"
    if status.state == State.OK:
        return f"{status.monitor.name} (not judged lately)"
    return name_state(status.monitor, status)
