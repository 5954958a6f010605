import datetime as dt
from typing import Any

from django.core.management.base import CommandParser

from incidents.command_line import IncidentCommand, Outcome, find_user, form_error
from incidents.forms.listing import ListForm
from incidents.models import Incident
from incidents.serialization import listed_data


class Command(IncidentCommand):
    help = "List incidents, newest first; with --json each as show prints it, without timeline."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--status")
        parser.add_argument("--severity", help="1 to 4")
        parser.add_argument("--client", metavar="SLUG")
        parser.add_argument("--system", metavar="SLUG")
        parser.add_argument("--open", action="store_true", help="neither closed nor cancelled")
        parser.add_argument("--as", dest="username", metavar="USERNAME", help="as that person")

    def run(self, options: dict[str, Any], *, now: dt.datetime) -> Outcome:
        form = ListForm({name: options[name] or "" for name in ListForm.base_fields})
        if not form.is_valid():
            raise form_error(form)
        name = options["username"]
        seen = Incident.objects.visible_to(find_user(name)) if name else Incident.objects.all()
        rows = form.choose(seen)
        if options["json"]:
            return Outcome("", listed_data(rows, now=now))
        lines = [
            f"{row.ref}  {row.severity.code if row.severity else 'SEV-?'}  "
            f"{row.get_status_display()}  {row.title}"
            for row in rows.select_related("severity")
        ]
        return Outcome("\n".join([*lines, f"{len(lines)} incidents."]))
