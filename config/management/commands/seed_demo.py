import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from incidents.demo import DemonstrationError, Seeded, is_empty, seed_demonstration
from monitoring.demo import seed_monitoring


class Command(BaseCommand):
    help = (
        "Write a demonstration: one account per role, clients, systems, monitors, checklist runs "
        "and one incident in each status, all marked demo. Prints the generated passwords, "
        "this once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--if-empty",
            action="store_true",
            help="do nothing when there is an account, a client, a system or an incident",
        )
        parser.add_argument("--json", action="store_true", help="print the outcome as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        as_json = options["json"]
        if options["if_empty"] and not is_empty():
            reason = "The database is not empty: no demonstration was written."
            self.stdout.write(
                json.dumps({"seeded": False, "reason": reason}) if as_json else reason
            )
            return
        try:
            with transaction.atomic():
                now = timezone.now()
                seeded = seed_demonstration(now=now)
                monitors, runs = seed_monitoring(now=now)
        except DemonstrationError as error:
            raise CommandError(str(error)) from error
        report = {"seeded": True, **asdict(seeded), "monitors": monitors, "runs": runs}
        self.stdout.write(json.dumps(report) if as_json else outcome(seeded, monitors, runs))


def outcome(seeded: Seeded, monitors: int, runs: int) -> str:
    """The accounts with their passwords, then one line of what was written."""
    accounts = [
        f"  {account.username:<8} {account.password}  {', '.join(account.groups)}"
        for account in seeded.accounts
    ]
    summary = (
        f"Demonstration written: {seeded.clients} clients, {seeded.systems} systems, "
        f"{len(seeded.references)} incidents ({seeded.references[0]} to {seeded.references[-1]}), "
        f"{monitors} monitors, {runs} checklist runs."
    )
    return "\n".join(["Accounts, with passwords that are shown only now:", *accounts, summary])
