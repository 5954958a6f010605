"""A way to a person that fails: the other way, once (rules E10, N1)."""

import datetime as dt

import pytest
from pytest_django import Settings

from incidents import fallback, staff
from incidents.enums import EntryKind, Role, Status
from incidents.escalation import raise_escalation
from incidents.models import Escalation, Incident, Responder
from notifications.delivery import deliver_due
from notifications.enums import Channel, MessageState, Urgency
from notifications.models import Message
from notifications.outbox import queue_message
from tests.conftest import SmtpServer
from tests.factories import (
    NOW,
    Team,
    make_actor,
    make_channel_pause,
    make_client,
    make_client_mail,
    make_incident,
    make_message,
    make_sop,
    make_team,
)
from tests.notifications.telegram_server import TelegramServer, refusal

pytestmark = pytest.mark.django_db
CHAT = "815001"
LATER = NOW + dt.timedelta(minutes=3)


@pytest.fixture
def team(db: None) -> Team:
    make_sop()
    made = make_team()
    for person in (made.founder, made.revenue):
        person.telegram_chat = CHAT if person is made.founder else "815002"
        person.channel = Channel.TELEGRAM
        person.save()
    return made


@pytest.fixture
def incident(team: Team) -> Incident:
    return make_incident(status=Status.TRIAGED, level=1, team=team)


def tell(person: Responder, incident: Incident, *, urgency: Urgency = Urgency.NORMAL) -> Message:
    message = staff.tell(
        person, event="x", subject="Look at this", lines=["It is late."], now=NOW,
        incident=incident, urgency=urgency,
    )  # fmt: skip
    assert message is not None
    return message


def test_telegram_that_fails_for_good_goes_by_mail_once_E10(
    team: Team, incident: Incident, telegram_server: TelegramServer, smtp_server: SmtpServer
) -> None:
    telegram_server.blocked.add("815002")
    message = tell(team.revenue, incident)
    assert message.channel == Channel.TELEGRAM
    deliver_due(now=NOW)
    deliver_due(now=NOW)
    replacement = Message.objects.get(replaces=message)
    assert (replacement.channel, replacement.state) == (Channel.EMAIL, MessageState.SENT)
    [mail] = smtp_server.mails
    assert mail.recipients == [team.revenue.email]
    assert mail.message["Subject"] == "Look at this"
    assert mail.text.split() == message.text.split()
    entry = incident.timeline.filter(kind=EntryKind.STAFF).get()
    assert entry.text == (
        "Telegram to Rick failed for good: Telegram: 403 Forbidden: bot was blocked by the user. "
        "Sent by E-mail instead."
    )
    # Called again by a repeated record: still one.
    message.refresh_from_db()
    fallback.message_settled(message, now=NOW)
    assert Message.objects.filter(replaces=message).count() == 1


def test_mail_that_fails_for_good_goes_by_telegram_E10(
    team: Team, incident: Incident, telegram_server: TelegramServer, smtp_server: SmtpServer
) -> None:
    team.revenue.channel = Channel.EMAIL
    team.revenue.save()
    smtp_server.answers.append("550 5.1.1 no such mailbox")
    tell(team.revenue, incident)
    deliver_due(now=NOW)
    deliver_due(now=NOW)
    assert smtp_server.mails == []
    assert telegram_server.texts_to("815002")[0].startswith("Look at this\n\nIt is late.")


def test_unset_telegram_is_mail_from_the_start_E10(team: Team, incident: Incident) -> None:
    assert tell(team.revenue, incident).channel == Channel.EMAIL


def test_escalation_that_reaches_nobody_is_an_alarm_E10(
    team: Team, incident: Incident, telegram_server: TelegramServer, smtp_server: SmtpServer
) -> None:
    telegram_server.chats = set()
    escalation = raise_escalation(
        "E1", summary="x", by=make_actor(Role.ORCHESTRATOR), now=NOW, incident=incident
    )
    assert escalation is not None
    deliver_due(now=NOW)
    assert not Escalation.objects.unheard().exists(), "the mail is still on its way"
    smtp_server.answers.append("550 5.1.1 no such mailbox")
    deliver_due(now=NOW)
    assert list(Escalation.objects.unheard()) == [escalation]
    assert Message.objects.filter(replaces__isnull=False).count() == 1


def test_fallback_that_arrives_keeps_the_escalation_quiet_E10(
    team: Team, incident: Incident, telegram_server: TelegramServer, smtp_server: SmtpServer
) -> None:
    telegram_server.chats = set()
    raise_escalation("E1", summary="x", by=make_actor(Role.ORCHESTRATOR), now=NOW,
                     incident=incident)  # fmt: skip
    deliver_due(now=NOW)
    deliver_due(now=NOW)
    assert len(smtp_server.mails) == 1
    assert "/escalations/" in smtp_server.mails[0].text
    assert not Escalation.objects.unheard().exists()


def test_person_without_another_way_is_told_of_on_the_timeline_E10(
    team: Team, incident: Incident, telegram_server: TelegramServer
) -> None:
    team.revenue.email = ""
    team.revenue.save()
    telegram_server.next(refusal(400, "Bad Request: chat not found"))
    tell(team.revenue, incident)
    deliver_due(now=NOW)
    assert not Message.objects.filter(replaces__isnull=False).exists()
    entry = incident.timeline.filter(kind=EntryKind.STAFF).get()
    assert entry.text.endswith("There is no other way to reach them.")


def test_clients_mail_never_changes_its_channel_E10(
    team: Team, incident: Incident, telegram_server: TelegramServer
) -> None:
    """Not even where the client's address is also that of one of ours."""
    client = make_client(contact_email=team.revenue.email)
    message = make_message(
        state=MessageState.DEAD, recipient=team.revenue.email, reference=incident.ref
    )
    make_client_mail(client=client, message=message)
    fallback.message_settled(message, now=NOW)
    assert not Message.objects.filter(replaces=message).exists()


def test_uncertain_escalation_goes_by_the_other_way_too_E10(
    team: Team, incident: Incident, telegram_server: TelegramServer
) -> None:
    raise_escalation("E1", summary="x", by=make_actor(Role.ORCHESTRATOR), now=NOW,
                     incident=incident)  # fmt: skip
    message = Message.objects.get(channel=Channel.TELEGRAM, reference=incident.ref)
    message.state = MessageState.UNCERTAIN
    message.save()
    fallback.message_settled(message, now=NOW)
    assert Message.objects.get(replaces=message).channel == Channel.EMAIL


def test_late_urgent_message_leaves_by_the_other_way_E10(
    team: Team, incident: Incident, telegram_server: TelegramServer
) -> None:
    message = tell(team.founder, incident, urgency=Urgency.IMMEDIATE)
    fallback.message_delayed(message, now=LATER)
    message.refresh_from_db()
    assert message.state == MessageState.CANCELLED
    assert Message.objects.get(replaces=message).recipient == team.founder.email
    [entry] = incident.timeline.filter(kind=EntryKind.STAFF)
    assert entry.text == "Telegram to Clayton is late. Sent by E-mail instead."


@pytest.mark.parametrize(("needs_a_person", "moves"), [(True, True), (False, False)])
def test_late_ordinary_message_moves_when_its_channel_waits_for_a_person_E10(
    team: Team,
    incident: Incident,
    telegram_server: TelegramServer,
    needs_a_person: bool,
    moves: bool,
) -> None:
    message = tell(team.revenue, incident)
    make_channel_pause(Channel.TELEGRAM, needs_a_person=needs_a_person)
    fallback.message_delayed(message, now=LATER)
    message.refresh_from_db()
    assert (message.state == MessageState.CANCELLED) == moves
    assert Message.objects.filter(replaces=message).exists() == moves


def test_late_message_that_is_leaving_is_left_alone_N1(
    team: Team, incident: Incident, telegram_server: TelegramServer
) -> None:
    message = tell(team.founder, incident, urgency=Urgency.IMMEDIATE)
    stale = Message.objects.get(pk=message.pk)
    message.state, message.lease_token, message.lease_expires_at = MessageState.LEASED, "x", NOW
    message.save()
    fallback.message_delayed(stale, now=LATER)
    assert not Message.objects.filter(replaces=message).exists()
    message.refresh_from_db()
    assert message.state == MessageState.LEASED


def test_refused_token_does_not_keep_an_escalation_from_the_founder_E10(
    team: Team,
    incident: Incident,
    telegram_server: TelegramServer,
    smtp_server: SmtpServer,
    settings: Settings,
) -> None:
    """The whole way: 401, the channel rests, the message is late, the mail arrives."""
    settings.TELEGRAM_BOT_TOKEN = "4711:no-such-bot"
    raise_escalation("E1", summary="x", by=make_actor(Role.ORCHESTRATOR), now=NOW,
                     incident=incident)  # fmt: skip
    deliver_due(now=NOW)
    deliver_due(now=LATER)
    deliver_due(now=LATER)
    assert [mail.recipients for mail in smtp_server.mails].count([team.founder.email]) == 1


def test_group_that_moved_is_known_by_its_new_id_N1(
    team: Team, incident: Incident, telegram_server: TelegramServer
) -> None:
    telegram_server.moved["815002"] = -100815002
    tell(team.revenue, incident)
    deliver_due(now=NOW)
    team.revenue.refresh_from_db()
    assert team.revenue.telegram_chat == "-100815002"
    newest = team.revenue.history.first()
    assert newest
    assert newest.history_change_reason == "Telegram gave the group a new id"
    assert telegram_server.texts_to("-100815002")


def test_move_of_another_channel_changes_nobody(team: Team) -> None:
    fallback.recipient_moved(Channel.EMAIL, CHAT, "1")
    team.founder.refresh_from_db()
    assert team.founder.telegram_chat == CHAT


def test_message_to_a_stranger_has_no_other_way(team: Team) -> None:
    message = queue_message(
        key="k", channel=Channel.EMAIL, recipient="stranger@elsewhere.example", text="x", now=NOW
    )
    message.state = MessageState.DEAD
    fallback.message_settled(message, now=NOW)
    assert not Message.objects.filter(replaces=message).exists()
