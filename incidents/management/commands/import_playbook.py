import datetime as dt
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from incidents.command_line import IncidentCommand, Outcome, shell_actor
from incidents.errors import WorkflowError
from incidents.playbooks.files import (
    MOST_BYTES,
    FileChange,
    compare,
    find_playbook,
    import_playbook,
    read_file,
)
from incidents.records import Kind, check_editor


class Command(IncidentCommand):
    help = (
        "Store the playbook of a TOML file: a new one, or the steps of the one with its slug. "
        "Runs that are under way keep their steps. --check says what would change, and stores "
        "nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("path", metavar="PATH")
        parser.add_argument("--check", action="store_true", help="store nothing")
        parser.add_argument("--as", dest="username", metavar="USERNAME", help="who does it")

    def run(self, options: dict[str, Any], *, now: dt.datetime) -> Outcome:
        by = shell_actor(options["username"])
        check_editor(Kind.PLAYBOOK, by=by)
        file = read_file(_read(Path(options["path"])))
        stored = find_playbook(file)
        changes = compare(file, stored)
        if changes and not options["check"]:
            import_playbook(file, by=by)
        is_stored = not options["check"]
        data = {
            "ok": True,
            "playbook": file.slug,
            "new": stored is None,
            "stored": is_stored and bool(changes),
            "steps": len(file.steps),
            "changes": [asdict(change) for change in changes],
        }
        return Outcome(_line(file.playbook.title, changes, is_stored=is_stored), data)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise WorkflowError(f"{path} cannot be read: {error.strerror}.") from error


def _line(title: str, changes: list[FileChange], *, is_stored: bool) -> str:
    if not changes:
        return f"“{title}”: nothing to change."
    count = f"{len(changes)} {'change' if len(changes) == 1 else 'changes'}"
    what = "; ".join(change.what for change in changes)
    return f"“{title}”: {count} {'stored' if is_stored else 'to make'}: {what}."
