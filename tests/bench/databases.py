"""Databases of the bench: a small one, and one with ten times the data."""

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tests.bench.table import say
from tests.places import ROOT

DEFAULT_POSTGRES = "postgres://postgres@127.0.0.1:5432/postgres"
SECRET_KEY = "only-for-the-bench-" + "x" * 50
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Database:
    """One filled database; ``monitors`` are the jobs, and as many rates come after them."""

    url: str
    folder: Path
    monitors: int
    token: str = field(repr=False)

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    def environ(self) -> dict[str, str]:
        return environ_of(self.url, self.folder)

    def cpu_seconds(self) -> float:
        """What the server's processes have used for this database so far; 0 where they are not
        on this machine, and for SQLite, which runs inside the web server."""
        if self.is_sqlite:
            return 0.0
        name = urlsplit(self.url).path[1:]
        with psycopg.connect(self.url, autocommit=True) as connection:
            rows = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = %s"
                " AND backend_type = 'client backend' AND pid <> pg_backend_pid()",
                [name],
            ).fetchall()
        return sum(cpu_of(pid, "postgres") for (pid,) in rows)


def ping_id(number: int) -> uuid.UUID:
    """Of the job with that number."""
    return uuid.UUID(int=number)


def cpu_of(pid: int, name: str = "") -> float:
    """User and system time of one process, in seconds; 0 for one that is gone, or another."""
    try:
        if name and Path(f"/proc/{pid}/comm").read_text().strip() != name:
            return 0.0
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def environ_of(url: str, folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "ENV_FILE": "tests/none.env",
        "DJANGO_SETTINGS_MODULE": "tests.place_settings",
        "PLACE": str(folder),
        "SECRET_KEY": SECRET_KEY,
        "DATABASE_URL": url,
    }


def postgres_url() -> str:
    """Where the bench may make databases; empty where nobody answers."""
    url = os.environ.get("CI_DATABASE_URL", DEFAULT_POSTGRES)
    try:
        psycopg.connect(url, connect_timeout=3).close()
    except psycopg.OperationalError:
        return ""
    return url


@contextmanager
def sqlite_databases(folder: Path, sizes: list[tuple[int, int]]) -> Iterator[list[Database]]:
    """One file for each size (jobs, rows)."""
    empty = folder / "empty.sqlite3"
    _manage("migrate", environ_of(f"sqlite:///{empty}", folder))
    databases = []
    for monitors, rows in sizes:
        place = folder / f"sqlite-{rows}"
        place.mkdir()
        shutil.copy(empty, place / "db.sqlite3")
        databases.append(_fill(f"sqlite:///{place / 'db.sqlite3'}", place, monitors, rows))
    yield databases


@contextmanager
def postgres_databases(
    server: str, folder: Path, sizes: list[tuple[int, int]]
) -> Iterator[list[Database]]:
    """One database for each size (jobs, rows), dropped afterwards."""
    stem = f"incidents_bench_{os.getpid()}"
    names = [f"{stem}_empty", *(f"{stem}_{rows}" for _, rows in sizes)]
    base = urlsplit(server)
    urls = [base._replace(path=f"/{name}").geturl() for name in names]
    with psycopg.connect(server, autocommit=True) as connection:
        try:
            connection.execute(f'CREATE DATABASE "{names[0]}"')
            _manage("migrate", environ_of(urls[0], folder))
            databases = []
            for (monitors, rows), name, url in zip(sizes, names[1:], urls[1:], strict=True):
                connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{names[0]}"')
                place = folder / name
                place.mkdir()
                databases.append(_fill(url, place, monitors, rows))
            yield databases
        finally:
            for name in names:
                with suppress(psycopg.Error):
                    connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _fill(url: str, folder: Path, monitors: int, rows: int) -> Database:
    say(f"  {rows:,} signals, {rows:,} samples, {2 * monitors:,} monitors")
    command = [sys.executable, "-m", "tests.bench.fill", str(monitors), str(rows)]
    token = json.loads(_run(command, environ_of(url, folder)))["token"]
    return Database(url, folder, monitors, token)


def _manage(command: str, environ: dict[str, str]) -> None:
    _run([sys.executable, "manage.py", command, "--verbosity", "0"], environ)


def _run(command: list[str], environ: dict[str, str]) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(command[1:])} failed:\n{done.stderr}")
    return done.stdout
