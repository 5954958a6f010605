"""How long a request of a machine waits for the database: about a second, then it gives up.

A job that pings must not hang because somebody holds a lock, or because the database is frozen.
SQLite is told by a shorter busy time-out. PostgreSQL would need one more statement for that, so a
thread looks after the statements instead: it cancels one that takes too long, and where even
that is not answered, it cuts the connection. Either way the statement ends in OperationalError.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connection

#: Seconds; with what cancelling takes, an answer is out within two.
PATIENCE = 1.0
TICK = 0.2
CANCEL_SECONDS = 0.3
#: After a wait in vain nobody else waits for so long; the disk takes everything meanwhile.
REST_SECONDS = 1.0

#: What says that the database is locked or away, rather than that it refused the data.
AWAY = (OperationalError, InterfaceError)

#: SQLite's number for it.
SYNCHRONOUS_NORMAL = 1

_rest_until = 0.0


class TooBusyError(OperationalError):
    """The database let somebody wait in vain a moment ago."""


@dataclass(eq=False, slots=True)
class _Wait:
    """One request that waits, and the connection that it waits for."""

    raw: Any
    until: float
    lock: threading.Lock = field(default_factory=threading.Lock)
    is_over: bool = False
    is_cut: bool = False


class _Watch:
    """The thread that ends waits which take too long; started with the first one."""

    def __init__(self) -> None:
        self.waits: set[_Wait] = set()
        self._thread: threading.Thread | None = None

    def add(self, wait: _Wait) -> None:
        self.waits.add(wait)
        # A fork leaves the thread behind in the parent.
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._look, name="patience", daemon=True)
            self._thread.start()

    def _look(self) -> None:
        while True:
            time.sleep(TICK)
            now = time.monotonic()
            for wait in list(self.waits):
                if wait.until <= now and not wait.is_cut:
                    wait.is_cut = True
                    threading.Thread(target=_end, args=(wait,), daemon=True).start()


_watch = _Watch()


@contextmanager
def patience(seconds: float = PATIENCE, *, is_log: bool = False) -> Iterator[None]:
    """Inside, the database has so long to answer. Raises OperationalError.

    ``is_log``: an incident is opened or changed inside, which not even a power cut may undo.
    """
    started = time.monotonic()
    if started < _rest_until:
        raise TooBusyError("The database is too busy.")
    # No question whether the connection still lives: the statement itself will tell.
    setattr(connection, "health_check_done", True)  # noqa: B010
    try:
        connection.ensure_connection()
        if connection.vendor == "sqlite":
            # No queue of our own before SQLite's lock: with Python's it makes a convoy (measured:
            # half to a fifth of the requests). Not to wait for the disk is what keeps it short.
            with _short_busy_timeout(seconds), nullcontext() if is_log else _trailing_disk():
                yield
        else:
            with _watched(seconds):
                yield
    except AWAY:
        _rest_if_long(started, seconds)
        raise


def _rest_if_long(started: float, seconds: float) -> None:
    global _rest_until
    now = time.monotonic()
    if now - started >= seconds:
        _rest_until = now + REST_SECONDS


@contextmanager
def _short_busy_timeout(seconds: float) -> Iterator[None]:
    raw = connection.connection
    usual = float(connection.settings_dict.get("OPTIONS", {}).get("timeout", 5.0))
    raw.execute(f"PRAGMA busy_timeout = {max(1, int(seconds * 1000))}")
    try:
        yield
    finally:
        if connection.connection is raw:
            raw.execute(f"PRAGMA busy_timeout = {int(usual * 1000)}")


@contextmanager
def _trailing_disk() -> Iterator[None]:
    """The commit does not wait for the disk: of many at once, each would wait for all before it.

    No crash of ours loses anything by that. A power cut may lose what came in since anybody's
    last full commit, and the engine's beat is one every few seconds.
    """
    raw = connection.connection
    (usual,) = raw.execute("PRAGMA synchronous").fetchone()
    if connection.in_atomic_block or usual <= SYNCHRONOUS_NORMAL:
        yield
        return
    raw.execute(f"PRAGMA synchronous = {SYNCHRONOUS_NORMAL}")
    try:
        yield
    finally:
        if connection.connection is raw:
            raw.execute(f"PRAGMA synchronous = {usual}")


@contextmanager
def _watched(seconds: float) -> Iterator[None]:
    wait = _Wait(connection.connection, time.monotonic() + seconds)
    _watch.add(wait)
    try:
        yield
    finally:
        _watch.waits.discard(wait)
        with wait.lock:
            wait.is_over = True
        if wait.is_cut:
            # A cancellation on its way must not hit the next statement.
            _drop_connection()


def _end(wait: _Wait) -> None:
    """Cancel what the connection does; cut it if that does not help."""
    with wait.lock:
        if wait.is_over:
            return
        # A frozen server answers no cancellation either.
        with suppress(Exception):
            wait.raw.cancel_safe(timeout=CANCEL_SECONDS)
    time.sleep(TICK)
    with wait.lock:
        if not wait.is_over:
            with suppress(Exception):
                _cut(wait.raw.fileno())


def _cut(descriptor: int) -> None:
    with socket.fromfd(descriptor, socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.shutdown(socket.SHUT_RDWR)


def _drop_connection() -> None:
    if connection.in_atomic_block:
        return
    try:
        connection.close()
    except DatabaseError:
        connection.connection = None
