"""``manage.py backup``: one checked file, in place only when it is whole."""

from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from django.db import connection

from config.backups import postgresql, sqlite
from config.backups.files import (
    NEEDED_TABLES,
    BackupError,
    Contents,
    begin_private,
    kind_of,
    put_in_place,
)

WAYS: dict[str, ModuleType] = {"sqlite": sqlite, "postgresql": postgresql}


@dataclass(frozen=True, slots=True)
class Saved:
    """The outcome of a backup."""

    path: str
    bytes: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return f"Saved to {self.path}: {self.bytes:,} bytes, read back and whole."


def back_up(path: Path) -> Saved:
    """Write the whole database to a file and read it back; the program may run meanwhile.

    An older backup of the same name is replaced once the new one is whole; no other file is.
    Raises BackupError, and leaves no half of a file behind.
    """
    _check_target(path)
    written = path.with_name(f".{path.name}.part")
    try:
        begin_private(written)
        way().write(written)
        check_complete(written, way().check(written))
        put_in_place(written, path)
    finally:
        written.unlink(missing_ok=True)
    return Saved(str(path), path.stat().st_size)


def way() -> ModuleType:
    """How this database is saved and put back."""
    return WAYS[connection.vendor]


def check_complete(path: Path, contents: Contents) -> None:
    """Raises BackupError for a file that is no database of this program."""
    if missing := NEEDED_TABLES - contents.tables:
        raise BackupError(f"{path} is no backup of this program: no table {min(missing)} in it.")


def _check_target(path: Path) -> None:
    if path.is_dir():
        raise BackupError(f"{path} is a folder. Name a file in it.")
    if not path.parent.is_dir():
        raise BackupError(f"There is no folder {path.parent}.")
    if not path.exists():
        return
    live = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite" and path.samefile(str(live)):
        raise BackupError(f"{path} is the database itself. Name another file.")
    if path.stat().st_size and not kind_of(path):
        raise BackupError(f"{path} exists and is no backup. Name another file.")
