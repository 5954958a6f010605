"""What is measured: a web server, what is asked of it, and what that cost."""

import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from tests.bench.databases import Database, cpu_of
from tests.bench.loader import Load, drive
from tests.places import descendants_of, started

OURS = "config.wsgi:application"
BARE = "tests.bench.bare:application"
#: As many as `serve` gives a web worker.
WEB_THREADS = 4
#: A round may begin with processor caches full of somebody else's data.
WARM_UP_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Server:
    """A running granian on a database."""

    pid: int
    port: int
    database: Database

    def cpu_seconds(self) -> float:
        return sum(cpu_of(pid) for pid in [self.pid, *descendants_of(self.pid)])


@contextmanager
def serving(application: str, database: Database, *, workers: int = 1) -> Iterator[Server]:
    """The same web server with the same threads as `serve`, for ours and for the yardsticks."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = ["-m", "granian", "--interface", "wsgi", "--no-ws", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", str(workers)]
    command += ["--blocking-threads", str(WEB_THREADS), "--log-level", "warning", application]
    log = database.folder / f"{port}.log"
    with started(*command, environ=database.environ(), log=log) as process:
        _wait_until_it_answers(port)
        yield Server(process.pid, port, database)


def _wait_until_it_answers(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("The web server does not answer.")


@dataclass(slots=True)
class Target:
    """One thing asked of one server, and what each round of it showed."""

    server: Server
    #: Asked anew for each round.
    requests: Callable[[], Sequence[bytes]]
    expected: Sequence[int] = (200,)
    connections: int = 8
    #: Requests before the first round: what a process remembers by then, it remembers for good.
    warm_up: int = 0
    loads: list[Load] = field(default_factory=list)
    #: Seconds of processor for one request: the web server's, and the database's.
    cpu: list[float] = field(default_factory=list)
    database_cpu: list[float] = field(default_factory=list)

    @property
    def rates(self) -> list[float]:
        return [load.rate for load in self.loads]

    def run(self, loader: ProcessPoolExecutor, *, seconds: float) -> None:
        at_least = 0 if self.loads else self.warm_up
        self._drive(loader, self.requests(), WARM_UP_SECONDS, at_least)
        requests = self.requests()
        before, before_database = self.server.cpu_seconds(), self.server.database.cpu_seconds()
        load = self._drive(loader, requests, seconds)
        self.cpu.append((self.server.cpu_seconds() - before) / load.count)
        used = self.server.database.cpu_seconds() - before_database
        self.database_cpu.append(used / load.count)
        self.loads.append(load)

    def _drive(
        self,
        loader: ProcessPoolExecutor,
        requests: Sequence[bytes],
        seconds: float,
        at_least: int = 0,
    ) -> Load:
        load: Load = loader.submit(
            drive,
            self.server.port,
            requests,
            connections=self.connections,
            seconds=seconds,
            at_least=at_least,
        ).result()
        if not set(load.statuses) <= set(self.expected):
            raise RuntimeError(f"Expected {self.expected}, got {dict(load.statuses)}.")
        return load


class Measured(Protocol):
    """Anything that has its turn in a round."""

    def run(self, loader: ProcessPoolExecutor, *, seconds: float) -> None: ...


def run_rounds(
    targets: Sequence[Measured], loader: ProcessPoolExecutor, *, rounds: int, seconds: float
) -> None:
    """Every target once a round; every other round in the opposite order."""
    for number in range(rounds):
        for target in targets if number % 2 == 0 else reversed(targets):
            target.run(loader, seconds=seconds)
