import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from django_q.models import Schedule
from pytest_django import Settings

from config import health
from config.cluster import beat_canary
from monitoring.enums import Kind, SignalKind
from monitoring.ingest import spool
from monitoring.models import Beat, ChecklistRun, MonitorStatus, Sample, Signal
from monitoring.models.beat import CANARY
from notifications.enums import Channel
from notifications.outbox import queue_message
from tests.config.living import keep_all_well
from tests.factories import make_checklists, make_monitor

pytestmark = [pytest.mark.urls("tests.config.urls"), pytest.mark.django_db]

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def alive() -> None:
    keep_all_well(at=NOW)


def test_healthz_answers_without_login(client: Client) -> None:
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "database": "ok"}
    assert "no-store" in response["Cache-Control"]


def test_readyz_is_503_with_reasons_while_nothing_runs_K11(client: Client) -> None:
    response = client.get("/readyz")
    assert response.status_code == 503
    assert len(response.json()["reasons"]) == 4
    assert "engine" in response.json()["reasons"][0]
    assert "schedule is missing" in response.json()["reasons"][2]


def test_readyz_is_200_when_all_is_well_K11(client: Client) -> None:
    keep_all_well(at=timezone.now())
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "reasons": []}


@pytest.mark.usefixtures("alive")
@pytest.mark.parametrize(
    ("later", "late"), [(60, []), (61, ["the engine"]), (121, ["the engine", "the task cluster"])]
)
def test_late_beat_is_a_problem_K11(later: int, late: list[str]) -> None:
    found = health.problems(now=NOW + timedelta(seconds=later))
    assert len(found) == len(late)
    assert all(words in problem for words, problem in zip(late, found, strict=True))


@pytest.mark.usefixtures("alive")
def test_message_unsent_for_over_two_minutes_is_a_problem() -> None:
    queue_message(
        key="late",
        channel=Channel.EMAIL,
        recipient="a@example.com",
        subject="Late",
        text="Late",
        now=NOW - timedelta(seconds=121),
    )
    assert health.problems(now=NOW) == ["1 message is unsent for more than two minutes."]
    assert health.problems(now=NOW - timedelta(seconds=1)) == []


@pytest.mark.usefixtures("alive")
def test_missing_and_late_schedule_is_a_problem_K11() -> None:
    Schedule.objects.update(next_run=NOW - timedelta(minutes=3))
    assert health.problems(now=NOW) == []
    Schedule.objects.update(next_run=NOW - timedelta(minutes=4))
    assert health.problems(now=NOW) == ["The schedule is 4 minutes late."]
    Schedule.objects.update(func="os.getcwd")
    assert health.problems(now=NOW) == ["The schedule is missing: run manage.py setup_schedules."]


@pytest.mark.usefixtures("alive")
def test_checklist_that_nobody_opened_is_a_problem_after_ten_minutes_K11() -> None:
    """09:00 UTC is 10:00 in Berlin; the daily checklist opens at 07:00 there."""
    daily = make_checklists()["daily"]
    type(daily).objects.exclude(pk="daily").update(is_active=False)

    def run_for(day: int) -> None:
        ChecklistRun.objects.create(
            checklist=daily, period_start=date(2026, 3, day), opened_at=NOW, due_at=NOW
        )

    run_for(1)
    early = NOW.replace(hour=6, minute=9)
    keep_all_well(at=early)
    assert health.problems(now=early) == []
    late = NOW.replace(hour=6, minute=10)
    assert health.problems(now=late) == [
        f"The checklist “{daily.title}” of 2026-03-02 was not opened."
    ]
    run_for(2)
    assert health.problems(now=late) == []
    ChecklistRun.objects.all().delete()
    assert len(health.problems(now=late)) == 1
    type(daily).objects.update(is_active=False)
    assert health.problems(now=late) == []


@pytest.mark.usefixtures("alive")
@pytest.mark.parametrize("what", ["signal", "sample"])
def test_what_waits_to_be_judged_for_over_two_minutes_is_a_problem_K11(what: str) -> None:
    monitor = make_monitor(Kind.HEARTBEAT if what == "signal" else Kind.ERROR_RATE)
    at = NOW - timedelta(seconds=121)
    if what == "signal":
        Signal.objects.create(monitor=monitor, kind=SignalKind.SUCCESS, at=at)
    else:
        Sample.objects.create(monitor=monitor, at=at, received_at=at, total=9, bad=0)
    expected = ["What monitors received has waited for more than two minutes to be judged."]
    assert health.problems(now=NOW) == expected
    assert health.problems(now=NOW - timedelta(seconds=2)) == []
    Signal.objects.update(is_fresh=False)
    Sample.objects.update(is_fresh=False)
    assert health.problems(now=NOW) == []
    Signal.objects.update(is_fresh=True)
    Sample.objects.update(is_fresh=True)
    type(monitor).objects.update(is_active=False)
    assert health.problems(now=NOW) == []


@pytest.mark.usefixtures("alive")
def test_monitor_whose_evaluation_broke_is_a_problem_of_its_own_K11() -> None:
    monitor = make_monitor(Kind.HEARTBEAT)
    Signal.objects.create(monitor=monitor, kind=SignalKind.SUCCESS, at=NOW - timedelta(minutes=5))
    MonitorStatus.objects.filter(monitor=monitor).update(failed_at=NOW)
    assert health.problems(now=NOW) == ["1 monitor cannot be judged; the log says why."]


@pytest.mark.usefixtures("alive")
def test_what_waits_on_disk_for_over_two_minutes_is_a_problem_K11(
    settings: Settings, tmp_path: Path
) -> None:
    settings.VAR_DIR = tmp_path
    spool.keep("ping", {})
    now = timezone.now()
    keep_all_well(at=now)
    assert health.problems(now=now) == []
    keep_all_well(at=now + timedelta(seconds=121))
    assert health.problems(now=now + timedelta(seconds=121)) == [
        "1 thing sent by machines waited on disk for more than two minutes."
    ]


def test_every_finished_task_beats_the_canary_K11() -> None:
    beat_canary("django_q", task={"success": False})
    age = Beat.age(CANARY, now=timezone.now())
    assert age is not None
    assert age < timedelta(seconds=5)


def test_setup_schedules_leaves_exactly_one_and_repeats_harmlessly(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Schedule.objects.create(name="stray", func="os.getcwd", schedule_type=Schedule.DAILY)
    call_command("setup_schedules", "--json")
    call_command("setup_schedules", "--json")
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["changed"] for answer in answers] == [True, False]
    schedule = Schedule.objects.get()
    assert (schedule.func, schedule.schedule_type) == ("monitoring.tasks.tick", Schedule.MINUTES)


def test_check_health_has_exit_status_1_while_something_is_wrong(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stop:
        call_command("check_health", "--json")
    assert stop.value.code == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False
