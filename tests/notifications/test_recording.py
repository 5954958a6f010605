"""What was sent is written down, whatever the database does meanwhile."""

import threading

import psycopg
import pytest
from django.db import connection

from notifications.delivery import Pace, claim, deliver_due, empty_channel
from notifications.delivery.recording import write_down
from notifications.delivery.results import accepted
from notifications.delivery.telling import tell_pending
from notifications.enums import MessageState
from notifications.handlers import concerned, only_for
from notifications.models import Message
from notifications.pace import DeliveryReport
from tests.notifications.conftest import NOW
from tests.places import database_url


def end_our_connection() -> None:
    """As a restart of the server does it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    with psycopg.connect(database_url(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_record_survives_a_database_that_restarts(queue):
    queue()
    [message] = claim(channel="email", limit=1, now=NOW)
    report = DeliveryReport()
    assert write_down([], marking=[message], pace=Pace(), report=report) == [message]
    end_our_connection()
    result = accepted(message, "250 ok", started_at=NOW, now=NOW)
    write_down([result], pace=Pace(), report=report)
    message.refresh_from_db()
    assert (message.state, report.sent) == (MessageState.SENT, 1)
    assert message.delivery_attempts.get().answer == "250 ok"


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_mark_survives_a_database_that_restarts(queue, mail_server):
    queue()
    [message] = claim(channel="email", limit=1, now=NOW)
    end_our_connection()
    assert write_down([], marking=[message], pace=Pace(), report=DeliveryReport()) == [message]
    message.refresh_from_db()
    assert message.state == MessageState.SENDING


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_telling_waits_for_no_other_sender(queue, settings):
    """Two senders that take the same marks off would wait for each other for ever."""
    settings.MESSAGE_SETTLED_HANDLERS = []
    held, free = (queue(recipient=f"{name}@client.example").pk for name in ("anna", "joe"))
    Message.objects.update(state=MessageState.DEAD, handlers_pending=True)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '5s'")
    with psycopg.connect(database_url()) as other:
        other.execute("SELECT 1 FROM notifications_message WHERE id = %s FOR UPDATE", [held])
        assert tell_pending(now=NOW, again_after=60) == 0
        pending = Message.objects.filter(handlers_pending=True).values_list("pk", flat=True)
        assert list(pending) == [held]
    assert tell_pending(now=NOW, again_after=60, among=[free]) == 0
    assert list(pending.all()) == [held]
    assert tell_pending(now=NOW, again_after=60, among=[held]) == 0
    assert not pending.all()


@pytest.mark.fast
@pytest.mark.django_db
def test_sender_that_is_asked_to_stop_gives_back_what_it_took(queue, mail_server):
    stop = threading.Event()
    stop.set()
    message = queue()
    assert empty_channel("email", stop=stop).released == 1
    message.refresh_from_db()
    assert (message.state, message.attempts) == ("pending", 0)
    assert not mail_server.envelopes


@pytest.mark.fast
@pytest.mark.django_db
def test_record_comes_before_the_floors_above_are_told(queue, mail_server, settled):
    """A sender that dies in between leaves the mark by which the next one tells."""
    message = queue()
    [claimed] = claim(channel="email", limit=1, now=NOW)
    report = DeliveryReport()
    write_down([], marking=[claimed], pace=Pace(), report=report)
    result = accepted(claimed, "250 ok", started_at=NOW, now=NOW)
    write_down([result], pace=Pace(), report=report)
    message.refresh_from_db()
    assert (message.state, message.handlers_pending) == ("sent", True)
    assert settled == []
    deliver_due(now=NOW)
    deliver_due(now=NOW)
    assert settled == [(message.key, "sent", NOW)]


@pytest.mark.fast
@pytest.mark.django_db
def test_receipt_and_repeats_are_stored(queue):
    message = queue()
    [claimed] = claim(channel="email", limit=1, now=NOW)
    write_down([], marking=[claimed], pace=Pace(), report=DeliveryReport())
    claimed.receipt = "note-4711"
    result = accepted(claimed, "201", started_at=NOW, now=NOW)
    write_down([result], pace=Pace(), report=DeliveryReport())
    message.refresh_from_db()
    assert message.receipt == "note-4711"


@only_for(lambda ids: [pk for pk in ids if pk % 2])
def hear_of_odd_ones(message: Message, *, now: object) -> None:
    HEARD.append(message.pk)


HEARD: list[int] = []


@pytest.mark.fast
@pytest.mark.django_db
def test_handler_is_spared_what_does_not_concern_it(queue, mail_server, settings):
    settings.MESSAGE_SETTLED_HANDLERS = [f"{__name__}.hear_of_odd_ones"]
    HEARD.clear()
    pks = [queue(recipient=f"r{number}@client.example").pk for number in range(6)]
    assert deliver_due(now=NOW).sent == 6
    assert [pk for pk in pks if pk % 2] == HEARD
    assert not Message.objects.filter(handlers_pending=True).exists()


@pytest.mark.fast
def test_one_handler_without_a_finder_concerns_all(settings):
    settings.MESSAGE_SETTLED_HANDLERS = [
        f"{__name__}.hear_of_odd_ones",
        "tests.notifications.settled_log.remember",
    ]
    assert concerned([1, 2, 3]) == {1, 2, 3}
