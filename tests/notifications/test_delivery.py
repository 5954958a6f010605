"""Claim, send, record: against real mail servers on loopback."""

import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from notifications.delivery import Pace, claim, deliver_due
from notifications.delivery.recording import write_down
from notifications.delivery.results import accepted
from notifications.enums import AttemptOutcome, Channel, MessageState, Urgency
from notifications.models import ChannelPause, Message
from notifications.outbox import resend_dead, settle_uncertain
from notifications.pace import DeliveryReport
from notifications.tasks import deliver
from tests.notifications.conftest import NOW

pytestmark = [pytest.mark.fast, pytest.mark.django_db]

JOE = "joe@client.example"


def held(message: Message, state: str, *, expired_for: timedelta, **values: object) -> Message:
    """As a sender left it that took it and died."""
    sending_since = timezone.now() if state == "sending" else None
    Message.objects.filter(pk=message.pk).update(
        state=state,
        lease_token="gone",
        lease_expires_at=timezone.now() - expired_for,
        sending_since=sending_since,
        **values,
    )
    message.refresh_from_db()
    return message


# Sending


def test_mail_arrives_whole_M1_M2(queue, mail_server, settled, settings):
    settings.DEFAULT_FROM_EMAIL = "LeadsPanther <support@leadspanther.example>"
    message = queue(
        subject="[LeadsPanther] Issue Detected — Outgoing emails paused",
        text="Hi Maya,\n\n.dot first\nüñí\n— LeadsPanther Team\n",
        html="<p>Hi Maya,</p>",
        reply_to="inbox@leadspanther.example",
        thread="INC-2026-0001:acme",
    )
    report = deliver_due(now=NOW)
    assert (report.claimed, report.sent) == (1, 1)
    [mail] = mail_server.mails
    assert mail_server.recipients == ["maya@client.example"]
    assert mail["To"] == "maya@client.example"
    assert mail["From"] == "LeadsPanther <support@leadspanther.example>"
    assert mail["Reply-To"] == "inbox@leadspanther.example"
    assert mail["Subject"] == "[LeadsPanther] Issue Detected — Outgoing emails paused"
    assert mail["Message-ID"] == message.message_id
    assert mail["References"] == mail["In-Reply-To"] == message.references
    written_at = parsedate_to_datetime(mail["Date"]).replace(tzinfo=UTC)
    assert abs(written_at - timezone.now()) < timedelta(minutes=1)
    assert mail.get_body("plain").get_content().replace("\r\n", "\n") == message.text
    assert mail.get_body("html").get_content().strip() == "<p>Hi Maya,</p>"
    message.refresh_from_db()
    assert (message.state, message.sent_at, message.attempts) == ("sent", NOW, 1)
    attempt = message.delivery_attempts.get()
    assert (attempt.outcome, attempt.answer) == ("sent", "250 2.0.0 queued as 4711")
    assert settled == [(message.key, "sent", NOW)]
    assert deliver_due(now=NOW).claimed == 0


def test_batch_shares_one_connection(queue, mail_server):
    for name in ("anna", "bela", "cora"):
        queue(recipient=f"{name}@client.example")
    assert deliver_due(now=NOW).sent == 3
    assert mail_server.connections == 1


def test_server_that_hangs_up_between_mails_loses_nothing(queue, mail_server):
    mail_server.hangs_up_after_each = True
    for name in ("anna", "bela"):
        queue(recipient=f"{name}@client.example")
    assert deliver_due(now=NOW).sent == 2
    assert len(mail_server.envelopes) == 2


def test_local_mail_store_takes_mail_too(queue, mailoutbox):
    message = queue(html="<p>Hi</p>")
    deliver_due(now=NOW)
    [mail] = mailoutbox
    assert mail.extra_headers["Message-ID"] == message.message_id
    assert mail.to == ["maya@client.example"]


def test_live_clock_is_read_without_now(queue, mail_server):
    message = queue()
    before = timezone.now()
    deliver()
    message.refresh_from_db()
    assert before <= message.sent_at <= timezone.now()


def test_nothing_leaves_before_its_time_M3(queue, mail_server):
    queue(not_before=NOW + timedelta(seconds=10))
    assert deliver_due(now=NOW + timedelta(seconds=9)).claimed == 0
    assert deliver_due(now=NOW + timedelta(seconds=10)).sent == 1


# Order


def test_most_urgent_leaves_first(queue, mail_server):
    queue(recipient="low@client.example", urgency=Urgency.LOW)
    queue(recipient="normal@client.example")
    queue(recipient="now@client.example", urgency=Urgency.IMMEDIATE)
    deliver_due(now=NOW)
    assert [address.split("@")[0] for address in mail_server.recipients] == ["now", "normal", "low"]


def test_lane_keeps_its_order(queue, mail_server):
    first, second = queue(subject="First"), queue(subject="Second", urgency=Urgency.IMMEDIATE)
    assert [m.pk for m in claim(channel="email", limit=10, now=NOW)] == [first.pk]
    assert claim(channel="email", limit=10, now=NOW) == []
    held(first, "leased", expired_for=timedelta(seconds=1))
    assert deliver_due(now=NOW).sent == 1
    assert deliver_due(now=NOW).sent == 1
    assert [mail["Subject"] for mail in mail_server.mails] == ["First", "Second"]
    second.refresh_from_db()
    assert second.state == "sent"


def test_other_lanes_flow_past_a_waiting_one(queue, mail_server):
    queue(not_before=NOW + timedelta(hours=1))
    queue(subject="Behind the waiting one")
    queue(recipient=JOE)
    deliver_due(now=NOW)
    assert mail_server.recipients == [JOE]


def test_claim_takes_no_more_than_asked(queue):
    for name in ("anna", "bela", "cora"):
        queue(recipient=f"{name}@client.example")
    assert len(claim(channel="email", limit=2, now=NOW)) == 2
    assert len(claim(channel="email", limit=2, now=NOW)) == 1


def test_claim_counts_the_attempt_and_leases(queue):
    queue()
    [message] = claim(channel="email", limit=1, now=NOW)
    assert (message.state, message.attempts) == ("leased", 1)
    assert message.lease_token
    assert message.lease_expires_at
    assert message.lease_expires_at > timezone.now()


# Refusals and breaks


def test_refusal_for_good_is_dead_at_once(queue, mail_server, settled):
    mail_server.answers[JOE] = "550 5.1.1 no such user"
    dead, fine = queue(recipient=JOE), queue()
    report = deliver_due(now=NOW)
    assert (report.dead, report.sent) == (1, 1)
    assert mail_server.connections == 1
    dead.refresh_from_db()
    fine.refresh_from_db()
    assert (dead.state, dead.last_error) == ("dead", "550 5.1.1 no such user")
    assert dead.delivery_attempts.get().outcome == AttemptOutcome.REFUSED
    assert (dead.key, "dead", NOW) in settled
    mail_server.answers.clear()
    resend_dead(dead, by="rick", now=NOW)
    assert deliver_due(now=NOW).sent == 1


@pytest.mark.parametrize("where", ["answers", "data_answers"])
def test_refusal_for_now_is_tried_again(queue, mail_server, settled, where):
    getattr(mail_server, where)[JOE] = "450 4.7.1 greylisted"
    message = queue(recipient=JOE)
    assert deliver_due(now=NOW).retried == 1
    message.refresh_from_db()
    assert (message.state, message.attempts) == ("pending", 1)
    assert NOW <= message.next_attempt_at <= NOW + timedelta(seconds=5)
    assert message.last_error == "450 4.7.1 greylisted"
    assert not settled
    getattr(mail_server, where).clear()
    assert deliver_due(now=NOW + timedelta(seconds=5)).sent == 1
    message.refresh_from_db()
    assert (message.state, message.attempts, message.last_error) == ("sent", 2, "")
    outcomes = [attempt.outcome for attempt in message.delivery_attempts.all()]
    assert outcomes == ["deferred", "sent"]


def test_attempts_end(queue, mail_server, settled):
    mail_server.answers[JOE] = "450 4.7.1 greylisted"
    message = queue(recipient=JOE)
    for hour in range(3):
        deliver_due(now=NOW + timedelta(hours=hour), pace=Pace(max_attempts=3))
    message.refresh_from_db()
    assert (message.state, message.attempts) == ("dead", 3)
    assert [state for _, state, _ in settled] == ["dead"]


def test_break_after_the_last_dot_is_uncertain(queue, mail_server, settled):
    mail_server.drops.add(JOE)
    message = queue(recipient=JOE)
    assert deliver_due(now=NOW).uncertain == 1
    message.refresh_from_db()
    assert message.state == MessageState.UNCERTAIN
    assert "after the mail was sent" in message.last_error
    assert settled == [(message.key, "uncertain", NOW)]
    assert deliver_due(now=NOW + timedelta(days=1)).claimed == 0
    mail_server.drops.clear()
    settle_uncertain(message, arrived=False, by="rick", now=NOW)
    assert deliver_due(now=NOW).sent == 1
    assert {mail["Message-ID"] for mail in mail_server.mails} == {message.message_id}
    assert len(mail_server.mails) == 2


def drip(client):
    client.sendall(b"220-")
    while True:
        client.sendall(b".")
        time.sleep(0.05)


def drip_after_the_mail(client):
    client.sendall(b"220 hello\r\n")
    for line in client.makefile("rb"):
        if line == b".\r\n":
            drip(client)
        if line.upper().startswith(b"DATA"):
            client.sendall(b"354 go\r\n")
        elif line[:4].upper() in (b"EHLO", b"MAIL", b"RCPT"):
            client.sendall(b"250 ok\r\n")


@pytest.mark.parametrize(("talk", "state"), [(drip, "pending"), (drip_after_the_mail, "uncertain")])
def test_dripping_server_holds_nobody(queue, raw_server, talk, state):
    raw_server(talk)
    message = queue()
    started = time.monotonic()
    deliver_due(now=NOW, pace=Pace(send=0.5))
    assert time.monotonic() - started < 3
    message.refresh_from_db()
    assert message.state == state
    assert "No answer within 0.5 seconds" in message.last_error


def test_silent_server_pauses_the_channel_and_burns_one_attempt(queue, closed_port):
    first, second = queue(), queue(recipient=JOE)
    report = deliver_due(now=NOW)
    assert (report.retried, report.released) == (1, 1)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.attempts, second.attempts) == (1, 0)
    assert not ChannelPause.objects.alarming(at=NOW).exists()
    assert deliver_due(now=NOW + timedelta(seconds=4)).claimed == 0
    # One of them tries the channel for all.
    assert deliver_due(now=NOW + timedelta(seconds=5)).claimed == 1


def test_secrets_never_reach_a_stored_error(queue, mail_server, settings):
    settings.HUBSPOT_TOKEN = "pat-eu1-4711-secret"
    mail_server.answers[JOE] = (
        "550 pat-eu1-4711-secret api_key=abcd1234 https://api/bot123:ABC-def/send"
    )
    message = queue(recipient=JOE)
    deliver_due(now=NOW)
    message.refresh_from_db()
    for text in (message.last_error, message.delivery_attempts.get().answer):
        assert text == "550 [secret] api_key=[secret] https://api/bot[secret]/send"


def test_channel_that_cannot_start_loses_nothing(queue, settings):
    settings.EMAIL_BACKEND = "no.such.Backend"
    message = queue()
    assert deliver_due(now=NOW).retried == 1
    message.refresh_from_db()
    assert "cannot start" in message.last_error


# What was left behind


def test_expired_lease_goes_back(queue, mail_server):
    held(queue(), "leased", expired_for=timedelta(seconds=1), attempts=1)
    report = deliver_due(now=NOW)
    assert (report.recovered, report.sent) == (1, 1)


def test_living_lease_is_left_alone(queue, mail_server):
    held(queue(), "leased", expired_for=timedelta(seconds=-30))
    assert deliver_due(now=NOW + timedelta(days=1)).claimed == 0


def test_message_that_kills_its_senders_dies(queue, mail_server, settled):
    message = held(queue(), "leased", expired_for=timedelta(seconds=1), attempts=20)
    assert deliver_due(now=NOW).dead == 1
    message.refresh_from_db()
    assert message.state == MessageState.DEAD
    assert settled == [(message.key, "dead", NOW)]


def test_expired_sending_becomes_uncertain_after_the_grace(queue, mail_server, settled):
    message = held(queue(), "sending", expired_for=timedelta(seconds=25), attempts=1)
    assert deliver_due(now=NOW).uncertain == 0
    held(message, "sending", expired_for=timedelta(seconds=31), attempts=1)
    assert deliver_due(now=NOW).uncertain == 1
    message.refresh_from_db()
    assert message.state == MessageState.UNCERTAIN
    assert message.delivery_attempts.get().outcome == AttemptOutcome.UNCERTAIN
    assert settled == [(message.key, "uncertain", NOW)]
    assert not mail_server.envelopes


@pytest.mark.parametrize("channel", [Channel.TELEGRAM, Channel.HUBSPOT])
def test_expired_sending_over_other_channels_is_sent_again_as_a_repeat(queue, settled, channel):
    message = queue()
    Message.objects.filter(pk=message.pk).update(channel=channel)
    held(message, "sending", expired_for=timedelta(seconds=31), attempts=1)
    report = deliver_due(now=NOW, channels=[])
    message.refresh_from_db()
    assert (report.repeated, message.state, message.repeats) == (1, "pending", 1)
    assert message.delivery_attempts.get().outcome == AttemptOutcome.UNCERTAIN
    held(message, "sending", expired_for=timedelta(seconds=31), attempts=20)
    assert deliver_due(now=NOW, channels=[]).dead == 1
    assert settled == [(message.key, "dead", NOW)]


def test_replayed_day_never_looks_like_a_dead_sender(queue):
    queue()
    [message] = claim(channel="email", limit=1, now=datetime(2026, 1, 6, tzinfo=UTC))
    assert message.lease_expires_at
    assert message.lease_expires_at > timezone.now()


def test_slow_cycle_gives_back_what_it_did_not_start(queue, raw_server):
    raw_server(drip)
    queue(recipient="anna@client.example")
    queue(recipient="bela@client.example")
    report = deliver_due(now=NOW, pace=Pace(send=0.4, lease=0.6))
    assert (report.claimed, report.released) == (2, 1)
    assert Message.objects.filter(attempts=0).count() == 1


def write(results, *marking: Message) -> list[Message]:
    return write_down(results, marking=marking, pace=Pace(), report=DeliveryReport())


def test_lost_lease_is_not_marked(queue):
    queue()
    queue(recipient=JOE)
    kept, lost = claim(channel="email", limit=2, now=NOW)
    Message.objects.filter(pk=lost.pk).update(lease_token="somebody else")
    assert write([], kept, lost) == [kept]
    lost.refresh_from_db()
    assert lost.state == MessageState.LEASED


def test_mark_whose_commit_was_not_heard_of_is_marked_again(queue):
    queue()
    [message] = claim(channel="email", limit=1, now=NOW)
    assert write([], message) == write([], message) == [message]


def test_sure_answer_mends_what_a_sweep_called_uncertain(queue, settled):
    queue()
    [message] = claim(channel="email", limit=1, now=NOW)
    write([], message)
    Message.objects.update(lease_expires_at=timezone.now() - timedelta(minutes=5))
    assert deliver_due(now=NOW, channels=[]).uncertain == 1
    write([accepted(message, "250 ok", started_at=NOW, now=NOW)])
    deliver_due(now=NOW, channels=[])
    message.refresh_from_db()
    assert (message.state, message.sent_at) == ("sent", NOW)
    assert [state for _, state, _ in settled] == ["uncertain", "sent"]


def test_answer_about_a_message_that_somebody_else_took_changes_nothing(queue, settled):
    queue()
    [message] = claim(channel="email", limit=1, now=NOW)
    write([], message)
    Message.objects.update(lease_token="somebody else")
    write([accepted(message, "250 ok", started_at=NOW, now=NOW)])
    assert Message.objects.get().state == MessageState.SENDING
    assert not message.delivery_attempts.exists()
    assert not settled


def test_a_group_is_written_by_few_statements(queue, mail_server, django_assert_max_num_queries):
    for number in range(40):
        queue(recipient=f"r{number}@client.example")
    with django_assert_max_num_queries(60):
        assert deliver_due(now=NOW).sent == 40


# Handlers


def test_failing_handler_keeps_the_record_and_is_called_again(
    queue, mail_server, settings, settled
):
    good = settings.MESSAGE_SETTLED_HANDLERS
    settings.MESSAGE_SETTLED_HANDLERS = ["tests.notifications.settled_log.fail"]
    message = queue()
    assert deliver_due(now=NOW).handlers_failed == 1
    message.refresh_from_db()
    assert (message.state, message.handlers_pending) == ("sent", True)
    settings.MESSAGE_SETTLED_HANDLERS = good
    deliver_due(now=NOW + timedelta(seconds=59))
    assert not settled
    later = NOW + timedelta(seconds=60)
    deliver_due(now=later)
    assert settled == [(message.key, "sent", later)]
    deliver_due(now=later + timedelta(hours=1))
    assert len(settled) == 1


# Command


def test_command_replays_an_instant(queue, mail_server):
    message = queue()
    out = StringIO()
    call_command("deliver", "--now", "2026-01-05T12:00:00Z", "--json", stdout=out)
    assert json.loads(out.getvalue())["sent"] == 1
    message.refresh_from_db()
    assert message.sent_at == datetime(2026, 1, 5, 12, tzinfo=UTC)


def test_command_says_its_outcome_in_one_line(mail_server):
    out = StringIO()
    call_command("deliver", stdout=out)
    assert out.getvalue().startswith("0 claimed, 0 sent, ")
    assert out.getvalue().count("\n") == 1


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01T00:00:00Z"])
def test_command_refuses_a_wrong_instant(text):
    with pytest.raises(CommandError, match="is not an ISO instant"):
        call_command("deliver", "--now", text)
