"""Programs of ours started for real, each in a place of its own, on the test database."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[1]


def environ_of(folder: Path, **more: str) -> dict[str, str]:
    """What a program needs to work on the test database with ``folder`` as its `var/`."""
    return {
        "PATH": os.environ["PATH"],
        "ENV_FILE": "tests/none.env",
        "DJANGO_SETTINGS_MODULE": "tests.place_settings",
        "PLACE": str(folder),
        "SECRET_KEY": settings.SECRET_KEY,
        "DATABASE_URL": database_url(),
        **more,
    }


def database_url() -> str:
    """The address of the test database."""
    values = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{values['NAME']}"
    login = f"{values['USER']}:{values['PASSWORD']}".rstrip(":")
    return f"postgres://{login}@{values['HOST']}:{values['PORT'] or 5432}/{values['NAME']}"


def copy_test_database(target: Path) -> None:
    """The test database, migrated and empty, as another SQLite file: sooner than migrating."""
    address = f"file:{connection.settings_dict['NAME']}?mode=ro"
    with (
        closing(sqlite3.connect(address, uri=True)) as ours,
        closing(sqlite3.connect(target)) as copy,
    ):
        ours.backup(copy)


@contextmanager
def started(*command: str, environ: dict[str, str], log: Path) -> Iterator["subprocess.Popen[str]"]:
    """A Python program in a session of its own; what is left of it afterwards is killed."""
    with log.open("a") as output:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=environ,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        family = [process.pid, *descendants_of(process.pid)]
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
        for pid in family:
            kill(pid)
        process.wait()


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return condition()


def children_of(pid: int) -> list[int]:
    """Oldest first."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        return [int(child) for child in path.read_text().split()]
    except OSError:
        return []


def descendants_of(pid: int) -> list[int]:
    return [found for child in children_of(pid) for found in [child, *descendants_of(child)]]


def is_alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def find_child(pid: int, word: str) -> int | None:
    """The child of `pid` that runs `word`."""
    for child in children_of(pid):
        try:
            arguments = Path(f"/proc/{child}/cmdline").read_text().split("\0")
        except OSError:
            continue
        if word in arguments and not any(part.endswith("tether.py") for part in arguments):
            return child
    return None
