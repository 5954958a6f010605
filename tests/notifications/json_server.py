"""A real HTTP server on loopback that records what it is asked and can be told to misbehave.

Usable without pytest: ``with TelegramServer() as server: …``; it answers from its own threads.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from notifications.models import ChannelPause, Message


@dataclass(frozen=True)
class Asked:
    """One request, with when it was complete: monotonic for gaps, wall clock for comparing."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    json: Any
    at: float
    wall: float


@dataclass(frozen=True)
class Reply:
    """What one request gets. Without a status: the ordinary answer.

    ``accepts``: the request is carried out although the answer is another one, or none.
    ``waits``: seconds of silence before the answer. ``drops``: no answer, the connection breaks.
    ``drips``: the answer comes byte by byte, slower than anybody waits.
    """

    status: int | None = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    accepts: bool = False
    waits: float = 0
    drops: bool = False
    drips: bool = False


class JsonServer:
    """Subclasses say in ``answer`` what the real service would; ``next`` scripts exceptions."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.asked: list[Asked] = []
        self.lock = threading.RLock()
        self.stopping = threading.Event()
        self._scripts: list[tuple[str, deque[Reply]]] = []
        self._server = _Server((host, port), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *args: object) -> None:
        self.stop()

    def next(self, *replies: Reply, path: str = "") -> None:
        """The next requests whose path contains ``path`` get these replies, one each."""
        with self.lock:
            self._scripts.append((path, deque(replies)))

    def always(self, reply: Reply, *, path: str = "") -> None:
        """Every request whose path contains ``path`` gets this reply until ``behave``."""
        self.next(*[reply] * 10_000, path=path)

    def behave(self) -> None:
        """Forget every script."""
        with self.lock:
            self._scripts.clear()

    def scripted(self, asked: Asked) -> Reply:
        with self.lock:
            for path, replies in self._scripts:
                if replies and path in asked.path:
                    return replies.popleft()
        return Reply()

    def asked_for(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if path in asked.path]

    def answer(self, asked: Asked) -> tuple[int, Any]:
        """The ordinary answer, carried out: status and what goes out as JSON."""
        raise NotImplementedError


def next_try(message: Message) -> datetime:
    """When a waiting message may leave: its own time, or the end of its channel's rest."""
    message.refresh_from_db()
    rest = ChannelPause.objects.filter(channel=message.channel).values_list("until", flat=True)
    return max([message.next_attempt_at, *rest])


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    owner: JsonServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that left is no news; anything else is."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Quiet: the log is ``asked``."""

    def _handle(self) -> None:
        owner = self.server.owner
        asked = self._read()
        with owner.lock:
            owner.asked.append(asked)
        reply = owner.scripted(asked)
        status, body = (200, None)
        if reply.status is None or reply.accepts:
            with owner.lock:
                status, body = owner.answer(asked)
        if reply.status is not None:
            status, body = reply.status, reply.body
        if reply.waits:
            owner.stopping.wait(reply.waits)
        if reply.drops:
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        with suppress(OSError):
            self._write(status, body, reply)

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def _read(self) -> Asked:
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length) if length else b""
        try:
            content = json.loads(raw) if raw else None
        except ValueError:
            content = raw.decode("utf-8", "replace")
        parts = urlsplit(self.path)
        return Asked(
            method=self.command,
            path=unquote(parts.path),
            query={name: values[-1] for name, values in parse_qs(parts.query).items()},
            headers={name.lower(): value for name, value in self.headers.items()},
            json=content,
            at=time.monotonic(),
            wall=time.time(),
        )

    def _write(self, status: int, body: Any, reply: Reply) -> None:
        payload = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if not reply.drips:
            self.wfile.write(payload)
            return
        for sign in payload:
            self.wfile.write(bytes([sign]))
            if self.server.owner.stopping.wait(0.2):
                return
