"""The engine as a process: no channel waits for another, and a start tries what was refused."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from notifications.channels.base import DeliveryError
from notifications.enums import Channel, MessageState, Urgency
from notifications.models import ChannelPause, Message
from notifications.outbox import queue_message
from notifications.pace import PACE
from notifications.pausing import pause_channel
from tests.notifications.smtp_scripts import DRIP, misbehaving
from tests.notifications.telegram_server import TOKEN, TelegramServer
from tests.places import environ_of, started, wait_for

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def telegram() -> Iterator[TelegramServer]:
    with TelegramServer() as server:
        yield server


@pytest.fixture
def dripping_port() -> Iterator[int]:
    """A mail server whose greeting never ends."""
    talk = misbehaving("greeting", DRIP)
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(client: socket.socket) -> None:
        with client, suppress(OSError):
            talk(client)

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=answer, args=listener.accept()[:1], daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


@pytest.fixture
def environ(
    tmp_path: Path, telegram: TelegramServer, dripping_port: int, settings: Settings
) -> dict[str, str]:
    settings.TELEGRAM_BOT_TOKEN = TOKEN
    return environ_of(
        tmp_path,
        TELEGRAM_BOT_TOKEN=TOKEN,
        TELEGRAM_API_URL=telegram.url,
        EMAIL_URL=f"smtp://127.0.0.1:{dripping_port}",
        OUTBOUND_ALLOW_PRIVATE="1",
    )


def queue_telegram(key: str) -> None:
    queue_message(
        key=key,
        channel=Channel.TELEGRAM,
        recipient="4711",
        text=key,
        urgency=Urgency.IMMEDIATE,
        now=timezone.now(),
    )


def test_telegram_leaves_within_a_second_while_mail_is_stuck_E1(
    tmp_path: Path, telegram: TelegramServer, environ: dict[str, str]
) -> None:
    for number in range(4):
        queue_message(
            key=f"mail-{number}",
            channel=Channel.EMAIL,
            recipient=f"r{number}@client.example",
            text="Hi",
            now=timezone.now(),
        )
    log = tmp_path / "engine.log"
    with started("manage.py", "run_engine", environ=environ, log=log):
        sending = Message.objects.filter(state=MessageState.SENDING)
        assert wait_for(lambda: sending.exists(), 60), log.read_text()
        waits = []
        for number in range(5):
            began = time.monotonic()
            queue_telegram(f"ring-{number}")
            assert wait_for(lambda n=number: len(telegram.sent) > n, 20), log.read_text()
            waits.append(time.monotonic() - began)
        assert sending.filter(channel=Channel.EMAIL).exists()
    # Two of five may have met a busy moment of the machine.
    assert sorted(waits)[2] < 1.5


def test_start_of_the_engine_tries_a_channel_whose_token_was_refused(
    tmp_path: Path, telegram: TelegramServer, environ: dict[str, str]
) -> None:
    refused = DeliveryError("401", channel_down=True, counts=False, needs_a_person=True)
    for _ in range(5):
        pause_channel(Channel.TELEGRAM, refused, now=timezone.now(), pace=PACE)
    queue_telegram("behind-the-pause")
    log = tmp_path / "engine.log"
    with started("manage.py", "run_engine", environ=environ, log=log):
        assert wait_for(lambda: bool(telegram.sent), 60), log.read_text()
        assert wait_for(lambda: not ChannelPause.objects.exists(), 10), log.read_text()
