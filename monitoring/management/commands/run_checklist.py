import datetime as dt
from typing import Any

from django.core.management.base import CommandParser

from incidents.command_line import IncidentCommand, Outcome
from monitoring.checklists.command_line import outcome_of
from monitoring.checklists.running import read_date, run_period
from monitoring.models import Period

PERIODS = [period.value for period in Period if period != Period.CRM_REVIEW]


class Command(IncidentCommand):
    help = "Open and fill a checklist's run of this period, once, whoever else does (rule K8)."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("period", choices=PERIODS)
        parser.add_argument("--date", metavar="DATE", help="the period of this local date")

    def run(self, options: dict[str, Any], *, now: dt.datetime) -> Outcome:
        return outcome_of(run_period(options["period"], date=read_date(options["date"]), now=now))
