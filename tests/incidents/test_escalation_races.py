"""Four engines over what is due: each escalation and each ring once (rules E8, E9)."""

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from incidents.models import DueEscalation, Escalation, EscalationNotice, TimelineEntry
from notifications.models import Message
from tests.factories import NOW, make_escalation, make_incident, make_matrix, make_sop, make_team
from tests.notifications.test_delivery_concurrency import database_url

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]

PROJECT = Path(__file__).resolve().parents[2]
RACERS = 4
ROWS = 300

RACER = """
import json, sys, django
from datetime import datetime
django.setup()
from incidents.escalation import escalate_due, ring_due
from incidents.models import DueEscalation, Escalation
now, part = datetime.fromisoformat(sys.argv[1]), sys.argv[2]
work, left = {
    "due": (escalate_due, DueEscalation.objects.filter(due_at__lte=now)),
    "ring": (ring_due, Escalation.objects.filter(next_ring_at__lte=now)),
}[part]
print("ready", flush=True)
sys.stdin.readline()
# Small rounds, so that the racers are in each other's way as often as can be; a round that finds
# everything held by others writes nothing.
rounds = []
while left.all().exists() and len(rounds) < 5000:
    rounds.append(work(now=now, limit=20))
print(json.dumps([sum(one.written for one in rounds), sum(one.failed for one in rounds)]))
"""


def race(part: str, *, now: dt.datetime) -> list[Any]:
    """Let four processes go at once; returns what each wrote and what it had to set aside."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database_url(),
        "SECRET_KEY": "only-for-tests-" + "x" * 50,
        "TIME_ZONE": "Europe/Berlin",
    }
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, now.isoformat(), part],
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
    outputs = [racer.communicate(timeout=600)[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * RACERS
    return [json.loads(output) for output in outputs]


def test_four_racers_over_300_due_raise_300_and_tell_300_times_E6_E8() -> None:
    make_sop()
    team = make_team()
    rule = make_matrix()["E6"]
    incidents = [make_incident(team=team, status="triaged", level=2) for _ in range(ROWS)]
    DueEscalation.objects.bulk_create(
        DueEscalation(incident=row, rule=rule, occurrence=1, due_at=NOW + dt.timedelta(days=1))
        for row in incidents
    )
    outcomes = race("due", now=NOW + dt.timedelta(days=1, minutes=1))
    assert sum(written for written, _ in outcomes) == ROWS
    assert sum(failed for _, failed in outcomes) == 0
    assert Escalation.objects.filter(rule="E6").count() == ROWS
    assert EscalationNotice.objects.count() == Message.objects.count() == ROWS
    assert TimelineEntry.objects.filter(kind="escalation").count() == ROWS
    assert not DueEscalation.objects.exists()


def test_four_racers_ring_300_times_and_no_more_E9() -> None:
    make_sop()
    make_team()
    incident = make_incident(status="triaged", level=1)
    for _ in range(ROWS):
        make_escalation(incident, ring_count=1, next_ring_at=NOW + dt.timedelta(minutes=15))
    outcomes = race("ring", now=NOW + dt.timedelta(minutes=16))
    assert [sum(figures) for figures in zip(*outcomes, strict=True)] == [ROWS, 0]
    assert EscalationNotice.objects.filter(number=2).count() == ROWS
    assert Message.objects.count() == ROWS
    assert set(Escalation.objects.values_list("ring_count", flat=True)) == {2}
