import datetime as dt
from typing import Any

from django.core.management.base import CommandParser

from incidents.command_line import IncidentCommand, Outcome, find_incident, find_user
from incidents.models import Incident
from incidents.serialization import full_data


class Command(IncidentCommand):
    help = "Show one incident; with --json whole: clocks, clients, blockers and timeline."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("ref", metavar="REF")
        parser.add_argument("--as", dest="username", metavar="USERNAME", help="as that person")

    def run(self, options: dict[str, Any], *, now: dt.datetime) -> Outcome:
        user = find_user(options["username"]) if options["username"] else None
        incident = find_incident(options["ref"], user=user)
        data = full_data(incident, now=now)
        return Outcome(one_line(incident, data), data)


def one_line(incident: Incident, data: dict[str, Any]) -> str:
    """Reference, severity, status, clocks and what blocks: what one line can hold."""
    severity = data["severity"] or "not triaged"
    parts = [f"{incident.ref} {severity} {incident.get_status_display()}: {incident.title}"]
    for name, clock in data["clocks"].items():
        if clock:
            late = ", breached" if clock["breached"] else ""
            end = f"stopped {clock['stopped_at']}" if clock["stopped_at"] else "running"
            parts.append(f"{name} due {clock['due_at']} ({end}{late})")
    if data.get("blockers"):
        parts.append(f"blocked by: {', '.join(data['blockers'])}")
    return "; ".join(parts)
