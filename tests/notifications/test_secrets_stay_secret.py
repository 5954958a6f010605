"""Planted secrets are found nowhere, whatever the other side does."""

from __future__ import annotations

import logging
import socket
from base64 import b64encode
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client as Browser

from incidents.enums import Role
from notifications.channels.base import DeliveryError
from notifications.channels.hubspot import HubSpotSession
from notifications.channels.registry import CHANNELS
from notifications.channels.telegram import TelegramSession
from notifications.delivery import deliver_due
from notifications.enums import Channel
from notifications.models import ChannelPause, Message
from notifications.redaction import redact
from tests.factories import make_client, make_user
from tests.notifications import hubspot_server, telegram_server
from tests.notifications.conftest import NOW
from tests.notifications.hubspot_server import HubSpotServer
from tests.notifications.json_server import JsonServer, Reply
from tests.notifications.telegram_server import TelegramServer

pytestmark = pytest.mark.django_db
BOT = "77:canary-bot-QZ81x"
HUB = "canary-hub-QZ82x"
MAIL = "canary-mail-QZ83x"
SMART = "canary-smart-QZ84x"
CANARIES = (BOT, BOT.partition(":")[2], HUB, MAIL, b64encode(MAIL.encode()).decode(), SMART)


@pytest.fixture
def planted(
    settings: Any,
    telegram_server: TelegramServer,
    hubspot_server: HubSpotServer,
    raw_server: Callable[[Callable[[socket.socket], None]], None],
) -> list[JsonServer]:
    """Every secret is a canary; the servers know other ones."""
    settings.TELEGRAM_BOT_TOKEN, settings.HUBSPOT_TOKEN = BOT, HUB
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "incidents", MAIL
    settings.SMARTLEAD_API_KEY = SMART
    settings.HTTP_TIMEOUT = 0.4
    raw_server(repeats_the_password)
    return [telegram_server, hubspot_server]


def repeats_the_password(peer: socket.socket) -> None:
    """A mail server that refuses a login and says what it was given, as it was given and plain."""
    peer.sendall(b"220 here\r\n")
    with peer.makefile("rb") as lines:
        for line in lines:
            if line.upper().startswith(b"EHLO"):
                peer.sendall(b"250-here\r\n250 AUTH PLAIN LOGIN\r\n")
            else:
                peer.sendall(b"535 5.7.8 wrong: " + line.strip() + b" " + MAIL.encode() + b"\r\n")


def echo(status: int) -> Reply:
    """An answer that says our own secrets to our face, as some error pages do."""
    words = f"You sent /bot{BOT}/sendMessage with Authorization: Bearer {HUB} and {SMART}"
    body = {"ok": False, "error_code": status, "description": words, "message": words}
    return Reply(status, body)


FAILURES = {
    "as the real one would": Reply(),
    "400": echo(400),
    "401": echo(401),
    "403": echo(403),
    "404": echo(404),
    "429": echo(429),
    "500": echo(500),
    "200 odd": echo(200),
    "silence": Reply(accepts=True, waits=3),
    "drop": Reply(accepts=True, drops=True),
    "redirect": Reply(302, "", {"Location": f"http://127.0.0.1:1/bot{BOT}/?token={HUB}"}),
    "no TLS": Reply(),
    "refused connection": Reply(),
    "private address": Reply(),
    "not an address": Reply(),
}


def spoil(settings: Any, name: str) -> None:
    """What is wrong with the address instead of with the answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = f"http://127.0.0.1:{listener.getsockname()[1]}"
    changes = {
        "no TLS": settings.TELEGRAM_API_URL.replace("http:", "https:"),
        "refused connection": closed,
        "not an address": "http://[",
    }
    if name in changes:
        settings.TELEGRAM_API_URL = settings.HUBSPOT_API_URL = changes[name]
    settings.OUTBOUND_ALLOW_PRIVATE = name != "private address"


def every_text_of_the_database() -> str:
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            found += [repr(row) for row in cursor.fetchall()]
    return "\n".join(found)


def everything_logged(caplog: pytest.LogCaptureFixture) -> str:
    plain = logging.Formatter("%(name)s %(message)s %(pathname)s")
    return "\n".join(plain.format(record) for record in caplog.records)


def errors_of_a_send(message: Message) -> str:
    """The exception itself: its text, its repr, and those it came from."""
    try:
        CHANNELS[message.channel]().send(message, seconds=0.5)
    except DeliveryError as error:
        chain: BaseException | None = error
        texts = []
        while chain is not None:
            texts += [str(chain), repr(chain), repr(chain.args), repr(vars(chain))]
            chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)
        return "\n".join(texts)
    return ""


def pages(browser: Browser) -> str:
    addresses = ["/outbox/", "/", *(f"/outbox/{m.pk}/" for m in Message.objects.all())]
    return "\n".join(browser.get(address).content.decode() for address in addresses)


@pytest.mark.parametrize(("name", "reply"), FAILURES.items(), ids=FAILURES)
def test_canaries_are_found_nowhere(
    planted: list[JsonServer],
    queue: Callable[..., Message],
    caplog: pytest.LogCaptureFixture,
    settings: Any,
    name: str,
    reply: Reply,
) -> None:
    caplog.set_level(logging.DEBUG)
    for server in planted:
        server.always(reply)
    spoil(settings, name)
    telegram = queue(channel=Channel.TELEGRAM, recipient="1")
    note = queue(channel=Channel.HUBSPOT, recipient="2")
    queue(recipient="x@client.example")
    for _ in range(2):
        deliver_due(now=NOW)
        ChannelPause.objects.all().update(until=NOW)
        Message.objects.all().update(next_attempt_at=NOW)
    browser = Browser()
    browser.force_login(make_user(Role.FOUNDER))
    printed = StringIO()
    with pytest.raises(CommandError) as said:
        call_command("check_telegram", stdout=printed, stderr=printed)
    place = {
        "log": everything_logged(caplog),
        "database": every_text_of_the_database(),
        "exceptions": errors_of_a_send(telegram) + errors_of_a_send(note),
        "pages": pages(browser),
        "objects": repr(
            [TelegramSession(), HubSpotSession(), telegram, note, vars(TelegramSession())]
        ),
        "command": f"{printed.getvalue()}{said.value!r}",
    }
    assert all(place.values())
    assert [(where, c) for where, text in place.items() for c in CANARIES if c in text] == []


def test_broken_page_shows_no_secret(
    planted: list[JsonServer], caplog: pytest.LogCaptureFixture, settings: Any
) -> None:
    """Something of ours breaks with the token at hand: the page is plain, the log is clean."""
    settings.HUBSPOT_API_VERSION = None
    settings.DEBUG = False
    make_client(slug="acme")
    browser = Browser(raise_request_exception=False)
    browser.force_login(make_user(Role.REVENUE))
    answer = browser.get("/clients/acme/deal/")
    assert answer.status_code == 500
    logged = everything_logged(caplog)
    assert "Traceback" in logged
    assert not any(canary in answer.text + logged for canary in CANARIES)


@pytest.mark.parametrize(
    "text",
    [
        f"GET /bot{BOT}/getMe",
        "GET /bot77%3Acanary-bot-QZ81x/getMe",
        f"https://x.example/?api_key={SMART}&a=1",
        f"Authorization: Bearer {HUB}",
        f"AUTH PLAIN {MAIL}",
    ],
)
def test_redaction_knows_secrets_in_every_dress(planted: list[JsonServer], text: str) -> None:
    cleaned = redact(text)
    assert "[secret]" in cleaned
    assert not any(canary in cleaned for canary in CANARIES)


def test_servers_of_the_tests_would_show_a_leak(
    planted: list[JsonServer], queue: Callable[..., Message]
) -> None:
    """The canaries do leave for the other side: otherwise these tests would prove nothing."""
    queue(channel=Channel.TELEGRAM, recipient="1")
    queue(channel=Channel.HUBSPOT, recipient="2")
    deliver_due(now=NOW)
    telegram, hubspot = planted
    assert BOT in telegram.asked[0].path
    assert hubspot.asked[0].headers["authorization"] == f"Bearer {HUB}"
    assert (telegram_server.TOKEN, hubspot_server.TOKEN) != (BOT, HUB)
