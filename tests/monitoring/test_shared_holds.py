"""Two incidents that hold one domain at the same moment: each has its own gate (rule P4)."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.test import Client as Browser

from incidents.errors import WorkflowError
from incidents.models import Hold, Incident
from incidents.playbooks.gates import blocking_holds
from incidents.playbooks.holds import place_holds, release_gate
from monitoring.enums import Kind
from notifications.models import Message
from tests.factories import (
    NOW,
    make_client,
    make_incident,
    make_monitor,
    make_sending_domain,
    make_sop,
    make_team,
)
from tests.monitoring.arrivals import MIN, look, post

pytestmark = pytest.mark.django_db
SignIn = Callable[..., Browser]


class Two:
    """Two incidents of one client, and the monitor of its only domain."""

    def __init__(self) -> None:
        make_sop()
        self.team = make_team()
        self.delivery = self.team.actor("delivery")
        client = make_client(name="Halden", slug="halden")
        self.domain = make_sending_domain(client, name="go.halden.example")
        self.monitor = make_monitor(Kind.BOUNCE_RATE, sending_domain=self.domain)
        self.first, self.second = (
            make_incident(status="triaged", level=2, clients=[client], team=self.team)
            for _ in range(2)
        )

    def hold(self, incident: Incident, at: dt.datetime) -> list[Hold]:
        return place_holds(incident, [self.domain], reason="It bounces.", by=self.delivery, now=at)

    def release(
        self, incident: Incident, at: dt.datetime, by: str = "delivery", **given: Any
    ) -> list[Hold]:
        return release_gate(incident, by=self.team.actor(by), now=at, **given)

    def sends(self, at: dt.datetime, total: int = 100, bad: int = 0) -> None:
        post(self.monitor, at, total=total, bad=bad)
        look(self.monitor, at)

    def holders(self) -> list[Incident | None]:
        rows = Hold.objects.standing().filter(sending_domain=self.domain)
        return [hold.incident for hold in rows]


@pytest.fixture
def two() -> Two:
    two = Two()
    two.hold(two.first, NOW)
    two.hold(two.second, NOW + 10 * MIN)
    return two


def test_one_released_the_other_still_holds_the_domain_P4(two: Two) -> None:
    two.sends(NOW + 20 * MIN)
    two.release(two.first, NOW + 21 * MIN)
    assert two.holders() == [two.second]
    assert not blocking_holds(two.first)
    assert blocking_holds(two.second)
    two.release(two.second, NOW + 22 * MIN)
    assert two.holders() == []


def test_the_page_and_the_timeline_say_who_still_holds_it_P4(two: Two, sign_in: SignIn) -> None:
    two.sends(NOW + 20 * MIN)
    with time_machine.travel(NOW + 21 * MIN, tick=False):
        browser = sign_in(user=two.team.delivery.user)
        url = f"{two.first.get_absolute_url()}release/"
        token = browser.get(url).context["form"]["form_token"].value()
        page = browser.post(url, {"form_token": token}, follow=True).content.decode()
        assert "go.halden.example: still on hold for another incident" in page
        holds = browser.get("/playbooks/holds/").content.decode()
    assert two.second.ref in holds
    entry = two.first.timeline.last()
    assert entry is not None
    assert "stays on hold for another incident" in entry.text


def test_each_gate_counts_from_its_own_hold_P4(two: Two) -> None:
    """What was sent before the second hold opens the first gate alone."""
    two.sends(NOW + 5 * MIN)
    two.release(two.first, NOW + 11 * MIN)
    with pytest.raises(WorkflowError, match="stays on hold"):
        two.release(two.second, NOW + 11 * MIN)
    assert two.holders() == [two.second]


def test_an_override_frees_its_own_incident_alone_P4(two: Two) -> None:
    two.release(two.first, NOW + 11 * MIN, by="founder", override_reason="A new list.")
    assert two.holders() == [two.second]


def test_a_campaign_is_told_once_however_many_hold_the_domain_P4(two: Two) -> None:
    two.sends(NOW + 20 * MIN, total=1_000)
    assert [hold.incident for hold in Hold.objects.alarming()] == [two.first]
    assert Message.objects.filter(key__contains=":sends").exists()


def test_a_rise_holds_nothing_again_that_is_held_P4(two: Two) -> None:
    two.sends(NOW + 20 * MIN)
    two.release(two.first, NOW + 21 * MIN)
    two.sends(NOW + 30 * MIN, total=1_000, bad=60)
    assert two.holders() == [two.second]
