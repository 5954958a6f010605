"""Four engines over what is due: each escalation and each ring once (rules E8, E9)."""

import datetime as dt

import pytest

from incidents.models import DueEscalation, Escalation, EscalationNotice, TimelineEntry
from notifications.models import Message
from tests.factories import NOW, make_escalation, make_incident, make_matrix, make_sop, make_team
from tests.racing import RACERS, race

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]

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


def test_four_racers_over_300_due_raise_300_and_tell_300_times_E6_E8() -> None:
    make_sop()
    team = make_team()
    rule = make_matrix()["E6"]
    incidents = [make_incident(team=team, status="triaged", level=2) for _ in range(ROWS)]
    DueEscalation.objects.bulk_create(
        DueEscalation(incident=row, rule=rule, occurrence=1, due_at=NOW + dt.timedelta(days=1))
        for row in incidents
    )
    then = NOW + dt.timedelta(days=1, minutes=1)
    outcomes = race(RACER, *[[then.isoformat(), "due"]] * RACERS, seconds=600)
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
    then = NOW + dt.timedelta(minutes=16)
    outcomes = race(RACER, *[[then.isoformat(), "ring"]] * RACERS, seconds=600)
    assert [sum(figures) for figures in zip(*outcomes, strict=True)] == [ROWS, 0]
    assert EscalationNotice.objects.filter(number=2).count() == ROWS
    assert Message.objects.count() == ROWS
    assert set(Escalation.objects.values_list("ring_count", flat=True)) == {2}
