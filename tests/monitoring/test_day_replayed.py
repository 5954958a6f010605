"""A day replayed with ``sweep --now``: exactly the states, daily items and incidents that the
rules say (K2 to K7).

The replay goes through the commands alone; figures come in as the ingest writes them.
"""

import datetime as dt
import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from incidents.models import Incident
from monitoring.checklists.answers import answer_item
from monitoring.enums import Kind, Outcome, SignalKind
from monitoring.models import Monitor, MonitorIncident
from tests.factories import (
    make_client,
    make_dependency,
    make_monitor,
    make_sending_domain,
    make_sop,
    make_system,
    make_team,
)
from tests.monitoring.arrivals import ping, post

pytestmark = pytest.mark.django_db

#: Tuesday, 10 March 2026. The daily checklist opens at 07:00 in Berlin, which is 06:00 here.
DAY = dt.datetime(2026, 3, 10, tzinfo=dt.UTC)
OPENED_BEFORE = DAY - dt.timedelta(hours=18)


def at(clock: str, *, days: int = 0) -> dt.datetime:
    hours, minutes = clock.split(":")
    return DAY + dt.timedelta(days=days, hours=int(hours), minutes=int(minutes))


@pytest.fixture(autouse=True)
def agency() -> None:
    make_sop()
    make_team()


def sweep(moment: dt.datetime) -> None:
    """``manage.py sweep --now``, twice: the second changes nothing."""
    for _ in range(2):
        out = StringIO()
        call_command("sweep", "--now", moment.isoformat(), "--json", stdout=out)
        report = json.loads(out.getvalue())
        assert report["failed"] == report["evaluation"]["broken"] == 0
    assert report["evaluation"]["changed"] == report["evaluation"]["opened"] == 0


def state_of(monitor: Monitor) -> str:
    """As ``list_monitors --json`` tells it."""
    out = StringIO()
    call_command("list_monitors", "--json", stdout=out)
    return next(row["state"] for row in json.loads(out.getvalue()) if row["slug"] == monitor.slug)


def item(reading: str, moment: dt.datetime) -> str:
    return answer_item(reading, now=moment, since=OPENED_BEFORE).outcome


def incidents_of(monitor: Monitor) -> list[tuple[int | None, list[str], str]]:
    """Suggested severity, playbooks and status of each incident of a monitor."""
    links = MonitorIncident.objects.filter(monitor=monitor).select_related("incident")
    return [
        (
            link.incident.suggested_severity_id,
            [playbook.slug for playbook in link.incident.playbooks.all()],
            link.incident.status,
        )
        for link in links
    ]


BOUNCES = ["email-bounce-spike"]
API = ["api-down"]
SYNC = ["crm-sync-break"]


@pytest.mark.parametrize(
    ("sent", "bounced", "state", "daily", "opened"),
    [
        (1000, 19, "ok", Outcome.PASS, []),
        (1000, 20, "warning", Outcome.FAIL, []),
        (1000, 50, "warning", Outcome.FAIL, []),
        (1000, 51, "failing", Outcome.FAIL, [(2, BOUNCES, "detected")]),
        (1000, 101, "failing", Outcome.FAIL, [(2, BOUNCES, "detected")]),
        (49, 49, "too_few", Outcome.NOT_APPLICABLE, []),
        (50, 0, "ok", Outcome.PASS, []),
        (50, 3, "failing", Outcome.FAIL, [(2, BOUNCES, "detected")]),
    ],
)
def test_bounce_rates_of_the_day_K2(
    sent: int, bounced: int, state: str, daily: str, opened: list[Any]
) -> None:
    """Posted in three parts, as a mail server reports them."""
    domain = make_sending_domain(name="go.halden.example")
    monitor = make_monitor(Kind.BOUNCE_RATE, sending_domain=domain)
    for clock, total in (("00:10", sent // 2), ("03:40", sent - sent // 2 - 1), ("05:50", 1)):
        bad = min(bounced, total)
        post(monitor, at(clock), total=total, bad=bad)
        bounced -= bad
    sweep(at("06:00"))
    assert state_of(monitor) == state
    assert item("bounce_rate", at("06:00")) == daily
    assert incidents_of(monitor) == opened


def test_the_only_channel_of_the_day_K2() -> None:
    client, system = make_client(), make_system()
    make_dependency(client, system, is_only_channel=True)
    domain = make_sending_domain(client)
    monitor = make_monitor(Kind.BOUNCE_RATE, sending_domain=domain, system=system)
    post(monitor, at("05:00"), total=1000, bad=101)
    sweep(at("05:00"))
    assert incidents_of(monitor) == [(1, BOUNCES, "detected")]


@pytest.mark.parametrize(
    ("failed", "state", "daily", "opened"),
    [
        (9, "ok", Outcome.PASS, []),
        (10, "warning", Outcome.FAIL, []),
        (120, "failing", Outcome.FAIL, [(2, API, "detected")]),
        (1000, "failing", Outcome.FAIL, [(1, API, "detected")]),
    ],
)
def test_error_rates_of_the_day_K3(failed: int, state: str, daily: str, opened: list[Any]) -> None:
    monitor = make_monitor(Kind.ERROR_RATE)
    post(monitor, at("05:30"), total=500, bad=failed // 2)
    post(monitor, at("05:55"), total=500, bad=failed - failed // 2)
    sweep(at("06:00"))
    assert state_of(monitor) == state
    assert item("error_rate", at("06:00")) == daily
    assert incidents_of(monitor) == opened


def test_a_sync_of_2359_and_of_2400_hours_K4() -> None:
    monitor = make_monitor(Kind.SYNC)
    post(monitor, at("06:00", days=-1), is_ok=True)
    sweep(at("05:59"))
    assert state_of(monitor) == "ok"
    assert item("last_sync", at("05:59")) == Outcome.PASS
    assert incidents_of(monitor) == []
    sweep(at("06:00"))
    assert state_of(monitor) == "failing"
    assert item("last_sync", at("06:00")) == Outcome.FAIL
    assert incidents_of(monitor) == [(2, SYNC, "detected")]


def test_a_job_missed_once_and_twice_K5() -> None:
    monitor = make_monitor(cron="0 * * * *", grace_seconds=600, created_at=at("00:30"))
    ping(monitor, at("01:01"))
    sweep(at("01:05"))
    assert (state_of(monitor), item("cron_jobs", at("01:05"))) == ("ok", Outcome.PASS)
    sweep(at("02:09"))
    assert (state_of(monitor), item("cron_jobs", at("02:09"))) == ("ok", Outcome.PASS)
    sweep(at("02:10"))
    assert (state_of(monitor), item("cron_jobs", at("02:10"))) == ("warning", Outcome.FAIL)
    assert incidents_of(monitor) == []
    sweep(at("03:10"))
    assert state_of(monitor) == "failing"
    assert incidents_of(monitor) == [(3, [], "detected")]
    ping(monitor, at("04:00"), SignalKind.SUCCESS)
    sweep(at("04:01"))
    assert state_of(monitor) == "ok"
    # Green again, but runs were missed since the last daily checklist.
    assert item("cron_jobs", at("06:00")) == Outcome.FAIL
    assert incidents_of(monitor) == [(3, [], "detected")]


def test_a_job_missed_once_since_the_last_checklist_K5() -> None:
    monitor = make_monitor(cron="0 * * * *", grace_seconds=600, created_at=at("00:30"))
    for clock in ("01:00", "03:00", "04:00", "05:00"):
        ping(monitor, at(clock))
    sweep(at("06:00"))
    assert state_of(monitor) == "ok"
    assert item("cron_jobs", at("06:00")) == Outcome.FAIL
    assert incidents_of(monitor) == []


@pytest.mark.parametrize(
    ("kind", "figures", "reading", "last", "silent"),
    [
        (Kind.BOUNCE_RATE, {"total": 100, "bad": 0}, "bounce_rate", "05:59", "06:00"),
        (Kind.ERROR_RATE, {"total": 100, "bad": 0}, "error_rate", "06:59", "07:00"),
    ],
)
def test_silence_of_the_day_fails_and_opens_nothing_K7(
    kind: str, figures: dict[str, int], reading: str, last: str, silent: str
) -> None:
    monitor = make_monitor(kind)
    is_daily = kind == Kind.BOUNCE_RATE
    post(monitor, at("06:00", days=-1 if is_daily else 0), **figures)
    sweep(at(last))
    assert (state_of(monitor), item(reading, at(last))) == ("ok", Outcome.PASS)
    sweep(at(silent))
    assert (state_of(monitor), item(reading, at(silent))) == ("no_data", Outcome.FAIL)
    assert not Incident.objects.exists()


def test_what_was_never_heard_of_opens_only_for_syncs_and_jobs_K7() -> None:
    added = at("06:00", days=-1)
    kinds = (Kind.SYNC, Kind.HEARTBEAT, Kind.BOUNCE_RATE, Kind.ERROR_RATE, Kind.CREDITS)
    monitors = {kind: make_monitor(kind, created_at=added) for kind in kinds}
    sweep(at("06:00"))
    assert {kind: state_of(monitor) for kind, monitor in monitors.items()} == {
        Kind.SYNC: "no_data",
        Kind.HEARTBEAT: "failing",
        Kind.BOUNCE_RATE: "no_data",
        Kind.ERROR_RATE: "no_data",
        Kind.CREDITS: "new",
    }
    assert {kind for kind, monitor in monitors.items() if incidents_of(monitor)} == {
        Kind.SYNC,
        Kind.HEARTBEAT,
    }


@pytest.mark.parametrize("steps", [1, 5, 60, 360])
def test_the_day_comes_to_the_same_however_often_it_is_swept_K6(steps: int) -> None:
    """Every minute (here: of the busy quarter of an hour), every hour, or once."""
    job = make_monitor(cron="0 * * * *", grace_seconds=600, created_at=at("00:30"))
    rate = make_monitor(Kind.BOUNCE_RATE)
    sync = make_monitor(Kind.SYNC, created_at=at("00:30"))
    arrivals: list[tuple[dt.datetime, Callable[[], Any]]] = [
        (at("00:45"), lambda: post(sync, at("00:45", days=-1), is_ok=True)),
        (at("01:00"), lambda: ping(job, at("01:00"))),
        (at("05:50"), lambda: post(rate, at("05:50"), total=1000, bad=51)),
    ]
    moment = at("00:30") if steps > 1 else at("05:45")
    while moment <= at("06:30"):
        while arrivals and arrivals[0][0] <= moment:
            arrivals.pop(0)[1]()
        sweep(moment)
        moment += dt.timedelta(minutes=steps)
    sweep(at("06:30"))
    assert [state_of(monitor) for monitor in (job, rate, sync)] == ["failing"] * 3
    assert incidents_of(job) == [(3, [], "detected")]
    assert incidents_of(rate) == [(2, BOUNCES, "detected")]
    assert incidents_of(sync) == [(2, SYNC, "detected")]
    missed = job.signals.filter(kind=SignalKind.MISSED).order_by("at").values_list("at", flat=True)
    assert list(missed) == [at(f"0{hour}:00") for hour in range(2, 7)]
    assert Incident.objects.get(monitors__monitor=job).detected_at == at("02:00")
    assert Incident.objects.get(monitors__monitor=sync).detected_at == at("00:45")
