"""Promised updates: reminded of, kept or late by the time of delivery, and scored (rule M6)."""

import datetime as dt
import json

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from incidents import correspondence, workflow
from incidents.enums import DeadlineKind, EntryKind, MailKind, Role, Source, Status, ToldVia
from incidents.models import AffectedClient, Client, Deadline, Incident
from incidents.promises import score_of
from incidents.sweeping import sweep
from incidents.workflow import Triage
from notifications.enums import AttemptOutcome, MessageState
from notifications.models import DeliveryAttempt, Message
from notifications.outbox import settle_uncertain
from tests.factories import (
    NOW,
    Team,
    make_client,
    make_deadline,
    make_incident,
    make_system,
)

MIN = dt.timedelta(minutes=1)
H = dt.timedelta(hours=1)
pytestmark = pytest.mark.django_db


def told(team: Team, client: Client, *, level: int = 1, at: dt.datetime = NOW) -> Incident:
    """An incident whose client was notified at that time, with the next update in its cadence."""
    boss, rick = team.actor(Role.ORCHESTRATOR), team.actor(Role.REVENUE)
    incident = workflow.open_incident(
        title="Sync broken", source=Source.MONITORING, by=boss, now=at
    ).incident
    decision = Triage(level=level, systems=[make_system()], clients=[client])
    workflow.triage_incident(incident, decision, by=boss, now=at)
    draft = incident.drafts.filter(kind=MailKind.NOTIFICATION).first()
    if draft is None:
        draft = correspondence.start_draft(
            incident, kind=MailKind.NOTIFICATION, clients=[client], by=rick, now=at
        )
    correspondence.edit_draft(
        draft, {"what_happening": "New contacts are not arriving."}, by=rick, now=at
    )
    arrive(mail_of(draft, team, now=at), at=at)
    return incident


def mail_of(draft: object, team: Team, *, now: dt.datetime) -> Message:
    sent = correspondence.send_draft(draft, by=team.actor(Role.REVENUE), now=now)  # type: ignore[arg-type]
    message = sent.mails[0].message
    assert message is not None
    return message


def update(incident: Incident, team: Team, *, now: dt.datetime) -> Message:
    rick = team.actor(Role.REVENUE)
    draft = correspondence.start_draft(
        incident, kind=MailKind.UPDATE, clients=list(incident.clients.all()), by=rick, now=now
    )
    correspondence.edit_draft(draft, {"update_text": "We are testing it."}, by=rick, now=now)
    return mail_of(draft, team, now=now)


def arrive(message: Message, *, at: dt.datetime, now: dt.datetime | None = None) -> None:
    message.state, message.sent_at = MessageState.SENT, at
    message.save()
    correspondence.message_settled(message, now=now or at)


def promises(incident: Incident) -> list[Deadline]:
    return list(incident.deadlines.filter(kind=DeadlineKind.PROMISE).order_by("id"))


@pytest.mark.parametrize(("after", "percent"), [(30 * MIN, 50), (48 * MIN, 80)])
def test_half_and_four_fifths_remind_the_communications_owner_M6_C8(
    team: Team, after: dt.timedelta, percent: int
) -> None:
    incident = told(team, make_client(name="Acme"))
    sweep(now=NOW + after - dt.timedelta(seconds=1))
    sweep(now=NOW + after)
    warned = Message.objects.filter(
        subject__startswith=f"{percent}% used: Promised update (Acme)", reference=incident.ref
    )
    assert [message.recipient for message in warned] == [team.revenue.email]


def test_a_mail_that_left_in_time_but_arrived_late_is_late_M6(team: Team) -> None:
    incident = told(team, make_client())
    message = update(incident, team, now=NOW + 55 * MIN)
    arrive(message, at=NOW + 61 * MIN)
    first = promises(incident)[0]
    assert (first.due_at, first.stopped_at) == (NOW + 60 * MIN, NOW + 61 * MIN)
    assert first.breached_at == NOW + 60 * MIN


def test_a_delivery_that_is_known_late_but_was_in_time_counts_as_kept_M6(team: Team) -> None:
    """The sweep may be faster than the record of a delivery in the last second."""
    client = make_client()
    incident = told(team, client)
    message = update(incident, team, now=NOW + 55 * MIN)
    sweep(now=NOW + 60 * MIN)
    assert promises(incident)[0].breached_at
    arrive(message, at=NOW + 59 * MIN, now=NOW + 62 * MIN)
    first = promises(incident)[0]
    assert (first.stopped_at, first.breached_at) == (NOW + 59 * MIN, None)
    entry = incident.timeline.get(kind=EntryKind.PROMISE)
    assert "counts as kept" in entry.text
    assert incident.timeline.filter(kind=EntryKind.BREACH, client=client).exists()
    score = score_of(client, incidents=Incident.objects.all())
    assert (score.kept, score.late, score.percent) == (1, 0, 100)


def test_an_uncertain_mail_that_did_arrive_is_judged_by_when_it_was_handed_over_M6(
    team: Team,
) -> None:
    incident = told(team, make_client())
    message = update(incident, team, now=NOW + 50 * MIN)
    handed_over = NOW + 51 * MIN
    DeliveryAttempt.objects.create(
        message=message, number=1, started_at=handed_over, outcome=AttemptOutcome.UNCERTAIN
    )
    Message.objects.filter(pk=message.pk).update(state=MessageState.UNCERTAIN)
    message.refresh_from_db()
    correspondence.message_settled(message, now=NOW + 55 * MIN)
    sweep(now=NOW + 2 * H)
    assert settle_uncertain(message, arrived=True, by="Rick", now=NOW + 3 * H)
    first, second = promises(incident)
    assert (first.stopped_at, first.breached_at) == (handed_over, None)
    assert second.due_at == NOW + 50 * MIN + H


def test_an_older_mail_that_is_settled_later_keeps_no_newer_promise_M6(team: Team) -> None:
    incident = told(team, make_client())
    lost = update(incident, team, now=NOW + 10 * MIN)
    arrive(update(incident, team, now=NOW + 40 * MIN), at=NOW + 41 * MIN)
    arrive(lost, at=NOW + 11 * MIN, now=NOW + 90 * MIN)
    first, second = promises(incident)
    assert first.stopped_at == NOW + 41 * MIN
    assert (second.due_at, second.stopped_at) == (NOW + 100 * MIN, None)


@pytest.mark.parametrize("kind", [MailKind.UPDATE, MailKind.QUESTIONS, MailKind.RESOLVED])
def test_any_later_mail_keeps_the_promise_M6(team: Team, kind: str) -> None:
    incident = told(team, make_client())
    rick = team.actor(Role.REVENUE)
    Incident.objects.filter(pk=incident.pk).update(
        status=Status.MONITORING, verified_at=NOW - 2 * H, acknowledged_at=NOW
    )
    incident.refresh_from_db()
    at = NOW + 50 * MIN
    draft = correspondence.start_draft(
        incident, kind=kind, clients=list(incident.clients.all()), by=rick, now=at
    )
    texts = {
        "update_text": "It is tested.",
        "questions": "When did it stop?",
        "what_happened": "It was paused.",
        "what_did": "We renewed a key.",
    }
    correspondence.edit_draft(draft, texts, by=rick, now=at)
    arrive(mail_of(draft, team, now=at), at=at)
    first = promises(incident)[0]
    assert (first.stopped_at, first.breached_at) == (at, None)


def test_a_call_keeps_the_promise_too_M6_M11(team: Team) -> None:
    client = make_client()
    incident = told(team, client)
    correspondence.tell_another_way(
        incident, client=client, about=MailKind.UPDATE, via=ToldVia.PHONE, said="Still at it.",
        at=NOW + 58 * MIN, by=team.actor(Role.REVENUE), now=NOW + 65 * MIN,
    )  # fmt: skip
    (promise,) = promises(incident)
    assert (promise.stopped_at, promise.breached_at) == (NOW + 58 * MIN, None)


def test_one_client_keeps_nothing_for_another_M6(team: Team) -> None:
    first, second = make_client(), make_client()
    incident = told(team, first)
    AffectedClient.objects.create(
        incident=incident, client=second, added_at=NOW, told_at=NOW, told_via=ToldVia.MAIL
    )
    theirs = make_deadline(incident, client=second, due_at=NOW + H)
    rick = team.actor(Role.REVENUE)
    draft = correspondence.start_draft(
        incident, kind=MailKind.UPDATE, clients=[first], by=rick, now=NOW + 5 * MIN
    )
    correspondence.edit_draft(draft, {"update_text": "We are testing."}, by=rick, now=NOW + 5 * MIN)
    arrive(mail_of(draft, team, now=NOW + 5 * MIN), at=NOW + 6 * MIN)
    theirs.refresh_from_db()
    assert theirs.stopped_at is None


# The score ----------------------


def scored(client: Client, *, kept: int, late: int) -> None:
    for number in range(kept + late):
        incident = make_incident(clients=[client], status=Status.TRIAGED)
        is_late = number >= kept
        make_deadline(
            incident,
            client=client,
            due_at=NOW + H,
            stopped_at=NOW + (2 * H if is_late else 30 * MIN),
            breached_at=NOW + H if is_late else None,
        )


def test_the_score_is_on_the_list_and_on_the_clients_page_M6(team: Team) -> None:
    client = make_client(name="Acme")
    make_client(name="Never promised")
    scored(client, kept=2, late=1)
    browser = Browser()
    browser.force_login(team.revenue.user)  # type: ignore[arg-type]
    listed = browser.get("/clients/").text
    assert listed.count("66 % in time") == 1
    assert listed.count("none due yet") == 1
    page = browser.get(client.get_absolute_url()).text
    assert "2 kept, 1 late" in page
    assert "66 %" in page


def test_the_list_costs_the_same_for_many_clients_M6(team: Team) -> None:
    browser = Browser()
    browser.force_login(team.revenue.user)  # type: ignore[arg-type]
    browser.get("/clients/")
    counts = []
    for number in (1, 5):
        for _ in range(number):
            scored(make_client(), kept=1, late=1)
        with CaptureQueriesContext(connection) as queries:
            browser.get("/clients/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_show_gives_the_score_of_each_client_M6(
    team: Team, capsys: pytest.CaptureFixture[str]
) -> None:
    client = make_client()
    incident = told(team, client)
    arrive(update(incident, team, now=NOW + 50 * MIN), at=NOW + 50 * MIN)
    sweep(now=NOW + 5 * H)
    call_command("show", incident.ref, "--json", now=(NOW + 5 * H).isoformat())
    (shown,) = json.loads(capsys.readouterr().out)["clients"]
    assert shown["promises"] == {"kept": 1, "late": 1, "percent": 50}


def test_updates_due_on_home_count_promises_M6(team: Team) -> None:
    now = dt.datetime.now(dt.UTC)
    client = make_client()
    incident = make_incident(clients=[client], status=Status.TRIAGED, level=1, team=team)
    make_deadline(incident, client=client, started_at=now - H, due_at=now - MIN)
    browser = Browser()
    browser.force_login(team.revenue.user)  # type: ignore[arg-type]
    assert "<b>1</b> update due today" in browser.get("/").text
