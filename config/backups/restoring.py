"""``manage.py restore``: check the file, replace the database, hold what was not sent."""

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.models import Model

from config.backups.files import NAMES, BackupError, Contents, kind_of
from config.backups.saving import check_complete, way
from incidents.models import Client, Incident, System
from monitoring.models import Monitor
from notifications.enums import MessageState
from notifications.models import Message

OURS = ("incidents", "monitoring", "notifications")
#: A database with none of these is as good as new; the SOP's own data does not count.
COUNTED: tuple[tuple[type[Model], str], ...] = (
    (User, "account"),
    (Client, "client"),
    (System, "system"),
    (Incident, "incident"),
    (Monitor, "monitor"),
    (Message, "message"),
)


@dataclass(frozen=True, slots=True)
class Restored:
    """The outcome of a restore."""

    path: str
    incidents: int
    held: int
    migrated: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        waits = "no unsent message in it."
        if self.held:
            waits = (
                f"{_counted(self.held, 'unsent message')} held: "
                "a person releases or cancels them in the outbox."
            )
        steps = f" {_counted(self.migrated, 'migration')} run." if self.migrated else ""
        return f"Restored {self.path}: {_counted(self.incidents, 'incident')}, {waits}{steps}"


def restore(path: Path, *, force: str | None = None, now: datetime) -> Restored:
    """Replace the database by a backup; each of its unsent messages then waits for a person.

    1. Check the file whole: the right database, ours, not of a newer version.
    2. Refuse a database that is in use, unless ``force`` is its name.
    3. Replace all of it and hold the unsent messages, in one step for everybody else.
    4. Run the migrations that the backup did not have yet.

    Raises BackupError; up to the end of step 3 nothing has changed then.
    """
    contents = _checked(path)
    _check_replaceable(force)
    way().put_back(path)
    unknown = _known_migrations() - contents.migrations
    call_command("migrate", verbosity=0, interactive=False)
    return Restored(
        path=str(path),
        incidents=Incident.objects.count(),
        held=Message.objects.filter(state=MessageState.HELD).count(),
        migrated=len(unknown),
    )


def database_name() -> str:
    """The word that a person repeats to have it replaced."""
    return Path(str(connection.settings_dict["NAME"])).name


def _checked(path: Path) -> Contents:
    if not path.is_file():
        raise BackupError(f"There is no file {path}.")
    kind = kind_of(path)
    if not kind:
        raise BackupError(f"{path} is no backup of this program.")
    if kind != connection.vendor:
        raise BackupError(
            f"{path} is a backup of {NAMES[kind]}, and the database is "
            f"{NAMES[connection.vendor]}. Restore it where DATABASE_URL names {NAMES[kind]}."
        )
    contents: Contents = way().check(path)
    check_complete(path, contents)
    ours = {(app, name) for app, name in contents.migrations if app in OURS}
    if newer := ours - _known_migrations():
        app, name = max(newer)
        raise BackupError(
            f"{path} was made by a newer version of this program ({app} {name}). "
            "Update the program first."
        )
    return contents


def _known_migrations() -> set[tuple[str, str]]:
    loader = MigrationLoader(None)
    replaced = (old for one in loader.replacements.values() for old in one.replaces)
    return {
        (app, name) for app, name in (*loader.disk_migrations, *replaced) if app in apps.app_configs
    }


def _check_replaceable(force: str | None) -> None:
    tables = set(connection.introspection.table_names())
    counts = [
        (model._default_manager.count(), noun)
        for model, noun in COUNTED
        if model._meta.db_table in tables
    ]
    held = [_counted(count, noun) for count, noun in counts if count]
    if not held:
        return
    name = database_name()
    if force is None:
        raise BackupError(
            f"The database is not empty: {', '.join(held)}. All of it would be replaced. "
            f"Save it with backup, stop the program, then repeat with --force {name}"
        )
    if force != name:
        raise BackupError(
            f"Nothing was changed: “{force}” is not the name of this database, which is {name}."
        )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' if count != 1 else ''}"
