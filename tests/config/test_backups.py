"""`backup` and `restore` on databases of their own, each in processes of its own."""

import json
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from config.backups import BackupError, back_up, restore
from config.backups.files import HOLD_UNSENT
from config.backups.restoring import database_name
from notifications.enums import SETTLED, MessageState
from notifications.holding import hold_all
from notifications.models import DeliveryAttempt, Message
from tests.config.databases import Place, database, make_tables, suite
from tests.conftest import SmtpServer
from tests.factories import NOW, make_client, make_message
from tests.places import started, wait_for

# All use the database, so that no others come in between: the filled one is made once.
pytestmark = [pytest.mark.slow, pytest.mark.django_db]

#: One message in every state that means “not sent yet”, one sent, one failed.
FILL = """
from datetime import timedelta
from django.core.management import call_command
from django.utils import timezone
from notifications.enums import MessageState
from tests.factories import make_client, make_incident, make_message
call_command("load_sop")
make_client(name="Halden Solar")
incident = make_incident(title="CRM sync drops records")
incident.timeline.create(at=timezone.now(), recorded_at=timezone.now(), kind="note",
    origin="human", actor_name="Nora", text="Kept for ever.")
held = dict(lease_token="t", lease_expires_at=timezone.now() + timedelta(hours=1))
make_message(recipient="waits@client.example")
make_message(recipient="leased@client.example", state=MessageState.LEASED, **held)
make_message(recipient="sending@client.example", state=MessageState.SENDING,
    sending_since=timezone.now(), **held)
make_message(recipient="sent@client.example", state=MessageState.SENT)
make_message(recipient="dead@client.example", state=MessageState.DEAD)
"""
UNSENT = ["leased@client.example", "sending@client.example", "waits@client.example"]


@pytest.fixture(scope="module", autouse=True)
def _tools(django_db_setup: None) -> None:
    """PostgreSQL is saved by its own tools; without them there is nothing to test."""
    if connection.vendor == "postgresql" and not shutil.which("pg_dump"):
        pytest.skip("pg_dump is missing (apt-get install postgresql-client)")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, _tools: None) -> Iterator[Place]:
    """Migrated, with the SOP and a few messages; made once, never changed."""
    with database(tmp_path_factory.mktemp("filled")) as place:
        make_tables(place)
        place.done("shell", "--no-imports", "-c", FILL)
        yield place


@pytest.fixture
def place(filled: Place, tmp_path: Path) -> Iterator[Place]:
    """A copy of the filled database."""
    with database(tmp_path, like=filled) as copy:
        yield copy


@pytest.fixture
def empty(tmp_path_factory: pytest.TempPathFactory, _tools: None) -> Iterator[Place]:
    """A database without a single table."""
    with database(tmp_path_factory.mktemp("empty")) as bare:
        yield bare


@pytest.fixture(scope="module")
def report(filled: Place, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `backup` said of its backup of the filled database."""
    file = tmp_path_factory.mktemp("saved") / "incidents.backup"
    said: dict[str, Any] = json.loads(filled.done("backup", str(file), "--json"))
    return said


@pytest.fixture(scope="module")
def saved(report: dict[str, Any]) -> Path:
    """That backup."""
    return Path(report["path"])


def test_backup_is_one_private_file_and_leaves_nothing_else(
    place: Place, report: dict[str, Any], saved: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert [file.name for file in saved.parent.iterdir()] == ["incidents.backup"]
    assert report["bytes"] == saved.stat().st_size > 10_000
    assert saved.stat().st_mode & 0o777 == 0o600
    folder = tmp_path_factory.mktemp("again")
    shutil.copy(saved, folder / "b1")
    again = place.done("backup", str(folder / "b1"))
    assert again.startswith(f"Saved to {folder / 'b1'}: ")
    assert [file.name for file in folder.iterdir()] == ["b1"]


def test_backup_overwrites_nothing_but_a_backup(tmp_path: Path) -> None:
    diary = tmp_path / "diary.txt"
    diary.write_text("Dear diary")
    targets = {
        diary: "is no backup",
        tmp_path: "is a folder",
        tmp_path / "none" / "b": "no folder",
    }
    if connection.vendor == "sqlite":
        targets[Path(str(connection.settings_dict["NAME"]))] = "the database itself"
    for target, reason in targets.items():
        with pytest.raises(BackupError, match=reason):
            back_up(target)
    assert diary.read_text() == "Dear diary"


def test_restore_brings_all_back_and_holds_what_was_not_sent_W9(empty: Place, saved: Path) -> None:
    """Constraints, triggers and counters come along, and no migration is missing."""
    out = empty.done("restore", str(saved))
    assert "1 incident, 3 unsent messages held" in out
    states = empty.messages()
    assert sorted(to for to, state in states.items() if state == "held") == UNSENT
    assert states["sent@client.example"] == "sent"
    assert states["dead@client.example"] == "dead"
    assert empty.clients() == ["Halden Solar"]
    assert empty.migrations() == suite().migrations()
    opened = empty.done("open_incident", "--title", "Anew", "--source", "agent", "--json")
    assert json.loads(opened)["joined"] is False
    with pytest.raises((sqlite3.IntegrityError, psycopg.errors.IntegrityConstraintViolation)):
        empty.query("UPDATE incidents_timelineentry SET text = 'Gone'")


def test_the_statements_of_the_hold_do_what_hold_all_does() -> None:
    """A restore holds in SQL, inside the transaction that brings the rows back."""
    lease = {"lease_token": "t", "lease_expires_at": NOW}
    for state, more in (
        (MessageState.PENDING, {}),
        (MessageState.LEASED, lease),
        (MessageState.SENDING, lease | {"sending_since": NOW}),
        *((state, {}) for state in (*SETTLED, MessageState.HELD)),
    ):
        make_message(state=state, attempts=3, **more)

    def outcome() -> tuple[list[Any], list[Any]]:
        tries = DeliveryAttempt.objects.values_list("message", "number", "outcome", "answer", "by")
        return list(Message.objects.order_by("pk").values()), list(tries.order_by("message"))

    with transaction.atomic():
        assert hold_all(now=NOW) == 3
        by_code = outcome()
        transaction.set_rollback(True)
    with connection.cursor() as cursor:
        for statement in HOLD_UNSENT.split(";")[:2]:
            cursor.execute(statement)
    assert outcome() == by_code
    assert all(one.ended_at for one in DeliveryAttempt.objects.all())


def test_restore_replaces_a_database_in_use_only_when_it_is_named(
    place: Place, saved: Path
) -> None:
    place.query("UPDATE incidents_client SET name = 'Later'")
    told = place.refused("restore", str(saved))
    assert "not empty: 1 client, 1 incident, " in told
    assert told.endswith(f"--force {place.name}")
    assert place.clients() == ["Later"]
    report = json.loads(place.done("restore", str(saved), "--force", place.name, "--json"))
    assert (report["incidents"], report["held"]) == (1, 3)
    assert place.clients() == ["Halden Solar"]


def test_another_databases_name_replaces_nothing(saved: Path) -> None:
    client = make_client()
    with pytest.raises(BackupError, match="“yes” is not the name"):
        restore(saved, force="yes", now=NOW)
    client.refresh_from_db()


def damage(saved: Path, target: Path, how: str) -> Path:
    content = bytearray(saved.read_bytes())
    if how == "cut":
        content = content[: len(content) * 2 // 3]
    elif how == "overwritten":
        middle = len(content) // 2
        content[middle : middle + 4096] = b"\xff" * 4096
    elif how == "foreign":
        content = bytearray(b"PK\x03\x04 something else")
    target.write_bytes(content)
    return target


@pytest.mark.parametrize("how", ["cut", "overwritten", "foreign"])
def test_damaged_file_is_refused_before_anything_is_asked(
    how: str, saved: Path, tmp_path: Path
) -> None:
    make_message()
    file = damage(saved, tmp_path / "damaged", how)
    with pytest.raises(BackupError) as refusal:
        restore(file, force=database_name(), now=NOW)
    assert str(refusal.value).count("\n") == 0
    assert Message.objects.count() == 1


def test_other_databases_backup_is_refused(tmp_path: Path) -> None:
    other = b"PGDMP" if connection.vendor == "sqlite" else b"SQLite format 3\x00"
    file = tmp_path / "other"
    file.write_bytes(other + b"\x00" * 500)
    with pytest.raises(BackupError, match="is a backup of"):
        restore(file, now=NOW)
    with pytest.raises(BackupError, match="no file"):
        restore(tmp_path / "nowhere", now=NOW)


def test_newer_versions_backup_is_refused(place: Place, tmp_path: Path) -> None:
    place.query(
        "INSERT INTO django_migrations (app, name, applied) "
        "VALUES ('incidents', '9999_from_the_future', '2026-01-01')"
    )
    place.done("backup", str(tmp_path / "newer"))
    with pytest.raises(BackupError, match=r"newer version .* \(incidents 9999_from_the_future\)"):
        restore(tmp_path / "newer", force=database_name(), now=NOW)


def test_what_an_older_backup_lacks_is_migrated(place: Place, empty: Place, tmp_path: Path) -> None:
    place.query("DROP TABLE django_session")
    place.query("DELETE FROM django_migrations WHERE app = 'sessions'")
    place.done("backup", str(tmp_path / "older"))
    assert "1 migration run." in empty.done("restore", str(tmp_path / "older"))
    assert empty.migrations() == suite().migrations()
    assert empty.query("SELECT * FROM django_session") == []


@pytest.mark.fault
def test_running_engine_sends_nothing_that_was_restored(
    place: Place, saved: Path, smtp_server: SmtpServer, tmp_path: Path
) -> None:
    """The engine runs before, during and after; clients would get their mails twice (M3)."""
    mail = f"smtp://{smtp_server.host}:{smtp_server.port}"
    environ = place.environ(EMAIL_URL=mail)
    with started("manage.py", "run_engine", environ=environ, log=tmp_path / "engine.log"):
        assert wait_for(lambda: len(smtp_server.mails) == 1), (tmp_path / "engine.log").read_text()
        assert smtp_server.mails[0].recipients == ["waits@client.example"]
        report = json.loads(place.done("restore", str(saved), "--force", place.name, "--json"))
        assert report["held"] == 3
        place.write("make_message(recipient='fresh@client.example', key='fresh')")
        # The engine works on the restored database: what is new leaves.
        assert wait_for(lambda: len(smtp_server.mails) == 2), (tmp_path / "engine.log").read_text()
    assert smtp_server.mails[1].recipients == ["fresh@client.example"]
    held = [to for to, state in place.messages().items() if state == "held"]
    assert sorted(held) == UNSENT


@pytest.mark.postgres
def test_missing_tool_is_named_in_one_line(place: Place, tmp_path: Path) -> None:
    place.path = str(tmp_path)
    assert place.refused("backup", str(tmp_path / "b")) == (
        "pg_dump is missing: apt-get install postgresql-client."
    )
    assert not (tmp_path / "b").exists()


@pytest.mark.postgres
def test_unreachable_server_is_told_without_the_password(place: Place, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    place.url = f"postgres://postgres:canary-{'x' * 20}@127.0.0.1:{port}/{place.name}"
    ran = place.manage("backup", str(tmp_path / "b"))
    assert ran.returncode == 1
    assert "canary" not in ran.stdout + ran.stderr
    assert "Connection refused" in ran.stderr
    assert list(tmp_path.glob("*b*")) == []


@pytest.mark.postgres
def test_tables_of_other_programs_are_left_alone(place: Place, saved: Path) -> None:
    with psycopg.connect(place.url, autocommit=True) as other:
        other.execute("CREATE TABLE their_notes (text text)")
        other.execute("INSERT INTO their_notes VALUES ('kept')")
        place.done("restore", str(saved), "--force", place.name)
        assert other.execute("SELECT text FROM their_notes").fetchall() == [("kept",)]
