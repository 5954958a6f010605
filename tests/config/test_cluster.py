"""A task cluster whose processes are killed: noticed, mended, nobody left behind (rule K11)."""

import datetime as dt
import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest
from django.utils import timezone
from django_q.models import Task
from django_q.tasks import async_task

from config.schedules import TICK_FUNCTION
from monitoring.models import Beat
from monitoring.models.beat import CANARY
from tests.places import (
    children_of,
    descendants_of,
    environ_of,
    find_child,
    is_alive,
    kill,
    started,
    wait_for,
)

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]

#: The cluster alone, watched as `serve` does it but more closely.
WATCHED = """
from dataclasses import replace
from datetime import timedelta
import django
django.setup()
from config import supervisor
from config.management.commands.serve import beat_age, worker_plans
supervisor.SILENCE_GRACE, supervisor.BEATS_EVERY = 1.0, 1.0
(plan,) = [plan for plan in worker_plans() if plan.name == "tasks"]
plans = [replace(plan, beat_limit=timedelta(seconds=10))]
raise SystemExit(supervisor.Supervisor(plans, beat_age=beat_age).run())
"""


def canary_at() -> dt.datetime | None:
    return Beat.objects.filter(name=CANARY).values_list("at", flat=True).first()


def has_beaten_since(instant: dt.datetime) -> bool:
    at = canary_at()
    return at is not None and at > instant


def cluster_of(parent: int) -> dict[str, int]:
    """The processes of the cluster by their part; empty until all of them are there."""
    leader = find_child(parent, "run_tasks")
    sentinels = children_of(leader) if leader else []
    parts = children_of(sentinels[0]) if len(sentinels) == 1 else []
    if leader is None or len(parts) != 4:
        return {}
    names = ("worker", "other worker", "recorder", "pusher")
    return {"leader": leader, "sentinel": sentinels[0], **dict(zip(names, parts, strict=True))}


def test_killed_idle_worker_is_noticed_and_mended_within_three_minutes_K11(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "serve.log"
    begun_at = timezone.now()
    with started("manage.py", "serve", "--no-web", environ=environ_of(tmp_path), log=log) as serve:
        assert wait_for(lambda: has_beaten_since(begun_at)), log.read_text()
        before = cluster_of(serve.pid)
        # Whichever of them waits for the next task holds the queue's lock for good.
        kill(before["worker"])
        kill(before["other worker"])
        killed, killed_at = time.monotonic(), timezone.now()
        # A task that was on its way out may still beat.
        time.sleep(2)
        quiet_at = timezone.now()
        assert wait_for(lambda: has_beaten_since(quiet_at), 180), log.read_text()
        seconds = time.monotonic() - killed
        assert seconds < 180
        assert "no sign of life" in log.read_text()
        assert find_child(serve.pid, "run_tasks") != before["leader"]
        assert not [pid for pid in before.values() if is_alive(pid)]
        with capsys.disabled():
            sys.stdout.write(f"\nkilled {killed_at:%H:%M:%S}, at work after {seconds:.0f} s\n")


@pytest.mark.parametrize("part", ["worker", "recorder", "pusher", "sentinel", "leader"])
def test_cluster_comes_back_whatever_part_of_it_is_killed_K11(tmp_path: Path, part: str) -> None:
    log = tmp_path / "watched.log"
    with started("-c", WATCHED, environ=environ_of(tmp_path), log=log) as parent:
        assert wait_for(lambda: canary_at() is not None), log.read_text()
        cluster = cluster_of(parent.pid)
        kill(cluster[part])
        if part == "worker":
            kill(cluster["other worker"])
        time.sleep(2)
        asked_at = timezone.now()

        def works_again() -> bool:
            async_task(TICK_FUNCTION)
            time.sleep(0.4)
            return has_beaten_since(asked_at) and Task.objects.filter(started__gt=asked_at).exists()

        assert wait_for(works_again, 60), log.read_text()
        if part != "pusher":
            assert not is_alive(cluster[part])
            assert wait_for(lambda: cluster_of(parent.pid).get(part) not in {None, cluster[part]})


def test_serve_that_is_killed_leaves_nobody_behind(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    log = tmp_path / "serve.log"
    with started(
        "manage.py", "serve", "--port", port, environ=environ_of(tmp_path), log=log
    ) as serve:
        assert wait_for(lambda: canary_at() is not None), log.read_text()
        family = descendants_of(serve.pid)
        # Web server with two workers, engine, cluster with its five.
        assert len(family) >= 3 + 2 + 5
        os.kill(serve.pid, signal.SIGKILL)
        assert wait_for(lambda: not any(is_alive(pid) for pid in family), 30), log.read_text()
