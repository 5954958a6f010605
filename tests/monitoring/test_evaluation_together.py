"""Several evaluations at once, as processes of their own: one incident, nothing counted twice."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from django.db import connection

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

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]

PROJECT = Path(__file__).resolve().parents[2]
EVALUATORS, MONITORS = 4, 8

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


def database_url() -> str:
    values = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{values['NAME']}"
    login = f"{values['USER']}:{values['PASSWORD']}".rstrip(":")
    return f"postgres://{login}@{values['HOST']}:{values['PORT'] or 5432}/{values['NAME']}"


def run_together() -> list[list[int]]:
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database_url(),
        "SECRET_KEY": "only-for-tests-" + "x" * 50,
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", EVALUATOR, (NOW + 2 * H + 10 * MIN).isoformat()],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(EVALUATORS)
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    return [json.loads(output) for output in outputs]


def test_four_evaluations_open_one_incident_each_K6() -> None:
    make_sop()
    make_team()
    jobs = [make_monitor(created_at=NOW) for _ in range(MONITORS)]
    rates = [make_monitor(Kind.BOUNCE_RATE, created_at=NOW) for _ in range(MONITORS)]
    for rate in rates:
        for minute in range(20):
            post(rate, NOW + minute * MIN, total=50, bad=5)
    reports = run_together()
    # Whatever another process held is judged now at the latest.
    evaluate_due(now=NOW + 2 * H + 10 * MIN)
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
