"""SQLite: a compact copy of the file, and back through SQLite's own copying."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from django.db import connection

from config.backups.files import HOLD_UNSENT, BackupError, Contents

#: How long a busy database is waited for, in seconds.
PATIENCE = 60


def write(path: Path) -> None:
    """Copy the database as it is at this moment; nobody is kept from writing meanwhile."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("VACUUM INTO %s", [str(path)])
    except Exception as error:
        raise BackupError(f"SQLite could not write the backup: {error}") from error


def check(path: Path) -> Contents:
    """Read the whole file. Raises BackupError where a part of it is damaged."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as file:
            verdict = str(file.execute("PRAGMA integrity_check(1)").fetchone()[0])
            if verdict != "ok":
                raise BackupError(f"{path} is damaged: {' '.join(verdict.split())}")
            rows = file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            tables = frozenset(str(row[0]) for row in rows)
            migrations: frozenset[tuple[str, str]] = frozenset()
            if "django_migrations" in tables:
                rows = file.execute("SELECT app, name FROM django_migrations")
                migrations = frozenset((str(app), str(name)) for app, name in rows)
    except sqlite3.Error as error:
        raise BackupError(f"{path} is damaged: {error}") from error
    return Contents(tables, migrations)


def put_back(path: Path) -> None:
    """Replace what is in the database by the backup, with every unsent message held.

    The hold is written into a copy beside the database, which then goes in as one transaction:
    a running engine sees the old state or the held one.
    """
    live = Path(str(connection.settings_dict["NAME"]))
    staged = live.with_name(f"{live.name}.restoring")
    connection.close()
    try:
        staged.unlink(missing_ok=True)
        with closing(sqlite3.connect(staged)) as copy:
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as file:
                file.backup(copy)
            copy.executescript(HOLD_UNSENT)
            copy.commit()
            _replace(live, copy)
    except (sqlite3.Error, OSError) as error:
        raise BackupError(f"Nothing was restored. SQLite says: {error}") from error
    finally:
        staged.unlink(missing_ok=True)


def _replace(live: Path, copy: sqlite3.Connection) -> None:
    until = time.monotonic() + PATIENCE

    def give_up_late(status: int, remaining: int, total: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > until:
            raise BackupError(
                "Nothing was restored: the database is in use. Stop the program, then try again."
            )

    with closing(sqlite3.connect(live, timeout=PATIENCE)) as target:
        target.execute("PRAGMA synchronous=FULL")
        copy.backup(target, progress=give_up_late)
