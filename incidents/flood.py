"""A digest replaces a flood: nobody gets more warnings than a person can read (rule N1)."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Sequence

from django.db import transaction
from django.db.models import Count

from incidents.models import Policy
from notifications.batches import update_rows
from notifications.enums import MessageState, Urgency
from notifications.models import Message
from notifications.outbox import NewMessage, queue_messages

WINDOW = dt.timedelta(minutes=10)


def find_flood(messages: Sequence[NewMessage], *, now: dt.datetime) -> dict[str, NewMessage]:
    """Those of little urgency that are one too many for their reader, by key.

    What somebody was told by itself before is not told again in a digest.
    """
    if not any(message.urgency == Urgency.LOW for message in messages):
        return {}
    limit = Policy.current().flood_limit
    keys = [message.key for message in messages]
    told = set(Message.objects.filter(key__in=keys).values_list("key", flat=True))
    recent = _recent_counts(messages, now=now)
    flood = {}
    for message in messages:
        if message.key in told:
            continue
        if message.urgency == Urgency.LOW and recent[message.recipient] >= limit:
            flood[message.key] = message
        else:
            told.add(message.key)
            recent[message.recipient] += 1
    return flood


def add_to_digests(messages: Sequence[NewMessage], *, now: dt.datetime) -> dict[str, Message]:
    """Put messages into the digests of their readers; returns the digest of each, by key.

    One whose digest has left meanwhile is missing from the answer.
    """
    if not messages:
        return {}
    by_digest = defaultdict(list)
    for message in messages:
        by_digest[_digest_of(message, now=now)].append(message)
    with transaction.atomic():
        queue_messages(list(by_digest), now=now)
        keys = [digest.key for digest in by_digest]
        waiting = Message.objects.filter(key__in=keys, state=MessageState.PENDING)
        # Locked, or two sweepers would each write the text without the other's lines.
        found = {row.key: row for row in waiting.select_for_update().order_by("id")}
        for digest, members in by_digest.items():
            if digest.key in found:
                _add(found[digest.key], members)
        update_rows(list(found.values()), ["text"])
    return {
        message.key: found[digest.key]
        for digest, members in by_digest.items()
        if digest.key in found
        for message in members
    }


def _recent_counts(messages: Sequence[NewMessage], *, now: dt.datetime) -> Counter[str]:
    """How much each person got within the last ten minutes."""
    people = {message.recipient for message in messages if message.urgency == Urgency.LOW}
    rows = Message.objects.filter(recipient__in=people, created_at__gt=now - WINDOW)
    counted = rows.order_by().values("recipient").annotate(count=Count("id"))
    return Counter(dict(counted.values_list("recipient", "count")))


def _digest_of(message: NewMessage, *, now: dt.datetime) -> NewMessage:
    """The one message that gathers ten minutes of them, and waits for their end."""
    seconds = int(WINDOW.total_seconds())
    window = int(now.timestamp()) // seconds
    demo = "demo:" if message.is_demo else ""
    return NewMessage(
        key=f"digest:{demo}{message.channel}:{message.recipient}:{window}",
        channel=message.channel,
        recipient=message.recipient,
        subject="Several warnings",
        text="These came within ten minutes:",
        not_before=dt.datetime.fromtimestamp((window + 1) * seconds, dt.UTC),
        urgency=Urgency.LOW,
        is_demo=message.is_demo,
    )


def _add(digest: Message, messages: Sequence[NewMessage]) -> None:
    """Add a line for each message that the digest does not mention yet."""
    lines = [
        f"- {message.subject} [{message.key}]\n{message.text}"
        for message in messages
        if f"[{message.key}]" not in digest.text
    ]
    digest.text = "\n\n".join([digest.text, *lines])
