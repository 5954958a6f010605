import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from django_q.models import Schedule

from config import health
from monitoring.models import Beat
from monitoring.models.beat import CANARY, ENGINE
from monitoring.tasks import tick
from notifications.enums import Channel
from notifications.outbox import queue_message

pytestmark = [pytest.mark.urls("tests.config.urls"), pytest.mark.django_db]

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def alive() -> None:
    for name in (ENGINE, CANARY):
        Beat.record(name, at=NOW)


def test_healthz_answers_without_login(client: Client) -> None:
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "database": "ok"}
    assert "no-store" in response["Cache-Control"]


def test_readyz_is_503_with_reasons_while_nothing_runs_K11(client: Client) -> None:
    response = client.get("/readyz")
    assert response.status_code == 503
    assert len(response.json()["reasons"]) == 2
    assert "engine" in response.json()["reasons"][0]


def test_readyz_is_200_when_all_is_well_K11(client: Client) -> None:
    for name in (ENGINE, CANARY):
        Beat.record(name, at=timezone.now())
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "reasons": []}


@pytest.mark.usefixtures("alive")
@pytest.mark.parametrize(
    ("later", "late"), [(60, []), (61, ["the engine"]), (151, ["the engine", "the task cluster"])]
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


def test_tick_beats_the_canary_K11() -> None:
    tick()
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
