"""manage.py seed_demo and clear_demo on databases of their own."""

import datetime as dt
import json
from io import StringIO

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command

from incidents.demo import DemonstrationError, seed_demonstration
from incidents.demo.cast import read_cast
from incidents.enums import Rank, Role
from incidents.models import Responder
from monitoring.models import Checklist, ChecklistRun, Monitor
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


def test_what_staff_set_up_before_is_not_touched():
    user = make_user(Role.REVENUE, username="rosa")
    Responder.objects.filter(role=Role.REVENUE).update(user=user, email="rosa@agency.example")
    backup = make_responder(Role.FOUNDER, rank=Rank.BACKUP)
    monitor = make_monitor()
    start = dt.date(2020, 1, 6)
    kept = make_run(checklist=Checklist.objects.get(pk="weekly"), period_start=start)

    def check_people():
        rosa = Responder.objects.get(role=Role.REVENUE)
        assert (rosa.user, rosa.email) == (user, "rosa@agency.example")
        assert Responder.objects.get(role=Role.FOUNDER, rank=Rank.BACKUP) == backup

    run("seed_demo")
    check_people()
    report = json.loads(run("clear_demo", "--json"))
    check_people()
    assert report["removed"]["monitors"] == 14
    assert list(Monitor.objects.all()) == [monitor]
    assert list(ChecklistRun.objects.all()) == [kept]
    assert Monitor.history.count() == monitor.history.count()


def test_clear_demo_without_one_says_so():
    before = count_rows()
    assert run("clear_demo") == "There was no demonstration.\n"
    assert json.loads(run("clear_demo", "--json")) == {"removed": {}, "kept": []}
    assert count_rows() == before
