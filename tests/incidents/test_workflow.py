"""The seven steps on the database: what each writes, refuses and leaves alone."""

import datetime as dt

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from incidents import correspondence, workflow
from incidents.enums import (
    DeadlineKind,
    Downgrade,
    EntryKind,
    FixKind,
    HubSpotState,
    MailKind,
    Origin,
    Role,
    Side,
    Source,
    Status,
    WaiverKind,
)
from incidents.errors import ConflictError, NotAllowedError, WorkflowError
from incidents.models import Deadline, FixRecord, Incident, TimelineEntry
from incidents.references import next_reference
from incidents.suggestion import suggest_severity
from incidents.sweeping import sweep
from incidents.workflow import Findings, FixDetails, Measure, Triage
from notifications.enums import MessageState
from notifications.models import Message
from tests.factories import (
    NOW,
    Team,
    make_affected,
    make_client,
    make_incident,
    make_premium_client,
    make_system,
    make_user,
)

pytestmark = pytest.mark.django_db

MIN = dt.timedelta(minutes=1)
H = dt.timedelta(hours=1)
TESTED = {"tested_what": "One record", "tested_where": "staging", "test_result": "It arrived."}
FIX = FixDetails(done="Key renewed.", broke="The sync.", cause="The key had expired.", **TESTED)


def settle(message: Message, *, now: dt.datetime, state: str = MessageState.SENT) -> None:
    """What the engine records once the mail server has answered."""
    message.state = state
    message.sent_at = now if state == MessageState.SENT else None
    message.save()
    correspondence.message_settled(message, now=now)


def notify_all(incident: Incident, team: Team, *, now: dt.datetime) -> None:
    draft = incident.drafts.get(kind=MailKind.NOTIFICATION, finished_at=None)
    by = team.actor(Role.REVENUE)
    texts = {
        "brief": "Sync paused",
        "system_name": "your sync",
        "what_happening": "The sync is paused.",
    }
    correspondence.edit_draft(draft, texts, by=by, now=now)
    for mail in correspondence.send_draft(draft, by=by, now=now).mails:
        settle(mail.message, now=now)
    incident.refresh_from_db()


def open_and_triage(team: Team, level: int, **fields: object) -> Incident:
    clients = fields.pop("clients", None) or [make_client()]
    systems = [make_system(clients=clients)]
    opened = workflow.open_incident(
        title="Sync broken",
        source=fields.pop("source", Source.AGENT),
        by=team.actor(Role.ORCHESTRATOR),
        now=NOW,
        reported_by=fields.pop("reported_by", None),
    ).incident
    decision = Triage(level=level, systems=systems, clients=clients, **fields)
    workflow.triage_incident(opened, decision, by=team.actor(Role.ORCHESTRATOR), now=NOW + 5 * MIN)
    return opened


def due(incident: Incident, kind: str) -> Deadline:
    return incident.deadlines.counted().get(kind=kind)


# Detection and triage ----------------------


@pytest.mark.parametrize(
    ("answers", "level"),
    [((True, True, True), 1), ((False, True, True), 2), ((False, False, True), 3),
     ((False, False, False), 4), ((True, False, False), 1)],
)  # fmt: skip
def test_three_questions_suggest_with_a_reason_S8_S9(
    answers: tuple[bool, bool, bool], level: int
) -> None:
    core, component, below = answers
    found = suggest_severity(
        is_core_stopped=core, is_component_broken=component, is_below_expectations=below
    )
    assert found.level == level
    assert found.reason


def test_detection_is_never_in_the_future_nor_before_the_client_C1(team: Team) -> None:
    by = team.actor(Role.DELIVERY)
    client = make_client(since=NOW - H)
    for moment in (NOW + MIN, NOW - 2 * H):
        with pytest.raises(WorkflowError):
            workflow.open_incident(
                title="x", source=Source.AGENT, by=by, now=NOW, detected_at=moment, clients=[client]
            )
    assert not Incident.objects.exists()


def test_the_source_decides_who_acts_first_W2_N1(team: Team) -> None:
    client = make_client()
    for source, first in (
        (Source.MONITORING, team.orchestrator),
        (Source.CLIENT_REPORT, team.revenue),
    ):
        reported_by = client if source == Source.CLIENT_REPORT else None
        incident = workflow.open_incident(
            title="x", source=source, by=team.actor(Role.DELIVERY), now=NOW, reported_by=reported_by
        ).incident
        told = Message.objects.filter(reference=incident.ref).values_list("recipient", flat=True)
        assert first.email in told


def test_a_build_find_in_scope_is_opened_triaged_and_started_by_delivery_W2(team: Team) -> None:
    by = team.actor(Role.DELIVERY)
    incident = workflow.open_incident(title="x", source=Source.AGENT, by=by, now=NOW).incident
    out_of_scope = Triage(level=3, systems=[make_system()])
    with pytest.raises(NotAllowedError):
        workflow.triage_incident(incident, out_of_scope, by=by, now=NOW)
    in_scope = Triage(level=3, systems=[make_system()], is_in_scope=True)
    workflow.triage_incident(incident, in_scope, by=by, now=NOW)
    assert incident.status == Status.INVESTIGATING


def test_triage_logs_what_the_sop_asks_and_prepares_the_rest_W3(team: Team) -> None:
    incident = open_and_triage(team, 1)
    entry = incident.timeline.get(kind=EntryKind.TRIAGED)
    assert set(entry.data) >= {"severity", "description", "clients", "resolver"}
    assert incident.technical_owner == team.delivery
    assert incident.communications_owner == team.revenue
    assert incident.drafts.get().kind == MailKind.NOTIFICATION
    assert incident.escalations.get().rule_id == "E1"


def test_triage_is_all_or_nothing_W3(team: Team) -> None:
    client = make_client(since=NOW + H)
    incident = make_incident()
    with pytest.raises(WorkflowError):
        workflow.triage_incident(
            incident,
            Triage(level=1, systems=[make_system()], clients=[client]),
            by=team.actor(Role.ORCHESTRATOR),
            now=NOW,
        )
    incident.refresh_from_db()
    assert (incident.status, incident.timeline.count()) == (Status.DETECTED, 0)


def test_delivery_stands_in_for_an_absent_orchestrator_and_is_marked_A1(team: Team) -> None:
    incident = make_incident(team=team)
    team.orchestrator.away_until = NOW + H
    team.orchestrator.save()
    decision = Triage(level=3, systems=[make_system()])
    workflow.triage_incident(incident, decision, by=team.actor(Role.DELIVERY), now=NOW)
    assert incident.timeline.get(kind=EntryKind.TRIAGED).stands_in_for == Role.ORCHESTRATOR


def test_waivers_are_never_open_to_a_stand_in_A1(team: Team) -> None:
    team.orchestrator.away_until = NOW + H
    team.orchestrator.save()
    incident = make_incident(status=Status.INVESTIGATING, team=team)
    with pytest.raises(NotAllowedError):
        workflow.waive_gate(
            incident,
            kind=WaiverKind.TEST_EVIDENCE,
            reason="x",
            by=team.actor(Role.DELIVERY),
            now=NOW,
        )


# Clocks on the database ----------------------


def test_provisional_breach_never_calls_the_founder_and_ends_at_triage_C2(team: Team) -> None:
    incident = workflow.open_incident(
        title="x", source=Source.MONITORING, by=team.actor(Role.DELIVERY), now=NOW
    ).incident
    sweep(now=NOW + 61 * MIN)
    told = [e.notices.get().responder for e in incident.escalations.all()]
    assert told == [team.orchestrator]
    workflow.triage_incident(
        incident,
        Triage(level=3, systems=[make_system()]),
        by=team.actor(Role.ORCHESTRATOR),
        now=NOW + 62 * MIN,
    )
    clock = due(incident, DeadlineKind.ACKNOWLEDGE)
    assert (clock.is_provisional, clock.breached_at) == (False, None)
    assert incident.timeline.filter(kind=EntryKind.BREACH).exists()


def test_sev1_acknowledges_when_every_client_has_the_mail_C3(team: Team) -> None:
    incident = open_and_triage(team, 1, clients=[make_client(), make_client()])
    draft = incident.drafts.get()
    by = team.actor(Role.REVENUE)
    correspondence.edit_draft(draft, {"what_happening": "It is paused."}, by=by, now=NOW + 6 * MIN)
    first, second = correspondence.send_draft(draft, by=by, now=NOW + 7 * MIN).mails
    settle(first.message, now=NOW + 8 * MIN)
    assert due(incident, DeadlineKind.ACKNOWLEDGE).stopped_at is None
    settle(second.message, now=NOW + 9 * MIN)
    assert due(incident, DeadlineKind.ACKNOWLEDGE).stopped_at == NOW + 9 * MIN


def test_a_failed_mail_tells_nobody_C3(team: Team) -> None:
    incident = open_and_triage(team, 1)
    draft = incident.drafts.get()
    by = team.actor(Role.REVENUE)
    correspondence.edit_draft(draft, {"what_happening": "It is paused."}, by=by, now=NOW + 6 * MIN)
    (mail,) = correspondence.send_draft(draft, by=by, now=NOW + 7 * MIN).mails
    settle(mail.message, now=NOW + 8 * MIN, state=MessageState.DEAD)
    assert due(incident, DeadlineKind.ACKNOWLEDGE).stopped_at is None
    assert Message.objects.filter(
        recipient=team.revenue.email, subject__contains="failed for good"
    ).exists()


def test_revenue_acknowledges_a_report_before_triage_C3(team: Team) -> None:
    client = make_client()
    incident = workflow.open_incident(
        title="x", source=Source.CLIENT_REPORT, by=team.actor(Role.REVENUE), now=NOW,
        reported_by=client,
    ).incident  # fmt: skip
    workflow.acknowledge_incident(incident, by=team.actor(Role.REVENUE), now=NOW + MIN)
    notify_all(incident, team, now=NOW + 2 * MIN)
    workflow.triage_incident(
        incident,
        Triage(level=3, systems=[make_system()], clients=[client]),
        by=team.actor(Role.ORCHESTRATOR),
        now=NOW + 20 * MIN,
    )
    assert due(incident, DeadlineKind.ACKNOWLEDGE).stopped_at == NOW + 2 * MIN


def test_accepting_a_sev4_plans_the_fix_with_a_reminder_C3(team: Team) -> None:
    incident = open_and_triage(team, 4)
    workflow.acknowledge_incident(
        incident, by=team.actor(Role.REVENUE), now=NOW + H, planned_fix_at=NOW + 48 * H
    )
    assert due(incident, DeadlineKind.PLANNED_FIX).due_at == NOW + 48 * H
    Message.objects.all().delete()
    sweep(now=NOW + 48 * H)
    told = Message.objects.values_list("recipient", flat=True)
    assert team.delivery.email in told
    assert not Message.objects.exclude(recipient__endswith="@agency.example").exists()


def test_workaround_stops_the_clock_of_a_sev1_and_a_relapse_restarts_it_C4_W6(team: Team) -> None:
    incident = open_and_triage(team, 1)
    by = team.actor(Role.DELIVERY)
    workflow.record_workaround(incident, FIX, by=by, now=NOW + 2 * H)
    assert due(incident, DeadlineKind.RESOLVE).stopped_at == NOW + 2 * H
    assert due(incident, DeadlineKind.FOLLOW_UP).due_at == NOW + 26 * H
    workflow.verify_fix(incident, end_to_end="a", failure_test="b", by=by, now=NOW + 3 * H)
    workflow.report_relapse(incident, reason="Back again", by=by, now=NOW + 3 * H + 30 * MIN)
    clock = due(incident, DeadlineKind.RESOLVE)
    assert (clock.stopped_at, clock.due_at) == (None, NOW + 4 * H)
    assert not incident.deadlines.counted().filter(kind=DeadlineKind.FOLLOW_UP).exists()
    assert incident.status == Status.INVESTIGATING
    assert incident.timeline.filter(kind=EntryKind.RELAPSE).exists()


def test_a_workaround_does_not_stop_a_sev2_C4(team: Team) -> None:
    incident = open_and_triage(team, 2)
    workflow.record_workaround(incident, FIX, by=team.actor(Role.DELIVERY), now=NOW + H)
    assert due(incident, DeadlineKind.RESOLVE).stopped_at is None


def test_severity_change_recomputes_and_keeps_recorded_breaches_C5(team: Team) -> None:
    incident = open_and_triage(team, 1)
    sweep(now=NOW + 61 * MIN)
    assert due(incident, DeadlineKind.ACKNOWLEDGE).breached_at == NOW + H
    workflow.change_severity(
        incident,
        level=3,
        reason="Only the report",
        downgrade=Downgrade.MISCLASSIFIED,
        by=team.actor(Role.ORCHESTRATOR),
        now=NOW + 62 * MIN,
    )
    clock = due(incident, DeadlineKind.ACKNOWLEDGE)
    assert (clock.due_at, clock.breached_at) == (NOW + 24 * H, None)
    breaches = incident.timeline.filter(kind=EntryKind.BREACH, text__startswith="Acknowledge")
    assert breaches.exists()


def test_waiting_is_recorded_and_never_pauses_C6(team: Team) -> None:
    incident = open_and_triage(team, 2)
    before = due(incident, DeadlineKind.RESOLVE).due_at
    by = team.actor(Role.DELIVERY)
    workflow.start_wait(incident, on=Side.CLIENT, what="A new password", by=by, now=NOW + H)
    with pytest.raises(WorkflowError):
        workflow.start_wait(incident, on=Side.CLIENT, what="again", by=by, now=NOW + H)
    wait = workflow.end_wait(incident, on=Side.CLIENT, by=by, now=NOW + 3 * H)
    assert wait.ended_at - wait.started_at == 2 * H
    assert due(incident, DeadlineKind.RESOLVE).due_at == before


def test_warnings_go_to_the_owner_once_at_half_and_four_fifths_C8(team: Team) -> None:
    incident = open_and_triage(team, 3)
    for moment in (11 * H, 12 * H, 13 * H, 19 * H + 12 * MIN, 20 * H):
        sweep(now=NOW + moment)
    texts = [
        entry.text
        for entry in incident.timeline.filter(kind=EntryKind.WARNING)
        if "Acknowledge" in entry.text
    ]
    assert [text[:4] for text in texts] == ["50 %", "80 %"]


@pytest.mark.parametrize(
    ("level", "kind", "limit", "to"),
    [
        (1, "Acknowledge", 1 * H, Role.FOUNDER),
        (2, "Acknowledge", 4 * H, Role.FOUNDER),
        (1, "Resolve", 4 * H, Role.FOUNDER),
        (2, "Resolve", 24 * H, Role.ORCHESTRATOR),
        (3, "Acknowledge", 24 * H, Role.ORCHESTRATOR),
    ],
)
def test_breaches_go_once_to_the_founder_or_the_coordinator_C8(
    team: Team, level: int, kind: str, limit: dt.timedelta, to: str
) -> None:
    incident = open_and_triage(team, level)
    sweep(now=NOW + limit)
    sweep(now=NOW + limit + MIN)
    breaches = incident.escalations.filter(rule="C8", summary__startswith=kind)
    assert [e.notices.get().responder.role for e in breaches] == [to]


def test_a_correction_recomputes_and_calls_nobody_for_a_stopped_clock_C1(team: Team) -> None:
    client = make_client()
    incident = open_and_triage(team, 2, clients=[client])
    notify_all(incident, team, now=NOW + H)
    workflow.correct_detection(
        incident, detected_at=NOW - 5 * H, reason="First alert was earlier",
        by=team.actor(Role.ORCHESTRATOR), now=NOW + 2 * H,
    )  # fmt: skip
    clock = due(incident, DeadlineKind.ACKNOWLEDGE)
    assert (clock.due_at, clock.breached_at) == (NOW - H, NOW - H)
    assert incident.timeline.filter(kind=EntryKind.BREACH).exists()
    assert not incident.escalations.filter(rule="C8").exists()


def test_breach_is_written_once_however_late_the_sweep_E8(team: Team) -> None:
    incident = open_and_triage(team, 1)
    for _ in range(3):
        sweep(now=NOW + 200 * H)
    kinds = incident.timeline.filter(kind=EntryKind.BREACH).values_list("data", flat=True)
    assert sorted(entry["kind"] for entry in kinds) == ["acknowledge", "notice", "resolve"]


# Severity ----------------------


def test_a_downgrade_needs_a_reason_and_its_kind_S10(team: Team) -> None:
    incident = open_and_triage(team, 2)
    by = team.actor(Role.ORCHESTRATOR)
    for fields in ({}, {"reason": "smaller"}, {"downgrade": Downgrade.SHRANK}):
        with pytest.raises(WorkflowError):
            workflow.change_severity(incident, level=3, by=by, now=NOW + H, **fields)
    workflow.change_severity(incident, level=1, by=by, now=NOW + H)
    assert incident.level == 1


@pytest.mark.parametrize(("kind", "owed"), [(Downgrade.SHRANK, 1), (Downgrade.MISCLASSIFIED, None)])
def test_duties_stay_when_the_impact_shrank_and_go_when_misclassified_S10(
    team: Team, kind: str, owed: int | None
) -> None:
    incident = open_and_triage(team, 1)
    workflow.change_severity(
        incident, level=3, reason="r", downgrade=kind, by=team.actor(Role.ORCHESTRATOR), now=NOW + H
    )
    incident.refresh_from_db()
    assert incident.review_severity_id == owed


def test_an_upgrade_to_sev1_runs_the_acknowledge_clock_again_C3_C5(team: Team) -> None:
    incident = open_and_triage(team, 3)
    workflow.acknowledge_incident(incident, by=team.actor(Role.REVENUE), now=NOW + 10 * MIN)
    workflow.change_severity(
        incident, level=1, by=team.actor(Role.ORCHESTRATOR), now=NOW + 20 * MIN
    )
    assert due(incident, DeadlineKind.ACKNOWLEDGE).stopped_at is None
    assert due(incident, DeadlineKind.NOTICE).due_at == NOW + 35 * MIN
    assert incident.drafts.filter(kind=MailKind.NOTIFICATION).exists()


# Fix and verify ----------------------


def test_no_change_to_production_without_a_test_W5(team: Team) -> None:
    incident = open_and_triage(team, 2)
    by = team.actor(Role.DELIVERY)
    untested = FixDetails(done="Renewed", broke="sync", cause="key")
    for take in (workflow.record_fix, workflow.record_workaround):
        with pytest.raises(WorkflowError) as refused:
            take(incident, untested, by=by, now=NOW + H)
        assert any("Test evidence" in missing.text for missing in refused.value.missing)
    workflow.contain_incident(incident, done="Paused outreach", by=by, now=NOW + H)
    workflow.waive_gate(
        incident, kind=WaiverKind.TEST_EVIDENCE, reason="No staging for it",
        by=team.actor(Role.FOUNDER), now=NOW + H,
    )  # fmt: skip
    fix = workflow.record_fix(incident, untested, by=by, now=NOW + H)
    assert fix.waiver is not None
    with pytest.raises(WorkflowError):
        workflow.record_fix(incident, untested, by=by, now=NOW + 2 * H)


def test_the_database_itself_refuses_an_untested_fix_W5(team: Team) -> None:
    incident = make_incident(status=Status.INVESTIGATING)
    with pytest.raises(IntegrityError), transaction.atomic():
        FixRecord.objects.create(
            incident=incident, kind=FixKind.FIX, at=NOW, by_name="x", done="something"
        )


def test_every_fix_says_what_broke_and_why_W4(team: Team) -> None:
    incident = open_and_triage(team, 2)
    with pytest.raises(WorkflowError, match="What broke"):
        workflow.record_fix(
            incident, FixDetails(done="d", cause="c", **TESTED), by=team.actor(Role.DELIVERY),
            now=NOW + H,
        )  # fmt: skip


def test_investigation_keeps_what_was_checked_and_the_side_W4(team: Team) -> None:
    incident = open_and_triage(team, 2)
    findings = Findings(logs="401s", status_pages="green", found="Key", side=Side.THIRD_PARTY)
    workflow.investigate_incident(
        incident, findings, by=team.actor(Role.DELIVERY), now=NOW + 20 * MIN
    )
    assert incident.fault_side == Side.THIRD_PARTY
    assert incident.diagnoses.get().logs == "401s"


def test_verify_needs_a_recorded_fix_W6(team: Team) -> None:
    incident = open_and_triage(team, 2)
    by = team.actor(Role.DELIVERY)
    workflow.investigate_incident(incident, Findings(), by=by, now=NOW + 10 * MIN)
    with pytest.raises(WorkflowError) as refused:
        workflow.verify_fix(incident, end_to_end="a", failure_test="b", by=by, now=NOW + H)
    assert refused.value.missing[0].step == "fix"


# Resolve and close ----------------------


def make_monitored(team: Team, level: int, **fields: object) -> Incident:
    incident = open_and_triage(team, level, **fields)
    by = team.actor(Role.DELIVERY)
    workflow.record_fix(incident, FIX, by=by, now=NOW + 20 * MIN)
    workflow.verify_fix(incident, end_to_end="a", failure_test="b", by=by, now=NOW + 30 * MIN)
    return incident


def send_resolved(incident: Incident, team: Team, *, now: dt.datetime) -> None:
    by = team.actor(Role.REVENUE)
    clients = correspondence.clients_for(incident, MailKind.RESOLVED)
    draft = correspondence.start_draft(
        incident, kind=MailKind.RESOLVED, clients=clients, by=by, now=now
    )
    texts = {"what_happened": "The sync was paused.", "what_did": "We renewed a key."}
    correspondence.edit_draft(draft, texts, by=by, now=now)
    for mail in correspondence.send_draft(draft, by=by, now=now).mails:
        settle(mail.message, now=now)


def test_resolve_waits_for_window_acknowledgement_and_mails_W7(team: Team) -> None:
    incident = make_monitored(team, 1)
    by = team.actor(Role.REVENUE)
    with pytest.raises(WorkflowError) as refused:
        workflow.resolve_incident(incident, by=by, now=NOW + 40 * MIN)
    texts = " ".join(missing.text for missing in refused.value.missing)
    assert "window" in texts
    assert "acknowledgement" in texts
    assert "notified" in texts
    notify_all(incident, team, now=NOW + 45 * MIN)
    with pytest.raises(WorkflowError, match="cannot be resolved"):
        workflow.resolve_incident(incident, by=by, now=NOW + 91 * MIN)
    send_resolved(incident, team, now=NOW + 92 * MIN)
    workflow.resolve_incident(incident, by=by, now=NOW + 93 * MIN)
    assert incident.status == Status.RESOLVED
    assert incident.affected.get().hubspot_state == HubSpotState.MANUAL


def test_a_waived_window_opens_resolve_W7(team: Team) -> None:
    incident = make_monitored(team, 2)
    notify_all(incident, team, now=NOW + 45 * MIN)
    workflow.waive_gate(
        incident, kind=WaiverKind.STABILITY_WINDOW, reason="Watched closely",
        by=team.actor(Role.ORCHESTRATOR), now=NOW + H,
    )  # fmt: skip
    send_resolved(incident, team, now=NOW + 61 * MIN)
    workflow.resolve_incident(incident, by=team.actor(Role.REVENUE), now=NOW + 62 * MIN)
    assert incident.status == Status.RESOLVED


def test_a_window_waiver_does_not_survive_a_relapse_W6(team: Team) -> None:
    incident = make_monitored(team, 2)
    by = team.actor(Role.DELIVERY)
    workflow.waive_gate(
        incident, kind=WaiverKind.STABILITY_WINDOW, reason="r", by=team.actor(Role.FOUNDER),
        now=NOW + 31 * MIN,
    )  # fmt: skip
    workflow.report_relapse(incident, reason="again", by=by, now=NOW + 32 * MIN)
    workflow.record_fix(incident, FIX, by=by, now=NOW + 33 * MIN)
    workflow.verify_fix(incident, end_to_end="a", failure_test="b", by=by, now=NOW + 34 * MIN)
    with pytest.raises(WorkflowError) as refused:
        workflow.resolve_incident(incident, by=team.actor(Role.REVENUE), now=NOW + 35 * MIN)
    assert any("window" in missing.text for missing in refused.value.missing)


def test_minor_clients_never_notified_do_not_block_resolve_W7(team: Team) -> None:
    incident = make_monitored(team, 3)
    workflow.acknowledge_incident(incident, by=team.actor(Role.REVENUE), now=NOW + H)
    workflow.resolve_incident(incident, by=team.actor(Role.REVENUE), now=NOW + 25 * H)
    assert incident.status == Status.RESOLVED


def test_nothing_severe_closes_undocumented_W8(team: Team) -> None:
    premium = make_premium_client()
    incident = make_monitored(team, 1, clients=[premium, make_client()])
    notify_all(incident, team, now=NOW + 45 * MIN)
    send_resolved(incident, team, now=NOW + 91 * MIN)
    workflow.resolve_incident(incident, by=team.actor(Role.REVENUE), now=NOW + 92 * MIN)
    boss = team.actor(Role.ORCHESTRATOR)
    with pytest.raises(WorkflowError) as refused:
        workflow.close_incident(incident, by=boss, now=NOW + 93 * MIN)
    texts = " ".join(missing.text for missing in refused.value.missing)
    assert "post-incident entry" in texts
    assert f"postmortem delivered to {premium}" in texts
    assert "HubSpot" in texts

    with pytest.raises(WorkflowError) as refused:
        workflow.write_review(
            incident,
            timeline="t",
            root_cause="r",
            resolution="z",
            measures=[],
            by=boss,
            now=NOW + 2 * H,
        )
    assert "prevention measure" in refused.value.missing[0].text
    done = Measure("Alert on expiry", team.delivery, dt.date(2026, 3, 20), dt.date(2026, 3, 10))
    planned = Measure("Rotate keys monthly", team.delivery, dt.date(2026, 4, 1))
    workflow.write_review(
        incident, timeline="t", root_cause="r", resolution="z", measures=[done, planned], by=boss,
        now=NOW + 2 * H,
    )  # fmt: skip
    rick = team.actor(Role.REVENUE)
    draft = correspondence.start_draft(
        incident, kind=MailKind.POSTMORTEM, clients=[premium], by=rick, now=NOW + 2 * H
    )
    (mail,) = correspondence.send_draft(draft, by=rick, now=NOW + 2 * H).mails
    body = mail.message.text
    assert body.index("Alert on expiry") < body.index("Rotate keys monthly")
    assert "planned" in body[body.index("Alert on expiry") :].lower()
    settle(mail.message, now=NOW + 2 * H)
    for row in incident.affected.all():
        correspondence.note_in_hubspot(incident, client=row.client, by=rick, now=NOW + 2 * H)
    workflow.close_incident(incident, by=boss, now=NOW + 3 * H)
    assert incident.status == Status.CLOSED


def test_review_deadline_counts_from_resolved_S5(team: Team) -> None:
    incident = make_monitored(team, 2)
    notify_all(incident, team, now=NOW + 45 * MIN)
    send_resolved(incident, team, now=NOW + 25 * H)
    workflow.resolve_incident(incident, by=team.actor(Role.REVENUE), now=NOW + 25 * H)
    # Resolved on Wednesday 11 March: five working days later is Wednesday 18 March.
    assert due(incident, DeadlineKind.REVIEW).due_at == dt.datetime(
        2026, 3, 18, 22, 59, 59, tzinfo=dt.UTC
    )


def test_a_told_client_forbids_cancelling_W1(team: Team) -> None:
    incident = open_and_triage(team, 1)
    notify_all(incident, team, now=NOW + 10 * MIN)
    with pytest.raises(WorkflowError, match="told"):
        workflow.cancel_incident(
            incident, reason="False alarm", by=team.actor(Role.ORCHESTRATOR), now=NOW + H
        )


def test_cancelling_ends_every_deadline_and_draft_W1(team: Team) -> None:
    incident = open_and_triage(team, 1)
    workflow.cancel_incident(
        incident, reason="False alarm", by=team.actor(Role.ORCHESTRATOR), now=NOW + 10 * MIN
    )
    assert not incident.deadlines.running().exists()
    assert not incident.drafts.filter(finished_at=None).exists()


# Two people, and the record ----------------------


def test_the_second_of_two_gets_a_conflict_with_what_changed_W1(team: Team) -> None:
    incident = open_and_triage(team, 2)
    by = team.actor(Role.ORCHESTRATOR)
    seen = Incident.objects.get(pk=incident.pk).version
    workflow.change_severity(incident, level=1, by=by, now=NOW + 6 * MIN, version=seen)
    with pytest.raises(ConflictError) as conflict:
        workflow.change_severity(incident, level=2, by=by, now=NOW + 7 * MIN, version=seen)
    assert any("severity" in missing.text for missing in conflict.value.missing)


def test_a_note_makes_no_other_form_stale_W1(team: Team) -> None:
    incident = open_and_triage(team, 2)
    before = Incident.objects.get(pk=incident.pk).version
    workflow.add_note(incident, text="Hm", by=team.actor(Role.LEGAL), now=NOW + H)
    assert Incident.objects.get(pk=incident.pk).version == before


def test_the_timeline_cannot_be_changed_W9(team: Team) -> None:
    incident = open_and_triage(team, 3)
    for statement in (
        "UPDATE incidents_timelineentry SET text = 'x'",
        "DELETE FROM incidents_timelineentry",
    ):
        with (
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
    assert incident.timeline.exists()


def test_an_entry_at_a_past_time_is_marked_and_sorted_W9(team: Team) -> None:
    incident = open_and_triage(team, 3)
    note = workflow.add_note(
        incident, text="The client rang", by=team.actor(Role.REVENUE), now=NOW + H, at=NOW + MIN
    )
    assert note.is_added_later
    entries = list(TimelineEntry.objects.filter(incident=incident))
    assert entries.index(note) < len(entries) - 1
    with pytest.raises(WorkflowError):
        workflow.add_note(
            incident, text="x", by=team.actor(Role.REVENUE), now=NOW + H, at=NOW + 2 * H
        )


def test_people_and_the_system_are_kept_apart_W9(team: Team) -> None:
    incident = open_and_triage(team, 1)
    by_origin = {e.kind: e.origin for e in incident.timeline.all()}
    assert by_origin[EntryKind.TRIAGED] == Origin.HUMAN
    assert by_origin[EntryKind.ESCALATION] == Origin.SYSTEM


def test_references_count_per_year_of_the_agency_zone(db: None) -> None:
    with transaction.atomic():
        new_year_in_berlin = dt.datetime(2026, 12, 31, 23, 30, tzinfo=dt.UTC)
        assert next_reference(at=new_year_in_berlin) == "INC-2027-0001"
        assert next_reference(at=NOW) == "INC-2026-0001"
        assert next_reference(at=NOW) == "INC-2026-0002"
        assert next_reference(at=NOW, is_demo=True) == "DEMO-0001"


# Private incidents ----------------------


def test_a_suspected_breach_is_seen_by_few_W11_E4(team: Team) -> None:
    incident = workflow.open_incident(
        title="Leak?", source=Source.AGENT, by=team.actor(Role.DELIVERY), now=NOW,
        is_breach_suspected=True,
    ).incident  # fmt: skip
    outsiders = [make_user("admin"), make_user(Role.REVENUE), make_user(Role.DELIVERY)]
    insiders = [team.orchestrator.user, team.founder.user, team.revenue.user]
    visible = Incident.objects.visible_to
    assert all(not visible(user).filter(pk=incident.pk).exists() for user in outsiders)
    assert all(visible(user).filter(pk=incident.pk).exists() for user in insiders)
    assert incident.escalations.get().rule_id == "E4"


def test_a_private_incident_does_not_exist_for_outsiders_W11(team: Team) -> None:
    incident = make_incident(is_private=True)
    with pytest.raises(WorkflowError, match="There is no incident"):
        workflow.add_note(incident, text="x", by=team.actor(Role.LEGAL), now=NOW)


def test_mails_of_a_breach_wait_for_the_founder_W11(team: Team) -> None:
    client = make_client()
    incident = open_and_triage(team, 1, clients=[client], is_breach_suspected=True)
    draft = incident.drafts.get()
    rick = team.actor(Role.REVENUE)
    text = {"what_happening": "We are looking into access to your data."}
    correspondence.edit_draft(draft, text, by=rick, now=NOW + 10 * MIN)
    with pytest.raises(WorkflowError) as refused:
        correspondence.send_draft(draft, by=rick, now=NOW + 11 * MIN)
    assert "approval" in refused.value.missing[0].text
    with pytest.raises(NotAllowedError):
        correspondence.approve_draft(draft, by=rick, now=NOW + 11 * MIN)
    founder = team.actor(Role.FOUNDER)
    correspondence.approve_draft(draft, by=founder, now=NOW + 12 * MIN)
    correspondence.edit_draft(draft, text, by=rick, now=NOW + 13 * MIN)
    with pytest.raises(WorkflowError):
        correspondence.send_draft(draft, by=rick, now=NOW + 14 * MIN)
    correspondence.approve_draft(draft, by=founder, now=NOW + 15 * MIN)
    assert correspondence.send_draft(draft, by=rick, now=NOW + 16 * MIN).mails


def test_a_relapse_forgets_the_resolution_mail_W6(team: Team) -> None:
    incident = make_monitored(team, 1)
    notify_all(incident, team, now=NOW + 45 * MIN)
    send_resolved(incident, team, now=NOW + 91 * MIN)
    workflow.report_relapse(
        incident, reason="again", by=team.actor(Role.DELIVERY), now=NOW + 92 * MIN
    )
    assert incident.affected.get().resolution_told_at is None


def test_a_client_added_later_has_its_own_notice_C3(team: Team) -> None:
    incident = open_and_triage(team, 1)
    notify_all(incident, team, now=NOW + 10 * MIN)
    late = make_client()
    clients = [row.client for row in incident.affected.all()] + [late]
    workflow.change_clients(
        incident, clients=clients, by=team.actor(Role.ORCHESTRATOR), now=NOW + 2 * H
    )
    notice = incident.deadlines.running().get(kind=DeadlineKind.NOTICE)
    assert (notice.client, notice.due_at) == (late, NOW + 2 * H + 15 * MIN)
    assert due(incident, DeadlineKind.ACKNOWLEDGE).stopped_at == NOW + 10 * MIN


def test_prefilled_clients_who_were_told_cannot_be_dropped_W3(team: Team) -> None:
    client = make_client()
    incident = make_incident(team=team, reported_by=client)
    make_affected(incident, client)
    with pytest.raises(WorkflowError, match="reported it"):
        workflow.triage_incident(
            incident,
            Triage(level=3, systems=[make_system()]),
            by=team.actor(Role.ORCHESTRATOR),
            now=NOW,
        )


def test_a_breach_raised_later_makes_it_private_and_lets_legal_in_W11_E4(team: Team) -> None:
    incident = open_and_triage(team, 2)
    workflow.escalate_incident(
        incident, code="E4", summary="A list was public", by=team.actor(Role.REVENUE), now=NOW + H
    )
    incident.refresh_from_db()
    assert incident.is_private
    assert Incident.objects.visible_to(team.legal.user).filter(pk=incident.pk).exists()
    assert not Incident.objects.visible_to(make_user(Role.DELIVERY)).exists()


def test_an_undone_notice_leaves_acknowledging_open_C3(team: Team) -> None:
    incident = open_and_triage(team, 3)
    rick = team.actor(Role.REVENUE)
    clients = [row.client for row in incident.affected.all()]
    draft = correspondence.start_draft(
        incident, kind=MailKind.NOTIFICATION, clients=clients, by=rick, now=NOW + 6 * MIN
    )
    correspondence.edit_draft(draft, {"what_happening": "Paused."}, by=rick, now=NOW + 6 * MIN)
    correspondence.send_draft(draft, by=rick, now=NOW + 7 * MIN)
    correspondence.undo_send(draft, by=rick, now=NOW + 7 * MIN)
    workflow.acknowledge_incident(incident, by=rick, now=NOW + 8 * MIN)
    assert due(incident, DeadlineKind.ACKNOWLEDGE).stopped_at == NOW + 8 * MIN
