"""Real mail servers on loopback, obliging and otherwise."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import count
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from notifications.enums import Channel
from notifications.models import Message
from notifications.outbox import queue_message
from tests.notifications import settled_log

NOW = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
PASSWORD = "open-sesame-5081"


@dataclass
class MailServer:
    """Takes mail; `answers` gives a refusal per recipient, `drops` breaks after the dot."""

    answers: dict[str, str] = field(default_factory=dict)
    data_answers: dict[str, str] = field(default_factory=dict)
    drops: set[str] = field(default_factory=set)
    hangs_up_after_each: bool = False
    envelopes: list[Any] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    @property
    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(e.content, policy=policy.default) for e in self.envelopes]

    @property
    def recipients(self) -> list[str]:
        return [address for envelope in self.envelopes for address in envelope.rcpt_tos]

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        self.connections += 1
        return responses

    async def handle_MAIL(self, server, session, envelope, address, options):
        if self.hangs_up_after_each and getattr(session, "has_delivered", False):
            server.transport.abort()
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        [recipient] = envelope.rcpt_tos
        if recipient in self.data_answers:
            return self.data_answers[recipient]
        self.envelopes.append(envelope)
        if recipient in self.drops:
            server.transport.abort()
        session.has_delivered = True
        return "250 2.0.0 queued as 4711"


def check_login(server, session, envelope, mechanism, auth_data) -> AuthResult:
    is_right = isinstance(auth_data, LoginPassword) and auth_data.password == PASSWORD.encode()
    return AuthResult(success=is_right, handled=False)


def _serve(server: MailServer, settings: Any, **options: Any) -> Controller:
    controller = Controller(server, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    server.port = controller.port
    use_smtp(settings, server.port)
    return controller


def use_smtp(settings: Any, port: int) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = port
    settings.EMAIL_HOST_USER = ""
    settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = False
    settings.EMAIL_USE_SSL = False
    settings.EMAIL_TIMEOUT = 3


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def mail_server(settings: Any) -> Iterator[MailServer]:
    server = MailServer()
    controller = _serve(server, settings)
    yield server
    controller.stop(no_assert=True)


@pytest.fixture
def mail_server_with_login(settings: Any) -> Iterator[MailServer]:
    server = MailServer()
    controller = _serve(
        server,
        settings,
        authenticator=check_login,
        auth_required=True,
        auth_require_tls=False,
    )
    settings.EMAIL_HOST_USER = "incidents"
    settings.EMAIL_HOST_PASSWORD = PASSWORD
    yield server
    controller.stop(no_assert=True)


@pytest.fixture
def raw_server(settings: Any) -> Iterator[Callable[[Callable[[socket.socket], None]], None]]:
    """Answers each connection with a function over the bare socket."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()
    threads: list[threading.Thread] = []

    def start(talk: Callable[[socket.socket], None]) -> None:
        def serve() -> None:
            while not stopped.is_set():
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    try:
                        talk(client)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        threads.append(thread)
        thread.start()

    use_smtp(settings, listener.getsockname()[1])
    yield start
    stopped.set()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for thread in threads:
        thread.join(5)


@pytest.fixture
def closed_port(settings: Any) -> int:
    port = free_port()
    use_smtp(settings, port)
    return port


@pytest.fixture
def settled(settings: Any) -> list[tuple[str, str, datetime]]:
    """What the floors above were told, as (key, state, now)."""
    settings.MESSAGE_SETTLED_HANDLERS = ["tests.notifications.settled_log.remember"]
    settled_log.seen.clear()
    return settled_log.seen


@pytest.fixture(autouse=True)
def no_handlers(settings: Any) -> None:
    settings.MESSAGE_SETTLED_HANDLERS = []
    settings.MESSAGE_DELAYED_HANDLERS = []
    settings.CHANNEL_PAUSED_HANDLERS = []


@pytest.fixture
def queue() -> Callable[..., Message]:
    """queue_message with dull defaults; each call has its own key."""
    numbers = count(1)

    def make(**changes: Any) -> Message:
        values: dict[str, Any] = {
            "key": f"message-{next(numbers)}",
            "channel": Channel.EMAIL,
            "recipient": "maya@client.example",
            "subject": "Outgoing emails paused",
            "text": "Hi Maya,\n\nOutgoing emails are paused.\n",
            "reference": "INC-2026-0001",
            "now": NOW,
        }
        return queue_message(**values | changes)

    return make
