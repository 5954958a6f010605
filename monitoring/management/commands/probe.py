import datetime as dt
from typing import Any

from django.core.management.base import CommandParser

from incidents.command_line import IncidentCommand, Outcome
from incidents.errors import WorkflowError
from monitoring.enums import Indicator, Kind
from monitoring.models import Monitor
from monitoring.probes.provider import probe_provider


class Command(IncidentCommand):
    help = "Ask the providers' status pages now: those of the monitors named, or of all."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("monitors", nargs="*", metavar="monitor", help="by slug")

    def run(self, options: dict[str, Any], *, now: dt.datetime) -> Outcome:
        monitors = _chosen(list(dict.fromkeys(options["monitors"])))
        signals = [(monitor, probe_provider(monitor, now=now)) for monitor in monitors]
        data = [
            {"slug": monitor.slug, "indicator": signal.indicator, "detail": signal.detail}
            for monitor, signal in signals
        ]
        lines = [
            f"{monitor.slug}: {Indicator(signal.indicator).label}. {signal.detail}".strip()
            for monitor, signal in signals
        ]
        return Outcome("\n".join(lines) or "There is no provider to ask.", data)


def _chosen(slugs: list[str]) -> list[Monitor]:
    """Those named, else every active one that is no demonstration. Raises WorkflowError."""
    monitors = Monitor.objects.filter(kind=Kind.STATUS).select_related("system")
    if not slugs:
        return list(monitors.active().filter(is_demo=False))
    found = {monitor.slug: monitor for monitor in monitors.filter(slug__in=slugs)}
    unknown = [slug for slug in slugs if slug not in found]
    if unknown:
        raise WorkflowError(f"There is no provider status monitor {', '.join(unknown)}.")
    return [found[slug] for slug in slugs]
