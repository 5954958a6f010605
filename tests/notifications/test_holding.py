"""What waits for a person: held after a restore, failed and set aside."""

from datetime import timedelta

import pytest

from notifications.delivery import claim, deliver_due
from notifications.delivery.recording import write_down
from notifications.enums import AttemptOutcome
from notifications.holding import cancel_held, dismiss, hold_all, release_held
from notifications.models import Message
from notifications.pace import PACE, DeliveryReport
from tests.notifications.conftest import NOW

pytestmark = [pytest.mark.fast, pytest.mark.django_db]

LATER = NOW + timedelta(hours=1)


def states() -> list[str]:
    return list(Message.objects.order_by("id").values_list("state", flat=True))


def last_decision(message: Message) -> tuple[str, str]:
    attempt = message.delivery_attempts.last()
    return attempt.outcome, attempt.by


def test_restore_holds_whatever_had_not_left(queue, mail_server):
    queue(recipient="sent@client.example")
    deliver_due(now=NOW)
    for name in ("waiting", "leased", "sending"):
        queue(recipient=f"{name}@client.example", not_before=NOW)
    leased, sending, _ = claim(channel="email", limit=3, now=NOW)
    write_down([], marking=[sending], pace=PACE, report=DeliveryReport())
    assert hold_all(now=NOW) == 3
    assert states() == ["sent", "held", "held", "held"]
    assert deliver_due(now=LATER).claimed == 0
    assert len(mail_server.envelopes) == 1
    leased.refresh_from_db()
    assert (leased.lease_token, leased.repeats) == (None, 1)
    assert last_decision(leased) == (AttemptOutcome.HELD, "")
    assert hold_all(now=NOW) == 0


def test_held_message_does_not_hold_up_a_new_one_of_its_lane(queue, mail_server):
    queue(subject="Old")
    hold_all(now=NOW)
    queue(subject="New")
    assert deliver_due(now=NOW).sent == 1
    assert [mail["Subject"] for mail in mail_server.mails] == ["New"]


def test_released_messages_leave_in_their_order(queue, mail_server):
    messages = [queue(subject=subject) for subject in ("First", "Second")]
    hold_all(now=NOW)
    assert release_held(reversed(messages), by="Rick", now=LATER) == 2
    assert release_held(Message.objects.all(), by="Rick", now=LATER) == 0
    assert [deliver_due(now=LATER).sent for _ in range(2)] == [1, 1]
    assert [mail["Subject"] for mail in mail_server.mails] == ["First", "Second"]
    first = messages[0]
    first.refresh_from_db()
    assert first.due_at == LATER
    decision = first.delivery_attempts.get(outcome=AttemptOutcome.RELEASED)
    assert (decision.by, decision.started_at) == ("Rick", LATER)


def test_held_messages_are_released_and_cancelled_in_few_statements(
    queue, django_assert_max_num_queries
):
    for number in range(30):
        queue(recipient=f"r{number}@client.example")
    with django_assert_max_num_queries(8):
        hold_all(now=NOW)
    with django_assert_max_num_queries(8):
        assert release_held(Message.objects.all(), by="Rick", now=NOW) == 30


def test_cancelled_held_message_never_leaves_and_is_told(queue, mail_server, settled):
    message, kept = queue(), queue()
    hold_all(now=NOW)
    assert cancel_held([message], by="Rick", now=LATER) == 1
    assert cancel_held([message], by="Rick", now=LATER) == 0
    assert states() == ["cancelled", "held"]
    assert settled == [(message.key, "cancelled", LATER)]
    assert last_decision(message) == (AttemptOutcome.CANCELLED, "Rick")
    assert release_held([message, kept], by="Rick", now=LATER) == 1


def test_failed_message_is_set_aside_with_a_reason(queue, mail_server, settled):
    mail_server.answers["maya@client.example"] = "550 5.1.1 no such user"
    message = queue()
    assert not dismiss(message, reason="Too early", by="Rick", now=NOW)
    deliver_due(now=NOW)
    assert dismiss(message, reason="Maya has left; Tom was told.", by="Rick", now=LATER)
    assert not dismiss(message, reason="Again", by="Rick", now=LATER)
    assert message.state == "dismissed"
    assert message.is_settled
    attempt = message.delivery_attempts.last()
    assert (attempt.outcome, attempt.answer) == ("dismissed", "Maya has left; Tom was told.")
    assert [state for _, state, _ in settled] == ["dead"]
    assert Message.objects.summary(at=LATER)["failed"] == 0
