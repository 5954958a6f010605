"""How long a request of a machine waits for the database: about a second, then it gives up.

A job that pings must not hang because somebody holds a lock, or because the database is frozen.
SQLite is told by a shorter busy time-out. PostgreSQL would need one more statement for that, so a
thread looks after the statements instead: it cancels one that takes too long, and where even
that is not answered, it cuts the connection. Either way the statement ends in OperationalError.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

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
def patience(seconds: float = PATIENCE, *, is_log: bool = False) -> Iterator[BaseDatabaseWrapper]:
    """Inside, the database has so long to answer; yields its connection, since every look at
    ``django.db.connection`` searches for it anew. Raises OperationalError.

    ``is_log``: an incident is opened or changed inside, which not even a power cut may undo.
    """
    started = time.monotonic()
    if started < _rest_until:
        raise TooBusyError("The database is too busy.")
    database = connections[DEFAULT_DB_ALIAS]
    # No question whether the connection still lives: the statement itself will tell.
    setattr(database, "health_check_done", True)  # noqa: B010
    try:
        database.ensure_connection()
        if database.vendor == "sqlite":
            # No queue of our own before SQLite's lock: with Python's it makes a convoy (measured:
            # half to a fifth of the requests). Not to wait for the disk is what keeps it short.
            with _hurried(database, seconds, is_trailing=not (is_log or database.in_atomic_block)):
                yield database
        else:
            with _watched(database, seconds):
                yield database
    except AWAY:
        _rest_if_long(started, seconds)
        raise


def _rest_if_long(started: float, seconds: float) -> None:
    global _rest_until
    now = time.monotonic()
    if now - started >= seconds:
        _rest_until = now + REST_SECONDS


class _Haste:
    """SQLite's settings while machines are answered: a short busy time-out, and a commit that does
    not wait for the disk (``is_trailing``), for of many at once, each would wait for all before it.

    No crash of ours loses anything by that. A power cut may lose what came in since anybody's
    last full commit, and the engine's beat is one every few seconds.

    The settings stay from one request of a machine to the next, since to change them back and
    forth costs a request a tenth of its processor time. The first statement of anybody else puts
    the usual ones back: Django shows every statement to its execute wrappers, BEGIN as well.
    """

    def __init__(self, database: BaseDatabaseWrapper, seconds: float, *, is_trailing: bool) -> None:
        self.database = database
        self.raw = database.connection
        self.mode = seconds, is_trailing
        self.is_on = False
        self.usual_seconds = float(database.settings_dict.get("OPTIONS", {}).get("timeout", 5.0))
        self.usual_synchronous = SYNCHRONOUS_NORMAL

    @classmethod
    def of(cls, database: BaseDatabaseWrapper, seconds: float, *, is_trailing: bool) -> "_Haste":
        """The settings that the connection has already, or else has from now on."""
        for wrapper in database.execute_wrappers:
            if isinstance(wrapper, cls):
                if wrapper.raw is database.connection and wrapper.mode == (seconds, is_trailing):
                    return wrapper
                wrapper.end()
                break
        haste = cls(database, seconds, is_trailing=is_trailing)
        haste.begin()
        return haste

    def begin(self) -> None:
        # The first in the list: whoever adds a wrapper for a while removes the last.
        self.database.execute_wrappers.insert(0, self)
        seconds, is_trailing = self.mode
        self.raw.execute(f"PRAGMA busy_timeout = {max(1, int(seconds * 1000))}")
        if is_trailing:
            (self.usual_synchronous,) = self.raw.execute("PRAGMA synchronous").fetchone()
        if self.usual_synchronous > SYNCHRONOUS_NORMAL:
            self.raw.execute(f"PRAGMA synchronous = {SYNCHRONOUS_NORMAL}")

    def end(self) -> None:
        if self.database.connection is self.raw:
            if self.usual_synchronous > SYNCHRONOUS_NORMAL:
                self.raw.execute(f"PRAGMA synchronous = {self.usual_synchronous}")
            self.raw.execute(f"PRAGMA busy_timeout = {int(self.usual_seconds * 1000)}")
        self.database.execute_wrappers.remove(self)

    def __call__(
        self,
        execute: Callable[..., Any],
        sql: str,
        params: Any,
        many: bool,
        context: dict[str, Any],
    ) -> Any:
        if not self.is_on:
            self.end()
        return execute(sql, params, many, context)


@contextmanager
def _hurried(database: BaseDatabaseWrapper, seconds: float, *, is_trailing: bool) -> Iterator[None]:
    haste = _Haste.of(database, seconds, is_trailing=is_trailing)
    haste.is_on = True
    try:
        yield
    finally:
        haste.is_on = False


@contextmanager
def _watched(database: BaseDatabaseWrapper, seconds: float) -> Iterator[None]:
    wait = _Wait(database.connection, time.monotonic() + seconds)
    _watch.add(wait)
    try:
        yield
    finally:
        _watch.waits.discard(wait)
        with wait.lock:
            wait.is_over = True
        if wait.is_cut:
            # A cancellation on its way must not hit the next statement.
            _drop(database)


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


def _drop(database: BaseDatabaseWrapper) -> None:
    if database.in_atomic_block:
        return
    try:
        database.close()
    except DatabaseError:
        database.connection = None
