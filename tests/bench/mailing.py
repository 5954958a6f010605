"""One after the other, on one database: the outbox, and Django's own kept-open connection.

Run as a program of its own, with the port of a mail server, the rounds and the mails of a round;
prints the mails in a second of each round as JSON.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import django

django.setup()

from django.core.mail import EmailMultiAlternatives, get_connection  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from config.engine import SENDERS  # noqa: E402
from notifications.delivery import DeliveryReport, empty_channel  # noqa: E402
from notifications.enums import Channel  # noqa: E402
from notifications.models import Message  # noqa: E402
from notifications.outbox import NewMessage, queue_messages  # noqa: E402

SUBJECT = "[LeadsPanther] Issue Detected — Outgoing emails paused"
TEXT = "Hi Maya,\n\nOutgoing emails are paused since 10:00 CET; we're working on it.\n" * 8
HTML = "<p>Hi Maya,</p><p>Outgoing emails are paused since 10:00 CET.</p>" * 8
_numbers = count()


def by_django(mails: int) -> float:
    """Seconds for so many mails over one connection, as Django sends them by itself."""
    began = time.perf_counter()
    smtp = get_connection()
    smtp.open()
    for number in range(mails):
        mail = EmailMultiAlternatives(
            SUBJECT,
            TEXT,
            to=[f"r{number}@client.example"],
            headers={"Message-ID": f"<{next(_numbers)}@bench.example>"},
            connection=smtp,
        )
        mail.attach_alternative(HTML, "text/html")
        mail.send()
    smtp.close()
    return time.perf_counter() - began


def by_outbox(mails: int) -> float:
    """Seconds from so many waiting messages to as many delivered, recorded and told of, by as
    many threads as the engine has for mail."""
    new = [
        NewMessage(
            key=f"bench-{next(_numbers)}",
            channel=Channel.EMAIL,
            recipient=f"r{number}@client.example",
            subject=SUBJECT,
            text=TEXT,
            html=HTML,
            reference="INC-2026-0001",
        )
        for number in range(mails)
    ]
    queue_messages(new, now=timezone.now())
    began = time.perf_counter()
    with ThreadPoolExecutor(SENDERS.count(Channel.EMAIL)) as threads:
        reports = list(threads.map(_empty, [Channel.EMAIL] * SENDERS.count(Channel.EMAIL)))
    seconds = time.perf_counter() - began
    assert sum(report.sent for report in reports) == mails, reports
    Message.objects.all().delete()
    return seconds


def _empty(channel: str) -> DeliveryReport:
    try:
        return empty_channel(channel)
    finally:
        connection.close()


def main() -> None:
    rounds, mails = (int(text) for text in sys.argv[1:])
    by_django(20)
    by_outbox(20)
    found = []
    for number in range(rounds):
        ways = [by_outbox, by_django]
        taken = {way: way(mails) for way in (ways if number % 2 else reversed(ways))}
        found.append([mails / taken[way] for way in ways])
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
