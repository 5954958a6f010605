"""The sweep: in sets, in order, once however late, and one bad row stops nobody."""

import datetime as dt
import re

import pytest
from django.db import connection
from django.db.models import Min
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from incidents import workflow
from incidents.enums import DeadlineKind, EntryKind, EscalationCode, Owner, Role, Status
from incidents.escalation import sync_escalations
from incidents.models import (
    Deadline,
    DueEscalation,
    Escalation,
    EscalationRule,
    SetAside,
    TimelineEntry,
)
from incidents.sweeping import SweepReport, sweep
from incidents.workflow import Triage
from notifications.enums import MessageState
from notifications.models import Message
from tests.factories import (
    NOW,
    Team,
    make_deadline,
    make_incident,
    make_responder,
    make_system,
)
from tests.incidents.due import make_due

pytestmark = pytest.mark.django_db
MIN = dt.timedelta(minutes=1)
H = dt.timedelta(hours=1)
#: Due deadlines, set aside; escalations by the clock; rings.
IDLE_QUERIES = 6


def told(address: str) -> list[str]:
    rows = Message.objects.filter(recipient=address).order_by("id")
    return list(rows.values_list("subject", flat=True))


def statements_of_sweep(*, now: dt.datetime) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        sweep(now=now)
    return len(captured)


# In sets ----------------------


@pytest.mark.parametrize("count", [0, 3, 200])
def test_an_idle_sweep_costs_the_same_whatever_there_is(
    team: Team, count: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    make_due(count, team=team)
    with django_assert_max_num_queries(IDLE_QUERIES):
        assert sweep(now=NOW + H) == SweepReport()


@pytest.mark.parametrize("moment", [2 * H, 3 * H + 12 * MIN, 4 * H])
def test_ten_times_as_many_due_cost_the_same_statements(team: Team, moment: dt.timedelta) -> None:
    make_due(40, team=team)
    few = statements_of_sweep(now=NOW + moment)
    make_due(400, team=team, first=1000)
    assert Deadline.objects.needing_attention(at=NOW + moment).count() == 400
    assert statements_of_sweep(now=NOW + moment) == few
    assert TimelineEntry.objects.values("incident").distinct().count() == 440


def test_a_sweep_writes_entries_messages_and_the_next_look_C8(team: Team) -> None:
    deadlines = make_due(30, team=team)
    assert sweep(now=NOW + 2 * H).warnings == 30
    row = Deadline.objects.get(pk=deadlines[7].pk)
    assert (row.half_warned_at, row.near_warned_at) == (NOW + 2 * H, None)
    assert row.next_event_at == NOW + 3 * H + 12 * MIN
    assert len(told(team.revenue.email)) == 30
    incident = row.incident
    assert incident.timeline.get().text == (
        "50 % of Acknowledge used, due Tue 10 Mar 2026 14:00 CET."
    )
    assert (incident.entry_count, incident.last_entry_at) == (1, NOW + 2 * H)
    assert incident.last_entry.startswith("warning: 50 %")


def test_the_entries_of_an_incident_are_all_counted_and_the_last_one_stands(team: Team) -> None:
    incident = make_incident(status=Status.TRIAGED, level=1, team=team)
    assert sweep(now=NOW + 5 * H).breaches == 2
    incident.refresh_from_db()
    assert incident.entry_count == incident.timeline.count() == 4
    assert incident.last_entry.startswith("escalation: C8")


def test_most_severe_first_then_oldest_C8(team: Team) -> None:
    make_due(1, team=team, level=3, limit=2 * H, first=3)
    make_due(1, team=team, level=1, limit=3 * H, first=2)
    make_due(1, team=team, level=1, limit=2 * H, first=1)
    untriaged = make_incident(team=team)
    untriaged.deadlines.exclude(kind=DeadlineKind.ACKNOWLEDGE).delete()
    sweep(now=NOW + 6 * H)
    order = Escalation.objects.order_by("id").values_list("incident__ref", flat=True)
    assert list(order) == [untriaged.ref, "INC-2025-0001", "INC-2025-0002", "INC-2025-0003"]


def test_a_limit_takes_the_most_severe(team: Team) -> None:
    make_due(3, team=team, level=3)
    make_due(2, team=team, level=1, first=10)
    assert sweep(now=NOW + 2 * H, limit=2).warnings == 2
    warned = Deadline.objects.filter(half_warned_at__isnull=False)
    assert set(warned.values_list("incident__severity", flat=True)) == {1}
    assert sweep(now=NOW + 2 * H).warnings == 3


def test_a_flood_of_little_urgency_becomes_one_digest_N1(team: Team) -> None:
    make_due(40, team=team, kind=DeadlineKind.RESOLVE, owner=Owner.TECHNICAL)
    sweep(now=NOW + 2 * H)
    subjects = told(team.delivery.email)
    assert len(subjects) == 7
    digest = Message.objects.get(subject="Several warnings")
    assert len(re.findall(r"^- 50% used", digest.text, re.MULTILINE)) == 34


def test_what_a_digest_missed_goes_by_itself_N1(team: Team) -> None:
    """A digest that was picked up between two sweeps of the same ten minutes takes nothing in."""
    make_due(8, team=team, kind=DeadlineKind.RESOLVE, owner=Owner.TECHNICAL)
    sweep(now=NOW + 2 * H)
    Message.objects.filter(subject="Several warnings").update(
        state=MessageState.SENT, sent_at=NOW + 2 * H
    )
    make_due(2, team=team, kind=DeadlineKind.RESOLVE, owner=Owner.TECHNICAL, first=50)
    sweep(now=NOW + 2 * H + MIN)
    assert sum("(INC-2025-005" in subject for subject in told(team.delivery.email)) == 2


# Late ----------------------


def test_what_is_told_in_time_is_not_called_late_C8(team: Team) -> None:
    make_due(1, team=team)
    sweep(now=NOW + 2 * H + 4 * MIN)
    sweep(now=NOW + 4 * H + 4 * MIN)
    texts = " ".join(TimelineEntry.objects.values_list("text", flat=True))
    assert "Noted late" not in texts
    assert not Message.objects.filter(subject__startswith="Late").exists()


def test_after_downtime_each_missed_stage_is_told_once_and_marked_late_C8_E8(team: Team) -> None:
    make_due(2, team=team)
    sweep(now=NOW + 3 * H)
    (first, _) = told(team.revenue.email)
    assert first == "Late: 50% used: Acknowledge (INC-2025-0001)"
    entry = TimelineEntry.objects.first()
    assert entry is not None
    assert entry.data == {"late": True}
    assert entry.text.endswith("Noted late: Tue 10 Mar 2026 12:00 CET was the time for it.")
    for _ in range(2):
        sweep(now=NOW + 72 * H)
    breaches = TimelineEntry.objects.filter(kind=EntryKind.BREACH)
    assert [entry.data["late"] for entry in breaches] == [True, True]
    assert [row.is_late for row in Escalation.objects.all()] == [True, True]
    assert not TimelineEntry.objects.filter(text__startswith="80 %").exists()


def test_a_clock_that_was_past_when_it_was_started_is_not_late_C1_C5(team: Team) -> None:
    """Somebody reports at 15:00 what began at 10:00: the sweep could not have told it before."""
    incident = make_incident(status=Status.TRIAGED, level=1, team=team)
    workflow.change_severity(
        incident, level=3, reason="r", downgrade="misclassified",
        by=team.actor(Role.ORCHESTRATOR), now=NOW + 10 * MIN,
    )  # fmt: skip
    workflow.change_severity(incident, level=1, by=team.actor(Role.ORCHESTRATOR), now=NOW + 5 * H)
    assert sweep(now=NOW + 5 * H + MIN).breaches == 2
    assert not TimelineEntry.objects.filter(text__contains="Noted late").exists()
    assert not any(row.is_late for row in Escalation.objects.filter(rule=EscalationCode.BREACH))


def test_72_hours_without_a_sweep_miss_nothing_and_double_nothing_C8_E5_E6_E8(team: Team) -> None:
    boss = team.actor(Role.ORCHESTRATOR)
    outage = make_incident(status=Status.DETECTED, team=team)
    workflow.triage_incident(
        outage, Triage(level=2, systems=[make_system()]), by=boss, now=NOW + 5 * MIN
    )
    outage.fault_side = "third_party"
    outage.save()
    workflow.add_note(outage, text="Their status page is red.", by=boss, now=NOW + 6 * MIN)
    sweep(now=NOW + H)
    for _ in range(3):
        sweep(now=NOW + 73 * H)
    kinds = outage.timeline.filter(kind=EntryKind.BREACH).values_list("data__kind", flat=True)
    assert sorted(kinds) == ["acknowledge", "resolve"]
    raised = Escalation.objects.filter(incident=outage)
    assert raised.filter(rule=EscalationCode.BREACH).count() == 2
    assert raised.filter(rule=EscalationCode.E6).count() == 1
    periods = raised.filter(rule=EscalationCode.E5).values_list("occurrence", flat=True)
    assert sorted(map(int, periods)) == list(range(1, 19))
    assert all(row.is_late for row in raised)


def _next_moment() -> dt.datetime:
    """When something is due next; never again, where nothing is."""
    soon = Deadline.objects.aggregate(at=Min("next_event_at"))["at"]
    later = DueEscalation.objects.aggregate(at=Min("due_at"))["at"]
    return min((at for at in (soon, later) if at), default=NOW + 365 * 24 * H)


@pytest.mark.parametrize(
    "night",
    [
        dt.datetime(2026, 3, 28, 20, tzinfo=dt.UTC),  # an hour is skipped
        dt.datetime(2026, 10, 24, 20, tzinfo=dt.UTC),  # an hour comes twice
    ],
)
def test_the_nights_of_summer_time_miss_nothing_and_double_nothing_C1_C8(
    team: Team, night: dt.datetime
) -> None:
    for number in range(8):
        detected_at = night + number * 15 * MIN
        incident = make_incident(status=Status.TRIAGED, level=2, team=team, detected_at=detected_at)
        sync_escalations(incident, now=detected_at)
    moment = night
    while moment < night + 30 * H:
        sweep(now=moment)
        moment = max(moment + MIN, _next_moment())
    entries = TimelineEntry.objects.exclude(kind=EntryKind.ESCALATION)
    seen = [
        re.sub(r"(used|breached).*", r"\1", text) for text in entries.values_list("text", flat=True)
    ]
    for stage in (
        "50 % of Acknowledge used", "80 % of Acknowledge used", "Acknowledge breached",
        "50 % of Resolve used", "80 % of Resolve used", "Resolve breached",
    ):  # fmt: skip
        assert seen.count(stage) == 8, stage
    assert not entries.filter(text__contains="Noted late").exists()
    assert Escalation.objects.filter(rule=EscalationCode.BREACH).count() == 16
    assert Escalation.objects.filter(rule=EscalationCode.E6).count() == 8


# One bad row ----------------------


@pytest.fixture
def bad(team: Team) -> Deadline:
    """Its owner has an address that no mail can be sent to, as an import may leave it."""
    other = make_responder(Role.DELIVERY, rank="backup", email="not an address")
    incident = make_incident(status=Status.TRIAGED, team=team, technical_owner=other)
    incident.deadlines.all().delete()
    return make_deadline(
        incident,
        kind=DeadlineKind.RESOLVE,
        owner=Owner.TECHNICAL,
        due_at=NOW + 10 * H,
        next_event_at=NOW + 30 * MIN,
    )


def test_a_bad_row_is_set_aside_and_stops_nobody(team: Team, bad: Deadline) -> None:
    make_due(30, team=team)
    report = sweep(now=NOW + 2 * H + 30 * MIN)
    assert (report.warnings, report.failed) == (30, 1)
    aside = SetAside.objects.get()
    assert (aside.row, aside.tries) == (bad.pk, 1)
    assert aside.what == f"Resolve of {bad.incident.ref}"
    assert "MessageError" in aside.error
    bad.refresh_from_db()
    assert bad.next_event_at == NOW + 30 * MIN
    assert not bad.incident.timeline.exists()
    (subject,) = told(team.orchestrator.email)
    assert subject == "Not written by the clocks: 1"


def test_what_is_set_aside_rests_longer_each_time_and_is_told_once(
    team: Team, bad: Deadline
) -> None:
    start = NOW + 40 * MIN
    assert sweep(now=start).failed == 1
    assert sweep(now=start + 59 * dt.timedelta(seconds=1)).failed == 0
    assert sweep(now=start + MIN).failed == 1
    assert sweep(now=start + 2 * MIN).failed == 0
    assert sweep(now=start + 3 * MIN).failed == 1
    aside = SetAside.objects.get()
    assert (aside.since, aside.tries) == (start, 3)
    assert aside.next_try_at == start + 7 * MIN
    assert len(told(team.orchestrator.email)) == 1


def test_what_was_set_aside_is_written_once_it_can_be(team: Team, bad: Deadline) -> None:
    sweep(now=NOW + 40 * MIN)
    owner = bad.incident.technical_owner
    assert owner is not None
    owner.email = "mended@agency.example"
    owner.save()
    assert sweep(now=NOW + 45 * MIN).warnings == 1
    assert not SetAside.objects.exists()
    assert len(told("mended@agency.example")) == 1


def test_what_is_due_no_more_is_not_kept_aside(team: Team, bad: Deadline) -> None:
    sweep(now=NOW + 40 * MIN)
    bad.voided_at, bad.next_event_at = NOW + 41 * MIN, None
    bad.save()
    sweep(now=NOW + 45 * MIN)
    assert not SetAside.objects.exists()


def test_a_missing_rule_sets_aside_the_breaches_alone(team: Team) -> None:
    make_due(3, team=team)
    make_due(2, team=team, limit=10 * H, first=10)
    EscalationRule.objects.filter(pk=EscalationCode.BREACH).delete()
    report = sweep(now=NOW + 5 * H)
    assert (report.breaches, report.warnings, report.failed) == (0, 2, 3)


def test_an_orchestrator_without_a_good_address_does_not_stop_the_sweep(
    team: Team, bad: Deadline
) -> None:
    team.orchestrator.email = "nor this one"
    team.orchestrator.save()
    make_due(3, team=team)
    report = sweep(now=NOW + 2 * H)
    assert (report.warnings, report.failed) == (3, 1)
    assert SetAside.objects.count() == 1
