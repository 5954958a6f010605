"""The other sides, on loopback: each writes into the ledger what it accepted.

They take their time before and after accepting (`delay`, seconds), so that an engine can be
killed in between; a request whose sender was killed before it was whole is not accepted.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.faults.feeding import HUBSPOT, MAIL, TELEGRAM
from tests.faults.ledger import Ledger
from tests.faults.places import Place
from tests.notifications import hubspot_server, telegram_server
from tests.notifications.hubspot_server import HubSpotServer
from tests.notifications.json_server import Asked, Reply
from tests.notifications.telegram_server import TelegramServer

#: Until a new note is on its deal's list, and how many notes one page of it has.
HUBSPOT_LAG, NOTES_PER_PAGE = 1.0, 20


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class MailReceiver:
    """Accepts every mail."""

    ledger: Ledger
    delay: float = 0

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        await asyncio.sleep(self.delay)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.ledger.take(envelope.content.decode("utf-8", "replace"))
        await asyncio.sleep(self.delay)
        return "250 2.0.0 queued"


class TelegramReceiver(TelegramServer):
    def __init__(self, ledger: Ledger, delay: float = 0) -> None:
        super().__init__()
        self.ledger, self.delay = ledger, delay

    def scripted(self, asked: Asked) -> Reply:
        time.sleep(self.delay)
        return Reply(waits=self.delay)

    def answer(self, asked: Asked) -> tuple[int, Any]:
        status, said = super().answer(asked)
        if status == HTTPStatus.OK and asked.path.endswith("/sendMessage"):
            self.ledger.take(asked.json["text"])
        return status, said


class HubSpotReceiver(HubSpotServer):
    def __init__(self, ledger: Ledger, delay: float = 0) -> None:
        super().__init__()
        self.ledger, self.delay = ledger, delay
        self.lag, self.per_page = HUBSPOT_LAG, NOTES_PER_PAGE

    def scripted(self, asked: Asked) -> Reply:
        time.sleep(self.delay)
        return Reply(waits=self.delay)

    def answer(self, asked: Asked) -> tuple[int, Any]:
        status, said = super().answer(asked)
        if status == HTTPStatus.CREATED:
            self.ledger.take(asked.json["properties"]["hs_note_body"])
        return status, said


@contextmanager
def mail_receiver(place: Place, ledger: Ledger, delay: float = 0) -> Iterator[None]:
    """A mail server that the programs of this place know."""
    controller = Controller(MailReceiver(ledger, delay), hostname="127.0.0.1", port=free_port())
    controller.start()
    place.services["EMAIL_URL"] = f"smtp://127.0.0.1:{controller.port}"
    try:
        yield
    finally:
        controller.stop(no_assert=True)


@contextmanager
def telegram_receiver(place: Place, ledger: Ledger, delay: float = 0) -> Iterator[None]:
    """A Telegram that the programs of this place know."""
    with TelegramReceiver(ledger, delay) as server:
        token = telegram_server.TOKEN
        place.services |= {"TELEGRAM_API_URL": server.url, "TELEGRAM_BOT_TOKEN": token}
        yield


@contextmanager
def hubspot_receiver(place: Place, ledger: Ledger, delay: float = 0) -> Iterator[None]:
    """A HubSpot that the programs of this place know."""
    with HubSpotReceiver(ledger, delay) as server:
        token = hubspot_server.TOKEN
        place.services |= {"HUBSPOT_API_URL": server.url, "HUBSPOT_TOKEN": token}
        yield


RECEIVERS: dict[str, Callable[..., AbstractContextManager[None]]] = {
    MAIL: mail_receiver,
    TELEGRAM: telegram_receiver,
    HUBSPOT: hubspot_receiver,
}


@contextmanager
def receivers(
    place: Place, ledger: Ledger, channels: list[str], delay: float = 0
) -> Iterator[None]:
    """The other side of each channel; what they accept goes into one ledger."""
    with ExitStack() as stack:
        for channel in channels:
            stack.enter_context(RECEIVERS[channel](place, ledger, delay))
        yield
