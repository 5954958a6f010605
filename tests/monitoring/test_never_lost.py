"""Nothing is answered and not stored: web servers killed under load, the database locked."""

import datetime as dt
import http.client
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from incidents.actors import Actor
from incidents.enums import Origin
from monitoring.enums import Kind, Scope, SignalKind
from monitoring.ingest import spool
from monitoring.ingest.pings import Ping, store_once
from monitoring.ingest.replaying import replay_spool
from monitoring.ingest.tokens import create_token
from monitoring.models import Sample, Signal
from tests.factories import make_monitor
from tests.places import database_url, environ_of, started, wait_for

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]

KILLS = 8
SENDERS = 8
LOCKED_SECONDS = 2.0


class Sender(threading.Thread):
    """Pings and posts figures by turns over one kept-open connection, each with a number of its
    own, and writes down what was answered."""

    def __init__(self, number: int, port: int, ping_id: UUID, slug: str, token: str) -> None:
        super().__init__(daemon=True)
        self.number, self.port, self.slug = number, port, slug
        self.address = f"/ping/{ping_id}"
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.start_at = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
        self.pings: list[bytes] = []
        self.figures: list[dt.datetime] = []
        self.others: list[int] = []
        self.stop = threading.Event()

    def run(self) -> None:
        count = 0
        while not self.stop.is_set():
            line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            try:
                while not self.stop.is_set():
                    count += 1
                    (self._ping if count % 2 else self._post)(line, count)
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
            finally:
                line.close()

    def _ping(self, line: http.client.HTTPConnection, count: int) -> None:
        body = f"{self.number}-{count}".encode()
        if self._ask(line, self.address, body, {}) == 200:
            self.pings.append(body)

    def _post(self, line: http.client.HTTPConnection, count: int) -> None:
        at = self.start_at + dt.timedelta(seconds=self.number, milliseconds=SENDERS * 1000 * count)
        item = {"monitor": self.slug, "at": at.isoformat(), "total": 10, "bad": 1}
        if self._ask(line, "/ingest/metrics", json.dumps(item).encode(), self.headers) == 202:
            self.figures.append(at)

    def _ask(
        self, line: http.client.HTTPConnection, address: str, body: bytes, headers: dict[str, str]
    ) -> int:
        line.request("POST", address, body=body, headers=headers)
        answer = line.getresponse()
        answer.read()
        if answer.status not in (200, 202):
            self.others.append(answer.status)
        return answer.status


@contextmanager
def locked_database() -> Iterator[None]:
    """Nobody else can write meanwhile."""
    url = database_url()
    if connection.vendor == "sqlite":
        holder = sqlite3.connect(url.removeprefix("sqlite:///"), timeout=30, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        yield
        holder.rollback()
        holder.close()
    else:
        with psycopg.connect(url) as raw:
            raw.execute("LOCK TABLE monitoring_signal, monitoring_sample IN EXCLUSIVE MODE")
            yield
            raw.rollback()


@contextmanager
def serving(port: int, folder: Path) -> Iterator["subprocess.Popen[str]"]:
    command = ["-m", "granian", "--interface", "wsgi", "--no-ws", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "2", "--blocking-threads", "4"]
    command += ["--log-level", "warning", "config.wsgi:application"]
    with started(*command, environ=environ_of(folder), log=folder / "web.log") as process:
        yield process


def answers(port: int) -> bool:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        line.request("GET", "/healthz")
        return line.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        line.close()


def test_pings_of_one_microsecond_are_told_apart_by_their_bodies() -> None:
    """Two web workers under load do receive such."""
    job, at = make_monitor(Kind.HEARTBEAT), timezone.now()
    for body in (b"one", b"", b"one", b"two", b""):
        store_once(Ping(job.ping_id, SignalKind.SUCCESS, at, body=body))
    stored = [bytes(body or b"") for body in Signal.objects.values_list("body", flat=True)]
    assert sorted(stored) == [b"", b"one", b"two"]


def test_what_was_answered_is_stored_whatever_is_killed(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.VAR_DIR = tmp_path
    job, rate = make_monitor(Kind.HEARTBEAT), make_monitor(Kind.ERROR_RATE)
    operator = Actor(name="operator", origin=Origin.COMMAND_LINE)
    _, token = create_token("load", scopes=[Scope.METRICS], by=operator, now=timezone.now())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    senders = [Sender(n, port, job.ping_id, rate.slug, token) for n in range(SENDERS)]
    for sender in senders:
        sender.start()
    kept = 0
    for number in range(KILLS):
        with serving(port, tmp_path) as web:
            assert wait_for(lambda: answers(port)), (tmp_path / "web.log").read_text()
            time.sleep(random.uniform(0.3, 1.2))
            if number % 2:
                # Long enough for the disk to take over.
                with locked_database():
                    time.sleep(LOCKED_SECONDS + random.uniform(0, 1))
                    os.killpg(web.pid, signal.SIGKILL)
            else:
                os.killpg(web.pid, signal.SIGKILL)
            kept = max(kept, len(spool.waiting()))
    for sender in senders:
        sender.stop.set()
    for sender in senders:
        sender.join(timeout=15)
    replay_spool(now=timezone.now())

    pings = {body for sender in senders for body in sender.pings}
    figures = {at for sender in senders for at in sender.figures}
    stored = [bytes(body) for body in Signal.objects.values_list("body", flat=True)]
    with capsys.disabled():
        sys.stdout.write(
            f"\n{KILLS} kills, {len(pings)} pings and {len(figures)} figures answered,"
            f" at most {kept} on disk, {len(stored)} pings and {Sample.objects.count()} figures"
            " stored\n"
        )
    assert len(pings) > 100
    assert len(figures) > 100
    assert kept > 0
    assert pings - set(stored) == set()
    assert len(stored) == len(set(stored))
    stored_figures = set(Sample.objects.values_list("at", flat=True))
    assert figures - stored_figures == set()
    # What was refused was not stored either; only what a kill cut off is in doubt.
    assert len(stored) - len(pings) <= SENDERS * KILLS
    assert len(stored_figures - figures) <= SENDERS * KILLS
    assert spool.waiting() == []
    assert not (spool.folder() / "bad").exists()
    assert {status for sender in senders for status in sender.others} <= {503}
