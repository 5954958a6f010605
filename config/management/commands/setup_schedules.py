import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from config.schedules import write_schedules


class Command(BaseCommand):
    help = "Write the one schedule of the task queue; doing it again changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="answer as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        is_changed = write_schedules()
        if options["json"]:
            self.stdout.write(json.dumps({"ok": True, "changed": is_changed}))
        else:
            word = "written" if is_changed else "already in place"
            self.stdout.write(f"Schedule {word}: tick, every minute.")
