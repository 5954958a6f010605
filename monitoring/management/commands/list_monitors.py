import datetime as dt
from typing import Any

from incidents.command_line import IncidentCommand, Outcome
from monitoring.descriptions import ping_url
from monitoring.enums import Kind, State
from monitoring.models import Monitor

PAUSED = "paused"


class Command(IncidentCommand):
    help = "List the monitors with how they stand; with --json also the ping address of each job."

    def run(self, options: dict[str, Any], *, now: dt.datetime) -> Outcome:
        rows = [_row(monitor) for monitor in Monitor.objects.select_related("status")]
        lines = [f"{row['slug']}  {row['kind']}  {row['state']}  {row['name']}" for row in rows]
        return Outcome("\n".join([*lines, f"{len(rows)} monitors."]), rows)


def _row(monitor: Monitor) -> dict[str, str]:
    """Only jobs are pinged; the others are fed with metrics or by a probe."""
    status = getattr(monitor, "status", None)
    state = status.state if status else State.NEW
    return {
        "slug": monitor.slug,
        "name": monitor.name,
        "kind": monitor.kind,
        "state": str(state) if monitor.is_active else PAUSED,
        "ping_url": ping_url(monitor) if monitor.kind == Kind.HEARTBEAT else "",
    }
