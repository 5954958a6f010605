"""The auditor: each thing that may be forgotten is planted and found (rule K11)."""

import datetime as dt
import json
import logging
import threading
from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings
from pytest_httpserver import HTTPServer

from config import health
from config.auditing import PERIOD, QUESTIONS, audit_if_due, run_audit
from config.engine import audit
from incidents import workflow
from incidents.digests import edit_digest, write_due_digests
from incidents.enums import DeadlineKind, EscalationCode, Role, Source, Status, SweepPart
from incidents.models import (
    ClientDigest,
    Deadline,
    DueEscalation,
    Escalation,
    EscalationRule,
    SetAside,
)
from incidents.sweeping import sweep
from incidents.workflow import Triage
from monitoring.models import Audit, AuditFinding, Beat
from monitoring.models.beat import CANARY, ENGINE
from notifications.enums import Channel, MessageState
from notifications.models import ChannelPause, Message
from tests.config.living import keep_all_well
from tests.factories import (
    NOW,
    Team,
    make_affected,
    make_client,
    make_deadline,
    make_escalation,
    make_incident,
    make_message,
    make_sop,
    make_system,
    make_team,
)

pytestmark = pytest.mark.django_db
SECOND = dt.timedelta(seconds=1)
MIN = dt.timedelta(minutes=1)
H = dt.timedelta(hours=1)
WEEK = dt.timedelta(days=7)


@pytest.fixture
def team(db: None) -> Team:
    make_sop()
    team = make_team()
    keep_all_well(at=NOW)
    return team


def found(now: dt.datetime = NOW) -> dict[str, str]:
    return {row.key: row.text for row in run_audit(now=now)}


# A healthy house ----------------------


def test_a_day_that_went_well_passes_K11(team: Team) -> None:
    boss = team.actor(Role.ORCHESTRATOR)
    start = NOW - 3 * H
    incident = workflow.open_incident(
        title="Sync broken", source=Source.MONITORING, by=boss, now=start
    ).incident
    decision = Triage(level=1, systems=[make_system()], clients=[make_client()])
    workflow.triage_incident(incident, decision, by=boss, now=start)
    for minutes in range(0, 181, 5):
        sweep(now=start + minutes * MIN)
        write_due_digests(now=start + minutes * MIN)
    assert incident.deadlines.filter(breached_at__isnull=False).exists()
    Message.objects.update(state=MessageState.SENT, sent_at=NOW)
    Escalation.objects.update(
        acknowledged_at=NOW, acknowledged_by="Clayton", next_ring_at=None, is_undeliverable=False
    )
    assert found() == {}
    assert Audit.objects.get().passed_at == NOW


def test_every_question_costs_one_query_K11(team: Team) -> None:
    for question in QUESTIONS:
        most = 3 if question.key == "unprepared_digests" else 1
        for _ in range(2):
            make_client()
            with CaptureQueriesContext(connection) as queries:
                question.answer(NOW)
            assert len(queries) <= most, question.key


# Each thing that may be forgotten ----------------------


def plant_stage(team: Team) -> None:
    make_deadline(make_incident(), next_event_at=NOW - 3 * MIN)


def plant_breach(team: Team) -> None:
    deadline = make_deadline(
        make_incident(status=Status.TRIAGED), kind=DeadlineKind.CERTAIN_FIX, due_at=NOW
    )
    Deadline.objects.filter(pk=deadline.pk).update(breached_at=NOW - 3 * MIN, next_event_at=None)


def plant_clock_escalation(team: Team) -> None:
    rule = EscalationRule.objects.get(pk=EscalationCode.E5)
    DueEscalation.objects.create(
        incident=make_incident(), rule=rule, occurrence=1, due_at=NOW - 3 * MIN
    )


def plant_sev1(team: Team) -> None:
    make_incident(status=Status.TRIAGED, level=1, detected_at=NOW - 9 * MIN)


def plant_untold(team: Team) -> None:
    make_escalation(raised_at=NOW - 3 * MIN).notices.all().delete()


def plant_unheard(team: Team) -> None:
    make_escalation(is_undeliverable=True)


def plant_ring(team: Team) -> None:
    escalation = make_escalation()
    Escalation.objects.filter(pk=escalation.pk).update(next_ring_at=NOW - 3 * MIN)


def plant_held(team: Team) -> None:
    make_message(state=MessageState.HELD)


def plant_pause(team: Team) -> None:
    ChannelPause.objects.create(
        channel=Channel.TELEGRAM, reason="401", since=NOW, until=NOW + H, needs_a_person=True
    )


def plant_unsent(team: Team) -> None:
    make_message(due_at=NOW - 3 * MIN, next_attempt_at=NOW - 3 * MIN)


def plant_overdue_digest(team: Team) -> None:
    ClientDigest.objects.create(
        client=make_client(), period=NOW.date() - dt.timedelta(days=1), due_at=NOW - 2 * H,
        prepared_at=NOW - 5 * H, updated_at=NOW - 5 * H,
    )  # fmt: skip


def plant_unprepared_digest(team: Team) -> None:
    """Tuesday 10:00 in Berlin was an hour ago; the engine should have written something."""
    client = make_client(digest_weekday=1, digest_hour=9)
    ClientDigest.objects.create(
        client=client, period=NOW.date() - WEEK - dt.timedelta(days=1), due_at=NOW - WEEK,
        prepared_at=NOW - WEEK, updated_at=NOW - WEEK, state="skipped", skip_reason="Nothing.",
    )  # fmt: skip


def plant_set_aside(team: Team) -> None:
    SetAside.objects.create(
        part=SweepPart.DEADLINES, row=1, what="x", error="y", since=NOW, next_try_at=NOW
    )


PLANTED: dict[str, Callable[[Team], None]] = {
    "unwritten_stages": plant_stage,
    "breaches": plant_breach,
    "clock_escalations": plant_clock_escalation,
    "sev1": plant_sev1,
    "untold_escalations": plant_untold,
    "unheard_escalations": plant_unheard,
    "late_rings": plant_ring,
    "held_messages": plant_held,
    "paused_channels": plant_pause,
    "stalled_messages": plant_unsent,
    "overdue_digests": plant_overdue_digest,
    "unprepared_digests": plant_unprepared_digest,
    "set_aside": plant_set_aside,
}


def test_every_question_has_a_plant_K11() -> None:
    assert {question.key for question in QUESTIONS} <= set(PLANTED)


@pytest.mark.parametrize("key", PLANTED)
def test_what_is_forgotten_is_found_K11(team: Team, key: str) -> None:
    others = {row.key for row in run_audit(now=NOW)}
    assert key not in others
    PLANTED[key](team)
    text = found()[key]
    assert text.startswith("1 ")
    assert Audit.objects.get().finished_at == NOW


@pytest.mark.parametrize(("beat", "words"), [(ENGINE, "the engine"), (CANARY, "task cluster")])
def test_a_process_without_a_beat_is_found_K11(team: Team, beat: str, words: str) -> None:
    Beat.objects.filter(name=beat).update(at=NOW - H)
    assert words in found()["late_beats"]


def test_a_rule_that_is_switched_off_asks_for_nothing_K11(team: Team) -> None:
    plant_sev1(team)
    plant_breach(team)
    EscalationRule.objects.update(is_active=False)
    assert not {"sev1", "breaches"} & set(found())


def test_a_question_that_breaks_is_a_finding_and_the_others_are_asked_K11(
    team: Team, caplog: pytest.LogCaptureFixture
) -> None:
    plant_set_aside(team)
    # An unknown zone, as after a restore on a machine that knows fewer.
    make_client()
    table = "incidents_client"
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET time_zone = 'Nowhere/Never'")
    findings = found()
    assert "could not ask" in findings["unprepared_digests"]
    assert "set_aside" in findings


# Kept, told, shown, cleared ----------------------


def test_a_finding_is_told_once_and_cleared_when_it_is_gone_K11_N1(team: Team) -> None:
    plant_set_aside(team)
    for minutes in (0, 5, 10):
        keep_all_well(at=NOW + minutes * MIN)
        run_audit(now=NOW + minutes * MIN)
        Message.objects.update(state=MessageState.SENT, sent_at=NOW)
    told = Message.objects.filter(recipient=team.orchestrator.email, subject__contains="audit")
    assert told.count() == 1
    assert "set aside" in told.get().text
    (finding,) = AuditFinding.objects.filter(key="set_aside")
    assert (finding.since, finding.seen_at) == (NOW, NOW + 10 * MIN)
    Message.objects.update(state=MessageState.SENT, sent_at=NOW)
    SetAside.objects.all().delete()
    keep_all_well(at=NOW + 15 * MIN)
    assert run_audit(now=NOW + 15 * MIN) == []
    plant_set_aside(team)
    run_audit(now=NOW + 20 * MIN)
    assert told.count() == 2


def test_readyz_gives_the_findings_as_reasons_K11(team: Team) -> None:
    now = timezone.now()
    keep_all_well(at=now)
    plant_set_aside(team)
    run_audit(now=now)
    answer = Browser().get("/readyz")
    assert answer.status_code == 503
    (reason,) = answer.json()["reasons"]
    assert "set aside" in reason
    SetAside.objects.all().delete()
    run_audit(now=now)
    assert Browser().get("/readyz").status_code == 200


def test_an_audit_that_is_late_or_never_ran_is_a_reason_K11(team: Team) -> None:
    keep_all_well(at=NOW + 13 * MIN)
    Audit.objects.update(finished_at=NOW)
    assert health.problems(now=NOW + 13 * MIN) == ["The last audit was 13 minutes ago."]
    Audit.objects.all().delete()
    assert health.problems(now=NOW + 13 * MIN) == ["No audit has run yet: is the worker running?"]


def test_findings_are_on_every_page_and_on_home_K11(team: Team) -> None:
    now = timezone.now()
    keep_all_well(at=now)
    browser = Browser()
    browser.force_login(team.delivery.user)  # type: ignore[arg-type]
    run_audit(now=now)
    assert "nothing undone" in browser.get("/").text
    assert "The audit found" not in browser.get("/clients/").text
    plant_set_aside(team)
    run_audit(now=now)
    for address in ("/", "/clients/"):
        assert "The audit found 1 thing undone:" in browser.get(address).text
    assert "1 found" in browser.get("/").text


def test_what_has_an_alarm_of_its_own_is_not_said_twice_K11(team: Team) -> None:
    plant_unheard(team)
    run_audit(now=NOW)
    assert AuditFinding.objects.filter(key="unheard_escalations").exists()
    browser = Browser()
    browser.force_login(team.founder.user)  # type: ignore[arg-type]
    assert "The audit found" not in browser.get("/clients/").text


# Claimed ----------------------


def test_two_engines_make_one_audit_in_five_minutes_K11(team: Team) -> None:
    Audit.objects.all().delete()
    assert [audit_if_due(now=NOW + n * SECOND) for n in (0, 1, 299, 300, 301)] == [
        True, False, False, True, False,
    ]  # fmt: skip
    assert PERIOD == 5 * MIN


def test_a_starting_engine_waits_until_all_beat_K11(team: Team) -> None:
    Beat.objects.filter(name=CANARY).delete()
    assert not audit_if_due(now=NOW, is_starting=True)
    assert audit_if_due(now=NOW), "after a minute it asks all the same"
    Audit.objects.all().delete()
    AuditFinding.objects.all().delete()
    Beat.record(CANARY, at=NOW)
    assert audit_if_due(now=NOW, is_starting=True)
    assert AuditFinding.objects.count() == 0


# The watchdog outside ----------------------


def test_only_a_passing_audit_pings_the_watchdog_K11(
    team: Team, settings: Settings, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/ping/s3cret-uuid", method="GET").respond_with_data("OK")
    settings.WATCHDOG_PING_URL = httpserver.url_for("/ping/s3cret-uuid")
    run_audit(now=NOW)
    assert len(httpserver.log) == 1
    assert Audit.objects.get().pinged_at == NOW
    plant_set_aside(team)
    run_audit(now=NOW + 5 * MIN)
    assert len(httpserver.log) == 1
    SetAside.objects.all().delete()
    Message.objects.update(state=MessageState.SENT, sent_at=NOW)
    keep_all_well(at=NOW + 10 * MIN)
    run_audit(now=NOW + 10 * MIN)
    assert len(httpserver.log) == 2
    httpserver.check_assertions()


@pytest.mark.parametrize("fault", ["status", "refused", "redirect"])
def test_a_ping_that_fails_is_logged_without_its_secret_and_raises_nothing_K11(
    team: Team,
    settings: Settings,
    httpserver: HTTPServer,
    caplog: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    path = "/ping/s3cret-uuid?key=al5o-secret"
    settings.WATCHDOG_PING_URL = httpserver.url_for(path)
    status = 302 if fault == "redirect" else 500
    httpserver.expect_request("/ping/s3cret-uuid").respond_with_data(
        "s3cret-uuid", status=status, headers={"Location": "/elsewhere"}
    )
    if fault == "refused":
        settings.WATCHDOG_PING_URL = f"http://127.0.0.1:1{path}"
    with caplog.at_level(logging.DEBUG):
        run_audit(now=NOW)
    row = Audit.objects.get()
    assert (row.passed_at, row.pinged_at) == (NOW, None)
    assert row.ping_error
    ours = [record.getMessage() for record in caplog.records if record.name != "werkzeug"]
    for text in (*ours, row.ping_error):
        assert "s3cret" not in text
        assert "al5o" not in text
    assert any("watchdog" in text for text in ours)


def test_a_silent_watchdog_holds_nobody_longer_than_its_time_K11(
    team: Team, settings: Settings, httpserver: HTTPServer
) -> None:
    done = threading.Event()

    def stay_silent(request: object) -> object:
        done.wait(8)
        raise AssertionError("nobody waits so long")

    httpserver.expect_request("/slow").respond_with_handler(stay_silent)  # type: ignore[arg-type]
    settings.WATCHDOG_PING_URL = httpserver.url_for("/slow")
    begun = timezone.now()
    run_audit(now=NOW)
    done.set()
    assert timezone.now() - begun < 7 * SECOND
    assert Audit.objects.get().ping_error


# As a part of the engine, and for cron ----------------------


def test_the_engine_audits_K11(team: Team) -> None:
    keep_all_well(at=timezone.now())
    audit()
    assert Audit.objects.get().passed_at


def test_the_command_says_what_it_found_K11(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("audit", now=NOW.isoformat())
    assert capsys.readouterr().out.strip() == "The audit found nothing undone."
    plant_set_aside(team)
    with pytest.raises(SystemExit) as stop:
        call_command("audit", "--json", now=NOW.isoformat())
    assert stop.value.code == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] is False
    assert answer["findings"][0]["key"] == "set_aside"


def test_a_scheduled_update_that_waits_is_no_finding_before_its_time_K11_M9(team: Team) -> None:
    client = make_client()
    make_affected(make_incident(status=Status.INVESTIGATING), client)
    edit_digest(client, {"intro": "x"}, by=team.actor(Role.REVENUE), now=NOW)
    assert "overdue_digests" not in found()


def test_an_update_prepared_ahead_leaves_none_before_it_missing_M9(team: Team) -> None:
    plant_unprepared_digest(team)
    assert "unprepared_digests" in found()
    period = NOW.date() + 2 * WEEK
    for client in {row.client for row in ClientDigest.objects.all()}:
        ClientDigest.objects.create(
            client=client, period=period, due_at=NOW + WEEK, prepared_at=NOW, updated_at=NOW
        )
    assert "unprepared_digests" not in found()
