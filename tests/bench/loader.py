"""Load from a process of its own, over connections that are kept open."""

import multiprocessing
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle

#: Seconds for what has to be answered beyond a turn's time.
PATIENCE = 60
END_OF_HEADERS = b"\r\n\r\n"


@dataclass(slots=True)
class Load:
    """What came of it: answers, the time they took (seconds, sorted), and how many of each."""

    seconds: float
    waits: list[float]
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        return len(self.waits)

    @property
    def rate(self) -> float:
        return self.count / self.seconds

    def wait_at(self, share: float) -> float:
        """The wait that this share of the answers did not exceed, in seconds."""
        return self.waits[min(self.count - 1, int(self.count * share))]


def start_loader() -> ProcessPoolExecutor:
    """The second process; it stays, so that its start is in no figure."""
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


def request(method: str, path: str, *, body: bytes = b"", headers: Sequence[str] = ()) -> bytes:
    """One request as it goes over the line."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def drive(
    port: int,
    requests: Sequence[bytes],
    *,
    connections: int,
    seconds: float,
    at_least: int = 0,
) -> Load:
    """Send the requests over and over, each connection the next one when it has its answer, for
    so long and until so many are answered."""
    waits: list[float] = []
    statuses: Counter[int] = Counter()
    upcoming = cycle(requests)
    with selectors.DefaultSelector() as selector:
        for _ in range(connections):
            line = socket.create_connection(("127.0.0.1", port), timeout=10)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(line, selectors.EVENT_READ, _Exchange(line, upcoming))
        began = time.perf_counter()
        while time.perf_counter() - began < seconds or len(waits) < at_least:
            if time.perf_counter() - began > seconds + PATIENCE:
                raise TimeoutError("The server has stopped answering.")
            for key, _ in selector.select(1):
                key.data.read(waits, statuses)
        ended = time.perf_counter()
        for key in list(selector.get_map().values()):
            key.data.line.close()
    return Load(ended - began, sorted(waits), statuses)


class _Exchange:
    """One connection: a request is out, its answer is being read."""

    def __init__(self, line: socket.socket, upcoming: Iterator[bytes]) -> None:
        self.line = line
        self.upcoming = upcoming
        self.got = b""
        self._send()

    def _send(self) -> None:
        self.sent_at = time.perf_counter()
        self.line.sendall(next(self.upcoming))

    def read(self, waits: list[float], statuses: Counter[int]) -> None:
        chunk = self.line.recv(65_536)
        if not chunk:
            raise ConnectionError("The server closed a connection that should be kept open.")
        self.got += chunk
        head, end, body = self.got.partition(END_OF_HEADERS)
        if not end or not _is_whole(head.lower(), body):
            return
        waits.append(time.perf_counter() - self.sent_at)
        statuses[int(head[9:12])] += 1
        self.got = b""
        self._send()


def _is_whole(head: bytes, body: bytes) -> bool:
    _, length, rest = head.partition(b"content-length:")
    if length:
        return len(body) >= int(rest.partition(b"\r\n")[0])
    return b"chunked" not in head or body.endswith(b"0\r\n\r\n")
