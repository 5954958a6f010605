import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from notifications.delivery import deliver_due
from notifications.instants import instant


class Command(BaseCommand):
    help = "Deliver the messages that are due: one cycle of the outbox, safe beside the engine."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--now", type=instant, help="replay this ISO instant")
        parser.add_argument("--limit", type=int, default=50, help="messages at most (50)")
        parser.add_argument("--json", action="store_true", help="print the numbers as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        report = deliver_due(now=options["now"], limit=options["limit"])
        self.stdout.write(json.dumps(report.as_dict()) if options["json"] else str(report))
