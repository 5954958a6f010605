"""Several evaluations at once, as processes of their own: one incident, nothing counted twice."""

from collections import Counter

import pytest

from incidents.models import Incident
from monitoring.enums import Kind, SignalKind, State
from monitoring.models import (
    HourlyFigure,
    MonitorIncident,
    MonitorStatus,
    Sample,
    Signal,
    StateChange,
)
from tests.factories import NOW, make_monitor, make_sop, make_team
from tests.monitoring.arrivals import MIN, H, evaluate_due, post
from tests.racing import RACERS, race

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]

MONITORS = 8

EVALUATOR = """
import json, sys, django
from datetime import datetime
django.setup()
from django.db import OperationalError
from monitoring.evaluation import evaluate_due
now, judged, broken, opened = datetime.fromisoformat(sys.argv[1]), 0, 0, 0
print("ready", flush=True)
sys.stdin.readline()
for _ in range(15):
    try:
        report = evaluate_due(now=now)
    except OperationalError:
        continue
    judged, broken, opened = judged + report.judged, broken + report.broken, opened + report.opened
print(json.dumps([judged, broken, opened]))
"""


def test_four_evaluations_open_one_incident_each_K6() -> None:
    make_sop()
    make_team()
    jobs = [make_monitor(created_at=NOW) for _ in range(MONITORS)]
    rates = [make_monitor(Kind.BOUNCE_RATE, created_at=NOW) for _ in range(MONITORS)]
    for rate in rates:
        for minute in range(20):
            post(rate, NOW + minute * MIN, total=50, bad=5)
    then = NOW + 2 * H + 10 * MIN
    reports = race(EVALUATOR, *[[then.isoformat()]] * RACERS, seconds=120)
    # Whatever another process held is judged now at the latest.
    evaluate_due(now=then)
    assert sum(broken for _, broken, _ in reports) == 0
    assert Incident.objects.count() == 2 * MONITORS
    links = Counter(MonitorIncident.objects.values_list("monitor", flat=True))
    assert links == dict.fromkeys([m.pk for m in (*jobs, *rates)], 1)
    states = set(MonitorStatus.objects.values_list("state", flat=True))
    assert states == {State.FAILING}
    missed = Signal.objects.filter(kind=SignalKind.MISSED)
    assert missed.count() == 2 * MONITORS
    assert StateChange.objects.count() == 3 * MONITORS
    assert set(HourlyFigure.objects.values_list("samples", "total", "bad")) == {(20, 1000, 100)}
    assert not Sample.objects.fresh().exists()
