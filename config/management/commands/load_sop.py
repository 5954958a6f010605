import json
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, transaction

from config.groups import load_groups
from incidents.sop_data import (
    Counts,
    load_matrix,
    load_playbook_steps,
    load_playbooks,
    load_policy,
    load_responders,
    load_severities,
)
from monitoring.sop_data import load_block_lists, load_checklist_items, load_checklists
from notifications.sop_data import load_templates

#: What is loaded, in this order: later rows lean on earlier ones.
LOADERS: dict[str, Callable[[], Counts]] = {
    "groups": load_groups,
    "severities": load_severities,
    "policy rows": load_policy,
    "responders": load_responders,
    "escalation rules": load_matrix,
    "playbooks": load_playbooks,
    "playbook steps": load_playbook_steps,
    "checklists": load_checklists,
    "checklist items": load_checklist_items,
    "block lists": load_block_lists,
    "mail templates": load_templates,
}


class Command(BaseCommand):
    help = (
        "Load the SOP's content into the database: all of it or, on an error, nothing. Creates "
        "what is missing and never changes what is there; running it again is harmless."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the counts as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with transaction.atomic():
                counts = {noun: load() for noun, load in LOADERS.items()}
        except DatabaseError as error:
            raise CommandError(
                f"Nothing was loaded; is the database migrated (manage.py migrate)? {error}"
            ) from error
        self.stdout.write(json.dumps(counts) if options["json"] else outcome(counts))


def outcome(counts: dict[str, Counts]) -> str:
    """One line that says what was created, and how much was found and left as it is."""
    created = [f"{count['created']} {noun}" for noun, count in counts.items() if count["created"]]
    kept = sum(count["kept"] for count in counts.values())
    return f"SOP loaded: {', '.join(created) or '0'} created, {kept} kept as they are."
