import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from config.health import problems


class Command(BaseCommand):
    help = "Say what keeps the program from doing its duty; exit status 1 if anything does."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="answer as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        reasons = problems(now=timezone.now())
        if options["json"]:
            self.stdout.write(json.dumps({"ok": not reasons, "reasons": reasons}))
        else:
            self.stdout.write("\n".join(reasons) or "Healthy.")
        if reasons:
            sys.exit(1)
