"""A migrated database with nothing in it, and the raw truth of its outbox.

What is asked here goes past Django: it must stay sure while the engine is frozen, and while the
database comes and goes.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tests.places import ROOT

SECRET_KEY = "only-for-the-fault-tests-" + "x" * 50
UNSETTLED = ("pending", "leased", "sending")


@dataclass(frozen=True)
class Row:
    """A message as its table has it."""

    number: int
    channel: str
    lane: str
    state: str
    attempts: int
    repeats: int
    last_error: str


@dataclass
class Place:
    """A database, a folder for what else is written, and the services that are known there."""

    url: str
    folder: Path
    services: dict[str, str] = field(default_factory=dict)

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    @property
    def file(self) -> Path:
        return Path(self.url.removeprefix("sqlite:///"))

    @property
    def environ(self) -> dict[str, str]:
        """What a program of ours needs to work here."""
        return {
            "PATH": os.environ["PATH"],
            "ENV_FILE": "tests/none.env",
            "DJANGO_SETTINGS_MODULE": "tests.place_settings",
            "PLACE": str(self.folder),
            "SECRET_KEY": SECRET_KEY,
            "DATABASE_URL": self.url,
            "OUTBOUND_ALLOW_PRIVATE": "1",
            **self.services,
        }

    def run(self, *command: str, seconds: float = 120) -> str:
        """A program of ours, to its end; what it prints."""
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}"
        return done.stdout

    @contextmanager
    def connected(self) -> Iterator[Any]:
        """A connection past Django, on which `execute(sql).fetchall()` reads what is committed."""
        if self.is_sqlite:
            line = sqlite3.connect(self.file, timeout=30, isolation_level=None)
            try:
                yield line
            finally:
                line.close()
            return
        with psycopg.connect(self.url, autocommit=True, connect_timeout=3) as connection:
            yield connection

    def ask(self, sql: str) -> Sequence[tuple[Any, ...]]:
        """The rows of a query, over a connection of its own."""
        with self.connected() as connection:
            rows: Sequence[tuple[Any, ...]] = connection.execute(sql).fetchall()
            return rows

    @contextmanager
    def written_by_nobody_else(self) -> Iterator[None]:
        """Every write to the outbox is done, and the next one waits for the end of this."""
        if self.is_sqlite:
            line = sqlite3.connect(self.file, timeout=60, isolation_level=None)
            try:
                line.execute("BEGIN IMMEDIATE")
                yield
            finally:
                line.close()
            return
        with psycopg.connect(self.url) as connection:
            connection.execute("LOCK TABLE notifications_message IN SHARE MODE")
            yield
            connection.rollback()

    def rows(self) -> list[Row]:
        """The messages of the run, as they were queued."""
        sql = """
            SELECT key, channel, lane, state, attempts, repeats, last_error
            FROM notifications_message WHERE key LIKE 'fault-%' ORDER BY id
        """
        return [Row(number_of(key), *rest) for key, *rest in self.ask(sql)]

    def states(self) -> Counter[str]:
        sql = "SELECT state, count(*) FROM notifications_message GROUP BY state"
        return Counter(dict(self.ask(sql)))

    def unsettled(self) -> int:
        states = self.states()
        return sum(states[state] for state in UNSETTLED)


def number_of(key: str) -> int:
    """The number in the key `fault-<number>`, under which servers and table know a message."""
    return int(key.removeprefix("fault-"))


def postgres_server() -> str:
    """Where PostgreSQL tests make their databases; empty on SQLite."""
    url = os.environ.get("DATABASE_URL", "")
    return url if url.startswith("postgres") else ""


@contextmanager
def migrated_database(folder: Path, server: str) -> Iterator[str]:
    """The address of an empty migrated database to be copied from: a file, or on the server."""
    name = f"faults_{os.getpid()}_empty"
    url = urlsplit(server)._replace(path=f"/{name}").geturl() if server else ""
    url = url or f"sqlite:///{folder / 'empty.sqlite3'}"
    with _dropped_afterwards(server, name):
        Place(url, folder).run("manage.py", "migrate", "--verbosity", "0")
        yield url


@contextmanager
def copy_of(empty: str, folder: Path, server: str) -> Iterator[Place]:
    """A copy of that database, gone afterwards."""
    if not server:
        file = folder / "db.sqlite3"
        shutil.copy(empty.removeprefix("sqlite:///"), file)
        yield Place(f"sqlite:///{file}", folder)
        return
    name = f"faults_{os.getpid()}"
    with _dropped_afterwards(server, name, template=urlsplit(empty).path[1:]):
        yield Place(urlsplit(server)._replace(path=f"/{name}").geturl(), folder)


@contextmanager
def _dropped_afterwards(server: str, name: str, template: str = "template1") -> Iterator[None]:
    if not server:
        yield
        return
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')  # type: ignore[arg-type]
    try:
        yield
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')  # type: ignore[arg-type]
