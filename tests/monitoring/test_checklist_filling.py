"""Filling runs: answers, preparation, the incidents behind them, runs that complete themselves."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from incidents.actors import SYSTEM
from incidents.enums import EntryKind, Role, Side, Source, Status
from incidents.models import Incident, Responder
from incidents.workflow import cancel_incident
from monitoring.checklists import filling
from monitoring.checklists.filling import fill_run, unfilled_runs
from monitoring.checklists.opening import open_run
from monitoring.checklists.patterns import count_patterns
from monitoring.checklists.preparing import READINGS, listed_incidents
from monitoring.enums import Kind, Measure, Outcome, RunState, State, Verdict
from monitoring.evaluation import evaluate_due
from monitoring.models import (
    ChecklistItem,
    ChecklistRun,
    DomainCheck,
    MaintenanceWindow,
    Monitor,
    MonitorIncident,
    MonitorStatus,
    Sample,
)
from notifications.models import Message
from tests.factories import (
    Team,
    make_checklists,
    make_client,
    make_dependency,
    make_incident,
    make_monitor,
    make_playbook,
    make_playbook_run,
    make_sending_domain,
    make_sop,
    make_system,
    make_team,
    make_user,
)
from tests.monitoring.dns_server import DnsServer, running

pytestmark = pytest.mark.django_db

#: 07:00 in Berlin on Tuesday 10 March 2026.
SEVEN = dt.datetime(2026, 3, 10, 6, tzinfo=dt.UTC)
SIX_PM = SEVEN + dt.timedelta(hours=11)
TODAY = dt.date(2026, 3, 10)
STARTS = {
    "daily": TODAY,
    "crm_review": TODAY,
    "weekly": dt.date(2026, 3, 9),
    "monthly": dt.date(2026, 3, 1),
}
MINUTE = dt.timedelta(minutes=1)
DAY = dt.timedelta(days=1)


@pytest.fixture
def team() -> Team:
    make_sop()
    make_checklists()
    return make_team()


def run_list(period: str, *, now: dt.datetime = SEVEN, start: dt.date | None = None) -> Any:
    checklist = make_checklists()[period]
    run, _ = open_run(checklist, start or STARTS[period], now=now)
    return fill_run(run.pk, now=now)


def post(monitor: Monitor, *, at: dt.datetime = SEVEN - MINUTE, **fields: Any) -> Monitor:
    Sample.objects.create(monitor=monitor, at=at, received_at=at, **fields)
    return monitor


def item_of(run: ChecklistRun, reading: str) -> Any:
    return run.items.get(reading=reading)


# The daily checklist ----------------------------------------------------------------------


def test_a_daily_run_that_passes_completes_itself_K8(team):
    post(make_monitor(Kind.ERROR_RATE), total=1000, bad=6)
    run = run_list("daily")
    assert (run.state, run.completed_by, run.completed_at) == (RunState.DONE, "System", SEVEN)
    item = item_of(run, "error_rate")
    assert (item.outcome, item.value, item.threshold) == ("pass", "0.6 %", "under 1 %")
    assert item.measured_at == SEVEN - MINUTE
    outcomes = set(run.items.exclude(pk=item.pk).values_list("outcome", flat=True))
    assert outcomes == {Outcome.NOT_APPLICABLE}
    assert not Message.objects.exists()


def test_a_daily_run_that_fails_waits_for_its_owner_who_is_told_K8(team):
    post(make_monitor(Kind.ERROR_RATE), total=1000, bad=10)
    run = run_list("daily")
    assert run.state == RunState.OPEN
    item = item_of(run, "error_rate")
    assert (item.outcome, item.value, item.incident) == ("fail", "1 %", None)
    message = Message.objects.get()
    assert message.recipient == team.orchestrator.email
    assert "API error rate < 1%: 1 %" in message.text


def test_filling_again_changes_nothing_K8(team):
    api = make_monitor(Kind.ERROR_RATE)
    post(api, total=1000, bad=10)
    run = run_list("daily")
    post(api, total=100_000, bad=0, at=SEVEN)
    again = fill_run(run.pk, now=SEVEN + MINUTE)
    assert again.version == run.version
    assert item_of(run, "error_rate").outcome == Outcome.FAIL
    assert Message.objects.count() == 1


def test_a_failed_item_points_at_the_open_incident_of_its_monitor_K6(team):
    api = post(make_monitor(Kind.ERROR_RATE), total=1000, bad=200)
    run = run_list("daily")
    incident = Incident.objects.get()
    assert incident.source == Source.MONITORING
    assert item_of(run, "error_rate").incident == incident
    assert MonitorIncident.objects.get().monitor == api


def test_a_checklist_looks_at_the_monitors_before_it_answers_K7(team):
    """Run by cron while no engine runs: an old look is not taken for today's."""
    api = post(make_monitor(Kind.ERROR_RATE), total=1000, bad=0, at=SEVEN - DAY)
    evaluate_due(now=SEVEN - DAY + MINUTE)
    assert MonitorStatus.objects.get(pk=api.pk).state == State.OK
    item = item_of(run_list("daily"), "error_rate")
    assert (item.outcome, item.value) == (Outcome.FAIL, "no data")


def test_what_is_not_filled_is_found_and_what_is_done_stays_K8(team):
    run, _ = open_run(make_checklists()["daily"], TODAY, now=SEVEN)
    assert list(unfilled_runs()) == [run]
    fill_run(run.pk, now=SEVEN)
    assert not unfilled_runs().exists()
    run.refresh_from_db()
    assert fill_run(run.pk, now=SEVEN).version == run.version


def test_an_automatic_item_without_a_known_reading_fails_K7(team):
    ChecklistItem.objects.filter(checklist="daily").update(reading="moon_phase")
    run = run_list("daily")
    assert set(run.items.values_list("outcome", flat=True)) == {Outcome.FAIL}
    assert run.state == RunState.OPEN


def test_every_reading_of_the_sop_is_known_K8(team):
    named = ChecklistItem.objects.exclude(reading="").values_list("reading", flat=True)
    assert set(named) <= set(READINGS)


# The CRM review ---------------------------------------------------------------------------


@pytest.fixture
def acme(team: Team) -> dict[str, Monitor]:
    """A client with a sync that runs and three counts that are zero at 17:59."""
    client = make_client(name="Acme")
    crm = make_system(name="CRM", clients=[client])
    at = SIX_PM - MINUTE
    return {
        "sync": post(make_monitor(Kind.SYNC, client=client, system=crm), at=at, is_ok=True),
        **{
            measure: post(
                make_monitor(Kind.LEVEL, measure=measure, client=client, name=f"Acme {measure}"),
                at=at,
                value=0,
            )
            for measure in Measure.values
        },
    }


def review(now: dt.datetime = SIX_PM) -> Any:
    start = now.date()
    return run_list("crm_review", now=now, start=start)


def test_the_crm_review_is_revenues_and_passes_by_itself_K9(team, acme):
    run = review()
    assert run.owner == team.revenue
    assert run.state == RunState.DONE
    assert set(run.items.values_list("outcome", flat=True)) == {Outcome.PASS}
    assert not Incident.objects.exists()


def test_findings_open_incidents_of_the_scheduled_review_K9(team, acme):
    post(acme["duplicate"], value=12, at=SIX_PM)
    evaluate_due(now=SIX_PM)
    assert not Incident.objects.exists()
    run = review()
    incident = Incident.objects.get()
    assert incident.source == Source.SCHEDULED_REVIEW
    assert incident.title == "Acme duplicate: 12 duplicate records"
    assert [client.name for client in incident.clients.all()] == ["Acme"]
    assert [playbook.slug for playbook in incident.playbooks.all()] == ["crm-sync-break"]
    assert incident.suggested_severity_id == 3
    assert incident.coordinator == team.orchestrator
    item = item_of(run, "level:duplicate")
    assert (item.outcome, item.incident) == (Outcome.FAIL, incident)
    assert run.state == RunState.OPEN


def test_revenue_is_named_and_the_orchestrator_acts_on_findings_W2(team, acme):
    post(acme["missing"], value=1, at=SIX_PM)
    review()
    told = Message.objects.filter(reference=Incident.objects.get().ref)
    assert {message.recipient: "Please triage" in message.text for message in told} == {
        team.orchestrator.email: True,
        team.revenue.email: False,
    }
    assert "You are named on it." in told.get(recipient=team.revenue.email).text


def test_dropped_records_are_suggested_as_sev_2_K9(team, acme):
    post(acme["dropped"], value=3, at=SIX_PM)
    review()
    assert Incident.objects.get().suggested_severity_id == 2


def test_one_incident_per_monitor_while_it_is_unresolved_K9(team, acme):
    post(acme["duplicate"], value=12, at=SIX_PM)
    review()
    post(acme["duplicate"], value=15, at=SIX_PM + DAY - MINUTE)
    post(acme["sync"], is_ok=True, at=SIX_PM + DAY - MINUTE)
    again = review(SIX_PM + DAY)
    incident = Incident.objects.get()
    assert item_of(again, "level:duplicate").incident == incident
    notes = incident.timeline.filter(kind=EntryKind.NOTE).values_list("text", flat=True)
    assert any("15 duplicate records" in note for note in notes)


def test_each_monitor_has_its_own_incident_and_the_item_the_worst_one_K9(team, acme):
    other = make_monitor(Kind.LEVEL, measure=Measure.DUPLICATE, name="Zenith")
    post(other, value=99, at=SIX_PM)
    post(acme["duplicate"], value=12, at=SIX_PM)
    run = review()
    assert Incident.objects.count() == 2
    assert item_of(run, "level:duplicate").incident.title == "Zenith: 99 duplicate records"


def test_a_failed_sync_that_monitoring_opened_is_joined_K9(team, acme):
    later = SIX_PM + DAY + DAY
    evaluate_due(now=later)
    opened = Incident.objects.get()
    assert opened.source == Source.MONITORING
    run = review(later)
    assert Incident.objects.count() == 1
    assert item_of(run, "last_sync").incident == opened


def test_silent_counts_fail_the_item_but_open_nothing_K7(team, acme):
    later = SIX_PM + DAY + DAY
    post(acme["sync"], is_ok=True, at=later)
    run = review(later)
    assert item_of(run, "level:missing").outcome == Outcome.FAIL
    assert not Incident.objects.exists()


def test_maintenance_silences_opening_not_recording_K6(team, acme):
    post(acme["missing"], value=4, at=SIX_PM)
    MaintenanceWindow.objects.create(
        monitor=acme["missing"], starts_at=SEVEN, ends_at=SIX_PM + DAY / 2, reason="Import"
    )
    run = review()
    item = item_of(run, "level:missing")
    assert (item.outcome, item.value, item.incident) == (Outcome.FAIL, "4", None)
    assert not Incident.objects.exists()


def test_a_false_alarm_is_not_raised_again_until_it_was_green_K6(team, acme):
    post(acme["missing"], value=4, at=SIX_PM)
    review()
    cancel_incident(Incident.objects.get(), reason="Test data", by=SYSTEM, now=SIX_PM + MINUTE)
    post(acme["missing"], value=4, at=SIX_PM + DAY - MINUTE)
    post(acme["sync"], is_ok=True, at=SIX_PM + DAY - MINUTE)
    review(SIX_PM + DAY)
    assert Incident.objects.count() == 1
    post(acme["missing"], value=0, at=SIX_PM + DAY + MINUTE)
    evaluate_due(now=SIX_PM + DAY + MINUTE)
    post(acme["missing"], value=4, at=SIX_PM + 2 * DAY - MINUTE)
    post(acme["sync"], is_ok=True, at=SIX_PM + 2 * DAY - MINUTE)
    review(SIX_PM + 2 * DAY)
    assert Incident.objects.exclude(status=Status.CANCELLED).count() == 1


# What is prepared -------------------------------------------------------------------------


def test_weekly_items_are_prepared_and_left_to_a_person_K8(team):
    client = make_client()
    report = make_incident(
        source=Source.CLIENT_REPORT, detected_at=SEVEN - DAY, clients=[client], title="It broke"
    )
    make_incident(source=Source.CLIENT_REPORT, detected_at=SEVEN - 9 * DAY)
    make_incident(source=Source.AGENT, detected_at=SEVEN - DAY)
    post(make_monitor(Kind.CREDITS, name="Apollo"), value=61)
    run = run_list("weekly")
    assert run.state == RunState.OPEN
    assert set(run.items.values_list("outcome", flat=True)) == {Outcome.PENDING}
    reports = item_of(run, "client_reports")
    assert reports.prepared["refs"] == [report.ref]
    assert reports.prepared["lines"] == ["1 client report, 1 of them not resolved yet"]
    assert reports.value == "1 client report"
    left = item_of(run, "credits")
    assert (left.value, left.prepared["lines"]) == ("61 %", ["Apollo: 61 %"])
    assert left.prepared["tables"][0]["rows"][0][:3] == ["Apollo", "Fine", "61 %"]
    assert item_of(run, "tool_health").prepared["lines"] == ["1 of 1 tools fine"]
    assert item_of(run, "integrations").prepared["lines"] == ["No integration is watched"]


def test_private_reports_are_a_number_to_strangers_W11(team):
    shown = make_incident(source=Source.CLIENT_REPORT, detected_at=SEVEN - DAY)
    hidden = make_incident(source=Source.CLIENT_REPORT, detected_at=SEVEN - DAY, is_private=True)
    prepared = item_of(run_list("weekly"), "client_reports").prepared
    assert hidden.title not in str(prepared["lines"])
    seen, count = listed_incidents(prepared, viewer=make_user(Role.DELIVERY))
    assert (list(seen), count) == ([shown], 1)
    seen, count = listed_incidents(prepared, viewer=team.orchestrator.user)
    assert (set(seen), count) == ({shown, hidden}, 0)
    assert listed_incidents({}, viewer=team.orchestrator.user)[1] == 0


def test_domains_are_reported_against_last_month_K10(team):
    domain = make_sending_domain(name="go.example")
    for month, verdict, detail in ((2, Verdict.GOOD, ""), (3, Verdict.BAD, "Listed on bl.example")):
        DomainCheck.objects.create(
            domain=domain,
            month=dt.date(2026, month, 1),
            checked_at=SEVEN - DAY,
            verdict=verdict,
            results=[
                {
                    "check": "block list",
                    "subject": "192.0.2.1",
                    "verdict": verdict,
                    "detail": detail,
                }
            ],
        )
    item = item_of(run_list("monthly"), "domain_reputation")
    assert item.outcome == Outcome.PENDING
    assert item.value == "0 of 1 good"
    assert item.measured_at == SEVEN - DAY
    assert item.prepared["lines"] == [
        "0 of 1 good",
        "go.example: block list 192.0.2.1: Listed on bl.example, new",
    ]
    assert item.prepared["tables"][0]["rows"] == [["go.example", domain.client.name, "Bad", "Good"]]


@pytest.fixture
def dns(settings) -> Iterator[DnsServer]:
    with running(DnsServer()) as server:
        settings.DNS_RESOLVER = server.address
        yield server


def test_the_monthly_run_asks_about_every_domain_first_K10(team, dns):
    domains = [make_sending_domain(), make_sending_domain()]
    dns.txt(domains[0].name, "v=spf1 -all")
    item = item_of(run_list("monthly"), "domain_reputation")
    assert DomainCheck.objects.count() == 2
    assert item.value == "0 of 2 good"
    assert {row[0] for row in item.prepared["tables"][0]["rows"]} == {one.name for one in domains}
    asked_at = set(DomainCheck.objects.values_list("checked_at", flat=True))
    run_list("monthly", now=SEVEN + DAY)
    assert set(DomainCheck.objects.values_list("checked_at", flat=True)) == asked_at


def test_an_item_waits_an_hour_for_domains_that_were_not_asked_yet_K10(team, monkeypatch):
    monkeypatch.setattr(filling, "ASKING_SECONDS", -1.0)
    domain = make_sending_domain()
    run = run_list("monthly")
    assert item_of(run, "domain_reputation").prepared == {}
    assert item_of(run, "incident_patterns").prepared
    assert list(unfilled_runs()) == [run]
    fill_run(run.pk, now=SEVEN + 59 * MINUTE)
    assert list(unfilled_runs()) == [run]
    fill_run(run.pk, now=SEVEN + 60 * MINUTE)
    item = item_of(run, "domain_reputation")
    assert item.prepared["lines"] == ["0 of 1 good", f"{domain.name}: not asked"]


def test_without_sending_domains_the_report_says_so_K10(team):
    item = item_of(run_list("monthly"), "domain_reputation")
    assert item.value == "No sending domains"


def test_patterns_are_counted_against_the_month_before_K10(team):
    """The run of March looks back on February, against January; false alarms do not count."""
    acme, crm = make_client(name="Acme"), make_system(name="CRM")
    february = dt.datetime(2026, 2, 10, tzinfo=dt.UTC)
    playbook = make_playbook(title="Sync break")
    for _ in range(3):
        one = make_incident(detected_at=february, clients=[acme], systems=[crm], status="triaged")
        make_playbook_run(one, playbook)
    make_incident(detected_at=february - 30 * DAY, clients=[acme], fault_side=Side.OURS)
    make_incident(detected_at=february, status=Status.CANCELLED)
    make_incident(detected_at=february, is_private=True)
    make_incident(detected_at=SEVEN)
    item = item_of(run_list("monthly"), "incident_patterns")
    assert item.prepared["lines"] == ["4 against 1 the month before", "1 private, not broken down"]
    tables = {table["title"]: table["rows"] for table in item.prepared["tables"]}
    assert tables == {
        "By system": [["CRM", 3, 0], ["No system", 0, 1]],
        "By side at fault": [["Not said yet", 3, 0], ["Our system", 0, 1]],
        "By client": [["Acme", 3, 1]],
        "By playbook": [["Sync break", 3, 0], ["No playbook", 0, 1]],
    }


@pytest.mark.parametrize("number", [1, 10])
def test_patterns_cost_the_same_queries_however_many(django_assert_num_queries, number):
    begin = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
    for _ in range(number):
        make_incident(detected_at=begin, clients=[make_client()], systems=[make_system()])
    with django_assert_num_queries(5):
        count_patterns(before=begin - 31 * DAY, begin=begin, end=begin + 28 * DAY)


def test_incidents_without_a_playbook_are_listed_P8(team):
    february = dt.datetime(2026, 2, 10, tzinfo=dt.UTC)
    bare = make_incident(detected_at=february)
    make_playbook_run(make_incident(detected_at=february))
    off = make_incident(detected_at=february)
    make_playbook_run(off, ended_at=february, ended_by_name="Alfred", end_reason="No fit.")
    make_incident(detected_at=february, status=Status.CANCELLED)
    make_incident(detected_at=february - 30 * DAY)
    item = item_of(run_list("monthly"), "without_playbook")
    assert set(item.prepared["refs"]) == {bare.ref, off.ref}
    assert item.prepared["lines"] == ["2 incidents without a playbook"]


def test_a_month_begins_at_the_agencys_midnight_K10(team):
    """23:30 UTC on 31 January is February in Berlin."""
    make_incident(detected_at=dt.datetime(2026, 1, 31, 23, 30, tzinfo=dt.UTC))
    make_incident(detected_at=dt.datetime(2026, 1, 31, 22, 30, tzinfo=dt.UTC))
    item = item_of(run_list("monthly"), "incident_patterns")
    assert item.prepared["lines"] == ["1 against 1 the month before"]


def test_without_an_owner_the_run_is_filled_all_the_same_K8(team):
    Responder.objects.update(is_active=False)
    post(make_monitor(Kind.ERROR_RATE), total=1000, bad=10)
    assert run_list("daily").owner is None
    assert not Message.objects.exists()


def test_who_depends_on_the_system_is_affected_K9(team):
    crm = make_system()
    client = make_client()
    make_dependency(client, crm)
    post(make_monitor(Kind.LEVEL, measure=Measure.MISSING, system=crm), value=2, at=SIX_PM - MINUTE)
    review()
    incident = Incident.objects.get()
    assert list(incident.clients.all()) == [client]
    assert list(incident.systems.all()) == [crm]
