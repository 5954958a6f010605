"""What a backup file is, whichever database wrote it."""

import os
from dataclasses import dataclass
from pathlib import Path

#: The first bytes of a file that SQLite wrote, and of PostgreSQL's custom format.
MAGIC = {"sqlite": b"SQLite format 3\x00", "postgresql": b"PGDMP"}
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
#: No backup of ours is without them.
NEEDED_TABLES = {"django_migrations", "incidents_incident", "notifications_message"}
#: What ``hold_all`` does, for the one moment at which no other code may have run before: in the
#: transaction that brings the rows back. What had not left when the backup was made may have left
#: since.
HOLD_UNSENT = """
    INSERT INTO notifications_deliveryattempt
        (message_id, number, started_at, ended_at, outcome, answer, "by")
    SELECT id, attempts, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, 'held', '', ''
    FROM notifications_message WHERE state IN ('pending', 'leased', 'sending') ORDER BY id;
    UPDATE notifications_message
    SET state = 'held', repeats = repeats + 1,
        lease_token = NULL, lease_expires_at = NULL, sending_since = NULL
    WHERE state IN ('pending', 'leased', 'sending');
"""


class BackupError(Exception):
    """Why nothing was saved or restored, in one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a checked file holds: its tables, and the migrations it stands at."""

    tables: frozenset[str]
    migrations: frozenset[tuple[str, str]]


def kind_of(path: Path) -> str:
    """The vendor that wrote the file, by its first bytes; empty for any other file."""
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror}.") from error
    return next((vendor for vendor, magic in MAGIC.items() if start.startswith(magic)), "")


def begin_private(path: Path) -> None:
    """An empty file that only its owner can read: a backup holds clients' addresses."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
        path.chmod(0o600)
    except OSError as error:
        raise BackupError(f"{path} cannot be written: {error.strerror}.") from error


def put_in_place(written: Path, path: Path) -> None:
    """Give a finished file its name in one step, safe against a power cut."""
    with written.open("rb") as file:
        os.fsync(file.fileno())
    written.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
