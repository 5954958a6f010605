"""Client mail: drafted, checked, sent, undone, delivered, promised (rules M1 to M11)."""

import datetime as dt

import pytest

from incidents import correspondence, workflow
from incidents.enums import (
    DeadlineKind,
    EntryKind,
    HubSpotState,
    MailKind,
    Role,
    Source,
    ToldVia,
    WaiverKind,
)
from incidents.errors import ConflictError, NotAllowedError, WorkflowError
from incidents.models import Client, Deadline, Incident, MailDraft
from incidents.sweeping import sweep
from incidents.workflow import FixDetails, Triage
from notifications.delivery import deliver_due
from notifications.enums import MessageState
from notifications.models import Message
from tests.conftest import SmtpServer
from tests.factories import (
    NOW,
    Team,
    make_client,
    make_sop,
    make_system,
    make_team,
    make_third_party,
)

MIN = dt.timedelta(minutes=1)
H = dt.timedelta(hours=1)
pytestmark = pytest.mark.django_db
PLAIN = "New contacts are not reaching your CRM at the moment."


@pytest.fixture
def team(db: None) -> Team:
    make_sop()
    make_third_party(name="HubSpot sync")
    return make_team()


def triaged(team: Team, level: int = 1, clients: list[Client] | None = None) -> Incident:
    clients = clients if clients is not None else [make_client()]
    boss = team.actor(Role.ORCHESTRATOR)
    incident = workflow.open_incident(
        title="Sync broken", source=Source.MONITORING, by=boss, now=NOW
    ).incident
    decision = Triage(level=level, systems=[make_system()], clients=clients)
    return workflow.triage_incident(incident, decision, by=boss, now=NOW)


def notice(incident: Incident, team: Team, text: str = PLAIN, **fields: object) -> MailDraft:
    rick = team.actor(Role.REVENUE)
    draft = incident.drafts.filter(kind=MailKind.NOTIFICATION, finished_at=None).first()
    if draft is None:
        clients = [row.client for row in incident.affected.all()]
        draft = correspondence.start_draft(
            incident, kind=MailKind.NOTIFICATION, clients=clients, by=rick, now=NOW
        )
    values = {"what_happening": text, **fields}
    return correspondence.edit_draft(draft, values, by=rick, now=NOW + MIN)


def send(draft: MailDraft, team: Team, *, now: dt.datetime) -> list[Message]:
    sent = correspondence.send_draft(draft, by=team.actor(Role.REVENUE), now=now)
    return [mail.message for mail in sent.mails]


def settle(message: Message, *, now: dt.datetime, state: str = MessageState.SENT) -> None:
    message.state = state
    message.sent_at = now if state == MessageState.SENT else None
    message.save()
    correspondence.message_settled(message, now=now)


def promises(incident: Incident) -> list[Deadline]:
    return list(incident.deadlines.filter(kind=DeadlineKind.PROMISE).order_by("id"))


# One mail per client, by a real server ----------------------


@pytest.mark.django_db(transaction=True)
def test_each_client_gets_its_own_mail_in_its_own_zone_M2_C9(
    team: Team, smtp_server: SmtpServer
) -> None:
    anna = make_client(contact_name="Anna Brandt", time_zone="Europe/Berlin")
    maya = make_client(contact_name="Maya Okafor", time_zone="America/New_York")
    incident = triaged(team, 1, [anna, maya])
    send(notice(incident, team, next_update_at=NOW + 2 * H), team, now=NOW + MIN)
    deliver_due(now=NOW + 2 * MIN)
    by_address = {m.recipients[0]: m for m in smtp_server.mails if "client" in m.recipients[0]}
    assert all(len(mail.recipients) == 1 for mail in smtp_server.mails)
    first, second = by_address[anna.contact_email], by_address[maya.contact_email]
    assert "Hi Anna," in first.text
    assert "12:00 CET on Tuesday 10 March" in first.text
    assert "Hi Maya," in second.text
    assert "07:00 EDT on Tuesday 10 March" in second.text
    assert first.message["Reply-To"]
    assert first.html
    assert maya.contact_email not in first.text + str(first.message["To"])
    incident.refresh_from_db()
    assert incident.acknowledged_at == NOW + 2 * MIN


def test_the_notification_is_the_sops_word_for_word_M1(team: Team) -> None:
    incident = triaged(team)
    draft = notice(incident, team, brief="Sync paused", system_name="your CRM sync")
    (message,) = send(draft, team, now=NOW + 5 * MIN)
    assert message.subject == "[LeadsPanther] Issue Detected — Sync paused"
    assert message.text.strip() == (
        "Hi Anna,\n\n"
        "We've identified an issue with your CRM sync.\n\n"
        f"What's happening: {PLAIN}\n"
        "What we're doing: Our team is investigating and working on a fix.\n"
        "Next update: We'll update you by 11:05 CET on Tuesday 10 March.\n\n"
        "If you have questions, reply to this email.\n\n"
        "— LeadsPanther Team"
    )


# Drafts, undo, conflicts ----------------------


def test_nothing_leaves_before_the_owner_sends_and_ten_seconds_passed_M3(team: Team) -> None:
    incident = triaged(team)
    draft = notice(incident, team)
    assert not Message.objects.filter(recipient__contains="client").exists()
    (message,) = send(draft, team, now=NOW + 2 * MIN)
    assert message.next_attempt_at == NOW + 2 * MIN + dt.timedelta(seconds=10)


def test_undo_takes_the_mail_back_and_a_second_send_works_M3(team: Team) -> None:
    draft = notice(triaged(team), team)
    rick = team.actor(Role.REVENUE)
    (first,) = send(draft, team, now=NOW + 2 * MIN)
    assert correspondence.undo_send(draft, by=rick, now=NOW + 2 * MIN) == 1
    first.refresh_from_db()
    assert first.state == MessageState.CANCELLED
    (second,) = send(draft, team, now=NOW + 3 * MIN)
    assert second.key != first.key
    settle(second, now=NOW + 4 * MIN)
    with pytest.raises(WorkflowError, match="cannot be taken back"):
        correspondence.undo_send(draft, by=rick, now=NOW + 5 * MIN)


def test_a_mail_is_sent_once_however_often_the_button_is_pressed_M3(team: Team) -> None:
    draft = notice(triaged(team), team)
    send(draft, team, now=NOW + 2 * MIN)
    with pytest.raises(WorkflowError, match="Nobody is left"):
        send(draft, team, now=NOW + 2 * MIN)


def test_an_older_text_never_overwrites_a_newer_one_M3(team: Team) -> None:
    draft = notice(triaged(team), team)
    rick = team.actor(Role.REVENUE)
    with pytest.raises(ConflictError):
        correspondence.edit_draft(
            draft, {"what_happening": "old"}, by=rick, now=NOW + 3 * MIN, version=draft.version - 1
        )


def test_mails_are_revenues_A1(team: Team) -> None:
    draft = notice(triaged(team), team)
    with pytest.raises(NotAllowedError):
        correspondence.send_draft(draft, by=team.actor(Role.DELIVERY), now=NOW + 2 * MIN)
    sent = correspondence.send_draft(draft, by=team.actor(Role.ORCHESTRATOR), now=NOW + 2 * MIN)
    assert sent.mails
    entry = draft.incident.timeline.filter(kind=EntryKind.MAIL).first()
    assert entry is not None
    assert entry.stands_in_for == Role.REVENUE


# The guard at the gate ----------------------


def test_blame_blocks_and_suggests_M4(team: Team) -> None:
    draft = notice(triaged(team), team, "New contacts are missing because HubSpot broke.")
    with pytest.raises(WorkflowError) as refused:
        send(draft, team, now=NOW + 2 * MIN)
    assert "Blame" in refused.value.missing[0].text
    assert not Message.objects.filter(recipient__contains="client").exists()


def test_the_subject_is_guarded_too_M4(team: Team) -> None:
    draft = notice(triaged(team), team, brief="HubSpot is down")
    with pytest.raises(WorkflowError, match="wording"):
        send(draft, team, now=NOW + 2 * MIN)


def test_a_promise_needs_a_name_a_reason_and_a_time_and_is_tracked_M5(team: Team) -> None:
    incident = triaged(team)
    draft = notice(incident, team, f"{PLAIN} It will be fixed by 5pm.")
    rick = team.actor(Role.REVENUE)
    with pytest.raises(WorkflowError, match="wording"):
        send(draft, team, now=NOW + 2 * MIN)
    with pytest.raises(WorkflowError, match="reason"):
        correspondence.override_findings(draft, reason=" ", by=rick, now=NOW + 2 * MIN)
    with pytest.raises(WorkflowError, match="fix time"):
        correspondence.override_findings(draft, reason="Certain", by=rick, now=NOW + 2 * MIN)
    correspondence.override_findings(
        draft, reason="The fix is tested", by=rick, now=NOW + 2 * MIN, certain_fix_at=NOW + 7 * H
    )
    (message,) = send(draft, team, now=NOW + 3 * MIN)
    settle(message, now=NOW + 4 * MIN)
    fix = incident.deadlines.get(kind=DeadlineKind.CERTAIN_FIX)
    assert (fix.due_at, fix.stopped_at) == (NOW + 7 * H, None)
    waiver = incident.waivers.get(kind=WaiverKind.WORDING)
    assert (waiver.by, waiver.reason) == (rick.user, "The fix is tested")


def test_an_override_covers_only_the_words_it_was_given_for_M5(team: Team) -> None:
    draft = notice(triaged(team), team, "It will be fixed by 5pm.")
    rick = team.actor(Role.REVENUE)
    correspondence.override_findings(
        draft, reason="Certain", by=rick, now=NOW + 2 * MIN, certain_fix_at=NOW + 7 * H
    )
    notice(draft.incident, team, "It will be fixed by 5pm. HubSpot broke.")
    draft.refresh_from_db()
    with pytest.raises(WorkflowError, match="wording"):
        send(draft, team, now=NOW + 3 * MIN)


def test_speculation_is_flagged_in_a_notification_but_does_not_block_M5(team: Team) -> None:
    draft = notice(triaged(team), team, "We think it's an expired key.")
    assert [f.finding.rule for f in correspondence.check_draft(draft)] == ["speculation"]
    assert send(draft, team, now=NOW + 2 * MIN)


# Promises ----------------------


@pytest.mark.parametrize(("level", "cadence"), [(1, 1 * H), (2, 4 * H), (3, 72 * H), (4, None)])
def test_the_next_update_defaults_to_the_cadence_M6_S7(
    team: Team, level: int, cadence: dt.timedelta | None
) -> None:
    incident = triaged(team, level)
    (message,) = send(notice(incident, team), team, now=NOW + 2 * MIN)
    settle(message, now=NOW + 3 * MIN)
    due = [promise.due_at for promise in promises(incident)]
    assert due == ([NOW + 2 * MIN + cadence] if cadence else [])


def test_a_next_update_in_the_past_is_refused_M6(team: Team) -> None:
    draft = notice(triaged(team), team, next_update_at=NOW + 2 * MIN)
    with pytest.raises(WorkflowError) as refused:
        send(draft, team, now=NOW + 2 * MIN)
    assert "future" in refused.value.missing[0].text


def test_a_later_mail_in_time_keeps_the_promise_and_makes_the_next_M6(team: Team) -> None:
    incident = triaged(team)
    (message,) = send(notice(incident, team), team, now=NOW + 2 * MIN)
    settle(message, now=NOW + 2 * MIN)
    rick = team.actor(Role.REVENUE)
    clients = correspondence.clients_for(incident, MailKind.UPDATE)
    update = correspondence.start_draft(
        incident, kind=MailKind.UPDATE, clients=clients, by=rick, now=NOW + 50 * MIN
    )
    correspondence.edit_draft(
        update, {"update_text": "We are testing a fix."}, by=rick, now=NOW + 50 * MIN
    )
    (message,) = send(update, team, now=NOW + 55 * MIN)
    settle(message, now=NOW + 56 * MIN)
    first, second = promises(incident)
    assert (first.stopped_at, first.breached_at) == (NOW + 56 * MIN, None)
    assert (second.due_at, second.stopped_at) == (NOW + 115 * MIN, None)


def test_a_missed_promise_is_late_and_goes_to_the_coordinator_M6_C8(team: Team) -> None:
    incident = triaged(team)
    (message,) = send(notice(incident, team), team, now=NOW + 2 * MIN)
    settle(message, now=NOW + 2 * MIN)
    sweep(now=NOW + 62 * MIN)
    (promise,) = promises(incident)
    assert promise.breached_at == NOW + 62 * MIN
    (escalation,) = incident.escalations.filter(rule="C8", summary__startswith="Promised")
    assert escalation.notices.get().responder == team.orchestrator


# Contacts, workaround, another way, HubSpot ----------------------


def test_a_client_without_contact_blocks_only_its_own_mail_M7(team: Team) -> None:
    mute = make_client(contact_email="")
    incident = triaged(team, 1, [make_client(), mute])
    task = Message.objects.filter(recipient=team.revenue.email, subject__contains="No contact")
    assert task.exists()
    sent = correspondence.send_draft(
        notice(incident, team), by=team.actor(Role.REVENUE), now=NOW + 2 * MIN
    )
    assert (len(sent.mails), sent.without_contact) == (1, [mute])
    settle(sent.mails[0].message, now=NOW + 3 * MIN)
    assert incident.deadlines.get(kind=DeadlineKind.ACKNOWLEDGE).stopped_at is None
    mute.contact_email = "new@client.example"
    mute.save()
    draft = incident.drafts.get()
    assert len(send(draft, team, now=NOW + 5 * MIN)) == 1


def test_normal_again_is_only_said_once_verified_M8(team: Team) -> None:
    incident = triaged(team)
    rick, devin = team.actor(Role.REVENUE), team.actor(Role.DELIVERY)
    clients = [row.client for row in incident.affected.all()]
    with pytest.raises(WorkflowError, match="verified"):
        correspondence.start_draft(
            incident, kind=MailKind.RESOLVED, clients=clients, by=rick, now=NOW + MIN
        )
    details = FixDetails(
        done="Manual export", broke="sync", cause="key", tested_what="a", tested_where="b",
        test_result="c",
    )  # fmt: skip
    workflow.record_workaround(incident, details, by=devin, now=NOW + 2 * MIN)
    workflow.verify_fix(incident, end_to_end="a", failure_test="b", by=devin, now=NOW + 3 * MIN)
    resolved = correspondence.start_draft(
        incident, kind=MailKind.RESOLVED, clients=clients, by=rick, now=NOW + 2 * H
    )
    texts = {"what_happened": "It was paused.", "what_did": "We export by hand."}
    correspondence.edit_draft(resolved, texts, by=rick, now=NOW + 2 * H)
    with pytest.raises(WorkflowError) as refused:
        send(resolved, team, now=NOW + 2 * H)
    assert "workaround" in refused.value.missing[0].text
    correspondence.discard_draft(resolved, by=rick, now=NOW + 2 * H)
    workaround = correspondence.start_draft(
        incident, kind=MailKind.WORKAROUND, clients=clients, by=rick, now=NOW + 2 * H
    )
    correspondence.edit_draft(workaround, texts, by=rick, now=NOW + 2 * H)
    (message,) = send(workaround, team, now=NOW + 2 * H)
    assert "back to normal" not in message.text
    settle(message, now=NOW + 2 * H)
    assert incident.affected.get().resolution_told_at == NOW + 2 * H


def test_data_loss_is_stated_M8(team: Team) -> None:
    incident = triaged(team)
    rick, devin = team.actor(Role.REVENUE), team.actor(Role.DELIVERY)
    details = FixDetails(
        done="d", broke="b", cause="c", tested_what="a", tested_where="b", test_result="c"
    )
    workflow.record_fix(incident, details, by=devin, now=NOW + 2 * MIN)
    workflow.verify_fix(incident, end_to_end="a", failure_test="b", by=devin, now=NOW + 3 * MIN)
    (message,) = send(notice(incident, team), team, now=NOW + 4 * MIN)
    settle(message, now=NOW + 4 * MIN)
    draft = correspondence.start_draft(
        incident,
        kind=MailKind.RESOLVED,
        clients=correspondence.clients_for(incident, MailKind.RESOLVED),
        by=rick,
        now=NOW + 2 * H,
    )
    lost = "Two contacts of 9 March could not be recovered."
    texts = {"what_happened": "It was paused.", "what_did": "We renewed a key.", "data_loss": lost}
    correspondence.edit_draft(draft, texts, by=rick, now=NOW + 2 * H)
    (message,) = send(draft, team, now=NOW + 2 * H)
    assert lost in message.text
    assert lost in message.html
    assert "back to normal" in message.text


def test_told_another_way_counts_and_is_reported_apart_M11(team: Team) -> None:
    client = make_client()
    incident = triaged(team, 1, [client])
    row = correspondence.tell_another_way(
        incident, client=client, about=MailKind.NOTIFICATION, via=ToldVia.PHONE, who="Anna",
        said="We have paused sending.", by=team.actor(Role.REVENUE), now=NOW + 5 * MIN,
        next_update_at=NOW + H,
    )  # fmt: skip
    assert (row.told_via, row.told_at) == (ToldVia.PHONE, NOW + 5 * MIN)
    incident.refresh_from_db()
    assert incident.acknowledged_at == NOW + 5 * MIN
    assert promises(incident)[0].due_at == NOW + H
    assert incident.timeline.get(kind=EntryKind.TOLD).client == client


def test_the_hubspot_note_is_a_manual_task_ticked_by_name_once_M10(team: Team) -> None:
    client = make_client()
    incident = triaged(team, 3, [client])
    rick, devin = team.actor(Role.REVENUE), team.actor(Role.DELIVERY)
    details = FixDetails(
        done="Renewed", broke="Sync", cause="Key", tested_what="a", tested_where="b",
        test_result="c",
    )  # fmt: skip
    workflow.record_fix(incident, details, by=devin, now=NOW + H)
    workflow.verify_fix(incident, end_to_end="a", failure_test="b", by=devin, now=NOW + H)
    workflow.acknowledge_incident(incident, by=rick, now=NOW + 2 * H)
    workflow.resolve_incident(incident, by=rick, now=NOW + 26 * H)
    row = incident.affected.get()
    assert row.hubspot_state == HubSpotState.MANUAL
    assert incident.ref in row.hubspot_note
    with pytest.raises(WorkflowError):
        workflow.close_incident(incident, by=team.actor(Role.ORCHESTRATOR), now=NOW + 27 * H)
    correspondence.note_in_hubspot(incident, client=client, by=rick, now=NOW + 27 * H)
    with pytest.raises(WorkflowError, match="ticked by"):
        correspondence.note_in_hubspot(incident, client=client, by=rick, now=NOW + 27 * H)
    row.refresh_from_db()
    assert row.hubspot_noted_by == "Rick"
