"""The sweep beside somebody's step: it waits for nobody and nothing is said twice."""

import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from incidents.enums import EntryKind
from incidents.models import Deadline, Escalation, Incident
from incidents.models import TimelineEntry as Entry
from incidents.sweeping import settle_due, sweep
from tests.factories import NOW, make_sop, make_team
from tests.incidents.due import make_due

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
H = dt.timedelta(hours=1)


@pytest.fixture(autouse=True)
def _locks_rows() -> None:
    if not connection.features.has_select_for_update_skip_locked:
        pytest.skip("SQLite has one writer at a time")


@contextmanager
def step_on(incident: Incident, *, now: dt.datetime) -> Iterator[None]:
    """Another connection is in the middle of a step: the incident is locked, what was due is
    written, nothing is committed yet."""
    is_taken, may_end = threading.Event(), threading.Event()

    def take() -> None:
        try:
            with transaction.atomic():
                locked = Incident.objects.select_for_update().get(pk=incident.pk)
                settle_due(locked, now=now)
                is_taken.set()
                may_end.wait(30)
        finally:
            is_taken.set()
            connection.close()

    thread = threading.Thread(target=take)
    thread.start()
    assert is_taken.wait(30)
    try:
        yield
    finally:
        may_end.set()
        thread.join()


def test_what_a_step_holds_is_left_to_it_and_said_once_E8_W1() -> None:
    make_sop()
    held, *others = make_due(5, team=make_team(), level=1)
    with step_on(held.incident, now=NOW + 5 * H):
        assert sweep(now=NOW + 5 * H).breaches == len(others)
    assert sweep(now=NOW + 5 * H).breaches == 0
    assert Escalation.objects.count() == 5
    assert Entry.objects.filter(kind=EntryKind.BREACH).count() == 5
    assert not Deadline.objects.filter(breached_at=None).exists()
