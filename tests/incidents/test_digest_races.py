"""Engines at once, as processes of their own: each client's update is written and sent once."""

import datetime as dt

import pytest

from incidents.enums import DigestState, Status
from incidents.models import ClientDigest
from notifications.models import Message
from tests.factories import make_affected, make_client, make_incident, make_sop, make_team
from tests.racing import RACERS, race

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]

CLIENTS = 30
#: Friday 10:00 in Berlin.
FRIDAY = dt.datetime(2026, 3, 13, 9, tzinfo=dt.UTC)
SCRIPT = """
import json, sys, django
from datetime import datetime, timedelta
django.setup()
from incidents.digests import write_due_digests
now = datetime.fromisoformat(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
reports = [write_due_digests(now=now + timedelta(seconds=n)) for n in range(3)]
print(json.dumps([sum(getattr(r, f) for r in reports) for f in ("prepared", "sent", "failed")]))
"""


def test_four_racers_write_and_send_each_update_once_M9() -> None:
    make_sop()
    make_team()
    for number in range(CLIENTS):
        client = make_client(digest_is_automatic=number % 2 == 0)
        incident = make_incident(status=Status.INVESTIGATING, detected_at=FRIDAY)
        make_affected(incident, client, told_at=None, told_via="")
    reports = race(SCRIPT, *[[FRIDAY.isoformat()]] * RACERS, seconds=300)
    counted = [sum(figures) for figures in zip(*reports, strict=True)]
    assert counted == [CLIENTS, CLIENTS // 2, 0]
    assert ClientDigest.objects.count() == CLIENTS
    assert ClientDigest.objects.filter(state=DigestState.SENT).count() == CLIENTS // 2
    to_clients = Message.objects.filter(recipient__startswith="anna@")
    assert to_clients.count() == CLIENTS // 2
    assert Message.objects.filter(subject__endswith="ready to read and send").count() == (
        CLIENTS // 2
    )
