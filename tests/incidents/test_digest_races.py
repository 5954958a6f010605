"""Engines at once, as processes of their own: each client's update is written and sent once."""

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from incidents.enums import DigestState, Status
from incidents.models import ClientDigest
from notifications.models import Message
from tests.factories import make_affected, make_client, make_incident, make_sop, make_team
from tests.notifications.test_delivery_concurrency import database_url

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]

PROJECT = Path(__file__).resolve().parents[2]
RACERS = 4
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
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database_url(),
        "SECRET_KEY": "only-for-tests-" + "x" * 50,
    }
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, FRIDAY.isoformat()],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(RACERS)
    ]
    for racer in racers:
        assert racer.stdout
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    outputs = [racer.communicate(timeout=300)[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * RACERS
    counted = [sum(figures) for figures in zip(*map(json.loads, outputs), strict=True)]
    assert counted == [CLIENTS, CLIENTS // 2, 0]
    assert ClientDigest.objects.count() == CLIENTS
    assert ClientDigest.objects.filter(state=DigestState.SENT).count() == CLIENTS // 2
    to_clients = Message.objects.filter(recipient__startswith="anna@")
    assert to_clients.count() == CLIENTS // 2
    assert Message.objects.filter(subject__endswith="ready to read and send").count() == (
        CLIENTS // 2
    )
