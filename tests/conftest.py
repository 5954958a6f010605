"""What every test stands on. Only the edge of the network is replaced, by real servers on
loopback; a test that reaches further fails."""

import gc
import ipaddress
import os
import socket
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP as SMTP_POLICY
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client, TransactionTestCase
from playwright.sync_api import Browser, Page
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from incidents import triggers
from tests.chromium import FLAGS, find_chromium
from tests.factories import Team, make_sop, make_team
from tests.notifications import hubspot_server as hubspot_server_module
from tests.notifications import telegram_server as telegram_server_module
from tests.notifications.hubspot_server import HubSpotServer
from tests.notifications.telegram_server import TelegramServer

# Playwright's own event loop runs in the thread of the test.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

MARKED_APART = {"slow", "browser", "postgres", "fault", "machines"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What carries no other class is `fast`."""
    for item in items:
        if not MARKED_APART & {mark.name for mark in item.iter_markers()}:
            item.add_marker("fast")


def pytest_collection_finish() -> None:
    """What is loaded by now stays: looking through all of it for garbage took a tenth of the
    time of a page."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


# The network ---------------------------------------------------------------------------


def _is_near(address: Any) -> bool:
    """Whether a socket address is on this machine."""
    if not isinstance(address, tuple):
        return True  # a unix socket
    host = address[0]
    if host in {"localhost", ""}:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def network_guard(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Refuse and report every attempt to leave this machine.

    Code under test may swallow the error, so the attempt is also counted at the end. A
    test that wants to see an attempt refused clears the list it gets.
    """
    attempts: list[str] = []

    def guarded(original: Callable[..., Any]) -> Callable[..., Any]:
        def connect(self: socket.socket, address: Any) -> Any:
            if not _is_near(address):
                attempts.append(f"connect to {address!r}")
                raise ConnectionRefusedError("A test must not leave this machine.")
            return original(self, address)

        return connect

    resolve = socket.getaddrinfo

    def guarded_resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and not _is_near((name,)) and not _is_address(name):
            attempts.append(f"look up {name!r}")
            raise socket.gaierror(socket.EAI_NONAME, "A test must not ask the outside.")
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))
    monkeypatch.setattr(socket, "getaddrinfo", guarded_resolve)
    yield attempts
    if attempts:
        pytest.fail(f"the test tried to leave this machine: {', '.join(attempts)}")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


# The database and the cache --------------------------------------------------------------


@pytest.fixture(autouse=True, scope="session")
def _flush_past_the_triggers() -> Iterator[None]:
    """Let a transactional test empty its tables: the timeline refuses that otherwise (W9)."""
    original = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]

    def teardown(self: Any) -> None:
        aliases = self._databases_names(include_mirrors=False)
        for alias in aliases:
            triggers.remove(connections[alias])
        try:
            original(self)
        finally:
            for alias in aliases:
                triggers.install(connections[alias])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", teardown)
        yield


@pytest.fixture(autouse=True)
def _empty_cache(settings: Settings) -> None:
    """A cache of its own for each test, or sign-in limits would reach into the next one."""
    settings.CACHES = {
        "default": settings.CACHES["default"] | {"KEY_PREFIX": f"test-{uuid.uuid4().hex}"}
    }


@pytest.fixture
def team(db: None) -> Team:
    """The agency's people, and the SOP that they follow."""
    make_sop()
    return make_team()


# Mail ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ReceivedMail:
    """One mail as the server got it: the envelope and the parsed message."""

    sender: str
    recipients: list[str]
    message: EmailMessage

    @property
    def text(self) -> str:
        part = self.message.get_body(("plain",))
        return part.get_content() if part else ""

    @property
    def html(self) -> str:
        part = self.message.get_body(("html",))
        return part.get_content() if part else ""


@dataclass
class SmtpServer:
    """A real mail server on loopback; `answers` are given, one each, instead of 250."""

    host: str = "127.0.0.1"
    port: int = 0
    mails: list[ReceivedMail] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.answers:
            return self.answers.pop(0)
        content = envelope.original_content or b""
        message = BytesParser(policy=SMTP_POLICY).parsebytes(content)
        assert isinstance(message, EmailMessage)
        self.mails.append(ReceivedMail(envelope.mail_from or "", envelope.rcpt_tos, message))
        return "250 taken"


@pytest.fixture
def smtp_server(settings: Settings) -> Iterator[SmtpServer]:
    """A mail server that the settings point to; read `mails` for what arrived."""
    server = SmtpServer()
    with socket.socket() as probe:
        probe.bind((server.host, 0))
        server.port = probe.getsockname()[1]
    controller = Controller(server, hostname=server.host, port=server.port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = server.host
    settings.EMAIL_PORT = server.port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_TIMEOUT = 5
    yield server
    controller.stop()


# Telegram and HubSpot ----------------------------------------------------------------------


@pytest.fixture
def telegram_server(settings: Settings) -> Iterator[TelegramServer]:
    """A Bot API that the settings point to; read `sent` for what arrived."""
    settings.TELEGRAM_BOT_TOKEN = telegram_server_module.TOKEN
    with TelegramServer() as server:
        settings.TELEGRAM_API_URL = server.url
        yield server


@pytest.fixture
def hubspot_server(settings: Settings) -> Iterator[HubSpotServer]:
    """A HubSpot that the settings point to; read `notes` for what is on its deals."""
    settings.HUBSPOT_TOKEN = hubspot_server_module.TOKEN
    with HubSpotServer() as server:
        settings.HUBSPOT_API_URL = server.url
        yield server


# The browser -------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Debian's Chromium; the tests that need it are skipped where it is missing."""
    executable = find_chromium()
    if executable is None:
        pytest.skip("chromium is not installed")
    return browser_type_launch_args | {"executable_path": executable, "args": FLAGS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return browser_context_args | {
        "locale": "en-GB",
        "timezone_id": "Europe/Berlin",
        "viewport": {"width": 1360, "height": 900},
    }


@pytest.fixture
def browser_as(
    browser: Browser, browser_context_args: dict[str, Any], live_server: LiveServer
) -> Iterator[Callable[..., Page]]:
    """`browser_as(user, **context_options)` opens a page of the live server as that person.

    Options are Playwright's, such as ``viewport`` or ``color_scheme``; paths given to
    ``page.goto`` are relative to the live server.
    """
    contexts = []

    def open_page(user: User | None = None, **options: Any) -> Page:
        context = browser.new_context(
            **(browser_context_args | {"base_url": live_server.url} | options)
        )
        contexts.append(context)
        if user is not None:
            client = Client()
            client.force_login(user)
            cookie = client.cookies["sessionid"].value
            context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()
