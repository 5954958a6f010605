"""`check_telegram`: who the bot is, which chats wrote to it, a test, and what it keeps."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from incidents.enums import Role
from incidents.models import Responder
from tests.factories import make_responder
from tests.notifications.json_server import Reply
from tests.notifications.telegram_server import TelegramServer, refusal, started_by

pytestmark = pytest.mark.django_db


def run(*words: str) -> str:
    out = StringIO()
    call_command("check_telegram", *words, stdout=out)
    return out.getvalue()


@pytest.fixture
def clayton(db: None) -> Responder:
    return make_responder(Role.FOUNDER, name="Clayton", email="clayton@agency.example")


def test_chats_are_listed_by_names_a_person_recognises(
    telegram_server: TelegramServer, clayton: Responder
) -> None:
    clayton.telegram_chat = "77"
    clayton.save()
    group = {"id": -1009, "type": "supergroup", "title": "SOP alarms"}
    telegram_server.updates = [
        started_by(77, "Clayton", username="clay"),
        started_by(77, "Clayton", username="clay"),
        {"update_id": 3, "my_chat_member": {"chat": group, "from": {"id": 1}}},
        {"update_id": 4, "callback_query": {"id": "1", "message": {"chat": group}}},
        {"update_id": 5, "poll": {"id": "x"}},
    ]
    text = run()
    assert "77  Clayton @clay (private, kept for Clayton)" in text
    assert text.count("-1009  SOP alarms (supergroup)") == 1
    assert "@sop_bot" in text
    data = json.loads(run("--json"))
    assert [chat["id"] for chat in data["chats"]] == [77, -1009]
    assert (data["ok"], data["chats"][0]["responder"]) == (True, "Clayton")
    assert telegram_server.sent == []


def test_without_chats_it_says_how_to_find_one(telegram_server: TelegramServer) -> None:
    text = run()
    assert "Nobody has written to it lately." in text
    assert "searches for @sop_bot" in text


def test_test_message_is_sent_and_nothing_saved(
    telegram_server: TelegramServer, clayton: Responder
) -> None:
    text = run("--chat", "77")
    assert "Nothing was saved." in text
    assert telegram_server.sent[0][0] == "77"
    clayton.refresh_from_db()
    assert clayton.telegram_chat == ""


@pytest.mark.parametrize("name", ["clayton", "CLAYTON@agency.example"])
def test_chat_is_saved_when_told(
    telegram_server: TelegramServer, clayton: Responder, name: str
) -> None:
    assert "It is kept for Clayton." in run("--chat", "77", "--save", name)
    clayton.refresh_from_db()
    assert clayton.telegram_chat == "77"
    newest: Any = clayton.history.first()
    assert newest.history_change_reason == "Set with check_telegram"


def test_chat_that_takes_nothing_is_not_saved(
    telegram_server: TelegramServer, clayton: Responder
) -> None:
    telegram_server.chats = set()
    with pytest.raises(CommandError, match="chat not found"):
        run("--chat", "12", "--save", "Clayton")
    clayton.refresh_from_db()
    assert clayton.telegram_chat == ""


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--save", "Clayton"], "--save needs the chat"),
        (["--chat", "1", "--save", "Nobody"], "There is no responder “Nobody”"),
    ],
)
def test_what_is_asked_wrongly_is_said(
    telegram_server: TelegramServer, words: list[str], says: str
) -> None:
    with pytest.raises(CommandError, match=says):
        run(*words)
    assert telegram_server.asked == []


def test_two_of_the_same_name_are_not_guessed(
    telegram_server: TelegramServer, clayton: Responder
) -> None:
    make_responder(Role.DELIVERY, name="Clayton")
    with pytest.raises(CommandError, match="more than one person"):
        run("--chat", "1", "--save", "Clayton")


def test_unset_token_is_one_clear_line(settings: Settings) -> None:
    settings.TELEGRAM_BOT_TOKEN = ""
    with pytest.raises(CommandError, match=r"^TELEGRAM_BOT_TOKEN is not set, so Telegram is not"):
        run()


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (refusal(401, "Unauthorized"), r"refused the token \(401 Unauthorized\)"),
        (refusal(404, "Not Found"), r"refused the token \(404 Not Found\)"),
        (refusal(409, "Conflict: can't use getUpdates while webhook is active"), "webhook"),
        (Reply(drops=True), "Telegram cannot be asked: The connection broke"),
        (Reply(502, "<html>"), "502"),
    ],
)
def test_refusal_is_one_clear_line_without_the_token(
    telegram_server: TelegramServer, reply: Reply, says: str
) -> None:
    telegram_server.always(reply)
    with pytest.raises(CommandError, match=says) as caught:
        run()
    assert telegram_server.token not in str(caught.value)
    assert "\n" not in str(caught.value)
