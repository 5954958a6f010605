"""Live figures for incidents: good means green, unknown is never good (W6, P3, P4, P7)."""

import datetime as dt
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from incidents.enums import Status
from incidents.models import Incident
from incidents.readings import Reading, monitor_blocking_verify, read
from monitoring.enums import Indicator, Kind
from monitoring.models import ExternalAlert, Monitor, MonitorIncident, MonitorStatus
from tests.factories import (
    NOW,
    Team,
    make_client,
    make_fix,
    make_incident,
    make_monitor,
    make_sending_domain,
    make_sop,
    make_system,
    make_team,
)
from tests.monitoring.arrivals import MIN, D, H, look, post, probe

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def team() -> Team:
    make_sop()
    return make_team()


def raised(monitor: Monitor, incident: Incident) -> None:
    MonitorIncident.objects.create(monitor=monitor, incident=incident, opened_at=NOW)


def answer(key: str, now: dt.datetime = NOW) -> Reading:
    reading = read(key, now=now)
    assert reading is not None
    return reading


@pytest.mark.parametrize(
    "key",
    ["", ":", "monitor:none", "incident:INC-2026-9999:monitor", "system:none:status",
     "domain:none.example:bounce_rate", "client:none:last_sync", "client:none:mood", "weather"],
)  # fmt: skip
def test_what_is_not_monitorings_is_nobodys(key: str) -> None:
    assert read(key, now=NOW) is None


def test_bounce_rate_of_a_domain_P4() -> None:
    domain = make_sending_domain(name="go.halden.example")
    key = "domain:go.halden.example:bounce_rate"
    assert answer(key).is_good is None
    monitor = make_monitor(Kind.BOUNCE_RATE, sending_domain=domain)
    post(monitor, NOW - 2 * MIN, total=1000, bad=19)
    look(monitor)
    reading = answer(key)
    assert (reading.is_good, reading.value, reading.threshold) == (True, "1.9 %", "under 2 %")
    assert reading.age == 2 * MIN
    post(monitor, NOW, total=1000, bad=21)
    look(monitor)
    assert answer(key).is_good is False


def test_too_few_mails_are_not_good_P4() -> None:
    domain = make_sending_domain(name="go.halden.example")
    monitor = make_monitor(Kind.BOUNCE_RATE, sending_domain=domain)
    post(monitor, NOW, total=49, bad=0)
    look(monitor)
    assert answer("domain:go.halden.example:bounce_rate").is_good is None


def test_status_of_a_system_is_its_worst_P3() -> None:
    system = make_system(slug="router")
    for indicator in (Indicator.NONE, Indicator.UNKNOWN):
        monitor = make_monitor(Kind.STATUS, system=system)
        probe(monitor, NOW, indicator)
        look(monitor)
    reading = answer("system:router:status")
    assert (reading.is_good, reading.value) == (None, "no answer")


def test_last_sync_of_a_client_P7() -> None:
    monitor = make_monitor(Kind.SYNC, client=make_client(slug="halden"))
    assert answer("client:halden:last_sync").value == "never"
    post(monitor, NOW, is_ok=True)
    look(monitor)
    reading = answer("client:halden:last_sync", NOW + 40 * MIN)
    assert (reading.is_good, reading.value, reading.age) == (True, "40 min ago", 40 * MIN)


@pytest.mark.parametrize("change", ["late", "broken", "paused", "unseen"])
def test_a_green_monitor_that_nobody_judges_is_unknown_K7(change: str) -> None:
    monitor = make_monitor(Kind.CREDITS, slug="apollo")
    post(monitor, NOW, value=50)
    look(monitor)
    assert answer("monitor:apollo").is_good is True
    fields = {"late": {"check_at": NOW - H}, "broken": {"failed_at": NOW}}
    MonitorStatus.objects.update(**fields.get(change, {}))
    if change == "paused":
        Monitor.objects.update(is_active=False)
    assert answer("monitor:apollo", NOW + D * (change == "unseen") * 2).is_good is None


def test_all_monitors_of_an_incident_must_be_green_W6() -> None:
    incident = make_incident(status=Status.INVESTIGATING)
    green, red = make_monitor(Kind.CREDITS), make_monitor(Kind.STATUS, name="HubSpot status")
    post(green, NOW, value=50)
    probe(red, NOW, Indicator.MINOR)
    look(green)
    raised(green, incident)
    assert answer(f"incident:{incident.ref}:monitor").is_good is True
    raised(red, incident)
    reading = answer(f"incident:{incident.ref}:monitor")
    assert reading.is_good is False
    assert reading.name == "HubSpot status (warning, minor trouble)"


def test_monitors_of_a_merged_incident_count_W6() -> None:
    target = make_incident(status=Status.INVESTIGATING)
    merged = make_incident(status=Status.CANCELLED, merged_into=target)
    raised(make_monitor(name="Enrichment"), merged)
    assert monitor_blocking_verify(target, now=NOW) == "Enrichment (no signal yet)"


def test_a_firing_alert_blocks_W6() -> None:
    incident = make_incident(status=Status.INVESTIGATING)
    alert = ExternalAlert.objects.create(
        fingerprint="f", starts_at=NOW, name="DiskFull", group_key="g", incident=incident,
        first_received_at=NOW, last_received_at=NOW,
    )  # fmt: skip
    assert monitor_blocking_verify(incident, now=NOW) == "DiskFull (firing)"
    alert.is_firing = False
    alert.save()
    assert monitor_blocking_verify(incident, now=NOW) == ""


def test_many_monitors_are_named_briefly_W6() -> None:
    incident = make_incident(status=Status.INVESTIGATING)
    for _ in range(5):
        raised(make_monitor(), incident)
    assert answer(f"incident:{incident.ref}:monitor").name.endswith(", and 2 more")


def test_verify_is_refused_with_the_monitors_name_on_page_and_act_W6(
    client: Client, team: Team
) -> None:
    """On both ways, and taken once the monitor is green."""
    now = timezone.now()
    incident = make_incident(status=Status.INVESTIGATING, team=team, detected_at=now - 2 * D)
    make_fix(incident)
    monitor = make_monitor(Kind.STATUS, name="OpenRouter status", created_at=now - 2 * D)
    raised(monitor, incident)
    probe(monitor, now - MIN, Indicator.MAJOR)
    look(monitor, now)

    client.force_login(team.delivery.user)
    url = reverse("incidents:step", args=[incident.ref, "verify"])
    words = {"end_to_end": "A lead went through.", "failure_test": "The call answered."}
    refused = client.post(url, words)
    assert refused.status_code in (400, 422)
    assert "OpenRouter status (failing, major trouble)" in refused.content.decode()

    out = StringIO()
    options = ["--as", "devin", "--json", "--now", now.isoformat()]
    options += [word for item in words.items() for word in ("--set", "=".join(item))]
    with pytest.raises(CommandError):
        call_command("act", incident.ref, "verify", *options, stdout=out)
    missing = json.loads(out.getvalue())["missing"]
    assert "A green monitor: OpenRouter status (failing, major trouble)" in missing[0]

    probe(monitor, now, Indicator.NONE)
    look(monitor, now)
    out = StringIO()
    call_command("act", incident.ref, "verify", *options, stdout=out)
    assert json.loads(out.getvalue())["incident"]["status"] == Status.MONITORING
