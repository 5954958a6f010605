"""The floors above hear of each message that is late, once."""

from datetime import datetime, timedelta

import pytest

from notifications.channels.base import DeliveryError
from notifications.delivery import deliver_due, tend_outbox
from notifications.models import Message
from notifications.outbox import resend_dead
from notifications.pace import PACE
from notifications.pausing import pause_channel
from tests.notifications import settled_log
from tests.notifications.conftest import NOW

pytestmark = [pytest.mark.fast, pytest.mark.django_db]

LATE = NOW + timedelta(minutes=2, seconds=1)


@pytest.fixture
def delays(settings) -> list[tuple[str, datetime]]:
    """What was told to be late, as (key, now)."""
    settings.MESSAGE_DELAYED_HANDLERS = ["tests.notifications.settled_log.remember_delay"]
    settled_log.delays.clear()
    return settled_log.delays


def test_message_unsent_for_two_minutes_is_told_once_E10(queue, delays, closed_port):
    message = queue()
    tend_outbox(now=NOW + timedelta(minutes=2))
    assert delays == []
    tend_outbox(now=LATE)
    tend_outbox(now=LATE + timedelta(hours=1))
    assert delays == [(message.key, LATE)]


def test_message_of_a_channel_shut_for_good_is_told_at_once_E10(queue, delays):
    refused = DeliveryError("535 no", channel_down=True, counts=False, needs_a_person=True)
    pause_channel("email", refused, now=NOW, pace=PACE)
    message = queue()
    queue(recipient="joe@client.example", not_before=NOW + timedelta(minutes=1))
    tend_outbox(now=NOW)
    assert delays == [(message.key, NOW)]


def test_sent_failed_and_held_messages_are_not_late(queue, delays, mail_server):
    queue()
    deliver_due(now=NOW)
    for state in ("dead", "held", "uncertain", "cancelled"):
        Message.objects.filter(pk=queue().pk).update(state=state)
    tend_outbox(now=LATE)
    assert delays == []


def test_message_sent_again_can_be_late_again(queue, delays):
    message = queue()
    tend_outbox(now=LATE)
    Message.objects.update(state="dead")
    resend_dead(message, by="rick", now=LATE)
    tend_outbox(now=LATE + timedelta(minutes=3))
    assert len(delays) == 2


def test_failing_handler_of_a_delay_holds_up_nobody(queue, settings, delays):
    settings.MESSAGE_DELAYED_HANDLERS = ["tests.notifications.settled_log.fail"]
    queue()
    assert deliver_due(now=LATE, channels=[]).delayed == 0
    settings.MESSAGE_DELAYED_HANDLERS = ["tests.notifications.settled_log.remember_delay"]
    second = queue(recipient="joe@client.example")
    assert deliver_due(now=LATE, channels=[]).delayed == 1
    assert [key for key, _ in delays] == [second.key]


def test_one_failing_handler_keeps_the_others_told(queue, mail_server, settings, settled):
    settings.MESSAGE_SETTLED_HANDLERS = ["tests.notifications.settled_log.fail_for_joe"]
    for name in ("anna", "joe", "maya"):
        queue(recipient=f"{name}@client.example")
    report = deliver_due(now=NOW)
    assert (report.sent, report.handlers_failed) == (3, 1)
    pending = Message.objects.filter(handlers_pending=True)
    assert [message.recipient for message in pending] == ["joe@client.example"]
    assert Message.objects.filter(state="sent").count() == 3
