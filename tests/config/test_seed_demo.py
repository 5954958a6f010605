"""manage.py seed_demo and clear_demo on databases of their own."""

import datetime as dt
import json
from io import StringIO

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.utils import timezone

from incidents.demo import DemonstrationError, clear_demonstration, seed_demonstration
from incidents.demo.cast import read_cast
from incidents.enums import Rank, Role
from incidents.models import Incident, Responder, System
from incidents.playbooks.progress import view_runs
from monitoring.enums import Kind, RunState, State
from monitoring.evaluation import evaluate_due
from monitoring.models import Checklist, ChecklistRun, Monitor, MonitorStatus
from tests.config.test_demo import count_rows, run
from tests.factories import (
    NOW,
    make_client,
    make_monitor,
    make_responder,
    make_run,
    make_system,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sop():
    call_command("load_sop", stdout=StringIO())


def test_seed_demo_on_an_empty_database_prints_each_password_once():
    out = run("seed_demo", "--if-empty")
    for account in read_cast()["account"]:
        assert out.count(f"  {account['username']} ") == 1
    assert out.splitlines()[-1] == (
        "Demonstration written: 4 clients, 8 systems, 7 incidents (DEMO-0001 to DEMO-0007), "
        "14 monitors, 48 checklist runs."
    )


def test_seed_demo_as_json():
    report = json.loads(run("seed_demo", "--json"))
    assert report["seeded"] is True
    assert {account["username"] for account in report["accounts"]} >= {"alfred", "admin"}
    assert len(report["references"]) == 7
    assert (report["monitors"], report["runs"]) == (14, 48)


@pytest.mark.parametrize("make", [make_client, make_system, make_user])
def test_if_empty_leaves_a_used_database_alone(make):
    make()
    before = count_rows()
    assert "not empty" in run("seed_demo", "--if-empty")
    assert json.loads(run("seed_demo", "--if-empty", "--json"))["seeded"] is False
    assert count_rows() == before


def test_taken_name_is_refused_with_nothing_written():
    make_user(username="rick")
    make_client(name="halden solar")
    before = count_rows()
    with pytest.raises(DemonstrationError, match="rick, halden solar"):
        seed_demonstration(now=NOW)
    assert count_rows() == before


def test_missing_sop_is_named():
    Group.objects.all().delete()
    with pytest.raises(CommandError, match="load_sop"):
        run("seed_demo")


def test_responders_that_staff_set_up_are_not_touched():
    user = make_user(Role.REVENUE, username="rosa")
    Responder.objects.filter(role=Role.REVENUE).update(user=user, email="rosa@agency.example")
    backup = make_responder(Role.FOUNDER, rank=Rank.BACKUP)
    for act in (lambda: seed_demonstration(now=NOW), clear_demonstration):
        act()
        rosa = Responder.objects.get(role=Role.REVENUE)
        assert (rosa.user, rosa.email) == (user, "rosa@agency.example")
        assert Responder.objects.get(role=Role.FOUNDER, rank=Rank.BACKUP) == backup


def test_clear_demo_leaves_the_database_as_it_was():
    before = count_rows()
    people = list(Responder.objects.order_by("id").values())
    run("seed_demo")
    assert count_rows() != before
    out = run("clear_demo")
    assert count_rows() == before
    assert list(Responder.objects.order_by("id").values()) == people
    assert out.startswith("Demonstration removed: 7 incidents, ")
    assert "Kept" not in out


def test_demonstration_watches_every_kind_and_shows_a_month():
    run("seed_demo")
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


def test_demonstration_has_an_incident_half_way_through_its_playbook_P2():
    run("seed_demo")
    spike = Incident.objects.get(title__startswith="Outreach paused: bounces")
    [view] = view_runs(spike)
    assert view.summary == "3 of 5 done"
    assert view.next_step.step.key == "verify-addresses"
    assert [one.step.state for one in view.steps][4:] == ["not_applicable", "open"]


def test_demonstration_stands_as_the_evaluation_judges_it():
    run("seed_demo")

    def standing():
        return dict(MonitorStatus.objects.values_list("monitor__name", "state"))

    before, texts = standing(), dict(MonitorStatus.objects.values_list("monitor", "value_text"))
    assert evaluate_due(now=timezone.now()).broken == 0
    assert standing() == before
    assert dict(MonitorStatus.objects.values_list("monitor", "value_text")) == texts
    assert Incident.objects.count() == 7


def test_real_monitors_and_runs_outlive_the_demonstration():
    real = make_monitor()
    start = dt.date(2020, 1, 6)
    kept = make_run(checklist=Checklist.objects.get(pk="weekly"), period_start=start)
    run("seed_demo")
    report = json.loads(run("clear_demo", "--json"))
    assert report["removed"]["monitors"] == 14
    assert list(Monitor.objects.all()) == [real]
    assert list(ChecklistRun.objects.all()) == [kept]
    assert Monitor.history.count() == real.history.count()


def test_system_that_a_real_monitor_watches_is_kept():
    run("seed_demo")
    make_monitor(system=System.objects.get(slug="enrichment"))
    report = json.loads(run("clear_demo", "--json"))
    assert report["kept"] == ["Lead enrichment (a monitor leans on it)"]


def test_clear_demo_without_one_says_so():
    before = count_rows()
    assert run("clear_demo") == "There was no demonstration.\n"
    assert json.loads(run("clear_demo", "--json")) == {"removed": {}, "kept": []}
    assert count_rows() == before
