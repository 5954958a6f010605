"""The one tick and its tasks: harmless twice, late or never."""

import datetime as dt
from typing import Any

import pytest
import time_machine
from django_q.models import OrmQ

from monitoring import tasks
from monitoring.enums import Kind
from monitoring.models import ChecklistRun, Monitor, MonitorStatus, Sample, Signal
from notifications.models import Message
from tests.factories import make_checklists, make_monitor, make_sop, make_team

pytestmark = pytest.mark.django_db

#: 07:00 in Berlin on Tuesday 10 March 2026.
SEVEN = dt.datetime(2026, 3, 10, 6, tzinfo=dt.UTC)


def tick(at: dt.datetime = SEVEN) -> list[tuple[str, tuple[Any, ...]]]:
    """One tick at that time; what it queued."""
    OrmQ.objects.all().delete()
    with time_machine.travel(at, tick=False):
        tasks.tick()
    queued = [row.task for row in OrmQ.objects.order_by("pk")]
    return [(task["func"].removeprefix("monitoring.tasks."), task["args"]) for task in queued]


def work(queued: list[tuple[str, tuple[Any, ...]]], at: dt.datetime = SEVEN) -> None:
    with time_machine.travel(at, tick=False):
        for name, arguments in queued:
            getattr(tasks, name)(*arguments)


def test_a_tick_opens_what_is_due_and_queues_keys_K8():
    make_checklists()
    queued = tick()
    keys = dict(ChecklistRun.objects.values_list("checklist", "pk"))
    assert len(queued) == 4
    assert set(queued) == {
        ("crm_review", ("2026-03-09",)),
        ("run_checklist", (keys["daily"],)),
        ("run_checklist", (keys["monthly"],)),
        ("run_checklist", (keys["weekly"],)),
    }


def test_what_a_lost_task_left_is_queued_again_and_what_is_done_is_not_K8():
    make_sop()
    make_checklists()
    lost = tick()
    again = tick(SEVEN + dt.timedelta(minutes=1))
    assert again == lost
    work(again)
    work(again)
    assert tick(SEVEN + dt.timedelta(minutes=2)) == []
    assert ChecklistRun.objects.count() == 4


def test_a_task_of_a_run_that_is_gone_does_nothing():
    work([("run_checklist", (10**12,))])


def test_an_idle_tick_queues_nothing():
    assert tick() == []


def test_reminders_come_with_the_tick_N1():
    make_team()
    make_checklists()
    tick()
    sent = Message.objects.count()
    tick(SEVEN + dt.timedelta(hours=40))
    assert Message.objects.filter(subject__startswith="Overdue").exists()
    assert Message.objects.count() > sent


def test_providers_are_asked_once_a_period_K5():
    monitor = make_monitor(Kind.STATUS)
    assert tick() == [("probe", (monitor.pk,))]
    assert tick() == []
    work([("probe", (monitor.pk,))])
    assert Signal.objects.get().indicator == "unknown"
    assert tick(SEVEN + dt.timedelta(minutes=3)) == [("probe", (monitor.pk,))]


def test_a_probe_of_a_monitor_that_is_gone_or_paused_does_nothing():
    monitor = make_monitor(Kind.STATUS)
    Monitor.objects.update(is_active=False)
    work([("probe", (monitor.pk,)), ("probe", (10**12,))])
    assert not Signal.objects.exists()


def test_old_samples_go_once_an_hour():
    monitor = make_monitor(Kind.ERROR_RATE)
    MonitorStatus.objects.filter(pk=monitor.pk).update(last_signal_at=SEVEN)
    old = SEVEN - dt.timedelta(days=400)
    Sample.objects.create(monitor=monitor, at=old, received_at=old, total=1, bad=0, is_fresh=False)
    at = SEVEN + dt.timedelta(minutes=tasks.PRUNE_MINUTE)
    assert tick(at) == [("prune", ())]
    assert tick(at + dt.timedelta(minutes=1)) == []
    work([("prune", ())], at)
    assert not Sample.objects.exists()


def test_a_part_that_fails_stops_no_other_one(monkeypatch, caplog):
    def broken(now: dt.datetime) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(tasks, "PARTS", (broken, *tasks.PARTS))
    monitor = make_monitor(Kind.STATUS)
    assert tick() == [("probe", (monitor.pk,))]
    assert "a part of the tick failed" in caplog.text
