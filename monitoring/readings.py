"""Live figures for incidents, by key (rules W6, P3, P4 and P7).

``incident:<REF>:monitor``, ``monitor:<slug>``, ``system:<slug>:status``,
``domain:<name>:bounce_rate`` and ``client:<slug>:last_sync``. Good means green: too few events,
silence, a pause and an evaluation that stopped are unknown, and unknown is never good.
"""

import datetime as dt

from django.db.models import Q, QuerySet

from incidents.models import Client, SendingDomain, System
from incidents.readings import Reading
from monitoring.alerts import name_state
from monitoring.checklists.answers import STALE_AFTER
from monitoring.enums import STATES_BY_WEIGHT, Kind, State
from monitoring.judging import age_text
from monitoring.models import ExternalAlert, MonitorStatus

WEIGHT = {state: weight for weight, state in enumerate(STATES_BY_WEIGHT)}
#: Of several that are not green, so many are named.
NAMED = 3


def read(key: str, *, now: dt.datetime) -> Reading | None:
    """The answer to a key; None where the key, or what it names, is not monitoring's."""
    subject, _, rest = key.partition(":")
    if subject == "monitor":
        return _read_one(_statuses().filter(monitor__slug=rest), rest, now=now)
    name, _, figure = rest.rpartition(":")
    if (subject, figure) == ("incident", "monitor"):
        return _read_incident(name, now=now)
    if (subject, figure) == ("system", "status") and System.objects.filter(slug=name).exists():
        return _read_worst(f"Status page of {name}", Kind.STATUS, now=now, system__slug=name)
    if (subject, figure) == ("client", "last_sync") and Client.objects.filter(slug=name).exists():
        return _read_worst(f"CRM sync of {name}", Kind.SYNC, now=now, client__slug=name)
    is_bounce = (subject, figure) == ("domain", "bounce_rate")
    if is_bounce and SendingDomain.objects.filter(name=name).exists():
        title = f"Bounce rate of {name}"
        return _read_worst(title, Kind.BOUNCE_RATE, now=now, sending_domain__name=name)
    return None


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
    value = status.value_text or State(status.state).label
    if monitor.kind == Kind.SYNC:
        at = status.last_success_at
        value = f"{age_text(now - at)} ago" if at else "never"
    return Reading(
        name=monitor.name,
        is_good=_is_good(status, now=now),
        value=value,
        threshold=status.limit_text,
        age=now - at if at else None,
    )


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
