"""The figures of the rules, where a monitor has none of its own (rules K2 to K6).

Rates and credits are in percent, the sync in hours, record levels are counts.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from monitoring.enums import Kind
from monitoring.models import Monitor

HOUR = 3600
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Limits:
    """By what one monitor is judged.

    ``warn``: from here on the checklist's item fails (credits: below it). ``incident``: above it
    an incident is opened (credits: below it; sync and records: from it on). ``severe``: above it
    the SOP names the severity.
    """

    window: dt.timedelta
    minimum_sample: int = 0
    warn: float = 0.0
    incident: float = 0.0
    severe: float | None = None
    failures_needed: int = 1
    successes_needed: int = 1
    #: Suggested for an incident; None: the rules say so case by case.
    level: int | None = None
    playbook: str = ""


#: Window in seconds, minimum sample, limits, failures needed, SEV suggested, playbook.
DEFAULTS: dict[str, Limits] = {
    Kind.HEARTBEAT: Limits(dt.timedelta(days=1), failures_needed=2, level=3),
    Kind.ERROR_RATE: Limits(
        dt.timedelta(hours=1), minimum_sample=20, warn=1, incident=10, level=2, playbook="api-down"
    ),
    Kind.BOUNCE_RATE: Limits(
        dt.timedelta(days=1),
        minimum_sample=50,
        warn=2,
        incident=5,
        severe=10,
        level=2,
        playbook="email-bounce-spike",
    ),
    Kind.SYNC: Limits(
        dt.timedelta(days=1), warn=24, incident=24, level=2, playbook="crm-sync-break"
    ),
    Kind.LEVEL: Limits(
        dt.timedelta(days=1), warn=1, incident=1, level=3, playbook="crm-sync-break"
    ),
    Kind.CREDITS: Limits(dt.timedelta(days=7), warn=20, incident=5, level=3),
    Kind.STATUS: Limits(dt.timedelta(minutes=30), level=2, playbook="api-down"),
}


def limits_of(monitor: Monitor) -> Limits:
    """The monitor's own limits, the rules' where it has none."""
    default = DEFAULTS[monitor.kind]
    window = monitor.window_seconds
    return Limits(
        window=default.window if window is None else dt.timedelta(seconds=window),
        minimum_sample=_or(monitor.minimum_sample, default.minimum_sample),
        warn=_or(monitor.warn_limit, default.warn),
        incident=_or(monitor.incident_limit, default.incident),
        severe=default.severe if monitor.severe_limit is None else monitor.severe_limit,
        failures_needed=_or(monitor.failures_needed, default.failures_needed),
        successes_needed=_or(monitor.successes_needed, default.successes_needed),
        level=monitor.severity_id or default.level,
        playbook=monitor.playbook.slug if monitor.playbook else default.playbook,
    )


def _or(own: Any, default: Any) -> Any:
    return default if own is None else own
