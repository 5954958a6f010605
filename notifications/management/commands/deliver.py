import json
from argparse import ArgumentTypeError
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from notifications.delivery import deliver_due


class Command(BaseCommand):
    help = "Deliver the messages that are due: one cycle of the outbox, safe beside the engine."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--now", type=_instant, help="replay this ISO instant")
        parser.add_argument("--limit", type=int, default=50, help="messages at most (50)")
        parser.add_argument("--json", action="store_true", help="print the numbers as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        report = deliver_due(now=options["now"], limit=options["limit"])
        self.stdout.write(json.dumps(report.as_dict()) if options["json"] else str(report))


def _instant(text: str) -> datetime:
    try:
        instant = parse_datetime(text)
    except ValueError:
        instant = None
    if instant is None:
        raise ArgumentTypeError(f"{text!r} is not an ISO instant such as 2026-01-05T10:00:00Z")
    return timezone.make_aware(instant) if timezone.is_naive(instant) else instant
