"""What comes of one try: which state, how many attempts, when again. No database."""

from datetime import timedelta

import pytest

from notifications.channels.base import DeliveryError
from notifications.delivery.results import accepted, backoff, failed
from notifications.enums import Channel, Urgency
from notifications.models import Message
from notifications.pace import PACE, Pace
from tests.notifications.conftest import NOW

pytestmark = pytest.mark.fast

FOR_NOW = DeliveryError("450 later")
REFUSED = DeliveryError("550 no", permanent=True)
UNCLEAR = DeliveryError("no answer", ambiguous=True)
SHUT = DeliveryError("401", channel_down=True, counts=False, needs_a_person=True)
GONE = DeliveryError("connection refused", channel_down=True)


def leased(channel: str = Channel.EMAIL, **values: object) -> Message:
    defaults = {"state": "sending", "attempts": 1, "lease_token": "ours", "next_attempt_at": NOW}
    return Message(pk=1, channel=channel, **(defaults | values))


@pytest.mark.parametrize(
    ("channel", "attempts", "error", "state", "left", "repeats", "name"),
    [
        ("email", 1, FOR_NOW, "pending", 1, 0, "retried"),
        ("email", 20, FOR_NOW, "dead", 20, 0, "dead"),
        ("email", 1, REFUSED, "dead", 1, 0, "dead"),
        ("email", 1, UNCLEAR, "uncertain", 1, 0, "uncertain"),
        ("email", 20, UNCLEAR, "uncertain", 20, 0, "uncertain"),
        ("email", 1, SHUT, "pending", 0, 0, "retried"),
        ("email", 20, SHUT, "pending", 19, 0, "retried"),
        ("email", 1, GONE, "pending", 1, 0, "retried"),
        ("telegram", 1, UNCLEAR, "pending", 1, 1, "repeated"),
        ("telegram", 20, UNCLEAR, "dead", 20, 1, "dead"),
        ("hubspot", 1, UNCLEAR, "pending", 1, 1, "repeated"),
        ("hubspot", 1, REFUSED, "dead", 1, 0, "dead"),
    ],
)
def test_failure_and_what_becomes_of_it(channel, attempts, error, state, left, repeats, name):
    message = leased(channel, attempts=attempts)
    result = failed(message, error, started_at=NOW, now=NOW, pace=PACE)
    assert (message.state, message.attempts, message.repeats) == (state, left, repeats)
    assert (result.report_name, result.tried, result.token) == (name, attempts, "ours")
    assert message.lease_token is None
    assert message.next_attempt_at >= NOW


@pytest.mark.parametrize("attempts", [1, 2, 3, 10, 19])
@pytest.mark.parametrize("channel", list(Channel))
def test_never_again_before_the_other_side_asked_for(channel, attempts):
    error = DeliveryError("429", retry_after=3600)
    message = leased(channel, attempts=attempts, urgency=Urgency.IMMEDIATE)
    failed(message, error, started_at=NOW, now=NOW, pace=PACE)
    assert message.next_attempt_at == NOW + timedelta(hours=1)


def test_wait_grows_to_its_cap():
    spans = [
        max(backoff(attempt, cap=900, pace=PACE) for _ in range(400))
        for attempt in (1, 2, 3, 8, 9, 5000)
    ]
    for span, most in zip(spans, [5, 10, 20, 640, 900, 900], strict=True):
        assert 0.9 * most < span <= most


def test_immediate_telegram_message_waits_half_a_minute_at_most_E9():
    waits = []
    for _ in range(200):
        message = leased(Channel.TELEGRAM, attempts=15, urgency=Urgency.IMMEDIATE)
        failed(message, FOR_NOW, started_at=NOW, now=NOW, pace=PACE)
        waits.append(message.next_attempt_at - NOW)
    assert timedelta(seconds=25) < max(waits) <= timedelta(seconds=30)


def test_accepted_message_keeps_its_receipt():
    message = leased(Channel.TELEGRAM, last_error="429", receipt="4711")
    result = accepted(message, "ok", started_at=NOW, now=NOW)
    assert (message.state, message.sent_at, message.receipt) == ("sent", NOW, "4711")
    assert (message.last_error, result.attempt().outcome) == ("", "sent")


def test_limits_fit_together():
    for channel in Channel:
        pace = Pace().of(channel)
        assert pace.lease / 2 + pace.send <= pace.lease
        assert pace.grace > pace.send
    telegram = Pace().of(Channel.TELEGRAM)
    assert telegram.lease + telegram.grace < 50
