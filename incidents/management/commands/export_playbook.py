import datetime as dt
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from incidents.command_line import IncidentCommand, Outcome
from incidents.errors import WorkflowError
from incidents.models import Playbook
from incidents.playbooks.files import write_file


class Command(IncidentCommand):
    help = "Write one playbook as a TOML file."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("slug", metavar="SLUG", help="such as api-down")
        parser.add_argument("--output", metavar="FILE", help="instead of standard output")

    def run(self, options: dict[str, Any], *, now: dt.datetime) -> Outcome:
        slug = options["slug"].replace("\0", "")
        playbook = Playbook.objects.filter(slug=slug).first()
        if playbook is None:
            known = ", ".join(Playbook.objects.order_by("slug").values_list("slug", flat=True))
            raise WorkflowError(f"There is no playbook “{slug}”. Playbooks: {known or 'none'}.")
        text = write_file(playbook)
        if not options["output"]:
            return Outcome(text.rstrip("\n"), {"ok": True, "playbook": slug, "text": text})
        path = Path(options["output"])
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise WorkflowError(f"{path} cannot be written: {error.strerror}.") from error
        line = f"“{playbook}” written to {path}."
        return Outcome(line, {"ok": True, "playbook": slug, "file": str(path)})
