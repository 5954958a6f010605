"""The one way out over HTTP.

requests would resolve a name again when it connects, follow redirects, take proxies from the
environment, and wait for a server that drips for as long as it drips. So the few steps are taken
one by one here, on the standard library.
"""

import http.client
import json
import os
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote, urlsplit

import certifi
from django.conf import settings

from monitoring.probes.addresses import is_public
from notifications.redaction import redact

#: A longer answer is no status page.
MAX_BYTES = 1_000_000
#: For the connection, and between two pieces of an answer; HTTP_TIMEOUT is for the whole call.
CONNECT_SECONDS = READ_SECONDS = 5.0
#: A host may have many addresses; more than these are not tried.
_ADDRESSES_TRIED = 4
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")


class FetchError(Exception):
    """Why there is no answer: one short sentence without a secret and without the path."""

    def __init__(self, sentence: str, *, status: int | None = None) -> None:
        super().__init__(redact(sentence, limit=200))
        #: Of the answer, where it was the status that was wrong.
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class _Target:
    """Where to, in parts that have been looked at."""

    is_secure: bool
    host: str
    port: int
    path: str


class _Allowance:
    """What is left of the time for the whole call."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._ends = time.monotonic() + seconds

    def left(self, most: float) -> float:
        """Seconds left, at most so many. Raises FetchError where none are."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise self.over()
        return min(left, most)

    def over(self) -> FetchError:
        return FetchError(f"It did not answer within {self.seconds:g} seconds.")


def fetch(url: str, *, seconds: float | None = None) -> Answer:
    """GET one address, within HTTP_TIMEOUT (or ``seconds``) of wall time from look-up to last byte.

    1. Only http and https, without a user name.
    2. The host is looked up once; unless OUTBOUND_ALLOW_PRIVATE is set, one address that is not
       public refuses them all.
    3. The connection goes to what was looked up, so that a second answer of the DNS is not asked.
    4. A redirect is not followed; more than MAX_BYTES are not read.

    Raises FetchError.
    """
    target = _target_of(url)
    allowance = _Allowance(seconds or settings.HTTP_TIMEOUT)
    addresses = _look_up(target, allowance)
    if not settings.OUTBOUND_ALLOW_PRIVATE and not all(map(is_public, addresses)):
        raise FetchError(f"{target.host} is at a private address, which is not asked.")
    sock = _connect(addresses, target, allowance)
    with _cut_off(sock, allowance) as is_over:
        try:
            answer = _converse(sock, target)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise allowance.over() if is_over.is_set() else _explained(error) from error
        # A body that ends with its connection looks whole when the connection is cut.
        if is_over.is_set():
            raise allowance.over()
    return answer


def fetch_json(url: str) -> Any:
    """What an address answers with status 200 as JSON. Raises FetchError."""
    answer = fetch(url)
    if answer.status != http.HTTPStatus.OK:
        raise FetchError(f"It answered with status {answer.status}.", status=answer.status)
    if answer.content_type and "json" not in answer.content_type:
        raise FetchError(f"It answered with {answer.content_type[:60]}, not with JSON.")
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise FetchError("Its answer is not valid JSON.") from error


def _target_of(url: str) -> _Target:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = parts.port
    except ValueError as error:
        raise FetchError("This is not a web address.") from error
    if parts.scheme not in _PORTS or not _HOST.fullmatch(host) or port == 0:
        raise FetchError("Only addresses with http:// or https:// and a host are asked.")
    if parts.username is not None or parts.password is not None:
        raise FetchError("An address with a user name is not asked.")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    return _Target(
        is_secure=parts.scheme == "https",
        host=host,
        port=port or _PORTS[parts.scheme],
        path=f"{path}?{query}" if query else path,
    )


def _look_up(target: _Target, allowance: _Allowance) -> list[str]:
    """The addresses of the host, looked up once.

    In a thread, because the system's look-up takes no time-out.
    """
    found: queue.SimpleQueue[list[str] | OSError | UnicodeError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            rows = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
            found.put(list(dict.fromkeys(str(row[4][0]) for row in rows)))
        except (OSError, UnicodeError) as error:
            found.put(error)

    threading.Thread(target=look_up, name="look-up", daemon=True).start()
    try:
        addresses = found.get(timeout=allowance.left(CONNECT_SECONDS))
    except queue.Empty as error:
        raise FetchError(f"Looking up {target.host} took too long.") from error
    if isinstance(addresses, Exception) or not addresses:
        raise FetchError(f"There is no host {target.host}.")
    return addresses


def _connect(addresses: list[str], target: _Target, allowance: _Allowance) -> socket.socket:
    reason = ""
    for address in addresses[:_ADDRESSES_TRIED]:
        try:
            seconds = allowance.left(CONNECT_SECONDS)
            return socket.create_connection((address, target.port), timeout=seconds)
        except TimeoutError:
            reason = "nothing answered in time"
        except OSError as error:
            reason = os.strerror(error.errno).lower() if error.errno else "it was refused"
    raise FetchError(f"No connection to {target.host}: {reason}.")


@contextmanager
def _cut_off(sock: socket.socket, allowance: _Allowance) -> Iterator[threading.Event]:
    """Break the connection when the time is over, whatever it is waiting for; the event tells so.

    A time-out of the socket counts from each byte, and a server may send one every few seconds.
    """
    is_over = threading.Event()
    # TLS takes the socket over; its twin stays ours.
    twin = sock.dup()

    def cut() -> None:
        is_over.set()
        with suppress(OSError):
            twin.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(allowance.left(allowance.seconds), cut)
    timer.daemon = True
    timer.start()
    try:
        yield is_over
    finally:
        timer.cancel()
        timer.join()
        twin.close()
        sock.close()


def _converse(sock: socket.socket, target: _Target) -> Answer:
    sock.settimeout(READ_SECONDS)
    connection: http.client.HTTPConnection
    if target.is_secure:
        connection = http.client.HTTPSConnection(target.host, target.port, context=_context())
        connection.sock = _context().wrap_socket(sock, server_hostname=target.host)
    else:
        connection = http.client.HTTPConnection(target.host, target.port)
        connection.sock = sock
    # Never a second connection: it would be to an address that nobody looked at.
    connection.auto_open = 0
    try:
        connection.request(
            "GET",
            target.path,
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "Connection": "close",
                "User-Agent": "incident-response",
            },
        )
        return _read(connection.getresponse())
    finally:
        connection.close()


def _read(response: http.client.HTTPResponse) -> Answer:
    with response:
        if 300 <= response.status < 400:
            raise FetchError("It sends to another address, which is not followed.")
        if response.length is not None and response.length > MAX_BYTES:
            raise FetchError(f"Its answer is longer than {MAX_BYTES:,} bytes.")
        body = response.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            raise FetchError(f"Its answer is longer than {MAX_BYTES:,} bytes.")
        if response.length:
            raise http.client.IncompleteRead(body)
        kind = response.headers.get_content_type() if response.headers["Content-Type"] else ""
        return Answer(response.status, kind, body)


def _explained(error: Exception) -> FetchError:
    """The sentence for what went wrong in the conversation."""
    match error:
        case ssl.SSLCertVerificationError():
            return FetchError(f"Its certificate is not valid: {error.verify_message}.")
        case ssl.SSLError():
            return FetchError("It does not speak TLS as it should.")
        case TimeoutError():
            return FetchError(f"It was silent for {READ_SECONDS:g} seconds.")
        case OSError() | http.client.IncompleteRead():
            return FetchError("The connection broke before its answer was complete.")
    return FetchError("It does not speak HTTP as it should.")


@cache
def _context() -> ssl.SSLContext:
    """Trusts what this machine trusts, and the usual authorities where it has no list."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
