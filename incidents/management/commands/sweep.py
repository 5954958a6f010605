import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from incidents.sweeping import sweep
from notifications.instants import instant


class Command(BaseCommand):
    help = "Write the warnings, reminders and breaches that are due: one cycle, safe beside others."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--now", type=instant, help="replay this ISO instant")
        parser.add_argument("--json", action="store_true", help="print the numbers as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        report = sweep(now=options["now"] or timezone.now())
        self.stdout.write(json.dumps(asdict(report)) if options["json"] else str(report))
