"""Writing down what came of tries, and what is tried next: one transaction for a whole group.

Only the holder of the lease token may write, and a busy or restarted database is asked again:
the sure answer is in this process alone.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from datetime import datetime
from threading import Event

from django.db import InterfaceError, OperationalError, connection, transaction

from notifications.batches import insert_all, source_of
from notifications.delivery.claiming import wall_clock
from notifications.delivery.results import Result
from notifications.enums import MessageState
from notifications.models import Message
from notifications.pace import DeliveryReport, Pace

logger = logging.getLogger(__name__)

#: Patience with a database that is away once this process is asked to stop, in seconds.
_PATIENCE_AT_THE_END = 10.0
_INSTANT = "timestamp with time zone"
_COLUMNS = {
    "id": "bigint",
    "tried": "integer",
    "token": "varchar",
    "state": "varchar",
    "attempts": "integer",
    "repeats": "integer",
    "next_attempt_at": _INSTANT,
    "sent_at": _INSTANT,
    "last_error": "text",
    "receipt": "varchar",
    "handlers_pending": "boolean",
}
# A message has a token exactly while a sender holds it; asking for its state as well would tempt
# PostgreSQL to go by the index of states, which is full of rows that have moved on.
# A sweep may have called it uncertain, or asked for a repeat, while its sender slept: a sure
# answer mends that.
_RECORD = """
    UPDATE notifications_message SET
        state = i.state, attempts = i.attempts, repeats = i.repeats, sent_at = i.sent_at,
        next_attempt_at = i.next_attempt_at, last_error = i.last_error, receipt = i.receipt,
        handlers_pending = i.handlers_pending,
        lease_token = NULL, lease_expires_at = NULL, sending_since = NULL
    FROM {source}
    WHERE notifications_message.id IN ({keys}) AND notifications_message.id = i.id AND (
        notifications_message.lease_token = i.token
        OR (notifications_message.state IN ('uncertain', 'pending')
            AND notifications_message.attempts = i.tried))
    RETURNING notifications_message.id
"""


def write_down(
    results: Sequence[Result],
    *,
    marking: Sequence[Message] = (),
    pace: Pace,
    report: DeliveryReport,
    stop: Event | None = None,
) -> list[Message]:
    """Record the results and mark the next group as being sent, in one commit.

    Returns those of the group that may be sent: the others lost their lease. One commit for
    both halves the cost of a message, and leaves no moment in which two groups are in doubt.
    """
    if not results and not marking:
        return []
    began, pause = time.monotonic(), 0.1
    while True:
        try:
            return _write_once(results, marking, report)
        except (OperationalError, InterfaceError):
            patience = _PATIENCE_AT_THE_END if stop and stop.is_set() else pace.record_patience
            if time.monotonic() - began > patience:
                raise
            logger.warning("Recording %d tries failed; again", len(results), exc_info=True)
            connection.close_if_unusable_or_obsolete()
            time.sleep(pause)
            pause = min(2.0, 2 * pause)


def _write_once(
    results: Sequence[Result],
    marking: Sequence[Message],
    report: DeliveryReport,
) -> list[Message]:
    with transaction.atomic(durable=True):
        written = _record(results) if results else []
        insert_all([result.attempt() for result in written if result.outcome])
        marked = _mark(marking) if marking else []
    for result in written:
        report.count(result.report_name)
    return marked


def _record(results: Sequence[Result]) -> list[Result]:
    """Write the new values; returns the results that were still ours to write.

    The keys are said twice: of the rows inside the JSON PostgreSQL knows no number, and would
    read the whole outbox for a few.
    """
    keys = [result.message.pk for result in results]
    sql = _RECORD.format(source=source_of(_COLUMNS), keys=", ".join(["%s"] * len(keys)))
    with connection.cursor() as cursor:
        cursor.execute(sql, [json.dumps([_values(result) for result in results]), *keys])
        ours = {row[0] for row in cursor.fetchall()}
    return [result for result in results if result.message.pk in ours]


def _values(result: Result) -> dict[str, object]:
    message = result.message
    return {
        "id": message.pk,
        "tried": result.tried,
        "token": result.token,
        "state": str(message.state),
        "attempts": message.attempts,
        "repeats": message.repeats,
        "next_attempt_at": _stored(message.next_attempt_at),
        "sent_at": _stored(message.sent_at),
        "last_error": message.last_error,
        "receipt": message.receipt,
        "handlers_pending": message.is_settled,
    }


def _stored(at: datetime | None) -> str | None:
    return None if at is None else str(connection.ops.adapt_datetimefield_value(at))


def _mark(messages: Sequence[Message]) -> list[Message]:
    """Move to sending those whose lease is still ours.

    One that is in sending with our token was marked by a commit whose answer got lost.
    """
    token, since = messages[0].lease_token, wall_clock()
    ours = Message.objects.filter(pk__in=[message.pk for message in messages], lease_token=token)
    changed = ours.update(state=MessageState.SENDING, sending_since=since)
    if changed == len(messages):
        return list(messages)
    held = set(ours.values_list("pk", flat=True))
    return [message for message in messages if message.pk in held]
