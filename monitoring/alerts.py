"""What an incident of a monitor says, and since when there is evidence (rule C1)."""

import datetime as dt

from incidents import staff
from monitoring.enums import Indicator, Kind, Measure, SignalKind, State
from monitoring.look import Look
from monitoring.models import Monitor, MonitorStatus, Sample, Signal

HOUR = dt.timedelta(hours=1)


def title_of(monitor: Monitor, status: MonitorStatus) -> str:
    """In plain words: “Bounce rate 11.8 % on go.haldensolar.com”."""
    name, figure = monitor.name, status.value_text
    if monitor.kind == Kind.BOUNCE_RATE:
        domain = monitor.sending_domain
        text = f"Bounce rate {figure} on {domain.name if domain else name}"
    elif monitor.kind == Kind.ERROR_RATE:
        text = f"API error rate {figure} on {name}"
    elif monitor.kind == Kind.SYNC:
        text = f"{name}: no successful sync yet"
        if status.last_success_at:
            text = f"{name}: no successful sync for {figure}"
    elif monitor.kind == Kind.LEVEL:
        noun = Measure(monitor.measure).label.lower()
        text = f"{name}: {figure} {noun if status.value != 1 else noun.removesuffix('s')}"
    elif monitor.kind == Kind.CREDITS:
        text = f"{name}: {figure} of the credits left"
    elif monitor.kind == Kind.STATUS:
        text = f"{monitor.system or name}: {figure}, says its status page"
    else:
        text = f"{name}: {_runs_text(status)}"
    return text[:200]


def describe_alert(monitor: Monitor, status: MonitorStatus) -> str:
    """The figure, the limit and what stands behind them, for the incident's description."""
    address = staff.absolute(monitor.get_absolute_url())
    lines = [
        f"Monitor: {monitor.name} ({monitor.get_kind_display()}), {address}",
        f"Now: {status.value_text}; {status.limit_text} is expected.",
        status.reason,
    ]
    if monitor.client:
        lines.append(f"Client: {monitor.client}")
    return "\n".join(line for line in lines if line)


def name_state(monitor: Monitor, status: MonitorStatus) -> str:
    """“Halden bounces (failing, 11.8 %)”, for the timeline and for what blocks a step."""
    words = [State(status.state).label.lower(), status.value_text]
    return f"{monitor.name} ({', '.join(dict.fromkeys(filter(None, words)))})"


def first_evidence(look: Look) -> dt.datetime:
    """The first failing signal of the present row of failures, never later than the look.

    For a sync it is the instant at which its last success became too old.
    """
    monitor, status = look.monitor, look.status
    found: dt.datetime | None = None
    if monitor.kind == Kind.HEARTBEAT:
        found = _first_bad_run(status)
    elif monitor.kind == Kind.SYNC:
        since = status.last_success_at or monitor.created_at
        found = since + look.limits.incident * HOUR
    elif status.failures_in_row:
        found = _signal_before(status, status.failures_in_row - 1)
    return min(found or look.now, look.now)


def _runs_text(status: MonitorStatus) -> str:
    bad = status.failures_in_row
    return f"{bad} runs in a row missed or failed" if bad > 1 else "a run was missed or failed"


def _first_bad_run(status: MonitorStatus) -> dt.datetime | None:
    bad = Signal.objects.filter(
        monitor=status.pk, kind__in=(SignalKind.MISSED, SignalKind.FAIL), is_fresh=False
    )
    if status.last_success_at:
        bad = bad.filter(at__gt=status.last_success_at)
    return bad.order_by("at").values_list("at", flat=True).first()


def _signal_before(status: MonitorStatus, count: int) -> dt.datetime | None:
    """The time of the newest signal but so many."""
    if status.monitor.kind == Kind.STATUS:
        # An unknown answer counts neither way.
        rows = Signal.objects.filter(monitor=status.pk, kind=SignalKind.PROBE).exclude(
            indicator=Indicator.UNKNOWN
        )
        times = list(rows.order_by("-at").values_list("at", flat=True)[count : count + 1])
    else:
        samples = Sample.objects.filter(monitor=status.pk, at__lte=status.last_signal_at)
        times = list(samples.order_by("-at").values_list("at", flat=True)[count : count + 1])
    return next(iter(times), None)
