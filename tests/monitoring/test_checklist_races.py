"""Schedulers and cron at once, as processes of their own: each period once, told once."""

import datetime as dt

import pytest
from django.db.models import Count

from incidents.enums import Source
from incidents.models import Incident
from monitoring.enums import Kind, Measure, RunState
from monitoring.models import ChecklistRun, MonitorIncident, Sample
from notifications.models import Message
from tests.factories import (
    make_checklist,
    make_checklist_item,
    make_checklists,
    make_monitor,
    make_sop,
    make_team,
)
from tests.racing import RACERS, race

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]

PERIODS = 500
#: 07:00 in Berlin on Tuesday 10 March 2026.
SEVEN = dt.datetime(2026, 3, 10, 6, tzinfo=dt.UTC)

BEGIN = """
import json, sys, django
from datetime import datetime, timedelta
django.setup()
from monitoring.checklists.opening import open_due_runs
from monitoring.checklists.running import run_crm_review
start, opened = datetime.fromisoformat(sys.argv[1]), []
print("ready", flush=True)
sys.stdin.readline()
"""
OPENER = f"""{BEGIN}
for day in range({PERIODS}):
    opened += [run.pk for run in open_due_runs(now=start + timedelta(days=day, hours=1))]
print(json.dumps(opened))
"""
REVIEWER = f"""{BEGIN}
print(json.dumps([run_crm_review(now=start).pk]))
"""


def test_four_racers_over_500_periods_open_500_runs_K8() -> None:
    make_team()
    checklist = make_checklist()
    for number in (1, 2):
        make_checklist_item(checklist, text=f"Item {number}")
    parts = race(OPENER, *[[SEVEN.isoformat()]] * RACERS, seconds=600)
    opened = [pk for part in parts for pk in part]
    assert len(opened) == len(set(opened)) == PERIODS
    runs = ChecklistRun.objects.annotate(copied=Count("items"))
    assert set(runs.values_list("state", "copied")) == {(RunState.OPEN.value, 2)}
    assert runs.count() == PERIODS
    assert len(set(runs.values_list("period_start", flat=True))) == PERIODS
    assert Message.objects.filter(subject__startswith="Checklist to do").count() == PERIODS


def test_four_reviews_at_once_find_each_thing_once_K9() -> None:
    make_sop()
    make_team()
    make_checklists()
    evening = SEVEN + dt.timedelta(hours=11)
    for _ in range(8):
        monitor = make_monitor(Kind.LEVEL, measure=Measure.DUPLICATE)
        Sample.objects.create(monitor=monitor, at=evening, received_at=evening, value=5)
    runs = race(REVIEWER, *[[evening.isoformat()]] * RACERS, seconds=600)
    assert len({pk for (pk,) in runs}) == ChecklistRun.objects.count() == 1
    assert Incident.objects.filter(source=Source.SCHEDULED_REVIEW).count() == 8
    assert MonitorIncident.objects.count() == 8
    assert ChecklistRun.objects.get().items.get(reading="level:duplicate").incident
    assert Message.objects.filter(subject__startswith="Checklist failed").count() == 1
