"""Who is told by which way, in which words (rules E1 to E4, E7, E10, W11)."""

import pytest
from django.core.exceptions import ValidationError
from pytest_django import Settings

from incidents import workflow
from incidents.admin.policies import EscalationRuleForm
from incidents.enums import Rank, Role, Source, Status
from incidents.errors import WorkflowError
from incidents.escalation import raise_by_person, raise_escalation
from incidents.models import EscalationRule, Incident
from incidents.sop_data import load_matrix
from incidents.workflow import Triage
from notifications.models import Message
from tests.factories import (
    NOW,
    Team,
    make_client,
    make_incident,
    make_premium_client,
    make_responder,
    make_sop,
    make_system,
    make_team,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(db: None, settings: Settings) -> Team:
    """The founder and legal have Telegram; the founder would rather read mail."""
    settings.TELEGRAM_BOT_TOKEN = "1:x"
    make_sop()
    team = make_team()
    team.founder.telegram_chat, team.legal.telegram_chat = "4711", "4712"
    team.founder.save()
    team.legal.save()
    return team


def raised(team: Team, code: str, **fields: object) -> dict[str, Message]:
    """Raise it; the messages by the address they go to."""
    by = team.actor(Role.REVENUE)
    fields = {"summary": "Anna said so.", "incident": make_incident(team=team), **fields}
    escalation = raise_by_person(code, by=by, now=NOW, **fields)  # type: ignore[arg-type]
    notices = escalation.notices.select_related("message")
    return {notice.message.recipient: notice.message for notice in notices}


@pytest.mark.parametrize("code", ["E2", "E4"])
def test_the_sop_says_telegram_whatever_the_person_chose_E2_E4(team: Team, code: str) -> None:
    messages = raised(team, code)
    assert [(address, row.channel) for address, row in messages.items()] == [("4711", "telegram")]


@pytest.mark.parametrize("code", ["E1", "E5", "E6"])
def test_so_do_the_rules_that_fire_by_themselves_E1_E5_E6(team: Team, code: str) -> None:
    raise_escalation(
        code, summary="x", by=team.actor(Role.DELIVERY), now=NOW, incident=make_incident(team=team)
    )
    assert Message.objects.get().recipient == "4711"


def test_an_unset_telegram_falls_back_to_mail_E10(team: Team, settings: Settings) -> None:
    settings.TELEGRAM_BOT_TOKEN = ""
    assert set(raised(team, "E2")) == {team.founder.email}


def test_a_dispute_goes_by_telegram_and_with_a_summary_by_mail_E3(team: Team) -> None:
    client = make_premium_client(name="Halden", contact_name="Anna Brandt")
    incident = workflow.open_incident(
        title="Double billing", source=Source.CLIENT_REPORT, clients=[client], reported_by=client,
        by=team.actor(Role.REVENUE), now=NOW,
    ).incident  # fmt: skip
    messages = raised(
        team, "E3", incident=incident, client=client, quote="I want it back", amount="€ 1,200"
    )
    assert set(messages) == {"4711", team.founder.email}
    summary = messages[team.founder.email].text
    for fact in (
        "What happened: Anna said so.",
        "Their words: “I want it back”",
        "Amount: € 1,200",
        "Raised by Rick, Tue 10 Mar 10:00 CET.",
        "Client: Halden (Premium), contact Anna Brandt.",
        f"Incident: {incident.ref} Double billing, untriaged, status detected, since Tue 10 Mar",
        "Affected clients: Halden.",
        "What happened so far:\n- Tue 10 Mar 10:00 CET, opened, Rick:",
    ):
        assert fact in summary
    assert "What happened so far" not in messages["4711"].text


def test_a_dispute_without_telegram_is_one_mail_with_the_summary_E3_E10(
    team: Team, settings: Settings
) -> None:
    settings.TELEGRAM_BOT_TOKEN = ""
    messages = raised(team, "E3", incident=None, client=make_client(name="Acme"))
    assert list(messages) == [team.founder.email]
    assert "Amount: not given" in messages[team.founder.email].text


def test_legal_gets_a_mail_and_telegram_where_it_is_set_E7(team: Team) -> None:
    assert set(raised(team, "E7")) == {"4711", "4712", team.legal.email}
    team.legal.telegram_chat = ""
    team.legal.save()
    assert set(raised(team, "E7")) == {"4711", team.legal.email}


def test_legal_without_any_address_is_an_alarm_and_can_open_it_all_the_same_E7_E10(
    team: Team,
) -> None:
    team.legal.telegram_chat = team.legal.email = ""
    team.legal.save()
    incident = make_incident(team=team, is_private=True)
    raised(team, "E7", incident=incident)
    escalation = incident.escalations.get()
    assert escalation.is_undeliverable
    assert "Clayton told, Laura cannot be reached" in incident.timeline.last().text
    assert Incident.objects.visible_to(team.legal.user).filter(pk=incident.pk).exists()


def test_the_first_line_names_the_rule_and_the_reference_E1(team: Team) -> None:
    incident = make_incident(team=team)
    message = raised(team, "E2", incident=incident, quote="We are leaving")["4711"]
    assert message.subject == f"E2 Client threatening to leave: {incident.ref}"
    lines = message.text.split("\n\n")
    assert lines[:2] == ["Anna said so.", "Their words: “We are leaving”"]
    assert lines[-2] == "Say “seen” here, no login needed:"
    assert "/escalations/" in lines[-1]


@pytest.mark.parametrize("code", ["E1", "E3", "E4", "E7"])
def test_a_private_incident_is_named_and_nothing_else_W11(team: Team, code: str) -> None:
    client = make_client(name="Halden")
    incident = make_incident(
        team=team, title="Leads leaked", is_private=True, is_breach_suspected=True, clients=[client]
    )
    messages = raised(team, code, incident=incident, client=client, quote="Our data!", amount="€ 5")
    assert messages
    for message in messages.values():
        assert message.subject == f"{code}: {incident.ref}"
        for detail in ("Halden", "Leads leaked", "Anna said so", "Our data", "€ 5", "breach"):
            assert detail not in message.text
    assert "Anna said so" in incident.timeline.last().text


def test_a_suspected_breach_becomes_private_and_critical_E4_W11(team: Team) -> None:
    incident = make_incident(team=team, status=Status.INVESTIGATING, level=3)
    version = incident.version
    workflow.escalate_incident(
        incident, code="E4", summary="A stranger has our leads", quote="See attachment",
        by=team.actor(Role.DELIVERY), now=NOW,
    )  # fmt: skip
    incident.refresh_from_db()
    assert incident.is_private
    assert incident.is_breach_suspected
    assert incident.level == 1
    assert incident.version == version + 1
    assert set(incident.escalations.values_list("rule", flat=True)) == {"E1", "E4"}
    assert incident.escalations.get(rule="E4").quote == "See attachment"
    assert all("stranger" not in message.text for message in Message.objects.all())


def test_a_breach_before_triage_leaves_the_severity_to_the_triage_E4_W11(team: Team) -> None:
    incident = make_incident(team=team)
    by = team.actor(Role.ORCHESTRATOR)
    workflow.escalate_incident(incident, code="E4", summary="Leak", by=by, now=NOW)
    assert incident.level is None
    with pytest.raises(WorkflowError, match="SEV-1 by default"):
        workflow.triage_incident(incident, Triage(level=3, systems=[make_system()]), by=by, now=NOW)


def test_a_founder_whom_nothing_reaches_is_stood_in_for_at_once_E10(team: Team) -> None:
    team.founder.email = team.founder.telegram_chat = ""
    team.founder.save()
    backup = make_responder(Role.FOUNDER, rank=Rank.BACKUP, email="robin@agency.example")
    assert set(raised(team, "E2")) == {backup.email}


def test_a_switched_off_rule_is_refused_in_words_E2(team: Team) -> None:
    EscalationRule.objects.filter(pk="E2").update(is_active=False)
    with pytest.raises(WorkflowError, match="E2 is switched off"):
        raised(team, "E2")


def test_the_matrix_is_loaded_with_its_times_E5_E6_E9() -> None:
    load_matrix()
    times = EscalationRule.objects.values_list("code", "fires_after", "fires_every")
    assert [(code, str(after), str(every)) for code, after, every in times if after] == [
        ("E5", "4:00:00", "4:00:00"),
        ("E6", "1 day, 0:00:00", "None"),
    ]
    rings = EscalationRule.objects.exclude(ring_every=None)
    assert list(rings.values_list("code", flat=True)) == ["E1", "E2", "E4", "E7"]
    assert {(r.ring_every.seconds, r.rings_to_target, r.rings_to_backup) for r in rings} == {
        (900, 4, 4)
    }


def test_a_matrix_from_before_the_times_gets_them_and_a_changed_one_keeps_its_own_E5_E9() -> None:
    load_matrix()
    EscalationRule.objects.update(
        fires_after=None, fires_every=None, ring_every=None, rings_to_target=0, rings_to_backup=0
    )
    assert load_matrix()["created"] == 0
    rule = EscalationRule.objects.get(pk="E1")
    assert rule.rings == 8
    rule.rings_to_backup = 1
    rule.save()
    load_matrix()
    rule.refresh_from_db()
    assert rule.rings == 5
    assert rule.history.count() >= 2


def test_the_admin_refuses_a_rule_without_its_time_E6() -> None:
    load_matrix()
    rule = EscalationRule.objects.get(pk="E6")
    data = {"situation": "S", "to_roles": ["founder"], "method": "Telegram", "fires_after": ""}
    data |= {"rings_to_target": "0", "rings_to_backup": "0"}
    form = EscalationRuleForm(data, instance=rule)
    assert form.errors == {"fires_after": ["Give a time, or switch the rule off."]}


def test_the_database_refuses_rings_without_anybody_to_ring_E9() -> None:
    load_matrix()
    rule = EscalationRule.objects.get(pk="E1")
    rule.rings_to_target = 0
    with pytest.raises(ValidationError):
        rule.validate_constraints()
