import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from config.backups import BackupError, restore


class Command(BaseCommand):
    help = (
        "Replace the database by a backup. Unsent messages in it are held until a person "
        "releases them in the outbox: clients would get them twice otherwise."
    )
    # The database may be empty, or of an older version.
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="the file that backup wrote")
        parser.add_argument(
            "--force",
            metavar="DATABASE",
            help="replace a database that is not empty; its name says that you mean this one",
        )
        parser.add_argument("--json", action="store_true", help="print the outcome as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            restored = restore(options["path"], force=options["force"], now=timezone.now())
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(restored.as_dict()) if options["json"] else str(restored))
