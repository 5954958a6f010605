"""The one way out over HTTP, for every channel, probe and watchdog.

requests would resolve a name again when it connects, follow redirects, take proxies from the
environment, and wait for a server that drips for as long as it drips. So the few steps are taken
one by one here, on the standard library.
"""

import http.client
import os
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import quote, urlsplit

import certifi
from django.conf import settings

from notifications.channels.addresses import is_public
from notifications.redaction import redact

#: A longer answer is none that we asked for.
MAX_BYTES = 1_000_000
#: For the connection, and between two pieces of an answer; HTTP_TIMEOUT is for the whole call.
CONNECT_SECONDS = READ_SECONDS = 5.0
#: A host may have many addresses; more than these are not tried.
_ADDRESSES_TRIED = 4
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")


class CallError(Exception):
    """Why there is no answer: one short sentence without a secret and without the path.

    status: of the answer, where it was the status that was wrong. was_sent: the other side may
    have got the request and acted on it; false means that it has not.
    """

    def __init__(self, sentence: str, *, status: int | None = None, was_sent: bool = False) -> None:
        super().__init__(redact(sentence, limit=200))
        self.status = status
        self.was_sent = was_sent


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content_type: str
    body: bytes
    #: From names in lower case.
    headers: Mapping[str, str] = field(default_factory=dict)


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
        """Seconds left, at most so many. Raises CallError where none are."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise self.over()
        return min(left, most)

    def over(self) -> CallError:
        return CallError(f"It did not answer within {self.seconds:g} seconds.")


def call(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    seconds: float | None = None,
    silence: float | None = None,
) -> Answer:
    """Ask one address, within HTTP_TIMEOUT (or ``seconds``) of wall time from look-up to last byte.

    ``silence`` is the longest pause between two pieces of the answer. Whatever the status but a
    redirect is an answer.

    1. Only http and https, without a user name.
    2. The host is looked up once; unless OUTBOUND_ALLOW_PRIVATE is set, one address that is not
       public refuses them all.
    3. The connection goes to what was looked up, so that a second answer of the DNS is not asked.
       It is a new one each time: a kept one may be closed just when a request is on its way, and
       nobody would know whether it was heard.
    4. A redirect is not followed; more than MAX_BYTES are not read.

    Raises CallError.
    """
    target = _target_of(url)
    _check_headers(headers or {})
    allowance = _Allowance(seconds or settings.HTTP_TIMEOUT)
    addresses = _look_up(target, allowance)
    if not settings.OUTBOUND_ALLOW_PRIVATE and not all(map(is_public, addresses)):
        raise CallError(f"{target.host} is at a private address, which is not asked.")
    sock = _connect(addresses, target, allowance)
    silence = silence or READ_SECONDS
    was_sent = False
    with _cut_off(sock, allowance) as is_over:
        sock.settimeout(silence)
        try:
            connection = _open(sock, target)
            was_sent = True
            answer = _converse(connection, method, target.path, headers or {}, body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            problem = allowance.over() if is_over.is_set() else _explained(error, silence)
            problem.was_sent = was_sent
            # What is no OSError may repeat a header or the path, where tokens stand.
            raise problem from (error if isinstance(error, OSError) else None)
        # A body that ends with its connection looks whole when the connection is cut.
        if is_over.is_set():
            raise CallError(str(allowance.over()), was_sent=True)
    return answer


def _target_of(url: str) -> _Target:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = parts.port
    except ValueError as error:
        raise CallError("This is not a web address.") from error
    if parts.scheme not in _PORTS or not _HOST.fullmatch(host) or port == 0:
        raise CallError("Only addresses with http:// or https:// and a host are asked.")
    if parts.username is not None or parts.password is not None:
        raise CallError("An address with a user name is not asked.")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    return _Target(
        is_secure=parts.scheme == "https",
        host=host,
        port=port or _PORTS[parts.scheme],
        path=f"{path}?{query}" if query else path,
    )


def _check_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not value.isascii() or not value.isprintable():
            raise CallError(f"The header {name} holds a sign that cannot be sent.")


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
        raise CallError(f"Looking up {target.host} took too long.") from error
    if isinstance(addresses, Exception) or not addresses:
        raise CallError(f"There is no host {target.host}.")
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
    raise CallError(f"No connection to {target.host}: {reason}.")


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


def _open(sock: socket.socket, target: _Target) -> http.client.HTTPConnection:
    """Speak TLS where the address says so; nothing of the request has left yet."""
    connection: http.client.HTTPConnection
    if target.is_secure:
        connection = http.client.HTTPSConnection(target.host, target.port, context=_context())
        connection.sock = _context().wrap_socket(sock, server_hostname=target.host)
    else:
        connection = http.client.HTTPConnection(target.host, target.port)
        connection.sock = sock
    # Never a second connection: it would be to an address that nobody looked at.
    connection.auto_open = 0
    return connection


def _converse(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes | None,
) -> Answer:
    try:
        connection.request(
            method,
            path,
            body=body,
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "Connection": "close",
                "User-Agent": "incident-response",
                **headers,
            },
        )
        return _read(connection.getresponse())
    finally:
        connection.close()


def _read(response: http.client.HTTPResponse) -> Answer:
    with response:
        if 300 <= response.status < 400:
            raise CallError(
                "It sends to another address, which is not followed.",
                status=response.status,
                was_sent=True,
            )
        if response.length is not None and response.length > MAX_BYTES:
            raise _too_long()
        body = response.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            raise _too_long()
        if response.length:
            raise http.client.IncompleteRead(body)
        kind = response.headers.get_content_type() if response.headers["Content-Type"] else ""
        found = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, kind, body, found)


def _too_long() -> CallError:
    return CallError(f"Its answer is longer than {MAX_BYTES:,} bytes.", was_sent=True)


def _explained(error: Exception, silence: float) -> CallError:
    """The sentence for what went wrong in the conversation."""
    match error:
        case ssl.SSLCertVerificationError():
            return CallError(f"Its certificate is not valid: {error.verify_message}.")
        case ssl.SSLError():
            return CallError("It does not speak TLS as it should.")
        case TimeoutError():
            return CallError(f"It was silent for {silence:g} seconds.")
        case OSError() | http.client.IncompleteRead():
            return CallError("The connection broke before its answer was complete.")
    return CallError("It does not speak HTTP as it should.")


@cache
def _context() -> ssl.SSLContext:
    """Trusts what this machine trusts, and the usual authorities where it has no list."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
