"""Queueing, taking back, and the decisions of a person."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from notifications.enums import AttemptOutcome, Channel, MessageState, Urgency
from notifications.models import Message
from notifications.outbox import (
    MessageError,
    cancel_message,
    resend_dead,
    settle_uncertain,
)
from tests.notifications.conftest import NOW

pytestmark = [pytest.mark.fast, pytest.mark.django_db]

LATER = NOW + timedelta(minutes=5)


def force(message: Message, **values: object) -> Message:
    Message.objects.filter(pk=message.pk).update(**values)
    message.refresh_from_db()
    return message


def test_message_waits_with_everything_fixed(queue, settings):
    settings.DEFAULT_FROM_EMAIL = "LeadsPanther <support@leadspanther.example>"
    settings.REPLY_TO_EMAIL = "inbox@leadspanther.example"
    message = queue(key="INC-2026-0001:notification:1:email:maya@client.example")
    assert message.state == MessageState.PENDING
    assert message.message_id.startswith("<")
    assert message.message_id.endswith("@leadspanther.example>")
    assert message.lane == "email:INC-2026-0001:maya@client.example"
    assert message.reply_to == "inbox@leadspanther.example"
    assert message.due_at == message.next_attempt_at == message.created_at == NOW


def test_same_key_again_is_the_same_message(queue):
    first = queue(key="once")
    again = queue(key="once", text="Other words", now=LATER)
    assert again.pk == first.pk
    assert again.text == first.text
    assert Message.objects.count() == 1


def test_message_is_gone_with_the_callers_transaction(queue):
    with transaction.atomic():
        queue()
        transaction.set_rollback(True)
    assert not Message.objects.exists()


def test_not_before_delays_but_never_backdates(queue):
    assert queue(not_before=LATER).next_attempt_at == LATER
    assert queue(not_before=NOW - timedelta(days=1)).next_attempt_at == NOW


@pytest.mark.parametrize(
    "subject",
    [
        "Paused\nBcc: everyone@client.example",
        "Paused\r\nX: y",
        "Paused\rX",
        "a\x00b",
        "a\x1db",
        "a\u2028b",
    ],
)
def test_header_injection_is_refused(queue, subject):
    with pytest.raises(MessageError, match="subject contains a line break"):
        queue(subject=subject)
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "maya",
        "maya@client.example, joe@client.example",
        "maya@client.example;joe@client.example",
        "maya@client.example joe@client.example",
        "Maya <maya@client.example>",
        '"maya@client.example" <other@client.example>',
        "maya@client.example\nBcc: joe@client.example",
        " maya@client.example",
        "maya@client.example\x00",
        "mäya@client.example",
    ],
)
def test_anything_but_one_address_is_refused_M2(queue, address):
    with pytest.raises(MessageError, match="exactly one e-mail address"):
        queue(recipient=address)
    if address:
        with pytest.raises(MessageError, match="exactly one e-mail address"):
            queue(reply_to=address)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"text": "NUL \x00 byte"}, "control character"),
        ({"html": "<p>\x00</p>"}, "control character"),
        ({"text": "lone \ud800 half"}, "control character"),
        ({"text": "  \n"}, "no text"),
        ({"subject": "x" * 501}, "501 characters"),
        ({"recipient": f"{'x' * 250}@client.example"}, "254 are allowed"),
        ({"key": "k" * 301}, "300 are allowed"),
        ({"channel": Channel.TELEGRAM, "recipient": "12345"}, "telegram cannot deliver yet"),
        ({"channel": Channel.HUBSPOT, "recipient": "12345"}, "hubspot cannot deliver yet"),
        ({"channel": "pigeon"}, "pigeon cannot deliver"),
    ],
)
def test_what_no_channel_can_carry_is_refused(queue, changes, why):
    with pytest.raises(MessageError, match=why):
        queue(**changes)
    assert not Message.objects.exists()


def test_thread_has_one_root_M2(queue):
    first = queue(thread="INC-2026-0001:acme", subject="One")
    second = queue(thread="INC-2026-0001:acme", subject="Two")
    other = queue(thread="INC-2026-0001:halden")
    assert first.references == second.references != other.references
    assert second.thread_headers == {
        "References": first.references,
        "In-Reply-To": first.references,
    }
    assert queue().thread_headers == {}


def test_cancel_takes_a_waiting_message_back_M3(queue, settled):
    message = queue(not_before=NOW + timedelta(seconds=10))
    assert cancel_message(message, now=LATER) is True
    assert message.state == MessageState.CANCELLED
    assert settled == [(message.key, "cancelled", LATER)]
    assert cancel_message(message, now=LATER) is False
    assert len(settled) == 1


@pytest.mark.parametrize("state", [MessageState.DEAD, MessageState.UNCERTAIN])
def test_cancel_comes_too_late_M3(queue, settled, state):
    message = force(queue(), state=state)
    assert cancel_message(message, now=LATER) is False
    assert not settled


def test_failing_handler_undoes_the_cancel(queue, settings):
    settings.MESSAGE_SETTLED_HANDLERS = ["tests.notifications.settled_log.fail"]
    message = queue()
    with pytest.raises(RuntimeError):
        cancel_message(message, now=LATER)
    message.refresh_from_db()
    assert message.state == MessageState.PENDING


def test_uncertain_that_arrived_counts_from_its_attempt(queue, settled):
    message = force(queue(), state=MessageState.UNCERTAIN, attempts=1)
    message.delivery_attempts.create(
        number=1, started_at=NOW, ended_at=NOW, outcome=AttemptOutcome.UNCERTAIN
    )
    assert settle_uncertain(message, arrived=True, by="rick", now=LATER) is True
    assert (message.state, message.sent_at) == (MessageState.SENT, NOW)
    decision = message.delivery_attempts.get(by="rick")
    assert decision.outcome == AttemptOutcome.CONFIRMED
    assert settled == [(message.key, "sent", LATER)]
    assert settle_uncertain(message, arrived=False, by="joe", now=LATER) is False


def test_uncertain_sent_again_keeps_its_message_id(queue, settled):
    message = force(queue(), state=MessageState.UNCERTAIN, attempts=3)
    before = message.message_id
    assert settle_uncertain(message, arrived=False, by="rick", now=LATER) is True
    assert (message.state, message.attempts) == (MessageState.PENDING, 0)
    assert (message.message_id, message.next_attempt_at) == (before, LATER)
    assert not settled


def test_dead_is_brought_back_once(queue):
    message = force(queue(), state=MessageState.DEAD, attempts=20)
    assert resend_dead(message, by="rick", now=LATER) is True
    assert (message.state, message.attempts, message.due_at) == ("pending", 0, LATER)
    assert message.delivery_attempts.get().outcome == AttemptOutcome.REQUEUED
    assert resend_dead(message, by="rick", now=LATER) is False


@pytest.mark.parametrize(
    "values",
    [
        {"state": "leased"},
        {"state": "sending", "lease_token": "t", "lease_expires_at": NOW},
        {"state": "sending", "sending_since": NOW},
        {"lease_token": "t", "lease_expires_at": NOW},
        {"state": "leased", "lease_token": "t"},
        {"sending_since": NOW},
        {"state": "sent"},
        {"sent_at": NOW},
        {"state": "lost"},
        {"channel": "pigeon"},
    ],
)
def test_database_refuses_impossible_rows(queue, values):
    message = queue()
    with pytest.raises(IntegrityError), transaction.atomic():
        Message.objects.filter(pk=message.pk).update(**values)


def test_database_allows_one_sender_per_lane(queue):
    first, second, other = queue(), queue(), queue(recipient="joe@client.example")
    held = {"state": "leased", "lease_token": "t", "lease_expires_at": NOW}
    force(first, **held)
    force(other, **held)
    with pytest.raises(IntegrityError), transaction.atomic():
        force(second, **held)


def test_summary_takes_one_query(queue, django_assert_num_queries):
    queue()
    force(queue(), state="dead")
    force(queue(), state="uncertain")
    force(queue(), state="held")
    force(queue(), state="sent", sent_at=NOW)
    queue(now=LATER)
    with django_assert_num_queries(1):
        summary = Message.objects.summary(at=LATER)
    assert summary == {"waiting": 2, "stalled": 1, "held": 1, "failed": 1, "uncertain": 1}


def test_summary_of_an_empty_outbox():
    expected = {"waiting": 0, "stalled": 0, "held": 0, "failed": 0, "uncertain": 0}
    assert Message.objects.summary(at=NOW) == expected


def test_stalled_counts_from_when_it_was_due_not_from_its_retry(queue):
    retrying = force(queue(), next_attempt_at=NOW + timedelta(hours=1))
    queue(not_before=LATER)
    assert list(Message.objects.stalled(at=NOW + timedelta(seconds=120))) == []
    assert list(Message.objects.stalled(at=NOW + timedelta(seconds=121))) == [retrying]


def test_named_questions(queue):
    waiting, dead, uncertain = queue(), queue(), queue(reference="")
    force(dead, state="dead")
    force(uncertain, state="uncertain")
    assert list(Message.objects.waiting()) == [waiting]
    assert list(Message.objects.failed()) == [dead]
    assert list(Message.objects.uncertain()) == [uncertain]
    assert list(Message.objects.for_reference("INC-2026-0001")) == [waiting, dead]


def test_urgency_is_kept(queue):
    assert queue(urgency=Urgency.IMMEDIATE).urgency == Urgency.IMMEDIATE
