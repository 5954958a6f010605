"""HubSpot notes against a server on loopback: never a second note (rule M10)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from notifications.channels.hubspot import LONGEST_BODY, body_of, mark_of
from notifications.delivery import deliver_due
from notifications.enums import Channel, MessageState
from notifications.models import ChannelPause, Message
from notifications.outbox import resend_dead
from tests.notifications.conftest import NOW
from tests.notifications.hubspot_server import TOKEN, HubSpotServer, refusal, too_many
from tests.notifications.json_server import Reply, next_try

pytestmark = pytest.mark.django_db
DEAL = "9001"
NO_SCOPE = refusal(
    403,
    "This app hasn't been granted all required scopes to make this call.",
    "MISSING_SCOPES",
    errors=[{"message": "", "context": {"requiredGranularScopes": ["crm.objects.notes.write"]}}],
)
PORTAL_RULE = refusal(
    400,
    "Property values were not valid",
    errors=[{"message": "A note needs the field “Region”."}],
)


@pytest.fixture
def server(hubspot_server: HubSpotServer) -> HubSpotServer:
    return hubspot_server


@pytest.fixture
def note(queue: Callable[..., Message]) -> Callable[..., Message]:
    def make(**changes: Any) -> Message:
        values = {"channel": Channel.HUBSPOT, "recipient": DEAL, "text": "Resolved.\nBy us."}
        return queue(**values | changes)

    return make


def deliver(message: Message, *, now: datetime = NOW) -> None:
    deliver_due(now=now)
    message.refresh_from_db()


def test_note_is_written_on_the_deal_M10(server, note):
    message = note(text="A <script> & more\nsecond line")
    deliver(message)
    assert message.state == MessageState.SENT
    [written] = server.notes_on(DEAL)
    assert message.receipt == written.number
    assert written.timestamp == "2026-01-05T10:00:00Z"
    assert written.body.startswith("A &lt;script&gt; &amp; more<br>second line<br><br>Reference: ")
    assert mark_of(message) in written.body
    assert len(server.asked) == 1


def test_marks_are_unique_for_each_message(note, server):
    assert mark_of(note()) != mark_of(note())
    assert mark_of(note()).startswith("INC-2026-0001-")


@pytest.mark.parametrize("text", ["&" * 70_000, "x" * 70_000, "é\n" * 40_000])
def test_long_note_is_cut_and_keeps_its_mark(server, note, text):
    message = note(text=text)
    assert len(body_of(message)) <= LONGEST_BODY
    assert len(body_of(message)) > LONGEST_BODY - 10
    deliver(message)
    assert message.state == MessageState.SENT
    assert server.notes[0].body.endswith(mark_of(message))


#: What HubSpot does → state, attempts counted, at least so many seconds until the next try,
#: whether the channel rests, and what a person reads.
ANSWERS: list[tuple[str, Reply, str, int, float, bool, str]] = [
    ("400 rule of the portal", PORTAL_RULE, "dead", 1, 0, False, "needs the field “Region”"),
    ("401", refusal(401, "Expired", "EXPIRED_AUTHENTICATION"), "pending", 0, 30, True, "token"),
    ("403", NO_SCOPE, "dead", 1, 0, False, "crm.objects.notes.write"),
    ("404", refusal(404, "Object not found.", "OBJECT_NOT_FOUND"), "dead", 1, 0, False, "9001"),
    ("409", refusal(409, "Conflict", "CONFLICT"), "pending", 1, 0, False, "409"),
    ("429 rolling", too_many("TEN_SECONDLY_ROLLING"), "pending", 1, 10, False, "limit"),
    ("429 waits", too_many("TEN_SECONDLY_ROLLING", retry_after=44), "pending", 1, 44, False, "429"),
    ("429 daily", too_many("DAILY"), "pending", 1, 7200, False, "limit"),
    ("500", refusal(500, "internal error", "INTERNAL"), "pending", 1, 5, False, "500"),
    ("502", Reply(502, "<html>Bad Gateway</html>"), "pending", 1, 5, False, "502"),
    ("redirect", Reply(301, "", {"Location": "http://127.0.0.1:1/"}), "pending", 0, 30, True, ""),
    ("silence", Reply(accepts=True, waits=9), "pending", 1, 5, False, "not answer|silent"),
    ("drop", Reply(accepts=True, drops=True), "pending", 1, 5, False, "broke"),
    ("drip", Reply(accepts=True, drips=True), "pending", 1, 5, False, "did not answer"),
    ("odd success", Reply(201, {}, accepts=True), "pending", 1, 5, False, "as which note"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "state", "attempts", "wait", "rests", "words"),
    [row[1:] for row in ANSWERS],
    ids=[row[0] for row in ANSWERS],
)
def test_each_answer_has_its_consequence_and_never_a_second_note_M10(
    server, note, settings, reply, state, attempts, wait, rests, words
):
    settings.HTTP_TIMEOUT = 1
    message = note()
    server.next(reply)
    started = time.monotonic()
    deliver(message)
    assert time.monotonic() - started < 2.5
    assert (message.state, message.attempts) == (state, attempts)
    assert re.search(words, message.last_error)
    assert TOKEN not in message.last_error
    assert ChannelPause.objects.filter(channel=Channel.HUBSPOT).exists() == rests
    assert len(server.asked) == 1
    if state == "dead":
        assert server.notes == []
        return
    assert next_try(message) >= NOW + timedelta(seconds=wait)
    deliver(message, now=NOW + timedelta(seconds=max(0, wait - 1)))
    if wait:
        assert len(server.asked) == 1
    deliver(message, now=next_try(message))
    assert message.state == MessageState.SENT
    assert len(server.notes_on(DEAL)) == 1
    assert message.receipt == server.notes_on(DEAL)[0].number


LOST = {
    "silence": Reply(accepts=True, waits=9),
    "drop": Reply(accepts=True, drops=True),
    "502": Reply(502, "<html>Bad Gateway</html>", accepts=True),
}


@pytest.mark.parametrize("reply", LOST.values(), ids=LOST)
def test_note_whose_answer_was_lost_is_found_and_not_written_again_M10(
    server, note, settings, reply
):
    settings.HTTP_TIMEOUT = 1
    message = note()
    server.next(reply)
    deliver(message)
    assert message.repeats == 1
    deliver(message, now=next_try(message))
    assert message.state == MessageState.SENT
    assert len(server.writes) == 1
    assert message.receipt == server.notes[0].number


def test_note_is_found_among_many_pages_M10(server, note, settings):
    """The deal's list comes in pages, and notes are read a hundred at a time."""
    settings.HTTP_TIMEOUT = 5
    server.next(Reply(accepts=True, drops=True))
    message = note()
    deliver(message)
    for number in range(250):
        server.add_note(DEAL, f"Somebody else's note {number}")
    deliver(message, now=next_try(message))
    assert message.state == MessageState.SENT
    assert len(server.writes) == 1
    assert len(server.asked_for("associations")) == 3


def test_failing_look_up_writes_nothing_M10(server, note):
    """As long as nobody can look, nobody knows; the time-out before stays remembered."""
    message = note()
    server.next(Reply(accepts=True, drops=True))
    deliver(message)
    server.next(refusal(500, "internal error"), path="associations")
    server.next(Reply(drops=True), path="associations")
    server.next(Reply(200, {"results": "odd"}), path="associations")
    server.next(refusal(500, "internal error"), path="batch")
    for _ in range(4):
        deliver(message, now=next_try(message))
        assert message.state == MessageState.PENDING
    assert len(server.writes) == 1
    deliver(message, now=next_try(message))
    assert message.state == MessageState.SENT
    assert len(server.notes_on(DEAL)) == 1


def test_person_who_sends_again_makes_no_second_note_M10(server, note):
    """“Send again” counts its attempts from one; the log of attempts remembers."""
    message = note()
    server.next(Reply(400, {"message": "Odd"}, accepts=True))
    deliver(message)
    assert message.state == MessageState.DEAD
    resend_dead(message, by="Rick", now=NOW)
    deliver(message)
    assert message.state == MessageState.SENT
    assert len(server.notes_on(DEAL)) == 1


def test_two_incidents_write_two_notes_on_one_deal_M10(server, note):
    server.next(Reply(accepts=True, drops=True))
    first, second = note(), note(reference="INC-2026-0002")
    deliver_due(now=NOW)
    first.refresh_from_db()
    deliver(first, now=next_try(first))
    second.refresh_from_db()
    assert {first.state, second.state} == {MessageState.SENT}
    assert len(server.notes_on(DEAL)) == 2


def test_look_up_and_writing_share_one_limit(server, note, settings):
    """A send of many requests is not longer than a send of one."""
    message = note()
    server.next(Reply(drops=True))
    deliver(message)
    server.always(Reply(waits=0.9))
    Message.objects.filter(pk=message.pk).update(next_attempt_at=NOW)
    message.refresh_from_db()
    settings.HTTP_TIMEOUT = 1.5
    started = time.monotonic()
    deliver(message)
    assert time.monotonic() - started < 4
