"""A monitor in a few words: what it watches, when it opens an incident, how it is fed."""

import datetime as dt
from dataclasses import dataclass

from django.conf import settings

from incidents.models import System
from monitoring.enums import RATE_KINDS, VALUE_KINDS, Kind, Measure
from monitoring.limits import Limits, limits_of
from monitoring.models import Monitor, MonitorStatus

CURL = "curl -fsS -m 10 --retry 5"
#: What a rate counts, in the words of its kind.
COUNTED: dict[str, str] = {Kind.BOUNCE_RATE: "sent", Kind.ERROR_RATE: "calls"}
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True, slots=True)
class Snippet:
    """Something to copy into a crontab or a script."""

    title: str
    text: str


def ping_url(monitor: Monitor) -> str:
    """Where a job reports to; not guessable, so whoever knows it may ping."""
    return f"{settings.SITE_URL.rstrip('/')}/ping/{monitor.ping_id}"


def span_of(seconds: float) -> str:
    """“90 s”, “20 min”, “6 h”, “1 d”: in the largest unit that loses nothing."""
    whole = int(seconds)
    for size, word in UNITS:
        if whole and whole % size == 0:
            return f"{whole // size} {word}"
    return "0 s"


def describe_monitor(monitor: Monitor, status: MonitorStatus | None = None) -> str:
    """One line below the name: “bounce rate, rolling 24 h, 2,694 sent”."""
    limits = limits_of(monitor)
    parts = [*_about(monitor, limits)]
    if status is not None and status.sample_size is not None and monitor.kind in RATE_KINDS:
        parts.append(f"{status.sample_size:,} {COUNTED[monitor.kind]}")
    return ", ".join(parts)


def _about(monitor: Monitor, limits: Limits) -> list[str]:
    if monitor.kind == Kind.HEARTBEAT:
        when = (
            f"{monitor.cron} ({monitor.time_zone})"
            if monitor.cron
            else f"every {span_of(monitor.period_seconds or 0)}"
        )
        return ["cron job", when, f"grace {span_of(monitor.grace_seconds)}"]
    if monitor.kind in RATE_KINDS:
        word = "bounce rate" if monitor.kind == Kind.BOUNCE_RATE else "error rate"
        return [word, f"rolling {_window(limits.window)}"]
    if monitor.kind == Kind.SYNC:
        return ["hours since the last success"]
    if monitor.kind == Kind.LEVEL:
        return [Measure(monitor.measure).label.lower()]
    if monitor.kind == Kind.CREDITS:
        return ["share of the credits left"]
    return ["provider status", f"asked every {span_of(monitor.probe_seconds)}"]


def _window(window: dt.timedelta) -> str:
    """A window as the rules say it: 1 h, 24 h, 7 d."""
    seconds = window.total_seconds()
    return "24 h" if seconds == 86_400 else span_of(seconds)


def rule_of(monitor: Monitor) -> str:
    """When an incident is opened, and with which severity: “after 2 failures in a row, SEV-3”."""
    limits = limits_of(monitor)
    level = f"SEV-{limits.level}" if limits.level else ""
    parts = [_threshold(monitor, limits)]
    if limits.failures_needed > 1:
        parts.append(f"{limits.failures_needed} failures in a row")
    return ", ".join(part for part in [" and ".join(filter(None, parts)), level] if part)


def _threshold(monitor: Monitor, limits: Limits) -> str:
    figure = f"{limits.incident:g}"
    return {
        Kind.HEARTBEAT: "" if limits.failures_needed > 1 else "at the first failure",
        Kind.ERROR_RATE: f"above {figure} %",
        Kind.BOUNCE_RATE: f"above {figure} %",
        Kind.SYNC: f"at {figure} h without a success",
        Kind.LEVEL: f"from {figure} on, by the CRM review",
        Kind.CREDITS: f"below {figure} % left",
        Kind.STATUS: "at major trouble",
    }[Kind(monitor.kind)]


def limit_line(monitor: Monitor) -> float | None:
    """Where the chart draws the limit; None for kinds without a figure of their own."""
    if monitor.kind in (Kind.HEARTBEAT, Kind.STATUS):
        return None
    return limits_of(monitor).warn


def unit_of(monitor: Monitor) -> str:
    """What the figures of a chart are counted in."""
    if monitor.kind in RATE_KINDS or monitor.kind == Kind.CREDITS:
        return "%"
    return {Kind.SYNC: "h", Kind.LEVEL: "records", Kind.HEARTBEAT: "s"}.get(Kind(monitor.kind), "")


def snippets_of(monitor: Monitor) -> list[Snippet]:
    """How this monitor is fed, ready to copy."""
    if monitor.kind == Kind.HEARTBEAT:
        return _ping_snippets(monitor)
    if monitor.kind == Kind.STATUS:
        return []
    return [Snippet("curl, with a token", _metric_snippet(monitor))]


def _ping_snippets(monitor: Monitor) -> list[Snippet]:
    url = ping_url(monitor)
    when = monitor.cron or _cron_like(monitor.period_seconds or 0)
    return [
        Snippet("crontab", f"{when} /path/to/job && {CURL} -o /dev/null {url}"),
        Snippet(
            "crontab, with the exit status", f"{when} /path/to/job; {CURL} -o /dev/null {url}/$?"
        ),
        Snippet(
            "shell, with start, exit status and output",
            f"{CURL} -o /dev/null {url}/start\n"
            "out=$(/path/to/job 2>&1); status=$?\n"
            f'{CURL} -o /dev/null --data-raw "$out" {url}/$status',
        ),
    ]


def _cron_like(seconds: int) -> str:
    """A line of a crontab that runs about as often as the period says."""
    if seconds % 86_400 == 0:
        return "0 2 * * *"
    if seconds % 3_600 == 0:
        return "0 * * * *" if seconds == 3_600 else f"0 */{seconds // 3_600} * * *"
    return f"*/{max(1, seconds // 60)} * * * *" if seconds < 3_600 else "0 * * * *"


def _metric_snippet(monitor: Monitor) -> str:
    site = settings.SITE_URL.rstrip("/")
    slug = monitor.slug
    body = f'{{"monitor": "{slug}", "ok": true, "detail": "412 records"}}'
    if monitor.kind in RATE_KINDS:
        body = f'{{"monitor": "{slug}", "total": 1000, "bad": 3}}'
    elif monitor.kind in VALUE_KINDS:
        body = f'{{"monitor": "{slug}", "value": 61}}'
    return (
        f"{CURL} {site}/ingest/metrics \\\n"
        '  -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\\n'
        f"  -d '{body}'"
    )


def asks_system(monitor: Monitor) -> System | None:
    """The system whose status page a status monitor asks, where it has one."""
    system = monitor.system
    return system if system is not None and system.status_page_url else None
