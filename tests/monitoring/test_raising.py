"""Incidents of monitors: opened once, joined, recovered, relapsed (K2, K6, W6)."""

import datetime as dt
from typing import Any

import pytest

from incidents.actors import SYSTEM
from incidents.enums import EntryKind, Role, Source, Status
from incidents.forms.triage import TriageForm
from incidents.models import Incident, Playbook, System
from incidents.workflow import Triage, cancel_incident, triage_incident
from monitoring.enums import Indicator, Kind, SignalKind, State
from monitoring.evaluation import evaluate_due
from monitoring.models import Monitor, MonitorIncident, MonitorStatus
from notifications.models import Message
from tests.factories import (
    NOW,
    Team,
    make_client,
    make_dependency,
    make_fix,
    make_incident,
    make_maintenance,
    make_monitor,
    make_sending_domain,
    make_sop,
    make_system,
    make_team,
    make_third_party,
)
from tests.monitoring.arrivals import MIN, D, H, S, look, ping, post, probe, state

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def team() -> Team:
    make_sop()
    return make_team()


def page(monitor: Monitor, at: dt.datetime, indicator: str) -> State:
    """The provider says something, and it is judged at once."""
    probe(monitor, at, indicator)
    return state(monitor, at)


def notes(incident: Incident) -> list[str]:
    rows = incident.timeline.filter(kind=EntryKind.NOTE).order_by("id")
    return [text.split(":")[0] for text in rows.values_list("text", flat=True)]


def set_status(incident: Incident, status: str, **fields: Any) -> None:
    """What people did meanwhile, without the way there."""
    Incident.objects.filter(pk=incident.pk).update(status=status, **fields)


def settle(incident: Incident, status: str) -> None:
    """Bring it to a later status with the facts that it needs."""
    known = make_incident(status=status, level=2)
    fields = ["severity", "triaged_at", "verified_at", "acknowledged_at", "resolved_at"]
    fields += ["closed_at", "cancelled_at"]
    set_status(incident, status, **{name: getattr(known, name) for name in fields})


# Opening ----------------------------------------------------------------------------------


def test_bounce_incident_is_filled_in_K2() -> None:
    client = make_client(name="Halden Solar")
    domain = make_sending_domain(client, name="go.haldensolar.com")
    system = make_system(name="Outreach", clients=[client, make_client()])
    monitor = make_monitor(Kind.BOUNCE_RATE, sending_domain=domain, system=system)
    post(monitor, NOW - 2 * MIN, total=2694, bad=318)
    look(monitor)
    incident = Incident.objects.get()
    assert incident.title == "Bounce rate 11.8 % on go.haldensolar.com"
    assert (incident.source, incident.suggested_severity_id) == (Source.MONITORING, 2)
    assert list(incident.clients.all()) == [client]
    assert list(incident.systems.all()) == [system]
    assert [p.slug for p in incident.playbooks.all()] == ["email-bounce-spike"]
    assert (incident.detected_at, incident.opened_at) == (NOW - 2 * MIN, NOW)
    assert "318 of 2,694" in incident.description
    assert f"http://127.0.0.1:8000/monitors/{monitor.slug}/" in incident.description


def test_the_orchestrator_is_told_and_has_it_W2(team: Team) -> None:
    page(make_monitor(Kind.STATUS), NOW, Indicator.MAJOR)
    incident = Incident.objects.get()
    assert incident.coordinator == team.orchestrator
    told = Message.objects.get(reference=incident.ref)
    assert told.recipient == team.orchestrator.email


@pytest.mark.parametrize(("bad", "level"), [(51, 2), (101, 2)])
def test_above_ten_percent_is_sev2_whatever_the_monitor_says_K2(bad: int, level: int) -> None:
    monitor = make_monitor(Kind.BOUNCE_RATE, severity_id=2 if bad == 51 else 4)
    post(monitor, NOW, total=1000, bad=bad)
    look(monitor)
    assert Incident.objects.get().suggested_severity_id == level


@pytest.mark.parametrize(("only", "level"), [(True, 1), (False, 2)])
def test_the_only_channel_suggests_sev1_K2(only: bool, level: int) -> None:
    client, system = make_client(), make_system()
    make_dependency(client, system, is_only_channel=only)
    make_dependency(make_client(), system, is_only_channel=True)
    domain = make_sending_domain(client)
    monitor = make_monitor(Kind.BOUNCE_RATE, sending_domain=domain, system=system)
    post(monitor, NOW, total=1000, bad=51)
    look(monitor)
    assert Incident.objects.get().suggested_severity_id == level


def test_clients_are_those_who_depend_on_the_system() -> None:
    depending, gone = make_client(), make_client(is_active=False)
    system = make_third_party(name="OpenRouter", clients=[depending, gone])
    page(make_monitor(Kind.STATUS, system=system), NOW, Indicator.CRITICAL)
    incident = Incident.objects.get()
    assert list(incident.clients.all()) == [depending]
    assert incident.title == "OpenRouter: critical trouble, says its status page"
    assert [p.slug for p in incident.playbooks.all()] == ["api-down"]


def test_detection_never_lies_before_a_client_was_one_C1() -> None:
    client = make_client(since=NOW - 30 * MIN)
    monitor = make_monitor(client=client, created_at=NOW - 5 * H)
    look(monitor, NOW)
    assert Incident.objects.get().detected_at == NOW - 30 * MIN


def test_a_demonstration_opens_a_demonstration() -> None:
    page(make_monitor(Kind.STATUS, is_demo=True), NOW, Indicator.MAJOR)
    incident = Incident.objects.get()
    assert incident.is_demo
    assert incident.ref.startswith("DEMO-")


def test_the_monitors_own_playbook_comes_first() -> None:
    own = Playbook.objects.get(slug="outreach-tool-suspension")
    page(make_monitor(Kind.STATUS, playbook=own), NOW, Indicator.MAJOR)
    assert list(Incident.objects.get().playbooks.all()) == [own]


# Triage keeps it --------------------------------------------------------------------------


def test_triage_shows_and_keeps_the_playbook_W3(team: Team) -> None:
    system = make_system()
    system.playbook = Playbook.objects.get(slug="crm-sync-break")
    system.save()
    page(make_monitor(Kind.STATUS, system=system), NOW, Indicator.MAJOR)
    incident = Incident.objects.get()
    assert TriageForm(incident=incident).initial["playbook"].slug == "api-down"
    decision = Triage(level=2, systems=[system])
    triage_incident(incident, decision, by=team.actor(Role.ORCHESTRATOR), now=NOW + MIN)
    assert [p.slug for p in incident.playbooks.all()] == ["api-down"]
    assert incident.timeline.filter(kind=EntryKind.PLAYBOOK).count() == 1


def test_triage_may_choose_another_playbook_W3(team: Team) -> None:
    page(make_monitor(Kind.STATUS, system=make_system()), NOW, Indicator.MAJOR)
    incident = Incident.objects.get()
    other = Playbook.objects.get(slug="crm-sync-break")
    decision = Triage(level=2, systems=[System.objects.get()], playbook=other)
    triage_incident(incident, decision, by=team.actor(Role.ORCHESTRATOR), now=NOW + MIN)
    assert list(incident.playbooks.all()) == [other]


# Joining, recovery ------------------------------------------------------------------------


def test_one_incident_per_monitor_and_no_word_twice_K6() -> None:
    monitor = make_monitor(Kind.STATUS)
    for minute in range(5):
        page(monitor, NOW + minute * MIN, Indicator.MAJOR)
    incident = Incident.objects.get()
    assert notes(incident) == []
    assert MonitorIncident.objects.get().incident == incident


def test_worse_is_noted_once_and_raises_the_suggestion_K6() -> None:
    monitor = make_monitor(Kind.STATUS)
    words = [Indicator.MAJOR, Indicator.CRITICAL, Indicator.MAJOR, Indicator.CRITICAL]
    for minute, word in enumerate(words):
        page(monitor, NOW + minute * MIN, word)
    incident = Incident.objects.get()
    assert notes(incident) == ["Worse"]
    assert incident.suggested_severity_id == 1


def test_after_triage_the_suggestion_is_a_persons_to_change_K6(team: Team) -> None:
    monitor = make_monitor(Kind.STATUS, system=make_system())
    page(monitor, NOW, Indicator.MAJOR)
    incident = Incident.objects.get()
    decision = Triage(level=2, systems=[System.objects.get()])
    triage_incident(incident, decision, by=team.actor(Role.ORCHESTRATOR), now=NOW + MIN)
    page(monitor, NOW + 2 * MIN, Indicator.CRITICAL)
    incident.refresh_from_db()
    assert (incident.suggested_severity_id, incident.level) == (2, 2)
    assert notes(incident) == ["Worse"]


def test_recovery_is_noted_and_closes_nothing_K6() -> None:
    monitor = make_monitor(Kind.STATUS)
    for minute, word in enumerate(["major", "none", "none", "major", "minor", "none"]):
        page(monitor, NOW + minute * MIN, word)
    incident = Incident.objects.get()
    assert incident.status == Status.DETECTED
    assert notes(incident) == ["Recovered", "Failing again", "Recovered"]
    assert MonitorIncident.objects.get().recovered_at == NOW + 5 * MIN


def test_a_warning_or_silence_is_no_recovery_K6() -> None:
    monitor = make_monitor(Kind.STATUS)
    page(monitor, NOW, Indicator.MAJOR)
    page(monitor, NOW + MIN, Indicator.MINOR)
    page(monitor, NOW + 2 * MIN, Indicator.UNKNOWN)
    assert state(monitor, NOW + 2 * H) == State.NO_DATA
    assert notes(Incident.objects.get()) == []


# Ended by people --------------------------------------------------------------------------


@pytest.mark.parametrize("status", [Status.RESOLVED, Status.CLOSED])
def test_after_the_end_a_new_failure_opens_anew_K6(status: Status) -> None:
    monitor = make_monitor(Kind.STATUS)
    page(monitor, NOW, Indicator.MAJOR)
    page(monitor, NOW + MIN, Indicator.NONE)
    first = Incident.objects.get()
    settle(first, status)
    page(monitor, NOW + H, Indicator.MAJOR)
    links = MonitorIncident.objects.order_by("id")
    assert [link.incident == first for link in links] == [True, False]
    assert links[0].ended_at == NOW + H


def test_a_false_alarm_is_not_raised_again_until_green_K6(team: Team) -> None:
    monitor = make_monitor(Kind.STATUS)
    page(monitor, NOW, Indicator.MAJOR)
    cancel_incident(
        Incident.objects.get(), reason="Planned", by=team.actor(Role.ORCHESTRATOR), now=NOW
    )
    page(monitor, NOW + MIN, Indicator.MAJOR)
    page(monitor, NOW + 2 * MIN, Indicator.CRITICAL)
    assert Incident.objects.count() == 1
    page(monitor, NOW + 3 * MIN, Indicator.NONE)
    page(monitor, NOW + 4 * MIN, Indicator.MAJOR)
    assert Incident.objects.count() == 2


def test_a_merged_incidents_monitor_goes_on_in_the_other_W10() -> None:
    monitor, target = make_monitor(Kind.STATUS), make_incident()
    page(monitor, NOW, Indicator.MAJOR)
    merged = Incident.objects.exclude(pk=target.pk).get()
    set_status(merged, Status.CANCELLED, merged_into=target, cancelled_at=NOW)
    page(monitor, NOW + MIN, Indicator.MAJOR)
    page(monitor, NOW + 2 * MIN, Indicator.NONE)
    assert notes(target) == ["Recovered"]
    assert Incident.objects.count() == 2


def test_a_relapse_inside_the_window_goes_back_to_investigating_W6() -> None:
    monitor = make_monitor(Kind.STATUS)
    page(monitor, NOW, Indicator.MAJOR)
    page(monitor, NOW + MIN, Indicator.NONE)
    incident = Incident.objects.get()
    make_fix(incident)
    settle(incident, Status.MONITORING)
    page(monitor, NOW + 2 * MIN, Indicator.MAJOR)
    incident.refresh_from_db()
    assert incident.status == Status.INVESTIGATING
    relapse = incident.timeline.get(kind=EntryKind.RELAPSE)
    assert relapse.actor_name == SYSTEM.name
    assert "major trouble" in relapse.text
    page(monitor, NOW + 3 * MIN, Indicator.MAJOR)
    assert incident.timeline.filter(kind=EntryKind.RELAPSE).count() == 1


def test_verified_while_it_failed_is_found_without_a_signal_W6() -> None:
    """Somebody verified between two looks: the monitor is looked at again by itself."""
    monitor = make_monitor(Kind.STATUS, window_seconds=86_400)
    page(monitor, NOW, Indicator.MAJOR)
    incident = Incident.objects.get()
    settle(incident, Status.MONITORING)
    evaluate_due(now=NOW + 5 * MIN)
    incident.refresh_from_db()
    assert incident.status == Status.INVESTIGATING


# Maintenance ------------------------------------------------------------------------------


@pytest.mark.parametrize("is_everywhere", [True, False])
def test_maintenance_silences_opening_not_recording_K6(is_everywhere: bool) -> None:
    monitor = make_monitor(Kind.STATUS, window_seconds=86_400)
    make_maintenance(None if is_everywhere else monitor)
    assert page(monitor, NOW, Indicator.MAJOR) == State.FAILING
    assert state(monitor, NOW + H - S) == State.FAILING
    assert not Incident.objects.exists()
    state(monitor, NOW + H)
    assert Incident.objects.get().detected_at == NOW


def test_what_recovered_during_maintenance_opens_nothing_K6() -> None:
    monitor = make_monitor(Kind.STATUS, window_seconds=86_400)
    make_maintenance(monitor)
    page(monitor, NOW, Indicator.MAJOR)
    page(monitor, NOW + 30 * MIN, Indicator.NONE)
    state(monitor, NOW + 2 * H)
    assert not Incident.objects.exists()
    assert monitor.changes.count() == 2


def test_misses_during_maintenance_are_recorded_K6() -> None:
    monitor = make_monitor(created_at=NOW)
    make_maintenance(monitor, ends_at=NOW + 5 * H)
    assert state(monitor, NOW + 3 * H) == State.FAILING
    assert monitor.signals.filter(kind=SignalKind.MISSED).count() == 2
    assert not Incident.objects.exists()
    ping(monitor, NOW + 4 * H)
    state(monitor, NOW + 6 * H)
    assert not Incident.objects.exists()


def test_no_relapse_is_reported_during_maintenance_K6() -> None:
    monitor = make_monitor(Kind.STATUS, window_seconds=86_400)
    page(monitor, NOW - 2 * MIN, Indicator.MAJOR)
    page(monitor, NOW - MIN, Indicator.NONE)
    incident = Incident.objects.get()
    settle(incident, Status.MONITORING)
    make_maintenance(monitor)
    page(monitor, NOW, Indicator.MAJOR)
    incident.refresh_from_db()
    assert incident.status == Status.MONITORING
    state(monitor, NOW + H)
    incident.refresh_from_db()
    assert incident.status == Status.INVESTIGATING


# Incidents of the review ------------------------------------------------------------------


def test_an_incident_of_the_review_is_followed_like_any_other_K9() -> None:
    monitor = make_monitor(Kind.LEVEL)
    post(monitor, NOW, value=3)
    look(monitor)
    incident = make_incident(source=Source.SCHEDULED_REVIEW)
    MonitorIncident.objects.create(monitor=monitor, incident=incident, opened_at=NOW)
    MonitorStatus.objects.filter(pk=monitor.pk).update(is_raised=True)
    post(monitor, NOW + H, value=0)
    look(monitor, NOW + H)
    post(monitor, NOW + D, value=2)
    look(monitor, NOW + D)
    assert notes(incident) == ["Recovered", "Failing again"]
    assert Incident.objects.count() == 1


def test_a_deleted_incident_leaves_its_key_free() -> None:
    """Numbers go on where an earlier incident of the monitor is gone."""
    monitor = make_monitor(Kind.STATUS)
    prefix = f"monitor:{monitor.pk}:"
    make_incident(opening_key=f"{prefix}2")
    page(monitor, NOW, Indicator.MAJOR)
    assert MonitorIncident.objects.get().incident.opening_key == f"{prefix}3"
