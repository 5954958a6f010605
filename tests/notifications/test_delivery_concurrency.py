"""Several senders at once, as processes of their own: nothing twice, order kept in a lane."""

from collections import defaultdict

import pytest

from notifications.models import Message
from tests.notifications.conftest import NOW
from tests.racing import RACERS, race

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]


CLAIMER = """
import json, sys, django
from datetime import datetime
django.setup()
from notifications.delivery import claim
now, found = datetime.fromisoformat(sys.argv[1]), []
print("ready", flush=True)
sys.stdin.readline()
while batch := claim(channel="email", limit=7, now=now):
    found += [message.pk for message in batch]
print(json.dumps(found))
"""

SENDER = """
import json, sys, time, django
from datetime import datetime
django.setup()
from django.conf import settings
settings.MESSAGE_SETTLED_HANDLERS = []
from notifications.delivery import deliver_due
from notifications.models import Message
now, sent = datetime.fromisoformat(sys.argv[1]), 0
print("ready", flush=True)
sys.stdin.readline()
while Message.objects.waiting().exists():
    sent += deliver_due(now=now, limit=5).sent
    time.sleep(0.01)
print(json.dumps(sent))
"""


def run_together(script: str, *, mail_port: int) -> list:
    """What four senders to this mail server print."""
    calls = [[NOW.isoformat()]] * RACERS
    return race(script, *calls, seconds=60, EMAIL_URL=f"smtp://127.0.0.1:{mail_port}")


def test_no_message_is_claimed_twice(queue):
    wanted = {queue(recipient=f"r{number}@client.example").pk for number in range(200)}
    found = [pk for part in run_together(CLAIMER, mail_port=1) for pk in part]
    assert len(found) == len(set(found)) == 200
    assert set(found) == wanted
    assert set(Message.objects.values_list("attempts", flat=True)) == {1}


def test_senders_together_deliver_each_once_and_in_order(queue, mail_server):
    for number in range(15):
        for lane in ("anna", "bela", "cora", "dora"):
            queue(recipient=f"{lane}@client.example", subject=f"{number:02}")
    assert sum(run_together(SENDER, mail_port=mail_server.port)) == 60
    received = defaultdict(list)
    for mail in mail_server.mails:
        received[mail["To"]].append(mail["Subject"])
    in_order = [f"{number:02}" for number in range(15)]
    assert received == {
        f"{lane}@client.example": in_order for lane in ("anna", "bela", "cora", "dora")
    }
    assert set(Message.objects.values_list("state", "attempts")) == {("sent", 1)}
