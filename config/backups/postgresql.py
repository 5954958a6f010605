"""PostgreSQL: its own tools, in the custom format; the way back is one transaction."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection
from django.db.backends.postgresql.client import DatabaseClient

from config.backups.files import HOLD_UNSENT, BackupError, Contents
from notifications.redaction import redact

#: How long a locked table is waited for, in seconds.
PATIENCE = 60


def write(path: Path) -> None:
    """Dump the database as it is at this moment; nobody is kept from writing meanwhile."""
    _run(
        "pg_dump",
        "--format=custom",
        "--no-owner",
        "--no-privileges",
        f"--lock-wait-timeout={PATIENCE}s",
        f"--file={path}",
        on_database=True,
    )


def check(path: Path) -> Contents:
    """Read the whole file. Raises BackupError where a part of it is damaged."""
    _run("pg_restore", "--file=/dev/null", str(path))
    listing = _run("pg_restore", "--list", str(path))
    tables = frozenset(
        words[5]
        for words in (line.split() for line in listing.splitlines())
        if words[3:4] == ["TABLE"] and words[4:5] != ["DATA"] and len(words) > 5
    )
    rows = _run(
        "pg_restore", "--data-only", "--table=django_migrations", "--file=-", str(path)
    ).splitlines()
    cells = (row.split("\t") for row in rows)
    return Contents(tables, frozenset((row[1], row[2]) for row in cells if len(row) == 4))


def put_back(path: Path) -> None:
    """Replace what is in the database by the backup, with every unsent message held.

    One transaction: a running engine waits for its locks, then sees the held messages. Tables of
    other programs in the same database are left alone.
    """
    ours = connection.introspection.django_table_names(only_existing=True, include_views=False)
    quoted = [connection.ops.quote_name(name) for name in (*ours, "django_migrations")]
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        schema = cursor.fetchone()[0]
    connection.close()
    with _scripts() as folder:
        before, restoring, after = (folder / name for name in ("1.sql", "2.sql", "3.sql"))
        drops = "".join(f"DROP TABLE IF EXISTS {name} CASCADE;\n" for name in quoted)
        before.write_text(f"SET lock_timeout = '{PATIENCE}s';\n{drops}")
        options = ["--clean", "--if-exists", "--no-owner", "--no-privileges", "--no-comments"]
        _run("pg_restore", *options, f"--file={restoring}", str(path))
        # The dump leaves the session without a search path.
        after.write_text(f"SET search_path = {schema};\n{HOLD_UNSENT}")
        files = [f"--file={file}" for file in (before, restoring, after)]
        _run(
            "psql",
            "--no-psqlrc",
            "--quiet",
            "--single-transaction",
            "--set=ON_ERROR_STOP=1",
            "--output=/dev/null",
            *files,
            on_database=True,
        )


@contextmanager
def _scripts() -> Iterator[Path]:
    """A folder that only its owner can read: the script holds every row in the clear."""
    with tempfile.TemporaryDirectory(prefix="restore-") as folder:
        yield Path(folder)


def _run(tool: str, *arguments: str, on_database: bool = False) -> str:
    program = shutil.which(tool)
    if program is None:
        raise BackupError(f"{tool} is missing: apt-get install postgresql-client.")
    environ = {**os.environ, "LC_ALL": "C"}
    options: list[str] = []
    if on_database:
        # The password goes through the environment, where no list of processes shows it.
        command, extra = DatabaseClient.settings_to_cmd_args_env(connection.settings_dict, [])
        environ |= extra or {}
        options = [*command[1:-1], f"--dbname={command[-1]}", "--no-password"]
    done = subprocess.run(  # noqa: S603
        [program, *options, *arguments],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise BackupError(f"{tool} says: {_reason(done.stderr)}")
    return done.stdout


def _reason(stderr: str) -> str:
    """The first complaint, in one line, without secrets."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    told = [line for line in lines if "error" in line.lower()] or lines or ["nothing"]
    return redact(told[0], limit=300)
