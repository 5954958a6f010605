import datetime as dt
from typing import Any

from django.core.management.base import CommandParser
from django.http import QueryDict
from django.utils import timezone

from incidents.command_line import IncidentCommand, Outcome, form_error, shell_actor, zone_of
from incidents.forms.opening import OpenForm
from incidents.workflow import open_incident

#: Options that are fields of the form.
FIELDS = ("title", "source", "severity", "detected_at", "description", "reported_by", "key")


class Command(IncidentCommand):
    help = "Open an incident (SOP step 1); with --key, or join the open one with the same key."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--title", help="what is wrong, in one line")
        parser.add_argument("--source", help="monitoring, client_report, agent or scheduled_review")
        for name in ("system", "client"):
            parser.add_argument(
                f"--{name}", action="append", default=[], help=f"slug of a {name}; repeatable"
            )
        parser.add_argument("--severity", help="the suggested severity, 1 to 4")
        parser.add_argument("--detected-at", metavar="ISO", help="the earliest evidence")
        parser.add_argument("--as", dest="username", metavar="USERNAME", help="who opens it")
        parser.add_argument("--description")
        parser.add_argument("--reported-by", metavar="CLIENT", help="slug of the client")
        parser.add_argument("--key", help="joins the open incident with the same key")
        parser.add_argument("--breach", action="store_true", help="a data breach is suspected")

    def run(self, options: dict[str, Any], *, now: dt.datetime) -> Outcome:
        actor = shell_actor(options["username"])
        with timezone.override(zone_of(actor.user)):
            form = OpenForm(_form_data(options))
            if not form.is_valid():
                raise form_error(form)
        data = form.cleaned_data
        opened = open_incident(
            title=data["title"],
            source=data["source"],
            detected_at=data["detected_at"],
            description=data["description"],
            systems=data["system"],
            clients=data["client"],
            reported_by=data["reported_by"],
            suggested_level=data["severity"],
            is_breach_suspected=data["breach"],
            key=data["key"] or None,
            by=actor,
            now=now,
        )
        ref = opened.incident.ref
        word = "joined, it was open already" if opened.is_joined else "opened"
        return Outcome(f"{ref} {word}.", {"ref": ref, "joined": opened.is_joined})


def _form_data(options: dict[str, Any]) -> QueryDict:
    data = QueryDict(mutable=True)
    for name in FIELDS:
        if options[name] is not None:
            data[name] = str(options[name])
    for name in ("system", "client"):
        data.setlist(name, options[name])
    if options["breach"]:
        data["breach"] = "yes"
    return data
