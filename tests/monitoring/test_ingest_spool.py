"""Never answered and not stored, and never a hang: what the database cannot take at once."""

import datetime as dt
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import Settings

from config import engine
from monitoring.enums import Kind
from monitoring.ingest import patience, samples, spool
from monitoring.ingest.pings import Ping, store_once
from monitoring.ingest.replaying import replay_spool
from monitoring.models import Monitor, Sample, Signal
from tests.factories import NOW, make_monitor, make_sop, make_team
from tests.monitoring.ingesting import is_problem, make_token, post

pytestmark = pytest.mark.django_db(transaction=True)

METRICS = "/ingest/metrics"


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(patience, "_rest_until", 0.0)
    samples.forget()
    return tmp_path / "spool"


@contextmanager
def locked() -> Iterator[None]:
    """Somebody holds what every writer needs."""
    other = connection.copy()
    with other.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("BEGIN IMMEDIATE")
        else:
            other.set_autocommit(False)
            cursor.execute(
                "LOCK TABLE monitoring_signal, monitoring_sample, monitoring_ingesttoken"
                " IN ACCESS EXCLUSIVE MODE"
            )
        try:
            yield
        finally:
            other.close()


@contextmanager
def away() -> Iterator[None]:
    """The database does not answer at all."""
    connection.close()
    usual = dict(connection.settings_dict)
    if connection.vendor == "sqlite":
        connection.settings_dict["NAME"] = "/nowhere/db.sqlite3"
    else:
        connection.settings_dict |= {"HOST": "127.0.0.1", "PORT": "1"}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(usual)


def ping(monitor: Monitor, tail: str = "", body: bytes = b"") -> tuple[int, float]:
    """The status, and after how many seconds it was there."""
    started = time.monotonic()
    answer = Browser().generic("POST", f"/ping/{monitor.ping_id}{tail}", body)
    return answer.status_code, time.monotonic() - started


def measured(path: str, data: Any, token: str) -> tuple[Any, float]:
    started = time.monotonic()
    return post(path, data, token), time.monotonic() - started


def test_a_ping_waits_for_no_lock_and_is_not_lost(folder: Path) -> None:
    monitor = make_monitor()
    with locked():
        statuses, seconds = zip(*[ping(monitor, "/3", b"\xff\x00") for _ in range(3)], strict=True)
        assert set(statuses) == {200}
        assert max(seconds) < 2
        # Only the first waits.
        assert min(seconds) < 0.5
        assert not list(folder.glob("*.part"))
    assert Signal.objects.count() == 0
    assert replay_spool(now=timezone.now()) == 3
    assert replay_spool(now=timezone.now()) == 0
    signals = Signal.objects.all()
    assert {(s.kind, s.exit_status, bytes(s.body or b"")) for s in signals} == {
        ("fail", 3, b"\xff\x00")
    }
    assert len({signal.at for signal in signals}) == 3
    assert all(signal.is_fresh for signal in signals)


def test_a_ping_is_kept_while_the_database_is_away(folder: Path) -> None:
    monitor = make_monitor()
    rid = "123e4567-e89b-12d3-a456-426614174000"
    with away():
        assert ping(monitor, f"/start?rid={rid}")[0] == 200
        assert len(spool.waiting()) == 1
        with pytest.raises(OperationalError):
            replay_spool(now=timezone.now())
    assert ping(monitor, f"?rid={rid}")[0] == 200
    before = timezone.now()
    assert replay_spool(now=before) == 1
    start, success = Signal.objects.order_by("at")
    assert (start.kind, success.kind) == ("start", "success")
    assert str(start.run_id) == rid
    assert start.at < success.at < before
    assert spool.waiting() == []


@pytest.mark.postgres
def test_a_connection_that_died_costs_no_ping(folder: Path) -> None:
    monitor = make_monitor()
    assert ping(monitor)[0] == 200
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
    other.close()
    assert ping(monitor)[0] == 200
    assert Signal.objects.count() == 2
    assert not folder.exists()


def test_a_ping_is_taken_in_once_however_often_it_is_replayed() -> None:
    monitor = make_monitor()
    assert ping(monitor)[0] == 200
    signal = Signal.objects.get()
    again = Ping(monitor.ping_id, signal.kind, signal.at)
    assert not store_once(again)
    with away():
        assert ping(monitor)[0] == 200
    (kept,) = spool.waiting()
    content = kept.read_bytes()
    replay_spool(now=timezone.now())
    # As if the process had died between storing and removing the file.
    kept.write_bytes(content)
    replay_spool(now=timezone.now())
    assert Signal.objects.count() == 2
    assert spool.waiting() == []


def test_a_kept_ping_of_nobody_is_dropped() -> None:
    monitor = make_monitor()
    with away():
        assert ping(monitor)[0] == 200
    monitor.delete()
    assert replay_spool(now=timezone.now()) == 1
    assert spool.waiting() == []


def test_malformed_pings_are_refused_all_the_same() -> None:
    monitor = make_monitor()
    with away():
        assert ping(monitor, "/256")[0] == 400
    assert spool.waiting() == []


def test_what_cannot_be_read_is_set_aside_and_stops_nobody(folder: Path) -> None:
    monitor = make_monitor()
    with away():
        ping(monitor)
        ping(monitor, "/fail")
    for name, content in {
        "0": b"{", "1": b"[]", "2": b"\xff", "3": b'{"kind": "x", "data": {}, "body": ""}',
        "4": b'{"kind": "ping", "data": {}, "body": ""}', "9": b"",
    }.items():  # fmt: skip
        (folder / f"{name}.json").write_bytes(content)
    assert replay_spool(now=timezone.now()) == 2
    assert Signal.objects.count() == 2
    assert len(list((folder / "bad").iterdir())) == 6
    assert spool.waiting() == []


def test_two_who_replay_at_once_take_it_in_once() -> None:
    monitor = make_monitor()
    with away():
        for _ in range(20):
            ping(monitor)

    def work() -> None:
        try:
            replay_spool(now=timezone.now())
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Signal.objects.count() == 20


def test_a_full_disk_is_503(folder: Path) -> None:
    monitor = make_monitor()
    folder.parent.joinpath("spool").write_text("a file where the folder should be")
    with away():
        answer = Browser().get(f"/ping/{monitor.ping_id}")
    assert is_problem(answer, 503)
    assert answer["Retry-After"]


def test_figures_of_a_known_token_are_kept_and_replayed() -> None:
    rate, sync = make_monitor(Kind.ERROR_RATE), make_monitor(Kind.SYNC)
    token = make_token("metrics")
    items = [
        {"monitor": rate.slug, "total": 10, "bad": 1},
        {"monitor": sync.slug, "ok": False, "detail": "x"},
    ]
    assert post(METRICS, items, token).status_code == 202
    Sample.objects.all().delete()
    with locked():
        answer, seconds = measured(
            METRICS, [*items, {"monitor": rate.slug, "total": 1, "bad": 2}], token
        )
    assert answer.status_code == 202
    assert answer.json()["taken"] == 2
    assert [item["index"] for item in answer.json()["refused"]] == [2]
    assert seconds < 2
    assert not Sample.objects.exists()
    assert replay_spool(now=timezone.now()) == 1
    assert Sample.objects.get(monitor=rate).total == 10
    sample = Sample.objects.get(monitor=sync)
    assert (sample.is_ok, sample.detail, sample.is_fresh) == (False, "x", True)
    assert sample.at == sample.received_at


def test_kept_figures_give_way_to_newer_ones() -> None:
    monitor = make_monitor(Kind.LEVEL)
    token = make_token("metrics")
    at = timezone.now().isoformat()
    post(METRICS, {"monitor": monitor.slug, "value": 1, "at": at}, token)
    with away():
        assert (
            post(METRICS, {"monitor": monitor.slug, "value": 2, "at": at}, token).status_code == 202
        )
    post(METRICS, {"monitor": monitor.slug, "value": 3, "at": at}, token)
    replay_spool(now=timezone.now())
    assert Sample.objects.get().value == 3


def test_what_cannot_be_checked_is_503_and_not_kept(folder: Path) -> None:
    monitor, other = make_monitor(Kind.LEVEL), make_monitor(Kind.LEVEL)
    token = make_token("metrics")
    item = {"monitor": monitor.slug, "value": 1}
    with away():
        assert is_problem(post(METRICS, item, token), 503)
    post(METRICS, item, token)
    with away():
        assert is_problem(post(METRICS, [item, {"monitor": other.slug, "value": 1}], token), 503)
        assert is_problem(post(METRICS, item, f"{token}x"), 401)
    assert spool.waiting() == []


@pytest.mark.parametrize("path", ["alertmanager", "report"])
def test_what_opens_incidents_is_503_and_sent_again(path: str) -> None:
    token = make_token("alertmanager", "report")
    with away():
        answer = post(f"/ingest/{path}", {"title": "x", "alerts": []}, token)
    assert is_problem(answer, 503)
    assert answer["Retry-After"]


def test_a_report_does_not_wait_for_ever() -> None:
    make_sop()
    make_team()
    token = make_token("report")
    with locked():
        answer, seconds = measured("/ingest/report", {"title": "x"}, token)
    assert is_problem(answer, 503)
    assert seconds < 8


def test_the_engine_takes_in_what_was_kept() -> None:
    monitor = make_monitor()
    with away():
        ping(monitor)
    engine.take_in_kept()
    assert Signal.objects.count() == 1


def test_a_page_waits_as_long_as_ever_after_a_ping() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("SQLite's own setting")
    ping(make_monitor())
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA busy_timeout").fetchone()[0] == 60_000


class Gateway:
    """Stands before PostgreSQL; frozen, it passes nothing on and closes nothing."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.is_frozen = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(self.target)
            self.sockets += [near, far]
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                while self.is_frozen.is_set():
                    time.sleep(0.05)
                target.sendall(data)
        except OSError:
            pass
        finally:
            target.close()

    def close(self) -> None:
        self.is_frozen.clear()
        for each in [self.listener, *self.sockets]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@pytest.mark.postgres
def test_a_frozen_database_holds_no_ping() -> None:
    monitor = make_monitor()
    connection.close()
    usual = dict(connection.settings_dict)
    gateway = Gateway(usual["HOST"] or "127.0.0.1", int(usual["PORT"] or 5432))
    connection.settings_dict |= {"HOST": "127.0.0.1", "PORT": str(gateway.port)}
    try:
        assert ping(monitor)[0] == 200
        gateway.is_frozen.set()
        answers = [ping(monitor) for _ in range(3)]
    finally:
        connection.close()
        connection.settings_dict.update(usual)
        gateway.close()
    assert {status for status, _ in answers} == {200}
    assert max(seconds for _, seconds in answers) < 2
    assert len(spool.waiting()) == 3
    replay_spool(now=timezone.now())
    assert Signal.objects.count() == 4


def test_old_pings_replay_in_their_order() -> None:
    monitor = make_monitor()
    with away():
        for tail in ("/start", "/log", "/fail", ""):
            ping(monitor, tail)
    replay_spool(now=NOW + dt.timedelta(days=1))
    kinds = list(Signal.objects.order_by("at").values_list("kind", flat=True))
    assert kinds == ["start", "log", "fail", "success"]
