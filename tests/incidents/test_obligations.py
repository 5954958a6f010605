"""“Mine now”: one row for each thing a person owes, each with its one action."""

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents.actors import Actor
from incidents.correspondence import start_draft
from incidents.enums import (
    DeadlineKind,
    HubSpotState,
    MailKind,
    Owner,
    Rank,
    Role,
    Source,
    Status,
    ToldVia,
)
from incidents.models import EscalationNotice, Incident, Responder
from incidents.obligations import Obligation, obligations_of
from incidents.workflow import Triage, open_incident, triage_incident
from notifications.enums import MessageState
from tests.factories import (
    NOW,
    Team,
    make_affected,
    make_client,
    make_client_mail,
    make_deadline,
    make_draft,
    make_escalation,
    make_fix,
    make_incident,
    make_message,
    make_premium_client,
    make_responder,
    make_review,
    make_system,
    make_user,
)

pytestmark = pytest.mark.django_db
MINUTE = dt.timedelta(minutes=1)
LATER = NOW + 20 * MINUTE


def owed(by: Actor, *, now: dt.datetime = LATER, everyone: bool = False) -> list[Obligation]:
    return obligations_of(by, now=now, is_everyones=everyone)


def titles(team: Team, role: str, *, now: dt.datetime = LATER) -> list[str]:
    return [row.title for row in owed(team.actor(role), now=now)]


def triaged(team: Team, *, level: int = 1, count: int = 2) -> Incident:
    """Triaged through the workflow: drafts, notices and deadlines as they really are."""
    clients = [make_client(name=f"Client {chr(65 + n)}") for n in range(count)]
    by = team.actor(Role.ORCHESTRATOR)
    system = make_system(clients=clients)
    incident = open_incident(
        title="Sync stopped", source=Source.AGENT, systems=[system], clients=clients, by=by, now=NOW
    ).incident
    decision = Triage(level=level, systems=[system], clients=clients)
    return triage_incident(incident, decision, by=by, now=NOW + 5 * MINUTE)


def test_untriaged_incident_is_the_coordinators(team: Team) -> None:
    make_incident(team=team)
    [row] = owed(team.actor(Role.ORCHESTRATOR))
    assert (row.title, row.action) == ("Triage it", "Triage")
    assert row.deadline is not None
    assert row.url.endswith("/triage/")
    assert titles(team, Role.REVENUE) == []
    assert titles(team, Role.DELIVERY) == []


def test_notices_due_at_once_are_one_row_with_its_draft(team: Team) -> None:
    incident = triaged(team)
    rows = owed(team.actor(Role.REVENUE), now=NOW + 6 * MINUTE)
    assert [row.title for row in rows] == ["Send the notice to Client A and Client B"]
    assert rows[0].action == "Finish and send"
    assert f"/incidents/{incident.ref}/mail/" in rows[0].url
    assert rows[0].deadline is not None
    assert rows[0].deadline.due_at == NOW + 20 * MINUTE


def test_client_without_contact_is_a_task_M7(team: Team) -> None:
    incident = triaged(team, count=1)
    client = incident.clients.get()
    client.contact_email = ""
    client.save()
    rows = owed(team.actor(Role.REVENUE))
    assert rows[0].action == "Add a contact"
    assert rows[0].url.endswith(f"/clients/{client.slug}/edit/")
    assert "no contact" in rows[0].note


def test_resolve_clock_leads_to_the_next_technical_step(team: Team) -> None:
    delivery = team.actor(Role.DELIVERY)
    incident = triaged(team)
    assert [row.title for row in owed(delivery)] == ["Start investigating"]
    Incident.objects.filter(pk=incident.pk).update(status=Status.INVESTIGATING)
    assert [row.action for row in owed(delivery)] == ["Record fix"]
    make_fix(incident)
    assert [row.action for row in owed(delivery)] == ["Verify"]


def test_promise_is_an_update_owed_M6(team: Team) -> None:
    client = make_client(name="Halden")
    incident = make_incident(status=Status.INVESTIGATING, team=team, clients=[client])
    make_deadline(incident, client=client)
    rows = [row for row in owed(team.actor(Role.REVENUE)) if row.verb == "promised"]
    assert [row.title for row in rows] == ["Update Halden"]
    assert f"kind={MailKind.UPDATE}&client={client.slug}" in rows[0].url


def test_window_is_owed_only_once_it_is_over_W7(team: Team) -> None:
    client = make_client()
    incident = make_incident(status=Status.MONITORING, level=1, team=team, clients=[client])
    ends = incident.deadlines.get(kind=DeadlineKind.WINDOW).due_at
    assert titles(team, Role.REVENUE, now=ends - MINUTE) == []
    [row] = owed(team.actor(Role.REVENUE), now=ends + MINUTE)
    assert row.title == "Tell the clients that it is resolved"
    assert row.deadline is None
    incident.affected.update(resolution_told_at=ends, resolution_told_via=ToldVia.MAIL)
    [row] = owed(team.actor(Role.REVENUE), now=ends + MINUTE)
    assert (row.title, row.action) == ("Resolve it", "Resolve")


def test_hubspot_note_by_hand_M10(team: Team) -> None:
    client = make_client(name="Osprey")
    incident = make_incident(status=Status.RESOLVED, team=team, clients=[client])
    incident.affected.update(hubspot_state=HubSpotState.MANUAL)
    [row] = owed(team.actor(Role.REVENUE))
    assert row.title == "Record the HubSpot note for Osprey"
    assert row.url.endswith(f"/hubspot-noted/?client={client.slug}")


def test_close_is_owed_when_nothing_blocks_it_W8(team: Team) -> None:
    client = make_client()
    incident = make_incident(status=Status.RESOLVED, level=3, team=team, clients=[client])
    assert titles(team, Role.ORCHESTRATOR) == []
    incident.affected.update(hubspot_state=HubSpotState.DONE, hubspot_noted_at=NOW)
    assert titles(team, Role.ORCHESTRATOR) == ["Close it: nothing is missing"]


def test_entry_then_postmortem_block_close_S5_S6(team: Team) -> None:
    client = make_premium_client()
    incident = make_incident(status=Status.RESOLVED, level=1, team=team, clients=[client])
    incident.affected.update(hubspot_state=HubSpotState.DONE, hubspot_noted_at=NOW)
    assert titles(team, Role.ORCHESTRATOR) == ["Write the post-incident entry"]
    assert titles(team, Role.REVENUE) == []
    make_review(incident, completed_at=NOW)
    assert "Write the postmortem" in titles(team, Role.REVENUE)
    incident.affected.update(postmortem_told_at=NOW)
    assert "Close it: nothing is missing" in titles(team, Role.ORCHESTRATOR)


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (MessageState.DEAD, "failed"),
        (MessageState.UNCERTAIN, "may not have arrived"),
        (MessageState.HELD, "is held since a restore"),
    ],
)
def test_lost_mail_is_settled_until_the_client_was_told(team: Team, state: str, word: str) -> None:
    incident = make_incident(status=Status.INVESTIGATING, level=3, team=team)
    row = make_affected(incident)
    draft = make_draft(incident, finished_at=NOW)
    make_client_mail(draft, row.client, message=make_message(state=state))
    found = [one for one in owed(team.actor(Role.REVENUE)) if one.action == "Settle"]
    assert [word in one.title for one in found] == [True]
    row.told_at, row.told_via = NOW, ToldVia.PHONE
    row.save()
    assert not [one for one in owed(team.actor(Role.REVENUE)) if one.action == "Settle"]


@pytest.mark.parametrize("state", [MessageState.DISMISSED, MessageState.CANCELLED])
def test_mail_that_was_taken_out_is_owed_anew_N1(team: Team, state: str) -> None:
    incident = make_incident(status=Status.INVESTIGATING, level=1, team=team)
    row = make_affected(incident)
    draft = make_draft(incident, finished_at=NOW)
    make_client_mail(draft, row.client, message=make_message(state=state))
    make_deadline(incident, kind=DeadlineKind.NOTICE, client=row.client)
    actions = [one.action for one in owed(team.actor(Role.REVENUE))]
    assert actions == ["Write the notice"]


def test_draft_without_a_clock_still_waits_to_be_sent_M3(team: Team) -> None:
    client = make_client(name="Halden")
    incident = make_incident(status=Status.INVESTIGATING, level=3, team=team)
    make_affected(incident, client, told_at=NOW, told_via=ToldVia.MAIL)
    start_draft(
        incident, kind=MailKind.UPDATE, clients=[client], by=team.actor(Role.REVENUE), now=NOW
    )
    assert "Send the update to Halden" in titles(team, Role.REVENUE)


def test_founder_is_asked_to_approve_W11(team: Team) -> None:
    incident = make_incident(
        status=Status.TRIAGED, level=1, team=team, is_private=True, is_breach_suspected=True
    )
    make_client_mail(make_draft(incident))
    [row] = owed(team.actor(Role.FOUNDER))
    assert row.action == "Read and approve"
    draft = incident.drafts.get()
    draft.approved_at, draft.approved_by = NOW, team.founder.user
    draft.save()
    assert titles(team, Role.FOUNDER) == []


def test_escalation_is_owed_until_it_was_seen_N3(team: Team) -> None:
    escalation = make_escalation(make_incident(status=Status.TRIAGED, level=1, team=team))
    EscalationNotice.objects.create(
        escalation=escalation, responder=team.founder, message=make_message()
    )
    [row] = owed(team.actor(Role.FOUNDER))
    assert row.action == "Say “seen”"
    assert row.is_immediate
    assert row.url.startswith("/escalations/")
    escalation.acknowledged_at, escalation.acknowledged_by = NOW, "Clayton"
    escalation.save()
    assert titles(team, Role.FOUNDER) == []


def test_backup_stands_in_for_an_owner_who_is_away_A1(team: Team) -> None:
    make_incident(team=team)
    backup = make_responder(Role.ORCHESTRATOR, rank=Rank.BACKUP, user=make_user(Role.ORCHESTRATOR))
    by = Actor("Backup", "human", backup.user, frozenset({Role.ORCHESTRATOR}))
    assert owed(by) == []
    Responder.objects.filter(pk=team.orchestrator.pk).update(away_until=NOW + dt.timedelta(days=1))
    assert [row.title for row in owed(by)] == ["Triage it"]
    assert titles(team, Role.ORCHESTRATOR) == ["Triage it"], "a duty is never nobody's"


def test_rows_come_by_due_time_and_dateless_last(team: Team) -> None:
    client = make_client(name="Halden")
    late = make_incident(status=Status.INVESTIGATING, level=3, team=team, clients=[client])
    make_deadline(late, client=client, due_at=NOW + 5 * dt.timedelta(hours=1))
    make_deadline(
        make_incident(status=Status.INVESTIGATING, level=3, team=team),
        client=make_client(name="Kestrel"),
        due_at=NOW + dt.timedelta(hours=1),
    )
    done = make_incident(status=Status.RESOLVED, team=team, clients=[client])
    done.affected.update(hubspot_state=HubSpotState.MANUAL)
    found = titles(team, Role.REVENUE)
    assert found[:2] == ["Update Kestrel", "Update Halden"]
    assert found[-1] == "Record the HubSpot note for Halden"


def test_everyones_names_whose_it_is_and_hides_what_is_private_W11(team: Team) -> None:
    make_incident(team=team)
    make_incident(team=team, is_private=True)
    outsider = make_user(Role.DELIVERY)
    by = Actor("Outsider", "human", outsider, frozenset({Role.DELIVERY}))
    [row] = owed(by, everyone=True)
    assert (row.holder, row.part) == ("Alfred", Owner.COORDINATOR.label)
    assert len(owed(team.actor(Role.ORCHESTRATOR), everyone=True)) == 2


def test_queries_do_not_grow_with_the_rows(team: Team) -> None:
    by = team.actor(Role.REVENUE)
    counts = []
    for number in (1, 2, 27):
        for _ in range(number):
            client = make_client()
            incident = make_incident(status=Status.TRIAGED, level=1, team=team, clients=[client])
            make_client_mail(make_draft(incident), client)
        with CaptureQueriesContext(connection) as queries:
            assert owed(by)
        counts.append(len(queries))
    assert counts[0] == counts[1] == counts[2] <= 8
