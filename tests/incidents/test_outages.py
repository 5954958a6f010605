"""A paused channel is told to the orchestrator by one that works, once (rule N1)."""

import datetime as dt

import pytest
from pytest_django import Settings

from incidents.enums import Rank, Role
from incidents.outages import channel_paused
from notifications.enums import Channel
from notifications.models import ChannelPause, Message
from tests.factories import NOW, make_channel_pause, make_responder

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _both_channels(settings: Settings) -> None:
    settings.TELEGRAM_BOT_TOKEN = "1:only-for-tests"


def tell(pause: ChannelPause) -> list[Message]:
    channel_paused(pause, now=NOW)
    return list(Message.objects.all())


def test_orchestrator_hears_by_the_channel_that_works_N1() -> None:
    make_responder(Role.ORCHESTRATOR, channel=Channel.TELEGRAM, telegram_chat="4711")
    pause = make_channel_pause(reason="401 Unauthorized", needs_a_person=True)
    (message,) = tell(pause)
    assert message.channel == Channel.EMAIL
    assert message.subject == "Telegram is paused"
    assert "TELEGRAM_BOT_TOKEN" in message.text
    assert message.text.endswith("/outbox/")


def test_nobody_is_told_twice_of_one_pause_but_of_the_next_N1() -> None:
    make_responder(Role.ORCHESTRATOR, channel=Channel.TELEGRAM, telegram_chat="4711")
    pause = make_channel_pause()
    assert len(tell(pause) and tell(pause)) == 1
    pause.since = NOW + dt.timedelta(hours=2)
    assert len(tell(pause)) == 2


def test_mail_pause_goes_by_telegram_and_never_into_the_paused_mail_N1() -> None:
    person = make_responder(Role.ORCHESTRATOR, channel=Channel.EMAIL, telegram_chat="4711")
    pause = make_channel_pause(Channel.EMAIL, reason="535 no")
    (message,) = tell(pause)
    assert (message.channel, message.recipient) == (Channel.TELEGRAM, "4711")
    person.telegram_chat = ""
    person.save()
    Message.objects.all().delete()
    assert tell(pause) == []


def test_backup_hears_while_the_orchestrator_is_away_N1() -> None:
    away = NOW + dt.timedelta(days=1)
    make_responder(Role.ORCHESTRATOR, away_until=away)
    backup = make_responder(Role.ORCHESTRATOR, rank=Rank.BACKUP)
    (message,) = tell(make_channel_pause())
    assert message.recipient == backup.email


def test_without_an_orchestrator_nothing_breaks() -> None:
    assert tell(make_channel_pause()) == []
