"""Queues messages over all channels: `python -m tests.faults.feeding '{"count": 100}'`.

A process of its own, because it works on the database of the run. Lanes are incidents times
recipients; numbers rise within each lane. With `pause` it goes on until it is told to stop, one
message a transaction, whatever the database is at, and prints each number that was committed.
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any

import django

MAIL, TELEGRAM, HUBSPOT = "email", "telegram", "hubspot"
#: For each channel, who is written to about one incident.
RECIPIENTS = {
    MAIL: ["anna@client.example", "maya@other.example"],
    TELEGRAM: ["4711", "4712"],
    HUBSPOT: [f"90{number:02}" for number in range(10)],
}
CHANNELS = [*RECIPIENTS]


@dataclass
class Feed:
    count: int = 100
    start: int = 0
    incidents: int = 4
    pause: float = 0
    channels: list[str] = field(default_factory=lambda: CHANNELS)

    def messages(self) -> Iterator[dict[str, Any]]:
        """One message for each number, going through channels, recipients and incidents."""
        for number in count(self.start):
            channel = self.channels[number % len(self.channels)]
            step = number // len(self.channels)
            recipients = RECIPIENTS[channel]
            incident = (step // len(recipients)) % self.incidents
            yield {
                "key": f"fault-{number}",
                "channel": channel,
                "recipient": recipients[step % len(recipients)],
                "reference": f"INC-2026-{incident + 1:04}",
                "subject": f"Message no. {number}",
                "text": f"Message no. {number}.\n\nOutgoing mails are paused.\n",
            }


def main(feed: Feed) -> None:
    if feed.pause:
        feed_on(feed)
    else:
        feed_at_once(feed)


def feed_at_once(feed: Feed) -> None:
    from django.db import transaction
    from django.utils import timezone

    from notifications.outbox import queue_message

    with transaction.atomic():
        for message in islice(feed.messages(), feed.count):
            queue_message(**message, now=timezone.now())


def feed_on(feed: Feed) -> None:
    from django.db import DatabaseError, InterfaceError, connection
    from django.utils import timezone

    from notifications.outbox import queue_message

    for message in islice(feed.messages(), feed.count):
        while True:
            try:
                queue_message(**message, now=timezone.now())
                break
            except (DatabaseError, InterfaceError):
                connection.close()
                time.sleep(0.1)
        print(message["key"], flush=True)  # noqa: T201
        time.sleep(feed.pause)


if __name__ == "__main__":
    django.setup()
    main(Feed(**json.loads(sys.argv[1])))
