"""Taking messages: leased to exactly one sender, the oldest of each lane only."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from uuid import uuid4

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from notifications.enums import MessageState
from notifications.models import Message
from notifications.pace import PACE, Pace

logger = logging.getLogger(__name__)

_DUE = """
    SELECT m.id FROM notifications_message m
    WHERE m.state = 'pending' AND m.channel = %(channel)s AND m.next_attempt_at <= %(now)s
      AND NOT EXISTS (
        SELECT 1 FROM notifications_message o
        WHERE o.lane = m.lane AND o.state IN ('pending', 'leased', 'sending')
          AND (o.id < m.id OR o.state <> 'pending'))
    ORDER BY m.urgency DESC, m.next_attempt_at, m.id
    LIMIT %(limit)s
"""
_LEASE = """
    UPDATE notifications_message
    SET state = 'leased', attempts = attempts + 1,
        lease_token = %(token)s, lease_expires_at = %(expires)s
"""
# MATERIALIZED: joined as a plain subquery it may run twice and lock more than the limit.
_CLAIM_POSTGRESQL = f"""
    WITH due AS MATERIALIZED ({_DUE} FOR UPDATE OF m SKIP LOCKED)
    {_LEASE} FROM due WHERE notifications_message.id = due.id
    RETURNING notifications_message.*
"""
_CLAIM_SQLITE = f"{_LEASE} WHERE id IN ({_DUE}) AND state = 'pending' RETURNING *"


def wall_clock() -> datetime:
    """The machine's time: leases ask whether a sender lives, also while a day is replayed."""
    return timezone.now()


def has_due(channel: str, *, now: datetime) -> bool:
    """Whether it is worth a write transaction to claim; reads only."""
    return Message.objects.filter(
        state=MessageState.PENDING, channel=channel, next_attempt_at__lte=now
    ).exists()


def claim(*, channel: str, limit: int, now: datetime, pace: Pace = PACE) -> list[Message]:
    """Lease up to `limit` due messages, most urgent first; nobody else gets the same ones.

    From each lane only the oldest unsettled message, and none while another is on its way.
    The attempt is counted here, so that a message that kills its sender dies too.
    """
    adapt = connection.ops.adapt_datetimefield_value
    parameters = {
        "channel": channel,
        "now": adapt(now),
        "limit": limit,
        "token": uuid4().hex,
        "expires": adapt(wall_clock() + timedelta(seconds=pace.of(channel).lease)),
    }
    sql = _CLAIM_POSTGRESQL if connection.vendor == "postgresql" else _CLAIM_SQLITE
    try:
        with transaction.atomic(durable=True):
            claimed = list(Message.objects.raw(sql, parameters))
    except IntegrityError:
        # A message of the same lane was brought back and picked up in this very moment.
        logger.info("Lost a lane to another sender; the next cycle sees it")
        return []
    return sorted(claimed, key=lambda m: (-m.urgency, m.next_attempt_at, m.pk))
