"""Escalations that a clock asks for: third-party outages and old SEV-2s (rules E5, E6, E8)."""

import datetime as dt

import pytest
from pytest_django import DjangoAssertNumQueries

from incidents import workflow
from incidents.enums import EntryKind, EscalationCode, Role, Side, Source
from incidents.escalation import acknowledge_escalation, escalate_due, replan_rule
from incidents.models import DueEscalation, Escalation, EscalationRule, Incident, SetAside
from incidents.obligations import obligations_of
from incidents.sweeping import sweep
from incidents.workflow import Findings, FixDetails, Triage
from notifications.models import Message
from tests.factories import NOW, Team, make_client, make_system

pytestmark = pytest.mark.django_db
MIN = dt.timedelta(minutes=1)
H = dt.timedelta(hours=1)
FIX = FixDetails(
    done="Rolled back", broke="The sync", cause="A release", tested_what="Sync",
    tested_where="Staging", test_result="Green",
)  # fmt: skip


def triaged(team: Team, level: int) -> Incident:
    incident = workflow.open_incident(
        title="Sync broken", source=Source.MONITORING, by=team.actor(Role.DELIVERY), now=NOW
    ).incident
    decision = Triage(level=level, systems=[make_system()], clients=[make_client()])
    workflow.triage_incident(incident, decision, by=team.actor(Role.ORCHESTRATOR), now=NOW)
    return incident


def blame(team: Team, incident: Incident, side: str, *, now: dt.datetime) -> None:
    by = team.actor(Role.DELIVERY)
    workflow.investigate_incident(incident, Findings(found="f", side=side), by=by, now=now)


def verify(team: Team, incident: Incident, *, now: dt.datetime) -> None:
    by = team.actor(Role.DELIVERY)
    workflow.record_fix(incident, FIX, by=by, now=now)
    workflow.verify_fix(incident, end_to_end="ok", failure_test="ok", by=by, now=now)


def raised(incident: Incident, code: str) -> list[tuple[str, dt.datetime]]:
    rows = incident.escalations.filter(rule=code).order_by("id")
    return [(row.occurrence, row.raised_at) for row in rows]


def told_of(team: Team, code: str) -> list[Message]:
    rows = Message.objects.filter(recipient=team.founder.email, subject__startswith=f"{code} ")
    return list(rows.order_by("id"))


def test_a_third_party_outage_goes_to_the_founder_every_four_hours_E5(team: Team) -> None:
    incident = triaged(team, 3)
    blame(team, incident, Side.THIRD_PARTY, now=NOW + H)
    sweep(now=NOW + 4 * H - MIN)
    assert raised(incident, "E5") == []
    for hours in (4, 5, 8, 11, 12):
        sweep(now=NOW + hours * H)
    assert raised(incident, "E5") == [("1", NOW + 4 * H), ("2", NOW + 8 * H), ("3", NOW + 12 * H)]
    assert len(told_of(team, "E5")) == 3
    assert "more than 8 hours" in told_of(team, "E5")[1].text


def test_the_confirmed_fix_ends_the_updates_E5(team: Team) -> None:
    incident = triaged(team, 3)
    blame(team, incident, Side.THIRD_PARTY, now=NOW + H)
    sweep(now=NOW + 4 * H)
    verify(team, incident, now=NOW + 7 * H)
    assert not DueEscalation.objects.exists()
    sweep(now=NOW + 9 * H)
    assert len(raised(incident, "E5")) == 1


def test_a_relapse_takes_the_updates_up_again_E5(team: Team) -> None:
    incident = triaged(team, 3)
    blame(team, incident, Side.THIRD_PARTY, now=NOW + H)
    sweep(now=NOW + 4 * H)
    verify(team, incident, now=NOW + 5 * H)
    workflow.report_relapse(incident, reason="Back", by=team.actor(Role.DELIVERY), now=NOW + 10 * H)
    assert raised(incident, "E5") == [("1", NOW + 4 * H), ("2", NOW + 10 * H)]
    sweep(now=NOW + 12 * H)
    assert raised(incident, "E5")[-1] == ("3", NOW + 12 * H)


def test_a_side_found_late_is_told_at_once_for_the_present_period_only_E5(team: Team) -> None:
    incident = triaged(team, 3)
    blame(team, incident, Side.THIRD_PARTY, now=NOW + 9 * H)
    [escalation] = incident.escalations.filter(rule="E5")
    assert (escalation.occurrence, escalation.is_late) == ("2", False)
    assert "Late" not in told_of(team, "E5")[0].text


@pytest.mark.parametrize("side", [Side.OURS, Side.CLIENT])
def test_another_side_at_fault_ends_it_E5(team: Team, side: str) -> None:
    incident = triaged(team, 3)
    blame(team, incident, Side.THIRD_PARTY, now=NOW + H)
    blame(team, incident, side, now=NOW + 2 * H)
    sweep(now=NOW + 5 * H)
    assert raised(incident, "E5") == []


def test_a_cancelled_incident_asks_nobody_E5_E6(team: Team) -> None:
    incident = triaged(team, 2)
    blame(team, incident, Side.THIRD_PARTY, now=NOW + H)
    by = team.actor(Role.ORCHESTRATOR)
    workflow.cancel_incident(incident, reason="False alarm", by=by, now=NOW + 2 * H)
    assert not DueEscalation.objects.exists()
    sweep(now=NOW + 30 * H)
    assert not incident.escalations.filter(rule__in=["E5", "E6"]).exists()


def test_a_sev2_without_confirmed_fix_after_a_day_E6(team: Team) -> None:
    incident = triaged(team, 2)
    sweep(now=NOW + 24 * H - MIN)
    assert raised(incident, "E6") == []
    for _ in range(3):
        sweep(now=NOW + 24 * H)
    sweep(now=NOW + 90 * H)
    assert raised(incident, "E6") == [("1", NOW + 24 * H)]
    [message] = told_of(team, "E6")
    assert message.subject == f"E6 SEV-2 not resolved in 24 hours: {incident.ref}"
    assert (
        "not resolved in 24 hours"
        in incident.timeline.filter(kind=EntryKind.ESCALATION, text__startswith="E6").get().text
    )


@pytest.mark.parametrize("level", [1, 3, 4])
def test_only_a_sev2_has_that_clock_E6(team: Team, level: int) -> None:
    incident = triaged(team, level)
    sweep(now=NOW + 30 * H)
    assert raised(incident, "E6") == []


def test_a_downgrade_ends_it_and_an_upgrade_begins_it_E6(team: Team) -> None:
    incident, boss = triaged(team, 2), team.actor(Role.ORCHESTRATOR)
    workflow.change_severity(
        incident, level=3, reason="r", downgrade="shrank", by=boss, now=NOW + H
    )
    sweep(now=NOW + 25 * H)
    assert raised(incident, "E6") == []
    workflow.change_severity(incident, level=2, by=boss, now=NOW + 26 * H)
    assert raised(incident, "E6") == [("1", NOW + 26 * H)]
    workflow.change_severity(
        incident, level=3, reason="r", downgrade="shrank", by=boss, now=NOW + 27 * H
    )
    workflow.change_severity(incident, level=2, by=boss, now=NOW + 28 * H)
    assert len(raised(incident, "E6")) == 1


def test_a_relapse_later_than_a_day_fires_at_once_E6_E8(team: Team) -> None:
    incident = triaged(team, 2)
    verify(team, incident, now=NOW + 10 * H)
    sweep(now=NOW + 25 * H)
    assert raised(incident, "E6") == []
    workflow.report_relapse(incident, reason="Back", by=team.actor(Role.DELIVERY), now=NOW + 26 * H)
    assert raised(incident, "E6") == [("2", NOW + 26 * H)]


def test_a_relapse_within_a_day_waits_for_it_E6(team: Team) -> None:
    incident = triaged(team, 2)
    verify(team, incident, now=NOW + 10 * H)
    workflow.report_relapse(incident, reason="Back", by=team.actor(Role.DELIVERY), now=NOW + 20 * H)
    assert raised(incident, "E6") == []
    sweep(now=NOW + 24 * H)
    assert raised(incident, "E6") == [("2", NOW + 24 * H)]


def test_a_corrected_detection_moves_the_clocks_E5_E6_C1(team: Team) -> None:
    incident = triaged(team, 2)
    blame(team, incident, Side.THIRD_PARTY, now=NOW + H)
    workflow.correct_detection(
        incident, detected_at=NOW - 30 * MIN, reason="The log says so",
        by=team.actor(Role.ORCHESTRATOR), now=NOW + 2 * H,
    )  # fmt: skip
    due = dict(DueEscalation.objects.values_list("rule", "due_at"))
    assert due == {"E5": NOW + 3.5 * H, "E6": NOW + 23.5 * H}


def test_downtime_raises_each_missed_period_once_and_tells_once_E5_E8_N1(team: Team) -> None:
    incident = triaged(team, 3)
    blame(team, incident, Side.THIRD_PARTY, now=NOW + H)
    for _ in range(2):
        sweep(now=NOW + 72 * H + MIN)
    assert [number for number, _ in raised(incident, "E5")] == [str(n) for n in range(1, 19)]
    [message] = told_of(team, "E5")
    assert "Late: 18 of these were due between Tue 10 Mar 14:00 CET and Fri 13 Mar" in message.text
    assert all(
        row.notices.get().message == message for row in incident.escalations.filter(rule="E5")
    )
    assert incident.timeline.filter(text__startswith="E5").count() == 1
    [late] = incident.escalations.filter(rule="E5", occurrence="17")
    assert late.is_late
    last = incident.escalations.get(rule="E5", occurrence="18")
    acknowledge_escalation(last, name="Clayton", by=team.actor(Role.FOUNDER), now=NOW + 73 * H)
    assert not incident.escalations.filter(rule="E5").unseen().exists()
    sweep(now=NOW + 76 * H)
    assert len(told_of(team, "E5")) == 2


def test_most_severe_then_oldest_come_first_after_downtime_E8(team: Team) -> None:
    levels = [4, 2, 3, 2]
    incidents = [triaged(team, level) for level in levels]
    for place, incident in enumerate(incidents):
        blame(team, incident, Side.THIRD_PARTY, now=NOW + H)
        DueEscalation.objects.filter(incident=incident, rule="E5").update(
            due_at=NOW + 4 * H - place * MIN
        )
    escalate_due(now=NOW + 7 * H)
    order = list(
        Escalation.objects.filter(rule="E5").order_by("id").values_list("incident", flat=True)
    )
    assert order == [incidents[place].pk for place in (3, 1, 2, 0)]


def test_a_limit_leaves_the_rest_for_the_next_round_E8(team: Team) -> None:
    for _ in range(5):
        triaged(team, 2)
    assert escalate_due(now=NOW + 24 * H, limit=3).written == 3
    assert escalate_due(now=NOW + 24 * H, limit=3).written == 2
    assert escalate_due(now=NOW + 24 * H, limit=3).written == 0


def test_the_times_of_a_rule_are_data_E5(team: Team) -> None:
    incident = triaged(team, 3)
    blame(team, incident, Side.THIRD_PARTY, now=NOW + H)
    rule = EscalationRule.objects.get(pk=EscalationCode.E5)
    rule.fires_after, rule.fires_every = 2 * H, 3 * H
    rule.save()
    replan_rule(rule, now=NOW + H)
    for hours in (2, 4, 5, 8):
        sweep(now=NOW + hours * H)
    assert [at for _, at in raised(incident, "E5")] == [NOW + hours * H for hours in (2, 5, 8)]


def test_a_rule_that_is_switched_off_says_nothing_E6(team: Team) -> None:
    incident = triaged(team, 2)
    EscalationRule.objects.filter(pk=EscalationCode.E6).update(is_active=False)
    sweep(now=NOW + 25 * H)
    assert raised(incident, "E6") == []
    assert not DueEscalation.objects.exists()


def test_a_step_writes_what_was_due_before_it_E5(team: Team) -> None:
    """A day can be replayed step by step: the fix at five o'clock does not swallow four."""
    incident = triaged(team, 3)
    blame(team, incident, Side.THIRD_PARTY, now=NOW + H)
    verify(team, incident, now=NOW + 5 * H)
    [escalation] = incident.escalations.filter(rule="E5")
    assert escalation.is_late


def test_only_the_newest_update_of_an_outage_waits_to_be_seen_E5(team: Team) -> None:
    incident = triaged(team, 3)
    blame(team, incident, Side.THIRD_PARTY, now=NOW + H)
    for hours in (4, 8, 12):
        sweep(now=NOW + hours * H)
    waiting = Escalation.objects.filter(rule="E5").unseen().newest_of_each()
    assert [row.occurrence for row in waiting] == ["3"]
    owed = obligations_of(team.actor(Role.FOUNDER), now=NOW + 13 * H)
    titles = [row.title for row in owed]
    assert titles.count("Escalation E5: Third-party outage >4 hours") == 1


def test_the_cost_does_not_grow_with_the_rows_E8(
    team: Team, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(3):
        triaged(team, 2)
    with django_assert_max_num_queries(25) as few:
        assert escalate_due(now=NOW + 24 * H).written == 3
    for _ in range(30):
        triaged(team, 2)
    with django_assert_max_num_queries(25) as many:
        assert escalate_due(now=NOW + 48 * H).written == 30
    assert len(many) == len(few)


def test_one_bad_row_is_set_aside_and_stops_nobody_E6(team: Team) -> None:
    bad, good = triaged(team, 2), triaged(team, 2)
    # Nothing is known of a clock of E1: a row like this is a fault of ours.
    EscalationRule.objects.filter(pk="E1").update(fires_after=H)
    DueEscalation.objects.filter(incident=bad).update(rule="E1")
    sweep(now=NOW + 24 * H)
    assert len(raised(good, "E6")) == 1
    assert SetAside.objects.get().what == f"E1 of {bad.ref}"
