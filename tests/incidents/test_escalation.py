"""People told beyond the team, and the team itself (rules E1 to E10, N1 to N3)."""

import datetime as dt

import pytest
from django.core.signing import BadSignature

from incidents import staff, workflow
from incidents.enums import EntryKind, EscalationCode, Rank, Role, Source
from incidents.errors import WorkflowError
from incidents.escalation import (
    acknowledge_escalation,
    raise_by_person,
    raise_escalation,
    read_seen_token,
    seen_token,
)
from incidents.models import Escalation, Incident
from incidents.sweeping import sweep
from incidents.workflow import Triage
from notifications.enums import Urgency
from notifications.models import Message
from tests.factories import (
    NOW,
    Team,
    make_client,
    make_incident,
    make_responder,
    make_system,
    make_user,
)

pytestmark = pytest.mark.django_db
MIN = dt.timedelta(minutes=1)
H = dt.timedelta(hours=1)


def detected(team: Team) -> Incident:
    return workflow.open_incident(
        title="Sync broken", source=Source.MONITORING, by=team.actor(Role.DELIVERY), now=NOW
    ).incident


def told(address: str) -> list[str]:
    rows = Message.objects.filter(recipient=address).order_by("id")
    return list(rows.values_list("subject", flat=True))


def test_sev1_rings_the_founder_at_classification_and_upgrade_once_E1_E8(team: Team) -> None:
    incident = detected(team)
    boss = team.actor(Role.ORCHESTRATOR)
    workflow.triage_incident(incident, Triage(level=2, systems=[make_system()]), by=boss, now=NOW)
    assert not incident.escalations.exists()
    workflow.change_severity(incident, level=1, by=boss, now=NOW + MIN)
    workflow.change_severity(
        incident, level=2, reason="r", downgrade="shrank", by=boss, now=NOW + 2 * MIN
    )
    workflow.change_severity(incident, level=1, by=boss, now=NOW + 3 * MIN)
    assert incident.escalations.filter(rule="E1").count() == 1
    (message,) = Message.objects.filter(recipient=team.founder.email)
    assert message.urgency == Urgency.IMMEDIATE


@pytest.mark.parametrize(
    "code", [EscalationCode.E2, EscalationCode.E3, EscalationCode.E4, EscalationCode.E7]
)
def test_a_person_raises_on_an_incident_or_a_client_alone_E2_E3_E4_E7(
    team: Team, code: str
) -> None:
    by = team.actor(Role.REVENUE)
    raise_by_person(code, summary="Said on the phone", by=by, now=NOW, client=make_client())
    raise_by_person(code, summary="Again", by=by, now=NOW + MIN, incident=make_incident(team=team))
    assert Escalation.objects.filter(rule=code).count() == 2
    assert len(told(team.founder.email)) == 2
    with pytest.raises(WorkflowError):
        raise_by_person(code, summary="x", by=by, now=NOW)


def test_a_legal_threat_also_goes_to_legal_who_can_open_it_E7_E10(team: Team) -> None:
    incident = make_incident(team=team, is_private=True)
    workflow.escalate_incident(
        incident,
        code=EscalationCode.E7,
        summary="Their lawyer wrote",
        by=team.actor(Role.ORCHESTRATOR),
        now=NOW,
    )
    assert len(told(team.legal.email)) == 1
    assert Incident.objects.visible_to(team.legal.user).filter(pk=incident.pk).exists()


def test_an_occurrence_is_raised_once_E8(team: Team) -> None:
    incident = make_incident(team=team)
    by = team.actor(Role.ORCHESTRATOR)
    assert raise_escalation("E1", summary="x", by=by, now=NOW, incident=incident)
    assert raise_escalation("E1", summary="x", by=by, now=NOW + H, incident=incident) is None
    assert len(told(team.founder.email)) == 1


def test_nobody_to_tell_is_an_alarm_not_silence_E10(team: Team) -> None:
    team.founder.email = ""
    team.founder.save()
    incident = make_incident(team=team)
    escalation = raise_escalation(
        "E1", summary="x", by=team.actor(Role.ORCHESTRATOR), now=NOW, incident=incident
    )
    assert escalation in Escalation.objects.unheard()
    assert "nobody can be reached" in incident.timeline.get(kind=EntryKind.ESCALATION).text


def test_a_missing_role_is_an_alarm_too_E10(team: Team) -> None:
    team.founder.is_active = False
    team.founder.save()
    escalation = raise_escalation(
        "E1", summary="x", by=team.actor(Role.ORCHESTRATOR), now=NOW, incident=make_incident()
    )
    assert escalation is not None
    assert escalation.is_undeliverable


def test_telegram_falls_back_to_email_while_it_cannot_deliver_E10_N1(team: Team) -> None:
    team.founder.channel = "telegram"
    team.founder.telegram_chat = "4711"
    team.founder.save()
    assert staff.address_of(team.founder) == ("email", team.founder.email)


def test_untriaged_tells_the_backup_then_informs_the_founder_N2(team: Team) -> None:
    backup = make_responder(Role.ORCHESTRATOR, rank=Rank.BACKUP)
    incident = detected(team)
    sweep(now=NOW + 14 * MIN)
    assert told(backup.email) == []
    sweep(now=NOW + 15 * MIN)
    sweep(now=NOW + 16 * MIN)
    assert len(told(backup.email)) == 1
    assert told(team.founder.email) == []
    sweep(now=NOW + 30 * MIN)
    sweep(now=NOW + 31 * MIN)
    assert len(told(team.founder.email)) == 1
    assert not incident.escalations.exists()


def test_a_triaged_incident_reminds_nobody_N2(team: Team) -> None:
    backup = make_responder(Role.ORCHESTRATOR, rank=Rank.BACKUP)
    incident = detected(team)
    workflow.triage_incident(
        incident, Triage(level=4, systems=[make_system()]), by=team.actor(Role.ORCHESTRATOR),
        now=NOW + MIN,
    )  # fmt: skip
    sweep(now=NOW + 31 * MIN)
    assert told(backup.email) == told(team.founder.email) == []


def test_a_new_owner_is_told_with_link_and_deadline_N1(team: Team) -> None:
    other = make_responder(Role.DELIVERY, rank=Rank.BACKUP, user=make_user(Role.DELIVERY))
    incident = detected(team)
    boss = team.actor(Role.ORCHESTRATOR)
    workflow.triage_incident(incident, Triage(level=2, systems=[make_system()]), by=boss, now=NOW)
    workflow.assign_incident(incident, technical_owner=other, by=boss, now=NOW + MIN)
    (message,) = Message.objects.filter(recipient=other.email)
    assert incident.get_absolute_url() in message.text
    assert "Next deadline: Acknowledge, Tue 10 Mar 14:00 CET." in message.text


def test_nobody_is_told_twice_of_the_same_N1(team: Team) -> None:
    incident = make_incident(team=team)
    for _ in range(2):
        staff.tell(team.delivery, event="x", subject="s", lines=["l"], now=NOW, incident=incident)
    assert len(told(team.delivery.email)) == 1


def test_a_digest_replaces_a_flood_N1(team: Team) -> None:
    incident = make_incident(team=team)
    for number in range(20):
        staff.tell(
            team.delivery, event=f"e{number}", subject=f"Warning {number}", lines=["l"],
            now=NOW, incident=incident, urgency=Urgency.LOW,
        )  # fmt: skip
    subjects = told(team.delivery.email)
    assert len(subjects) == 7
    digest = Message.objects.get(recipient=team.delivery.email, subject="Several warnings")
    assert all(f"Warning {number} " in digest.text for number in range(6, 20))


def test_the_backup_stands_in_while_the_primary_is_away(team: Team) -> None:
    backup = make_responder(Role.FOUNDER, rank=Rank.BACKUP)
    team.founder.away_until = NOW + H
    team.founder.save()
    raise_escalation(
        "E1", summary="x", by=team.actor(Role.ORCHESTRATOR), now=NOW, incident=make_incident()
    )
    assert len(told(backup.email)) == 1
    assert told(team.founder.email) == []


def test_the_signed_link_names_one_escalation_and_one_person_N3(team: Team) -> None:
    escalation = raise_escalation(
        "E1", summary="x", by=team.actor(Role.ORCHESTRATOR), now=NOW, incident=make_incident()
    )
    assert escalation is not None
    token = seen_token(escalation, team.founder)
    assert token in Message.objects.get(recipient=team.founder.email).text
    assert read_seen_token(token) == (escalation, team.founder)
    for forged in ("", "x", token[:-1], token + "x"):
        with pytest.raises(BadSignature):
            read_seen_token(forged)


def test_seen_is_recorded_once_N3(team: Team) -> None:
    incident = make_incident(team=team)
    boss = team.actor(Role.ORCHESTRATOR)
    escalation = raise_escalation("E1", summary="x", by=boss, now=NOW, incident=incident)
    assert escalation is not None
    by = team.actor(Role.FOUNDER)
    assert acknowledge_escalation(escalation, name="Clayton", by=by, now=NOW + MIN, note="Call me")
    assert not acknowledge_escalation(escalation, name="Other", by=by, now=NOW + 2 * MIN)
    escalation.refresh_from_db()
    assert escalation.acknowledged_by == "Clayton"
    assert "Call me" in incident.timeline.last().text
