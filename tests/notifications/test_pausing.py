"""A channel that is at fault itself: its messages wait, burn nothing, and somebody hears of it."""

from datetime import datetime, timedelta

import pytest

from notifications.channels.base import DeliveryError
from notifications.delivery import deliver_due
from notifications.models import ChannelPause
from notifications.pace import PACE
from notifications.pausing import pause_channel, resume_channel, try_paused_again
from tests.notifications import settled_log
from tests.notifications.conftest import NOW, PASSWORD

pytestmark = [
    pytest.mark.fast,
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
]

JOE = "joe@client.example"


def later(**parts: float):
    return NOW + timedelta(**parts)


def refused(text: str = "401 Unauthorized") -> DeliveryError:
    return DeliveryError(text, channel_down=True, counts=False, needs_a_person=True)


def unreachable() -> DeliveryError:
    return DeliveryError("No connection", channel_down=True)


@pytest.fixture
def paused(settings) -> list[tuple[str, str, datetime]]:
    """What the floors above were told of pauses, as (channel, reason, now)."""
    settings.CHANNEL_PAUSED_HANDLERS = ["tests.notifications.settled_log.remember_pause"]
    settled_log.pauses.clear()
    return settled_log.pauses


def test_refused_login_burns_nothing_and_lifts_once_it_is_right(
    queue, mail_server_with_login, settings, paused
):
    message, other = queue(), queue(recipient=JOE)
    settings.EMAIL_HOST_PASSWORD = "wrong-password-99"
    report = deliver_due(now=NOW)
    assert (report.retried, report.released, report.dead) == (1, 1, 0)
    for waiting in (message, other):
        waiting.refresh_from_db()
        assert (waiting.state, waiting.attempts) == ("pending", 0)
    assert "refused the login" in message.last_error
    pause = ChannelPause.objects.get()
    assert (pause.channel, pause.needs_a_person, pause.until) == ("email", True, later(minutes=1))
    assert "wrong-password-99" not in pause.reason + message.last_error
    assert [channel for channel, _, _ in paused] == ["email"]
    assert deliver_due(now=later(seconds=59)).claimed == 0
    settings.EMAIL_HOST_PASSWORD = PASSWORD
    assert deliver_due(now=later(seconds=60)).sent == 1
    assert not ChannelPause.objects.exists()
    assert deliver_due(now=later(seconds=60)).sent == 1


def test_server_that_asks_for_a_login_refuses_us_not_the_mail(
    queue, mail_server_with_login, settings
):
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    message = queue()
    assert deliver_due(now=NOW).dead == 0
    message.refresh_from_db()
    assert (message.state, message.attempts) == ("pending", 0)
    assert ChannelPause.objects.get().needs_a_person


def test_refusal_of_one_mail_shows_that_the_channel_works(queue, mail_server):
    pause_channel("email", unreachable(), now=later(minutes=-1), pace=PACE)
    mail_server.answers[JOE] = "550 5.1.1 no such user"
    queue(recipient=JOE)
    assert deliver_due(now=NOW).dead == 1
    assert not ChannelPause.objects.exists()


def test_other_channels_are_not_paused(queue, mail_server):
    pause_channel("telegram", refused(), now=NOW, pace=PACE)
    queue()
    assert deliver_due(now=NOW).sent == 1
    assert ChannelPause.objects.get().channel == "telegram"


def test_login_is_tried_ever_more_rarely(db):
    minutes, at = [], NOW
    for _ in range(6):
        pause_channel("telegram", refused(), now=at, pace=PACE)
        pause = ChannelPause.objects.get()
        minutes.append((pause.until - at) / timedelta(minutes=1))
        at = pause.until
    assert minutes == [1, 2, 4, 8, 15, 15]
    assert (pause.since, pause.tries) == (NOW, 6)


def test_pause_never_ends_before_the_other_side_asked_for():
    limited = DeliveryError("429", channel_down=True, counts=False, retry_after=1800)
    pause_channel("hubspot", limited, now=NOW, pace=PACE)
    pause = ChannelPause.objects.get()
    assert (pause.until, pause.needs_a_person) == (later(minutes=30), False)


def test_pause_for_a_person_is_told_at_once_and_once(paused):
    for minute in range(3):
        pause_channel("telegram", refused(), now=later(minutes=minute), pace=PACE)
    assert paused == [("telegram", "401 Unauthorized", NOW)]


def test_pause_that_may_pass_is_told_after_two_minutes(paused):
    for second in range(0, 180, 5):
        pause_channel("email", unreachable(), now=later(seconds=second), pace=PACE)
    assert paused == [("email", "No connection", later(seconds=125))]
    assert list(ChannelPause.objects.alarming(at=later(seconds=120))) == []
    assert ChannelPause.objects.alarming(at=later(seconds=121)).exists()


def test_failing_handler_does_not_undo_the_pause(settings, paused):
    good = settings.CHANNEL_PAUSED_HANDLERS
    settings.CHANNEL_PAUSED_HANDLERS = ["tests.notifications.settled_log.fail"]
    pause_channel("telegram", refused(), now=NOW, pace=PACE)
    assert ChannelPause.objects.in_force(at=NOW).exists()
    settings.CHANNEL_PAUSED_HANDLERS = good
    pause_channel("telegram", refused(), now=later(minutes=1), pace=PACE)
    assert len(paused) == 1


def test_person_lets_a_channel_try_again(queue, mail_server):
    pause_channel("email", refused("535 no"), now=NOW, pace=PACE)
    queue()
    assert deliver_due(now=NOW).claimed == 0
    assert resume_channel("email", by="Alfred", now=NOW)
    assert not resume_channel("email", by="Alfred", now=NOW)
    assert deliver_due(now=NOW).sent == 1


def test_start_lets_paused_channels_try_but_keeps_the_alarm():
    pause_channel("telegram", refused(), now=NOW, pace=PACE)
    assert try_paused_again(now=later(seconds=1)) == 1
    assert not ChannelPause.objects.in_force(at=later(seconds=1)).exists()
    assert ChannelPause.objects.alarming(at=later(seconds=1)).exists()


def test_reason_carries_no_secret(settings):
    settings.HUBSPOT_TOKEN = "pat-eu1-4711-secret"
    pause_channel("hubspot", refused("401 for pat-eu1-4711-secret"), now=NOW, pace=PACE)
    assert ChannelPause.objects.get().reason == "401 for [secret]"
