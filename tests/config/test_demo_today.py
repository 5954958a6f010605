"""The demonstration as the command writes it today, with monitors and checklist runs.

It is written once for all tests here: each works in a savepoint that is rolled back.
"""

import json
from dataclasses import dataclass
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from incidents.models import Incident, Responder, System
from incidents.playbooks.progress import view_runs
from monitoring.enums import Kind, RunState, State
from monitoring.evaluation import evaluate_due
from monitoring.models import ChecklistRun, Monitor, MonitorStatus
from tests.config.test_demo import count_rows, run
from tests.factories import make_monitor

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Demo:
    """What the command said, and how things were before."""

    report: dict[str, Any]
    before: dict[str, int]
    people: list[dict[str, Any]]


def people():
    return list(Responder.objects.order_by("id").values())


@pytest.fixture(scope="module")
def written(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), transaction.atomic():
        call_command("load_sop", stdout=StringIO())
        before = count_rows()
        known = people()
        yield Demo(json.loads(run("seed_demo", "--json")), before, known)
        transaction.set_rollback(True)


@pytest.fixture
def demo(written, db):
    return written


def test_seed_demo_as_json(demo):
    assert demo.report["seeded"] is True
    assert {account["username"] for account in demo.report["accounts"]} >= {"alfred", "admin"}
    assert len(demo.report["references"]) == 7
    assert (demo.report["monitors"], demo.report["runs"]) == (14, 48)


def test_demonstration_watches_every_kind_and_shows_a_month(demo):
    monitors = Monitor.objects.filter(is_demo=True)
    assert set(monitors.values_list("kind", flat=True)) == set(Kind.values)
    assert all(monitor.days.count() == 30 for monitor in monitors)
    failing = monitors.filter(status__state=State.FAILING)
    assert {one.raised.get().incident.title for one in failing} == {
        "Outreach paused: bounces at 11.8 % on two sending domains"
    }
    runs = ChecklistRun.objects.filter(is_demo=True)
    assert set(runs.values_list("state", flat=True)) == set(RunState.values)
    assert set(runs.open().values_list("checklist", flat=True)) == {"daily", "weekly"}


def test_demonstration_has_an_incident_half_way_through_its_playbook_P2(demo):
    spike = Incident.objects.get(title__startswith="Outreach paused: bounces")
    [view] = view_runs(spike)
    assert view.summary == "3 of 5 done"
    assert view.next_step.step.key == "verify-addresses"
    assert [one.step.state for one in view.steps][4:] == ["not_applicable", "open"]


def test_demonstration_stands_as_the_evaluation_judges_it(demo):
    def standing():
        return dict(MonitorStatus.objects.values_list("monitor__name", "state"))

    before, texts = standing(), dict(MonitorStatus.objects.values_list("monitor", "value_text"))
    assert evaluate_due(now=timezone.now()).broken == 0
    assert standing() == before
    assert dict(MonitorStatus.objects.values_list("monitor", "value_text")) == texts
    assert Incident.objects.count() == 7


def test_clear_demo_leaves_the_database_as_it_was(demo):
    assert count_rows() != demo.before
    out = run("clear_demo")
    assert count_rows() == demo.before
    assert people() == demo.people
    assert out.startswith("Demonstration removed: 7 incidents, ")
    assert "Kept" not in out


def test_system_that_a_real_monitor_watches_is_kept(demo):
    make_monitor(system=System.objects.get(slug="enrichment"))
    report = json.loads(run("clear_demo", "--json"))
    assert report["kept"] == ["Lead enrichment (a monitor leans on it)"]
