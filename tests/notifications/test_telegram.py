"""Telegram against a server on loopback that speaks the Bot API (rules N1, E10)."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from notifications.channels import telegram
from notifications.channels.base import DeliveryError
from notifications.channels.telegram import LONGEST_TEXT, TelegramSession, utf16_units
from notifications.delivery import DeliveryReport, deliver_due
from notifications.enums import Channel, MessageState, Urgency
from notifications.models import ChannelPause, Message
from tests.notifications import moved_log
from tests.notifications.conftest import NOW
from tests.notifications.json_server import Reply, next_try
from tests.notifications.telegram_server import TOKEN, TelegramServer, refusal, too_many

pytestmark = pytest.mark.django_db
CHAT = "-100200"


@pytest.fixture
def server(telegram_server: TelegramServer, settings: Any) -> TelegramServer:
    settings.RECIPIENT_MOVED_HANDLERS = ["tests.notifications.moved_log.remember"]
    moved_log.seen.clear()
    return telegram_server


@pytest.fixture
def tell(queue: Callable[..., Message]) -> Callable[..., Message]:
    def make(**changes: Any) -> Message:
        values = {"channel": Channel.TELEGRAM, "recipient": CHAT, "subject": "E1: INC-2026-0001"}
        return queue(**values | changes)

    return make


def deliver(message: Message, *, now: datetime = NOW) -> DeliveryReport:
    report = deliver_due(now=now)
    message.refresh_from_db()
    return report


def test_message_is_plain_text_without_a_preview(server, tell):
    message = tell(text="<b>5 > 3</b> & _done_\n\nhttps://sop.example/incidents/INC-2026-0001/")
    deliver(message)
    assert message.state == MessageState.SENT
    assert message.receipt == "101"
    [asked] = server.asked
    assert asked.method == "POST"
    assert asked.json == {
        "chat_id": CHAT,
        "text": f"E1: INC-2026-0001\n\n{message.text}",
        "link_preview_options": {"is_disabled": True},
    }


def test_long_text_is_cut_by_utf16_and_keeps_its_link(server, tell):
    link = "https://sop.example/escalations/abc"
    message = tell(text=f"{'🔥é' * 3000}\n\n{link}")
    deliver(message)
    assert message.state == MessageState.SENT
    [(_, text)] = server.sent
    assert utf16_units(text) <= LONGEST_TEXT
    assert utf16_units(text) > LONGEST_TEXT - 4
    assert text.startswith("E1: INC-2026-0001")
    assert text.endswith(f"[… shortened]\n\n{link}")
    assert "\ufffd" not in text


def test_text_that_just_fits_is_left_alone(tell, server):
    message = tell(subject="", text="a" * (LONGEST_TEXT - 2) + "🔥")
    assert telegram.written(message) == message.text
    message.repeats = 1
    assert utf16_units(telegram.written(message)) <= LONGEST_TEXT
    assert telegram.written(message).startswith("(repeat) aaa")


#: What Telegram does → state, attempts counted, at least so many seconds until the next try,
#: whether the channel rests, how often the chat got it.
ANSWERS: list[tuple[str, Reply, str, int, float, bool]] = [
    ("400", refusal(400, "Bad Request: chat not found"), "dead", 1, 0, False),
    ("403", refusal(403, "Forbidden: bot was blocked by the user"), "dead", 1, 0, False),
    ("404 chat", refusal(404, "Not Found: chat not found"), "dead", 1, 0, False),
    ("404 bot", refusal(404, "Not Found"), "pending", 0, 30, True),
    ("401", refusal(401, "Unauthorized"), "pending", 0, 30, True),
    ("429", too_many(37), "pending", 1, 37, False),
    ("429 header bigger", too_many(3, header=41), "pending", 1, 41, False),
    ("500", refusal(500, "Internal Server Error"), "pending", 1, 0, False),
    ("502 html", Reply(502, "<html>Bad Gateway</html>"), "pending", 1, 0, False),
    ("200 html", Reply(200, "<html>Sign in to the wi-fi</html>"), "pending", 1, 0, False),
    ("redirect", Reply(302, "", {"Location": "http://127.0.0.1:1/"}), "pending", 0, 30, True),
    ("silence", Reply(accepts=True, waits=9), "pending", 1, 0, False),
    ("drop", Reply(accepts=True, drops=True), "pending", 1, 0, False),
    ("drip", Reply(accepts=True, drips=True), "pending", 1, 0, False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "state", "attempts", "wait", "rests"),
    [row[1:] for row in ANSWERS],
    ids=[row[0] for row in ANSWERS],
)
def test_each_answer_has_its_consequence(
    server, tell, settings, reply, state, attempts, wait, rests
):
    settings.HTTP_TIMEOUT = 1
    message = tell()
    server.always(reply)
    started = time.monotonic()
    deliver(message)
    assert time.monotonic() - started < 2.5
    assert (message.state, message.attempts) == (state, attempts)
    assert len(server.asked) == 1
    if state == "pending":
        assert next_try(message) >= NOW + timedelta(seconds=wait)
    assert ChannelPause.objects.filter(channel=Channel.TELEGRAM).exists() == rests
    assert TOKEN not in message.last_error
    early = NOW + timedelta(seconds=max(0, wait - 1))
    if wait:
        deliver(message, now=early)
        assert len(server.asked) == 1


UNKNOWN = {
    "500": refusal(500, "Internal Server Error"),
    "silence": Reply(accepts=True, waits=9),
    "drop": Reply(accepts=True, drops=True),
    "no answer of the API": Reply(200, "taken"),
}


@pytest.mark.parametrize("reply", UNKNOWN.values(), ids=UNKNOWN)
def test_lost_answer_is_sent_again_and_says_so(server, tell, settings, reply):
    settings.HTTP_TIMEOUT = 1
    message = tell(text="Sync is down.")
    server.next(reply)
    deliver(message)
    assert (message.state, message.repeats) == (MessageState.PENDING, 1)
    deliver(message, now=next_try(message))
    assert message.state == MessageState.SENT
    last = server.asked[-1].json["text"]
    assert last == "(repeat) E1: INC-2026-0001\n\nSync is down."


@pytest.mark.parametrize("reply", [too_many(1), refusal(401, "Unauthorized")], ids=["429", "401"])
def test_clear_refusal_is_no_repeat(server, tell, reply):
    message = tell()
    server.next(reply)
    deliver(message)
    deliver(message, now=next_try(message))
    assert message.state == MessageState.SENT
    assert [text.startswith("(repeat)") for _, text in server.sent] == [False]


def test_refused_connection_is_tried_again_without_a_mark(server, tell, settings):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings.TELEGRAM_API_URL = f"http://127.0.0.1:{port}"
    message = tell()
    deliver(message)
    assert (message.state, message.repeats) == (MessageState.PENDING, 0)
    assert "No connection" in message.last_error
    settings.TELEGRAM_API_URL = server.url
    deliver(message, now=next_try(message))
    assert server.texts_to(CHAT)[0].startswith("E1: ")


def test_group_that_moved_gets_it_at_its_new_id(server, tell):
    server.moved[CHAT] = -1001234567890
    first, second = tell(), tell(reference="INC-2026-0002")
    elsewhere = tell(recipient="77")
    deliver_due(now=NOW)
    for message in (first, second, elsewhere):
        message.refresh_from_db()
        assert message.state == MessageState.SENT
    assert [chat for chat, _ in server.sent].count("-1001234567890") == 2
    assert (first.recipient, elsewhere.recipient) == ("-1001234567890", "77")
    assert moved_log.seen[0] == ("telegram", CHAT, "-1001234567890")


def test_group_that_moves_in_a_circle_is_given_up(server, tell):
    server.moved.update({CHAT: 5, "5": -100200})
    message = tell()
    deliver(message)
    assert message.state == MessageState.DEAD
    assert len(server.asked) == 2


def test_unset_token_rests_the_channel_and_asks_nobody(server, tell, settings):
    message = tell()
    settings.TELEGRAM_BOT_TOKEN = ""
    deliver(message)
    assert (message.state, message.attempts) == (MessageState.PENDING, 0)
    assert server.asked == []
    assert "TELEGRAM_BOT_TOKEN is not set" in message.last_error


def test_private_address_is_refused(server, tell, settings):
    settings.OUTBOUND_ALLOW_PRIVATE = False
    message = tell()
    deliver(message)
    assert message.state == MessageState.PENDING
    assert server.asked == []


def test_token_with_odd_signs_keeps_to_its_place_in_the_address(server, settings):
    """A token of somebody's invention must not become another path or host."""
    settings.TELEGRAM_BOT_TOKEN = "12:a/../b?c#d"
    message = Message(recipient=CHAT, text="x", channel=Channel.TELEGRAM)
    with pytest.raises(DeliveryError) as caught:
        TelegramSession().send(message, seconds=2)
    assert caught.value.needs_a_person
    [asked] = server.asked
    assert asked.path == "/bot12:a/../b?c#d/sendMessage"


def test_urgent_message_leaves_first(server, tell):
    tell(recipient="1", urgency=Urgency.LOW)
    tell(recipient="2", urgency=Urgency.IMMEDIATE)
    deliver_due(now=NOW)
    assert [chat for chat, _ in server.sent] == ["2", "1"]
