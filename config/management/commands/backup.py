import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.backups import BackupError, back_up


class Command(BaseCommand):
    help = "Save the whole database to a file that only its owner can read; safe while all runs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="the file to write")
        parser.add_argument("--json", action="store_true", help="print the outcome as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            saved = back_up(options["path"])
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(saved.as_dict()) if options["json"] else str(saved))
