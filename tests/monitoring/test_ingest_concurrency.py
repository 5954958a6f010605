"""Many machines at once (rule K6)."""

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from incidents.models import Incident
from monitoring.enums import Kind
from monitoring.ingest import samples
from monitoring.models import ExternalAlert, Sample
from tests.factories import make_monitor, make_sop, make_team
from tests.monitoring.ingesting import make_token, post

pytestmark = pytest.mark.django_db(transaction=True)

RACERS = 6


def race(work: Callable[[int], Any]) -> list[Any]:
    """What each racer got, all of them starting together."""
    barrier = threading.Barrier(RACERS)
    found: list[Any] = [None] * RACERS

    def run(number: int) -> None:
        try:
            barrier.wait(timeout=20)
            found[number] = work(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(RACERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def notification(names: list[str], status: str = "firing") -> dict[str, Any]:
    ended = timezone.now().isoformat() if status == "resolved" else "0001-01-01T00:00:00Z"
    alerts = [
        {
            "status": status,
            "labels": {"alertname": "Down", "instance": name},
            "startsAt": "2026-03-10T09:00:00Z",
            "endsAt": ended,
            "fingerprint": name,
        }
        for name in names
    ]
    return {
        "groupKey": "g",
        "status": status,
        "commonLabels": {"alertname": "Down"},
        "alerts": alerts,
    }


def test_one_group_posted_at_once_opens_one_incident_K6() -> None:
    make_sop()
    make_team()
    token = make_token("alertmanager")
    for names, status, notes in (
        (["a", "b"], "firing", 0),
        (["a", "b", "c"], "firing", 1),
        (["a", "b", "c"], "resolved", 2),
    ):
        data = notification(names, status)
        answers = race(lambda _, data=data: post("/ingest/alertmanager", data, token))
        assert {answer.status_code for answer in answers} == {200}
        incident = Incident.objects.get()
        assert {answer.json()["incident"] for answer in answers} == {incident.ref}
        assert incident.timeline.filter(kind="note").count() == notes
        assert ExternalAlert.objects.count() == len(names)


def test_one_report_posted_at_once_opens_one_incident() -> None:
    make_sop()
    make_team()
    token = make_token("report")
    data = {"title": "x", "idempotency_key": "k"}
    answers = race(lambda _: post("/ingest/report", data, token))
    assert sorted(answer.status_code for answer in answers) == [200] * (RACERS - 1) + [201]
    assert {answer.json()["ref"] for answer in answers} == {Incident.objects.get().ref}


def test_batches_in_any_order_never_block_each_other() -> None:
    samples.forget()
    monitors = [make_monitor(Kind.LEVEL) for _ in range(5)]
    token = make_token("metrics")
    start = timezone.now() - dt.timedelta(hours=1)
    items = [
        {"monitor": monitor.slug, "at": (start + dt.timedelta(seconds=n)).isoformat(), "value": n}
        for n in range(40)
        for monitor in monitors
    ]
    answers = race(lambda n: post("/ingest/metrics", items if n % 2 else items[::-1], token))
    assert {(answer.status_code, answer.json()["taken"]) for answer in answers} == {(202, 200)}
    assert Sample.objects.count() == 200
