import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from config.engine import run_cycle, run_until_stopped


class Command(BaseCommand):
    help = "The time-critical loop: clocks, escalations and outbox. Two copies may run."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="one cycle, then stop")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["once"]:
            run_until_stopped()
            return
        failed = run_cycle()
        self.stdout.write(f"One cycle done, {failed} parts failed.")
        sys.exit(1 if failed else 0)
