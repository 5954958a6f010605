"""An immediate escalation rings until somebody has seen it, and never ends in silence (E9, E10)."""

import datetime as dt

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from incidents.enums import EntryKind, Rank, Role
from incidents.errors import ConflictError, NotAllowedError, WorkflowError
from incidents.escalation import (
    acknowledge_escalation,
    raise_by_person,
    raise_escalation,
    record_phone_call,
    ring_due,
)
from incidents.models import Escalation, EscalationRule, Responder
from incidents.sweeping import sweep
from notifications.enums import MessageState, Urgency
from notifications.handlers import call_settled
from notifications.models import Message
from tests.factories import (
    NOW,
    Team,
    make_client,
    make_incident,
    make_responder,
)

pytestmark = pytest.mark.django_db
MIN = dt.timedelta(minutes=1)
H = dt.timedelta(hours=1)


@pytest.fixture
def backup(team: Team) -> Responder:
    return make_responder(Role.FOUNDER, rank=Rank.BACKUP, name="Robin", email="robin@a.example")


def raise_e1(team: Team) -> Escalation:
    escalation = raise_escalation(
        "E1",
        summary="It is down.",
        by=team.actor(Role.ORCHESTRATOR),
        now=NOW,
        incident=make_incident(team=team),
    )
    assert escalation is not None
    return escalation


def rung(escalation: Escalation) -> list[tuple[str, int, dt.timedelta]]:
    rows = escalation.notices.select_related("responder", "message").order_by("id")
    return [(row.responder.name, row.number, row.message.created_at - NOW) for row in rows]


def run_minutes(*minutes: int) -> None:
    for minute in minutes:
        ring_due(now=NOW + minute * MIN)


def settle(message: Message, state: str, *, now: dt.datetime) -> None:
    """As the outbox records it."""
    sent_at = now if state == MessageState.SENT else None
    Message.objects.filter(pk=message.pk).update(state=state, sent_at=sent_at)
    message.refresh_from_db()
    call_settled(message, now=now)


def test_four_rings_to_the_founder_then_four_to_the_backup_E9(
    team: Team, backup: Responder
) -> None:
    escalation = raise_e1(team)
    run_minutes(*range(1, 200))
    assert rung(escalation) == [
        ("Clayton", 1, 0 * MIN),
        ("Clayton", 2, 15 * MIN),
        ("Clayton", 3, 30 * MIN),
        ("Clayton", 4, 45 * MIN),
        ("Robin", 5, 60 * MIN),
        ("Robin", 6, 75 * MIN),
        ("Robin", 7, 90 * MIN),
        ("Robin", 8, 105 * MIN),
    ]
    rings = Message.objects.filter(escalation_notices__escalation=escalation)
    assert {message.urgency for message in rings} == {Urgency.IMMEDIATE}
    assert len({message.key for message in rings}) == 8


def test_seen_stops_the_rings_at_once_and_takes_back_the_unsent_E9(
    team: Team, backup: Responder
) -> None:
    escalation = raise_e1(team)
    first = escalation.notices.get().message
    settle(first, MessageState.SENT, now=NOW)
    run_minutes(15)
    waiting = escalation.notices.get(number=2).message
    by = team.actor(Role.FOUNDER)
    assert acknowledge_escalation(escalation, name="Clayton", by=by, now=NOW + 16 * MIN)
    waiting.refresh_from_db()
    first.refresh_from_db()
    assert (first.state, waiting.state) == (MessageState.SENT, MessageState.CANCELLED)
    run_minutes(30, 60, 300)
    assert len(rung(escalation)) == 2


def test_seen_does_not_take_back_what_legal_is_told_E9_E10(team: Team) -> None:
    incident = make_incident(team=team)
    by = team.actor(Role.REVENUE)
    escalation = raise_by_person("E7", summary="Their lawyer", by=by, now=NOW, incident=incident)
    acknowledge_escalation(escalation, name="Clayton", by=by, now=NOW + MIN)
    states = dict(escalation.notices.values_list("responder__name", "message__state"))
    assert states == {"Clayton": MessageState.CANCELLED, "Laura": MessageState.PENDING}


def test_the_backup_is_told_what_it_is_and_who_did_not_answer_E9(
    team: Team, backup: Responder
) -> None:
    escalation = raise_e1(team)
    run_minutes(15, 30, 45, 60)
    text = Message.objects.get(recipient=backup.email).text
    assert text.startswith("Clayton has not answered. You are the backup: please take it.")
    assert "It is down." in text
    assert "Nobody has said “seen” since Tue 10 Mar 10:00 CET. This is message 5 of 8." in text
    assert escalation.incident is not None
    entries = escalation.incident.timeline.filter(kind=EntryKind.ESCALATION)
    assert entries.last().text == "E1 not seen yet: Robin told again (5 of 8)."


def test_a_late_sweep_rings_each_person_once_E9(team: Team, backup: Responder) -> None:
    escalation = raise_e1(team)
    run_minutes(200, 201)
    assert rung(escalation)[1:] == [("Robin", 8, 200 * MIN), ("Clayton", 4, 200 * MIN)]


def test_a_sweep_that_missed_some_rings_goes_on_with_the_pattern_E9(
    team: Team, backup: Responder
) -> None:
    escalation = raise_e1(team)
    run_minutes(37, 38, 45)
    assert [(number, at) for _, number, at in rung(escalation)] == [
        (1, 0 * MIN),
        (3, 37 * MIN),
        (4, 45 * MIN),
    ]


def test_without_a_backup_the_founder_is_rung_on_E9(team: Team) -> None:
    escalation = raise_e1(team)
    run_minutes(60)
    assert rung(escalation)[-1] == ("Clayton", 5, 60 * MIN)


def test_nobody_answered_is_said_to_the_coordinator_E9(team: Team, backup: Responder) -> None:
    escalation = raise_e1(team)
    run_minutes(*range(15, 135, 15), 140)
    assert escalation.incident is not None
    last = escalation.incident.timeline.filter(kind=EntryKind.ESCALATION).last()
    assert last.text == "E1: nobody has said “seen”, and the rings are over."
    [message] = Message.objects.filter(recipient=team.orchestrator.email)
    assert message.subject.startswith("Nobody has answered E1 SEV-1 incident")
    escalation.refresh_from_db()
    assert escalation.next_ring_at is None


@pytest.mark.parametrize("code", ["E3", "C8"])
def test_what_is_not_immediate_does_not_ring_E9(team: Team, code: str) -> None:
    raise_escalation(
        code, summary="x", by=team.actor(Role.REVENUE), now=NOW, incident=make_incident(team=team)
    )
    assert ring_due(now=NOW + 24 * H).written == 0


def test_the_pattern_is_data_E9(team: Team, backup: Responder) -> None:
    EscalationRule.objects.filter(pk="E1").update(
        ring_every=5 * MIN, rings_to_target=1, rings_to_backup=1
    )
    escalation = raise_e1(team)
    run_minutes(*range(1, 60))
    assert rung(escalation) == [("Clayton", 1, 0 * MIN), ("Robin", 2, 5 * MIN)]


def test_a_client_alone_rings_too_E2_E9(team: Team, backup: Responder) -> None:
    by = team.actor(Role.REVENUE)
    escalation = raise_by_person("E2", summary="They leave", by=by, now=NOW, client=make_client())
    for minutes in (15, 30, 45, 60):
        sweep(now=NOW + minutes * MIN)
    assert [name for name, *_ in rung(escalation)] == ["Clayton"] * 4 + ["Robin"]


def test_the_cost_does_not_grow_with_the_rows_E9(
    team: Team, backup: Responder, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(2):
        raise_e1(team)
    with django_assert_max_num_queries(20) as few:
        assert ring_due(now=NOW + 15 * MIN).written == 2
    for _ in range(20):
        raise_e1(team)
    with django_assert_max_num_queries(20) as many:
        assert ring_due(now=NOW + 30 * MIN).written == 22
    assert len(many) == len(few)


def test_the_backup_takes_every_ring_of_a_founder_without_address_E9_E10(
    team: Team, backup: Responder
) -> None:
    team.founder.email = ""
    team.founder.save()
    escalation = raise_e1(team)
    assert not escalation.is_undeliverable
    run_minutes(15, 60)
    assert [name for name, *_ in rung(escalation)] == ["Robin", "Robin", "Robin"]


def test_a_dead_message_is_an_alarm_until_a_later_ring_arrives_E10(team: Team) -> None:
    escalation = raise_e1(team)
    settle(escalation.notices.get().message, MessageState.DEAD, now=NOW + MIN)
    assert escalation in Escalation.objects.unheard()
    run_minutes(15)
    later = escalation.notices.get(number=2).message
    settle(later, MessageState.SENT, now=NOW + 16 * MIN)
    assert escalation not in Escalation.objects.unheard()
    assert escalation.incident is not None
    texts = [row.text for row in escalation.incident.timeline.filter(kind=EntryKind.ESCALATION)]
    assert "E1 reached nobody: no message can be delivered." in texts
    assert texts[-1] == "E1 has arrived after all."


def test_a_fallback_on_its_way_is_no_alarm_E10(team: Team, settings: Settings) -> None:
    settings.TELEGRAM_BOT_TOKEN = "1:x"
    team.founder.telegram_chat = "4711"
    team.founder.save()
    escalation = raise_e1(team)
    [notice] = escalation.notices.all()
    assert notice.channel == "telegram"
    settle(notice.message, MessageState.DEAD, now=NOW + MIN)
    fallback = Message.objects.get(replaces=notice.message)
    assert (fallback.channel, fallback.recipient) == ("email", team.founder.email)
    assert escalation not in Escalation.objects.unheard()
    settle(fallback, MessageState.DEAD, now=NOW + 2 * MIN)
    assert escalation in Escalation.objects.unheard()


def test_seen_takes_a_waiting_fallback_back_too_E9_E10(team: Team, settings: Settings) -> None:
    settings.TELEGRAM_BOT_TOKEN = "1:x"
    team.founder.telegram_chat = "4711"
    team.founder.save()
    escalation = raise_e1(team)
    message = escalation.notices.get().message
    settle(message, MessageState.DEAD, now=NOW + MIN)
    acknowledge_escalation(
        escalation, name="Clayton", by=team.actor(Role.FOUNDER), now=NOW + 2 * MIN
    )
    assert Message.objects.get(replaces=message).state == MessageState.CANCELLED


def test_a_phone_call_counts_as_seen_and_ends_the_alarm_E10(team: Team) -> None:
    team.founder.email = ""
    team.founder.save()
    escalation = raise_e1(team)
    assert escalation in Escalation.objects.unheard()
    by = team.actor(Role.REVENUE)
    record_phone_call(
        escalation, who="Clayton", at=NOW + 5 * MIN, note="He calls them", by=by, now=NOW + 6 * MIN
    )
    assert escalation not in Escalation.objects.unheard()
    escalation.refresh_from_db()
    assert (escalation.acknowledged_by, escalation.acknowledged_at) == ("Clayton", NOW + 5 * MIN)
    assert (escalation.acknowledged_via, escalation.reached_by) == ("phone", "Rick")
    assert escalation.incident is not None
    entry = escalation.incident.timeline.last()
    assert "Clayton reached by phone by Rick, Tue 10 Mar 2026 10:05 CET" in entry.text
    assert ring_due(now=NOW + 3 * H).written == 0
    with pytest.raises(ConflictError):
        record_phone_call(escalation, who="Robin", at=NOW + H, by=by, now=NOW + H)


@pytest.mark.parametrize("at", [NOW - MIN, NOW + 2 * H])
def test_a_phone_call_lies_between_the_escalation_and_now_E10(team: Team, at: dt.datetime) -> None:
    escalation = raise_e1(team)
    with pytest.raises(WorkflowError):
        record_phone_call(
            escalation, who="Clayton", at=at, by=team.actor(Role.REVENUE), now=NOW + H
        )


def test_legal_cannot_write_down_a_call_A1(team: Team) -> None:
    escalation = raise_e1(team)
    with pytest.raises(NotAllowedError):
        record_phone_call(escalation, who="C", at=NOW, by=team.actor(Role.LEGAL), now=NOW)
