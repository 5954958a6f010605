import datetime as dt
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from incidents.command_line import IncidentCommand, Outcome, find_incident, find_user
from incidents.errors import WorkflowError
from incidents.exports import EXPORTS


class Command(IncidentCommand):
    help = "Write one incident with its whole timeline as Markdown or JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("ref", metavar="REF")
        parser.add_argument("--format", default="markdown", help="markdown or json")
        parser.add_argument("--output", metavar="FILE", help="instead of standard output")
        parser.add_argument("--as", dest="username", metavar="USERNAME", help="as that person")

    def run(self, options: dict[str, Any], *, now: dt.datetime) -> Outcome:
        export = next((e for e in EXPORTS if options["format"] in (e.name, e.suffix)), None)
        if export is None:
            names = " or ".join(known.name for known in EXPORTS)
            raise WorkflowError(f"There is no format “{options['format']}”. Choose {names}.")
        user = find_user(options["username"]) if options["username"] else None
        incident = find_incident(options["ref"], user=user)
        text = export.write(incident, now=now)
        if not options["output"]:
            return Outcome(text.rstrip("\n"), {"ref": incident.ref, "text": text})
        path = Path(options["output"])
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise WorkflowError(f"{path} cannot be written: {error.strerror}.") from error
        line = f"{incident.ref} written to {path}."
        return Outcome(line, {"ref": incident.ref, "file": str(path)})
