"""Databases of a test's own, and the program on them in processes of its own.

The suite's own database says which kind: SQLite files, or PostgreSQL databases beside the test
database.
"""

import gzip
import os
import shutil
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection

from tests.places import ROOT, copy_test_database, database_url

OLDER = Path(__file__).parent / "older"


@dataclass
class Place:
    """A database of its own, and the program on it."""

    url: str
    name: str
    folder: Path
    path: str = os.environ["PATH"]

    def environ(self, **more: str) -> dict[str, str]:
        return {
            "PATH": self.path,
            "ENV_FILE": "tests/none.env",
            "DJANGO_SETTINGS_MODULE": "tests.place_settings",
            "PLACE": str(self.folder),
            "SECRET_KEY": "only-for-tests-" + "x" * 50,
            "DATABASE_URL": self.url,
            **more,
        }

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environ(),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def done(self, *arguments: str) -> str:
        ran = self.manage(*arguments)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def refused(self, *arguments: str) -> str:
        """The one line of a command that fails with status 1 and no traceback."""
        ran = self.manage(*arguments)
        assert ran.returncode == 1
        assert ran.stderr.startswith("CommandError: ")
        assert len(ran.stderr.splitlines()) == 1
        return ran.stderr.removeprefix("CommandError: ").strip()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """What the database says, asked past the program."""
        if connection.vendor == "sqlite":
            with closing(sqlite3.connect(self.folder / self.name)) as file:
                rows = file.execute(sql).fetchall()
                file.commit()
            return rows
        with psycopg.connect(self.url, autocommit=True) as server:
            answer = server.execute(sql)
            return answer.fetchall() if answer.description else []

    def migrations(self) -> set[tuple[str, str]]:
        """What has run on it, as (app, name)."""
        return set(self.query("SELECT app, name FROM django_migrations"))

    def messages(self) -> dict[str, str]:
        return dict(self.query("SELECT recipient, state FROM notifications_message"))

    def clients(self) -> list[str]:
        return [row[0] for row in self.query("SELECT name FROM incidents_client ORDER BY name")]

    def write(self, code: str) -> None:
        self.done("shell", "--no-imports", "-c", f"from tests.factories import *\n{code}")


@contextmanager
def database(folder: Path, *, like: Place | None = None) -> Iterator[Place]:
    """A database without a single table, or a copy of another; gone afterwards."""
    if connection.vendor == "sqlite":
        file = folder / "incidents.sqlite3"
        if like:
            shutil.copy(like.folder / like.name, file)
        yield Place(f"sqlite:///{file}", file.name, folder)
        return
    values = connection.settings_dict
    name = f"backup_{uuid.uuid4().hex[:10]}"
    login = f"{values['USER']}:{values['PASSWORD']}".rstrip(":")
    server = f"postgres://{login}@{values['HOST']}:{values['PORT'] or 5432}"

    def administer(statement: str) -> None:
        with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
            admin.execute(statement)

    administer(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{like.name}"' if like else ""))
    try:
        yield Place(f"{server}/{name}", name, folder)
    finally:
        administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def suite() -> Place:
    """The suite's own database; only to be read."""
    name = Path(str(connection.settings_dict["NAME"]))
    return Place(database_url(), name.name, name.parent)


def make_tables(place: Place) -> None:
    """Bring an empty database to where this program is."""
    if connection.vendor == "sqlite":
        copy_test_database(place.folder / place.name)
    else:
        place.done("migrate", "--verbosity", "0")


def load_older(place: Place) -> None:
    """Fill an empty database as an older version left it.

    The dumps are of the version that had monitors and checklists but neither playbook runs nor
    digests: migrated, with the SOP and the demonstration; by `iterdump` of Python's sqlite3,
    and by `pg_dump --inserts`.
    """
    script = gzip.decompress((OLDER / f"{connection.vendor}.sql.gz").read_bytes()).decode()
    if connection.vendor == "sqlite":
        with closing(sqlite3.connect(place.folder / place.name)) as file:
            file.executescript(script)
    else:
        with psycopg.connect(place.url, autocommit=True) as server:
            server.execute(script)
