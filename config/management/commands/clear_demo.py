import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from incidents.demo import Cleared, clear_demonstration
from monitoring.demo import clear_monitoring


class Command(BaseCommand):
    help = "Remove the demonstration and nothing else. What real records lean on is kept and named."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the outcome as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            monitoring = clear_monitoring()
            cleared = clear_demonstration()
        cleared.removed.update(monitoring)
        report = {"removed": dict(cleared.removed), "kept": cleared.kept}
        self.stdout.write(json.dumps(report) if options["json"] else outcome(cleared))


def outcome(cleared: Cleared) -> str:
    """One line that says what was removed and what was kept, and why."""
    removed = ", ".join(f"{number} {noun}" for noun, number in cleared.removed.items())
    line = f"Demonstration removed: {removed}." if removed else "There was no demonstration."
    if cleared.kept:
        line = f"{line} Kept: {'; '.join(cleared.kept)}."
    return line
