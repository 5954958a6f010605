import datetime as dt
from typing import Any

from django.core.management.base import CommandParser

from incidents.command_line import IncidentCommand, Outcome
from monitoring.checklists.command_line import outcome_of
from monitoring.checklists.running import read_date, run_crm_review


class Command(IncidentCommand):
    help = "Open and fill the CRM review of the day; what it finds opens incidents (rule K9)."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--date", metavar="DATE", help="the review of this local date")

    def run(self, options: dict[str, Any], *, now: dt.datetime) -> Outcome:
        return outcome_of(run_crm_review(date=read_date(options["date"]), now=now))
