"""The weekly update of a client: gathered, prepared, sent, told (rules M9, S3, W7, M4 to M7)."""

import datetime as dt
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from incidents import workflow
from incidents.actors import Actor
from incidents.digests import (
    blocking_of,
    check_digest,
    current_digest,
    digest_duties,
    edit_digest,
    gather_items,
    message_settled,
    override_digest,
    render_digest,
    send_digest,
    skip_digest,
    undo_digest,
    write_due_digests,
)
from incidents.digests.gathering import with_news
from incidents.digests.periods import due_of, period_by
from incidents.enums import (
    DeadlineKind,
    DigestPart,
    DigestState,
    FixKind,
    Role,
    Status,
    ToldVia,
)
from incidents.errors import ConflictError, NotAllowedError, WorkflowError
from incidents.models import Client, ClientDigest, Incident
from notifications.delivery import deliver_due
from notifications.enums import MessageState
from notifications.models import Message
from tests.conftest import SmtpServer
from tests.factories import (
    NOW,
    Team,
    make_affected,
    make_client,
    make_client_mail,
    make_deadline,
    make_draft,
    make_fix,
    make_incident,
    make_sop,
    make_system,
    make_team,
    make_third_party,
)

MIN = dt.timedelta(minutes=1)
H = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
WEEK = dt.timedelta(days=7)
#: NOW is a Tuesday; clients hear on Fridays at 10:00 in Berlin.
FRIDAY = dt.datetime(2026, 3, 13, 9, 0, tzinfo=dt.UTC)
MONDAY = dt.date(2026, 3, 9)
pytestmark = pytest.mark.django_db


@pytest.fixture
def team(db: None) -> Team:
    make_sop()
    make_third_party(name="HubSpot sync")
    return make_team()


def small(
    client: Client, *, level: int = 3, status: str = Status.INVESTIGATING, **fields: Any
) -> Incident:
    """A smaller incident of a client that was never told of it."""
    system = make_system(plain_name=fields.pop("plain_name", "your weekly report"))
    incident = make_incident(
        status=status, level=level, systems=[system], detected_at=fields.pop("at", NOW), **fields
    )
    make_affected(
        incident,
        client,
        told_at=None,
        told_via="",
        resolution_told_at=None,
        resolution_told_via="",
    )
    return incident


def lines(client: Client, *, now: dt.datetime = FRIDAY) -> dict[str, tuple[str, str]]:
    items = gather_items(current_digest(client, now=now))
    return {item.incident.ref: (item.part, item.text) for item in items}


def arrive(digest: ClientDigest, *, at: dt.datetime, state: str = MessageState.SENT) -> None:
    message = digest.message
    assert message is not None
    message.state = state
    message.sent_at = at if state == MessageState.SENT else None
    message.save()
    message_settled(message, now=at)
    digest.refresh_from_db()


def rick(team: Team) -> Actor:
    return team.actor(Role.REVENUE)


# When ----------------------


@pytest.mark.parametrize(
    ("zone", "weekday", "hour", "monday", "due"),
    [
        ("Europe/Berlin", 4, 10, "2026-03-09", "2026-03-13T09:00"),
        ("America/New_York", 0, 0, "2026-03-09", "2026-03-09T04:00"),
        ("Pacific/Auckland", 6, 23, "2026-03-09", "2026-03-15T10:00"),
        # The clocks of Berlin leave out 02:00 to 03:00 on 29 March, and double it on 25 October.
        ("Europe/Berlin", 6, 2, "2026-03-23", "2026-03-29T01:00"),
        ("Europe/Berlin", 6, 2, "2026-10-19", "2026-10-25T00:00"),
    ],
)
def test_weekday_and_hour_are_the_clients_M9(
    zone: str, weekday: int, hour: int, monday: str, due: str
) -> None:
    client = make_client(time_zone=zone, digest_weekday=weekday, digest_hour=hour)
    period = dt.date.fromisoformat(monday)
    at = dt.datetime.fromisoformat(due).replace(tzinfo=dt.UTC)
    assert due_of(client, period) == at
    assert period_by(client, at=at) == period
    assert period_by(client, at=at - dt.timedelta(seconds=1)) == period - WEEK


@pytest.mark.parametrize(("month", "day"), [(3, 29), (10, 25)])
def test_a_skipped_or_doubled_hour_fires_once_M9(team: Team, month: int, day: int) -> None:
    client = make_client(digest_weekday=6, digest_hour=2, digest_is_automatic=True)
    start = dt.datetime(2026, month, day, tzinfo=dt.UTC) - 36 * H
    ClientDigest.objects.create(
        client=client, period=period_by(client, at=start), due_at=start, prepared_at=start,
        updated_at=start, state=DigestState.SKIPPED, skip_reason="Nothing to say.",
    )  # fmt: skip
    small(client, at=start - DAY)
    for step in range(60 * 4):
        write_due_digests(now=start + step * 15 * MIN)
    sunday = [d for d in ClientDigest.objects.all() if d.state == DigestState.SENT]
    assert len(sunday) == 1
    mails = Message.objects.filter(recipient=client.contact_email)
    assert mails.count() == 1


# What ----------------------


def test_it_gathers_new_open_and_resolved_smaller_items_M9_S3(team: Team) -> None:
    client = make_client()
    digest = make_delivered(client, at=NOW + DAY)
    old = small(client, at=NOW, plain_name="your weekly report")
    new = small(client, at=NOW + 2 * DAY, plain_name="your dashboard")
    planned = small(client, level=4, at=NOW + 2 * DAY, plain_name="your tags")
    done = small(client, status=Status.RESOLVED, at=NOW + DAY, plain_name="your CRM sync")
    small(client, level=2, at=NOW)
    small(client, status=Status.DETECTED, at=NOW)
    small(client, status=Status.CANCELLED, at=NOW)
    small(client, is_private=True)
    small(make_client())
    found = lines(client, now=FRIDAY + WEEK)
    assert digest.delivered_at
    assert {ref: part for ref, (part, _) in found.items()} == {
        old.ref: DigestPart.OPEN,
        new.ref: DigestPart.OPENED,
        planned.ref: DigestPart.OPENED,
        done.ref: DigestPart.RESOLVED,
    }
    assert found[old.ref][1] == (
        "Your weekly report: we are still working on the issue of Tuesday 10 March."
    )
    assert found[new.ref][1] == (
        "Your dashboard: we noticed an issue on Thursday 12 March and are working on it."
    )
    assert found[planned.ref][1] == (
        "Your tags: we noticed a small issue on Thursday 12 March; it is on our schedule."
    )
    assert found[done.ref][1] == "Your CRM sync: has worked again since Thursday 12 March."


def make_delivered(client: Client, *, at: dt.datetime) -> ClientDigest:
    message = Message.objects.create(
        key=f"earlier:{client.pk}", channel="email", recipient=client.contact_email, text="x",
        lane="x", message_id=f"<{client.pk}@x>", due_at=at, next_attempt_at=at, created_at=at,
        state=MessageState.SENT, sent_at=at,
    )  # fmt: skip
    return ClientDigest.objects.create(
        client=client, period=MONDAY - WEEK, due_at=at, prepared_at=at, updated_at=at,
        state=DigestState.SENT, message=message, sent_at=at, sent_by="Rick", delivered_at=at,
    )  # fmt: skip


def test_a_planned_fix_date_is_never_mailed_C3_M9(team: Team) -> None:
    client = make_client()
    incident = small(client, level=4, planned_fix_at=NOW + 6 * DAY)
    assert incident.deadlines.filter(kind=DeadlineKind.PLANNED_FIX).exists()
    digest = current_digest(client, now=FRIDAY)
    mail = render_digest(digest, gather_items(digest))
    assert "16" not in mail.text
    assert "Monday" not in mail.text
    assert "on our schedule" in mail.text


def test_the_staffs_words_do_not_reach_the_client_M4_M9(team: Team) -> None:
    """A title may name a vendor or another client."""
    client = make_client()
    incident = small(client, title="HubSpot broke for Halden Solar too")
    draft = make_draft(incident, brief="Figures are late")
    make_client_mail(draft, client)
    mail = render_digest(*both(client))
    assert "HubSpot" not in mail.text
    assert "Halden" not in mail.text
    assert "Figures are late" not in mail.text, "that mail was never delivered"
    row = draft.mails.get()
    row.message = Message.objects.create(
        key="m", channel="email", recipient="a@b.example", text="x", lane="m", message_id="<m@x>",
        due_at=NOW, next_attempt_at=NOW, created_at=NOW, state=MessageState.SENT, sent_at=NOW,
    )  # fmt: skip
    row.delivered_at = NOW
    row.save()
    assert "Your weekly report (Figures are late): we" in render_digest(*both(client)).text


def both(client: Client, *, now: dt.datetime = FRIDAY) -> tuple[ClientDigest, list[Any]]:
    digest = current_digest(client, now=now)
    return digest, gather_items(digest)


def test_a_workaround_and_data_loss_have_their_own_words_M8_M9(team: Team) -> None:
    client = make_client()
    lost = "Two contacts of 9 March could not be recovered."
    incident = small(client, status=Status.RESOLVED, data_loss=lost)
    make_fix(incident, kind=FixKind.WORKAROUND)
    ((_, text),) = lines(client).values()
    assert text == f"Your weekly report: has worked by other means since Wednesday 11 March. {lost}"


def test_the_letter_is_in_the_clients_zone_and_voice_M1_M2_C9(team: Team) -> None:
    client = make_client(time_zone="Pacific/Auckland", contact_name="Maya Okafor")
    # Tuesday evening in Berlin is Wednesday in Auckland.
    small(client, at=NOW + 8 * H)
    small(client, status=Status.RESOLVED, plain_name="your CRM sync")
    mail = render_digest(*both(client))
    assert mail.subject == "[LeadsPanther] Your Scheduled Update"
    assert mail.text == (
        "Hi Maya,\n\n"
        "Here is your scheduled update on the smaller items we're looking after.\n\n"
        "New since your last update:\n"
        "- Your weekly report: we noticed an issue on Wednesday 11 March and are working on it.\n\n"
        "Resolved:\n"
        "- Your CRM sync: has worked again since Wednesday 11 March.\n\n"
        "If you have questions, reply to this email.\n\n"
        "— LeadsPanther Team\n"
    )
    assert "<p>" in mail.html


@pytest.mark.parametrize("status", [Status.TRIAGED, Status.INVESTIGATING, Status.MONITORING])
@pytest.mark.parametrize("level", [3, 4])
@pytest.mark.parametrize("is_new", [True, False])
def test_our_own_lines_pass_the_guard_M4_M5(
    team: Team, status: str, level: int, is_new: bool
) -> None:
    client = make_client()
    if not is_new:
        make_delivered(client, at=NOW + DAY)
    small(client, level=level, status=status, plain_name="your HubSpot sync")
    done = small(client, level=level, status=Status.RESOLVED, plain_name="your HubSpot sync")
    make_fix(done, kind=FixKind.WORKAROUND)
    small(client, level=level, status=Status.RESOLVED, plain_name="your HubSpot sync")
    digest, items = both(client, now=FRIDAY + WEEK)
    assert len(items) == 3
    assert check_digest(digest, items) == []


def test_gathering_costs_the_same_for_many_items_M9(team: Team) -> None:
    client = make_client()
    counts = []
    for number in (1, 6):
        for _ in range(number):
            small(client)
        digest = current_digest(client, now=FRIDAY)
        with CaptureQueriesContext(connection) as queries:
            assert gather_items(digest)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 6


# Prepared by the engine ----------------------


def test_revenue_is_told_a_day_ahead_and_finds_it_in_mine_now_N1_M9(team: Team) -> None:
    client = make_client(name="Acme", time_zone="America/New_York")
    small(client)
    due = FRIDAY + 5 * H
    assert write_due_digests(now=due - DAY - MIN).prepared == 0
    assert write_due_digests(now=due - DAY).prepared == 1
    assert write_due_digests(now=due - DAY + MIN).prepared == 0
    (told,) = Message.objects.filter(recipient=team.revenue.email)
    assert told.subject == "Scheduled update of Acme: ready to read and send"
    assert "Fri 13 Mar 15:00 CET" in told.text
    assert "10:00 EDT for the client." in told.text
    assert f"/clients/{client.slug}/update/" in told.text
    (duty,) = digest_duties(team.revenue.user, now=due - H)
    assert (duty.title, duty.action) == ("Send the scheduled update to Acme", "Read and send")
    assert duty.deadline is not None
    assert duty.deadline.due_at == due
    assert digest_duties(team.delivery.user, now=due - H) == []
    assert len(digest_duties(team.delivery.user, now=due - H, is_everyones=True)) == 1


def test_revenue_is_reminded_once_when_it_is_due_N1_M9(team: Team) -> None:
    small(make_client(name="Acme"))
    for minutes in range(0, 30 * 60, 30):
        write_due_digests(now=FRIDAY - DAY + minutes * MIN)
    subjects = Message.objects.filter(recipient=team.revenue.email).values_list("subject")
    assert sorted(subjects) == [
        ("Scheduled update of Acme: due now",),
        ("Scheduled update of Acme: ready to read and send",),
    ]


def test_nothing_to_say_is_not_sent_and_recorded_M9(team: Team) -> None:
    client = make_client()
    small(client, level=1)
    assert write_due_digests(now=FRIDAY - MIN).skipped == 0
    assert write_due_digests(now=FRIDAY).skipped == 1
    (digest,) = ClientDigest.objects.all()
    assert (digest.state, digest.skip_reason, digest.skipped_by) == (
        DigestState.SKIPPED,
        "Nothing to say.",
        "System",
    )
    assert digest.period == MONDAY
    assert not Message.objects.filter(recipient=client.contact_email).exists()


def test_what_has_become_empty_by_its_hour_is_not_sent_M9(team: Team) -> None:
    client = make_client()
    incident = small(client)
    write_due_digests(now=FRIDAY - H)
    workflow.change_severity(
        incident, level=1, by=team.actor(Role.ORCHESTRATOR), reason="Grown", now=FRIDAY - MIN
    )
    write_due_digests(now=FRIDAY)
    assert ClientDigest.objects.get().skip_reason == "Nothing to say."


def test_after_a_silence_the_week_runs_once_and_late_M9(team: Team) -> None:
    client = make_client(digest_is_automatic=True)
    make_delivered(client, at=FRIDAY - WEEK)
    small(client, at=FRIDAY - DAY)
    report = write_due_digests(now=FRIDAY + 3 * DAY)
    assert (report.prepared, report.sent) == (1, 1)
    assert ClientDigest.objects.filter(state=DigestState.SENT).count() == 2


def test_a_client_that_never_had_one_begins_with_the_next_M9(team: Team) -> None:
    client = make_client()
    small(client)
    write_due_digests(now=FRIDAY + DAY)
    assert ClientDigest.objects.get().skip_reason == "Begins with the next one."
    write_due_digests(now=FRIDAY + WEEK - H)
    assert ClientDigest.objects.prepared().get().period == MONDAY + WEEK


def test_one_that_nobody_sent_gives_way_to_the_next_M9(team: Team) -> None:
    client = make_client()
    small(client)
    write_due_digests(now=FRIDAY - H)
    write_due_digests(now=FRIDAY + WEEK - H)
    last, first = ClientDigest.objects.order_by("-period")
    assert (last.state, first.state) == (DigestState.PREPARED, DigestState.SKIPPED)
    assert "took over" in first.skip_reason
    assert lines(client, now=FRIDAY + WEEK)


def test_former_clients_get_none_M9(team: Team) -> None:
    small(make_client(is_active=False))
    assert write_due_digests(now=FRIDAY).prepared == 0
    assert not ClientDigest.objects.exists()


def test_one_client_that_fails_stops_nobody_M9(team: Team) -> None:
    """The first one has an update of a later week prepared, which the database refuses to
    double."""
    bad, good = make_client(name="A bad one"), make_client(name="Good")
    small(bad)
    small(good)
    blocker = ClientDigest.objects.create(
        client=bad, period=MONDAY + WEEK, due_at=NOW, prepared_at=NOW, updated_at=NOW
    )
    report = write_due_digests(now=FRIDAY - H)
    assert (report.prepared, report.failed) == (1, 1)
    assert ClientDigest.objects.get(client=good).is_prepared
    assert ClientDigest.objects.filter(client=bad).get() == blocker


def test_the_database_holds_one_per_client_and_week_M9(team: Team) -> None:
    client = make_client()
    fields = {"client": client, "due_at": NOW, "prepared_at": NOW, "updated_at": NOW}
    ClientDigest.objects.create(period=MONDAY, **fields)
    for period in (MONDAY, MONDAY + WEEK):
        with pytest.raises(IntegrityError), transaction.atomic():
            ClientDigest.objects.create(period=period, **fields)
    with pytest.raises(IntegrityError), transaction.atomic():
        ClientDigest.objects.update(state=DigestState.SENT)


def test_a_look_costs_the_same_whatever_the_clients_M9(team: Team) -> None:
    counts = []
    for number in (1, 20):
        for _ in range(number):
            small(make_client(digest_weekday=1))
        write_due_digests(now=FRIDAY - 2 * DAY - H)
        with CaptureQueriesContext(connection) as queries:
            write_due_digests(now=FRIDAY - 2 * DAY - H)
        counts.append(len(queries))
    assert counts[1] == counts[0] <= 4


def test_who_has_news_is_one_question_and_agrees_with_gathering_M9(team: Team) -> None:
    quiet, busy, told = make_client(), make_client(), make_client()
    small(busy)
    done = small(told, status=Status.RESOLVED)
    row = done.affected.get(client=told)
    row.resolution_told_at, row.resolution_told_via = FRIDAY - WEEK - DAY, ToldVia.MAIL
    row.save()
    clients = [quiet, busy, told]
    with CaptureQueriesContext(connection) as queries:
        found = with_news([client.pk for client in clients], now=FRIDAY)
    assert len(queries) == 1
    assert found == {client.pk for client in clients if lines(client)}
    assert found == {busy.pk, told.pk}


# Sending ----------------------


@pytest.mark.django_db(transaction=True)
def test_it_is_delivered_told_and_counts_for_the_resolution_W7_M9(
    team: Team, smtp_server: SmtpServer
) -> None:
    client = make_client()
    still = small(client)
    done = small(client, status=Status.MONITORING, level=3, at=NOW - 2 * DAY)
    workflow.resolve_incident(done, by=rick(team), now=NOW)
    write_due_digests(now=FRIDAY - H)
    send_digest(client, by=rick(team), now=FRIDAY - MIN)
    deliver_due(now=FRIDAY)
    mail = next(m for m in smtp_server.mails if m.recipients == [client.contact_email])
    assert mail.message["Subject"] == "[LeadsPanther] Your Scheduled Update"
    digest = ClientDigest.objects.get()
    assert (digest.state, digest.delivered_at) == (DigestState.SENT, FRIDAY)
    row = done.affected.get()
    assert (row.resolution_told_at, row.resolution_told_via) == (FRIDAY, ToldVia.DIGEST)
    assert row.told_at is None, "an update is no notification (C3)"
    open_row = still.affected.get()
    assert (open_row.told_at, open_row.resolution_told_at) == (None, None)
    for incident in (still, done):
        entry = incident.timeline.get(text__startswith="Scheduled update delivered to")
        assert entry.message == digest.message
    assert set(digest.items.values_list("incident__ref", "part")) == {
        (still.ref, DigestPart.OPENED),
        (done.ref, DigestPart.RESOLVED),
    }
    assert list(lines(client, now=FRIDAY + DAY).values()) == [
        (
            DigestPart.OPEN,
            "Your weekly report: we are still working on the issue of Tuesday 10 March.",
        )
    ]


def test_resolve_does_not_wait_for_the_update_W7(team: Team) -> None:
    client = make_client()
    incident = small(client, status=Status.MONITORING, at=NOW - 2 * DAY)
    workflow.resolve_incident(incident, by=rick(team), now=NOW)
    assert incident.status == Status.RESOLVED
    assert lines(client)[incident.ref][0] == DigestPart.RESOLVED


def test_a_delivered_update_keeps_an_open_promise_M6_M9(team: Team) -> None:
    client = make_client()
    incident, other = small(client), make_incident(level=1, status=Status.TRIAGED)
    make_affected(other, client)
    promise = make_deadline(incident, client=client, due_at=FRIDAY + H)
    elsewhere = make_deadline(other, client=client, due_at=FRIDAY + H)
    arrive(send_digest(client, by=rick(team), now=FRIDAY), at=FRIDAY + MIN)
    promise.refresh_from_db()
    elsewhere.refresh_from_db()
    assert (promise.stopped_at, promise.breached_at) == (FRIDAY + MIN, None)
    assert elsewhere.stopped_at is None, "the update says nothing of that incident"
    assert not incident.deadlines.running().filter(kind=DeadlineKind.PROMISE).exists()


def test_sending_can_be_undone_for_ten_seconds_M3_M9(team: Team) -> None:
    client = make_client()
    small(client)
    digest = send_digest(client, by=rick(team), now=FRIDAY)
    assert digest.message is not None
    assert digest.message.next_attempt_at == FRIDAY + dt.timedelta(seconds=10)
    undo_digest(client, by=rick(team), now=FRIDAY)
    digest.refresh_from_db()
    assert digest.is_prepared
    assert digest.message_id is None
    assert Message.objects.get(recipient=client.contact_email).state == MessageState.CANCELLED
    arrive(send_digest(client, by=rick(team), now=FRIDAY + MIN), at=FRIDAY + 2 * MIN)
    with pytest.raises(WorkflowError, match="cannot be taken back"):
        undo_digest(client, by=rick(team), now=FRIDAY + 3 * MIN)


def test_an_automatic_one_that_was_taken_back_waits_for_the_person_M3_M9(team: Team) -> None:
    client = make_client(digest_is_automatic=True)
    small(client)
    write_due_digests(now=FRIDAY)
    undo_digest(client, by=rick(team), now=FRIDAY)
    assert write_due_digests(now=FRIDAY + MIN).sent == 0
    assert digest_duties(team.revenue.user, now=FRIDAY)[0].note == "Rick took it back."


def test_it_is_sent_once_a_week_M9(team: Team) -> None:
    client = make_client()
    small(client)
    send_digest(client, by=rick(team), now=FRIDAY - H)
    write_due_digests(now=FRIDAY)
    mails = Message.objects.filter(recipient=client.contact_email)
    assert mails.count() == 1
    send_digest(client, by=rick(team), now=FRIDAY + H)
    assert set(ClientDigest.objects.values_list("period", flat=True)) == {MONDAY, MONDAY + WEEK}


def test_nothing_to_say_or_no_contact_refuses_M7_M9(team: Team) -> None:
    client = make_client(contact_email="")
    with pytest.raises(WorkflowError) as refused:
        send_digest(client, by=rick(team), now=FRIDAY)
    assert [item.client for item in refused.value.missing] == ["", client.slug]
    small(client)
    with pytest.raises(WorkflowError) as refused:
        send_digest(client, by=rick(team), now=FRIDAY)
    assert [item.client for item in refused.value.missing] == [client.slug]
    write_due_digests(now=FRIDAY)
    assert digest_duties(team.revenue.user, now=FRIDAY)[0].action == "Add a contact"


def test_updates_are_revenues_A1_M9(team: Team) -> None:
    client = make_client()
    small(client)
    for role in (Role.DELIVERY, Role.LEGAL):
        with pytest.raises(NotAllowedError):
            send_digest(client, by=team.actor(role), now=FRIDAY)
        with pytest.raises(NotAllowedError):
            edit_digest(client, {"intro": "x"}, by=team.actor(role), now=FRIDAY)
    assert send_digest(client, by=team.actor(Role.ORCHESTRATOR), now=FRIDAY).message


def test_leaving_it_out_needs_a_reason_and_loses_nothing_M9(team: Team) -> None:
    client = make_client()
    incident = small(client)
    write_due_digests(now=FRIDAY - H)
    with pytest.raises(WorkflowError, match="reason"):
        skip_digest(client, reason=" ", by=rick(team), now=FRIDAY)
    digest = skip_digest(client, reason="Told by phone", by=rick(team), now=FRIDAY)
    assert (digest.state, digest.skipped_by) == (DigestState.SKIPPED, "Rick")
    assert write_due_digests(now=FRIDAY + MIN).prepared == 0
    assert incident.ref in lines(client, now=FRIDAY + DAY)


def test_one_that_did_not_arrive_is_told_and_its_items_stay_M9(team: Team) -> None:
    client = make_client()
    incident = small(client)
    digest = send_digest(client, by=rick(team), now=FRIDAY)
    arrive(digest, at=FRIDAY, state=MessageState.DEAD)
    assert Message.objects.filter(subject__endswith="failed for good").exists()
    (duty,) = digest_duties(team.revenue.user, now=FRIDAY)
    assert duty.action == "Settle"
    assert lines(client, now=FRIDAY + DAY)[incident.ref][0] == DigestPart.OPENED
    arrive(digest, at=FRIDAY + H)
    assert digest_duties(team.revenue.user, now=FRIDAY) == []
    assert lines(client, now=FRIDAY + DAY)[incident.ref][0] == DigestPart.OPEN


# The words ----------------------


def test_a_changed_line_is_kept_and_the_others_follow_their_incidents_M9(team: Team) -> None:
    client = make_client()
    first, second = small(client), small(client, plain_name="your dashboard")
    edit_digest(
        client,
        {"intro": "A quiet week.", f"line_{first.pk}": "Your report:\n late figures."},
        by=rick(team),
        now=FRIDAY - H,
    )
    workflow.verify_fix(
        make_fixed(second), end_to_end="a", failure_test="b", by=team.actor(Role.DELIVERY), now=NOW
    )
    found = lines(client)
    assert found[first.ref][1] == "Your report: late figures."
    assert "is in place, and we are watching it" in found[second.ref][1]
    mail = render_digest(*both(client))
    assert "A quiet week.\n\nNew since your last update:\n- Your report: late" in mail.text
    edit_digest(client, {f"line_{first.pk}": ""}, by=rick(team), now=FRIDAY)
    assert lines(client)[first.ref][1].startswith("Your weekly report: we noticed")


def make_fixed(incident: Incident) -> Incident:
    make_fix(incident)
    return incident


def test_an_older_text_never_overwrites_a_newer_one_M9(team: Team) -> None:
    client = make_client()
    small(client)
    first = edit_digest(client, {"intro": "One"}, by=rick(team), now=FRIDAY)
    edit_digest(client, {"intro": "Two"}, by=rick(team), now=FRIDAY, version=first.version)
    with pytest.raises(ConflictError):
        edit_digest(client, {"intro": "Old"}, by=rick(team), now=FRIDAY, version=first.version)
    with pytest.raises(ConflictError):
        send_digest(client, by=rick(team), now=FRIDAY, version=first.version)


@pytest.mark.parametrize("field", ["intro", "line"])
def test_blame_blocks_until_it_is_overridden_by_name_and_reason_M4_M5_M9(
    team: Team, field: str
) -> None:
    client = make_client()
    incident = small(client)
    name = "intro" if field == "intro" else f"line_{incident.pk}"
    edit_digest(client, {name: "HubSpot broke."}, by=rick(team), now=FRIDAY)
    with pytest.raises(WorkflowError) as refused:
        send_digest(client, by=rick(team), now=FRIDAY)
    assert "Blame" in refused.value.missing[0].text
    with pytest.raises(WorkflowError, match="reason"):
        override_digest(client, reason=" ", by=rick(team), now=FRIDAY)
    override_digest(client, reason="They asked", by=rick(team), now=FRIDAY)
    digest = send_digest(client, by=rick(team), now=FRIDAY)
    assert (digest.override_reason, digest.overridden_by) == ("They asked", team.revenue.user)


def test_an_override_covers_the_same_words_only_M5_M9(team: Team) -> None:
    client = make_client()
    small(client)
    edit_digest(client, {"intro": "HubSpot broke."}, by=rick(team), now=FRIDAY)
    override_digest(client, reason="They asked", by=rick(team), now=FRIDAY)
    edit_digest(client, {"intro": "HubSpot broke. HubSpot is down."}, by=rick(team), now=FRIDAY)
    digest, items = both(client)
    left = blocking_of(digest, check_digest(digest, items))
    assert [one.finding.text for one in left] == ["HubSpot is down."]


def test_a_promise_is_never_overridden_in_an_update_M5_M9(team: Team) -> None:
    client = make_client()
    small(client)
    edit_digest(client, {"intro": "It will be fixed by 5pm."}, by=rick(team), now=FRIDAY)
    with pytest.raises(WorkflowError, match="becomes a deadline"):
        override_digest(client, reason="Certain", by=rick(team), now=FRIDAY)
    with pytest.raises(WorkflowError, match="wording"):
        send_digest(client, by=rick(team), now=FRIDAY)


# Automatic clients ----------------------


def test_an_automatic_one_leaves_by_itself_at_its_hour_M9(team: Team) -> None:
    client = make_client(digest_is_automatic=True)
    small(client)
    assert write_due_digests(now=FRIDAY - H).prepared == 1
    assert digest_duties(team.revenue.user, now=FRIDAY - H) == []
    assert write_due_digests(now=FRIDAY - MIN).sent == 0
    assert write_due_digests(now=FRIDAY).sent == 1
    assert write_due_digests(now=FRIDAY + MIN).sent == 0
    digest = ClientDigest.objects.get()
    assert (digest.state, digest.sent_by) == (DigestState.SENT, "System")
    assert not Message.objects.filter(recipient=team.revenue.email).exists()


def test_an_automatic_one_with_a_finding_falls_back_to_a_person_M4_M9(team: Team) -> None:
    client = make_client(digest_is_automatic=True, name="Acme")
    small(client)
    write_due_digests(now=FRIDAY - H)
    edit_digest(client, {"intro": "HubSpot broke."}, by=rick(team), now=FRIDAY - MIN)
    for minutes in range(5):
        assert write_due_digests(now=FRIDAY + minutes * MIN).sent == 0
    (told,) = Message.objects.filter(recipient=team.revenue.email)
    assert told.subject == "Scheduled update of Acme: could not leave by itself"
    assert "HubSpot broke" in told.text
    (duty,) = digest_duties(team.revenue.user, now=FRIDAY)
    assert "wording" in duty.note


# The command ----------------------


def run(capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, Any]:
    call_command("send_digest", *args, "--json", now=FRIDAY.isoformat())
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_the_command_previews_sends_and_leaves_out_M9(
    team: Team, capsys: pytest.CaptureFixture[str]
) -> None:
    client, other = make_client(), make_client()
    incident = small(client)
    small(other)
    shown = run(capsys, client.slug, "--preview")
    assert shown["items"][0]["ref"] == incident.ref
    assert "weekly report" in shown["text"]
    assert not ClientDigest.objects.exists()
    sent = run(capsys, client.slug, "--as", "rick", "--intro", "A quiet week.")
    assert (sent["ok"], sent["state"]) == (True, "sent")
    assert "A quiet week." in sent["text"]
    assert ClientDigest.objects.get(client=client).sent_by == "Rick"
    assert run(capsys, other.slug, "--skip", "Told by phone")["state"] == "skipped"


def test_the_command_refuses_with_what_is_missing_M9(
    team: Team, capsys: pytest.CaptureFixture[str]
) -> None:
    client = make_client()
    with pytest.raises(CommandError, match="no client nobody"):
        call_command("send_digest", "nobody")
    with pytest.raises(CommandError, match="Something to say"):
        call_command("send_digest", client.slug, now=FRIDAY.isoformat())
    small(client)
    with pytest.raises(CommandError):
        call_command("send_digest", client.slug, "--json", username="devin", now=str(FRIDAY))
    assert json.loads(capsys.readouterr().out)["ok"] is False
    with pytest.raises(CommandError):
        call_command(
            "send_digest", client.slug, "--intro", "HubSpot broke.", now=FRIDAY.isoformat()
        )
    assert not Message.objects.filter(recipient=client.contact_email).exists()
