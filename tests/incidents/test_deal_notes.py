"""The HubSpot note on each affected client's deal, from Resolve to Closed (rules M10, W7)."""

import datetime as dt

import pytest

from incidents import correspondence, workflow
from incidents.blockers import blocking_close
from incidents.enums import EntryKind, HubSpotState, Role, Status, ToldVia
from incidents.errors import WorkflowError
from incidents.models import AffectedClient, Client, Incident
from notifications.delivery import deliver_due
from notifications.enums import Channel, MessageState
from notifications.models import Message
from notifications.outbox import resend_dead
from tests.factories import (
    NOW,
    Team,
    make_affected,
    make_client,
    make_fix,
    make_incident,
)
from tests.notifications.hubspot_server import HubSpotServer, refusal
from tests.notifications.json_server import Reply, next_try

pytestmark = pytest.mark.django_db


def resolved(team: Team, *clients: Client, **fields: object) -> Incident:
    """An incident that was resolved just now by revenue."""
    incident = make_incident(
        status=Status.MONITORING,
        team=team,
        clients=clients,
        detected_at=NOW - dt.timedelta(days=3),
        **fields,
    )
    incident.affected.update(resolution_told_at=NOW, resolution_told_via=ToldVia.MAIL)
    make_fix(incident)
    return workflow.resolve_incident(incident, by=team.actor(Role.REVENUE), now=NOW)


def note_of(incident: Incident, client: Client) -> AffectedClient:
    return incident.affected.select_related("hubspot_message").get(client=client)


def test_resolve_queues_one_note_per_client_with_a_deal_M10(
    team: Team, hubspot_server: HubSpotServer
) -> None:
    one, two = make_client(hubspot_deal="9001"), make_client(hubspot_deal="9002")
    without = make_client()
    incident = resolved(team, one, two, without)
    states = {row.client: row.hubspot_state for row in incident.affected.all()}
    assert states == {
        one: HubSpotState.QUEUED, two: HubSpotState.QUEUED, without: HubSpotState.MANUAL
    }  # fmt: skip
    deliver_due(now=NOW)
    assert sorted(note.deal for note in hubspot_server.notes) == ["9001", "9002"]
    assert incident.ref in hubspot_server.notes_on("9001")[0].body
    assert str(one) in hubspot_server.notes_on("9001")[0].body
    row = note_of(incident, one)
    assert (row.hubspot_state, row.hubspot_noted_at) == (HubSpotState.DONE, NOW)
    missing = [item.text for item in blocking_close(incident)]
    assert missing == [f"The HubSpot note for {without}"]


def test_closed_waits_for_the_note_that_is_on_its_way_W7(
    team: Team, hubspot_server: HubSpotServer
) -> None:
    client = make_client(hubspot_deal="9001")
    incident = resolved(team, client)
    with pytest.raises(WorkflowError) as refused:
        workflow.close_incident(incident, by=team.actor(Role.ORCHESTRATOR), now=NOW)
    assert [item.text for item in refused.value.missing] == [
        f"The HubSpot note for {client} (on its way)"
    ]
    deliver_due(now=NOW)
    workflow.close_incident(incident, by=team.actor(Role.ORCHESTRATOR), now=NOW)
    assert incident.status == Status.CLOSED


def test_without_a_token_the_note_is_by_hand_M10(team: Team) -> None:
    client = make_client(hubspot_deal="9001")
    incident = resolved(team, client)
    assert note_of(incident, client).hubspot_state == HubSpotState.MANUAL
    assert not Message.objects.filter(channel=Channel.HUBSPOT).exists()


def test_demonstrations_write_nothing_to_hubspot_M10(
    team: Team, hubspot_server: HubSpotServer
) -> None:
    client = make_client(hubspot_deal="9001", is_demo=True)
    incident = resolved(team, client, is_demo=True)
    deliver_due(now=NOW)
    assert note_of(incident, client).hubspot_state == HubSpotState.MANUAL
    assert hubspot_server.asked == []


def test_what_hubspot_refused_is_told_to_revenue_and_is_by_hand_M10(
    team: Team, hubspot_server: HubSpotServer
) -> None:
    client = make_client(hubspot_deal="9001")
    incident = resolved(team, client)
    hubspot_server.next(
        refusal(400, "Not valid", errors=[{"message": "A note needs the field “Region”."}])
    )
    deliver_due(now=NOW)
    row = note_of(incident, client)
    assert row.hubspot_state == HubSpotState.MANUAL
    told = Message.objects.get(recipient=team.revenue.email, subject__contains="HubSpot")
    assert "A note needs the field “Region”" in told.text
    entry = incident.timeline.filter(kind=EntryKind.HUBSPOT).last()
    assert entry
    assert "A note needs the field “Region”" in entry.text
    # Mended, and sent again from the outbox.
    assert row.hubspot_message
    resend_dead(row.hubspot_message, by="Rick", now=NOW)
    deliver_due(now=NOW)
    assert note_of(incident, client).hubspot_state == HubSpotState.DONE
    assert len(hubspot_server.notes) == 1


def test_ticking_by_hand_takes_the_queued_note_back_M10(
    team: Team, hubspot_server: HubSpotServer
) -> None:
    client = make_client(hubspot_deal="9001")
    incident = resolved(team, client)
    hubspot_server.next(Reply(503, "closed"))
    deliver_due(now=NOW)
    row = correspondence.note_in_hubspot(
        incident, client=client, by=team.actor(Role.REVENUE), now=NOW
    )
    assert row.hubspot_noted_by == "Rick"
    message = note_of(incident, client).hubspot_message
    assert message
    assert message.state == MessageState.CANCELLED
    deliver_due(now=next_try(message))
    assert hubspot_server.notes == []
    assert note_of(incident, client).hubspot_state == HubSpotState.DONE


@pytest.mark.parametrize(
    ("state", "afterwards"),
    [
        (MessageState.DEAD, MessageState.DISMISSED),
        (MessageState.HELD, MessageState.CANCELLED),
        (MessageState.SENDING, None),
    ],
)
def test_ticking_by_hand_leaves_nothing_that_could_be_sent_again_M10(
    team: Team, hubspot_server: HubSpotServer, state: str, afterwards: str | None
) -> None:
    client = make_client(hubspot_deal="9001")
    incident = resolved(team, client)
    message = note_of(incident, client).hubspot_message
    assert message
    if state == MessageState.SENDING:
        message.lease_token, message.lease_expires_at, message.sending_since = "x", NOW, NOW
    message.state = state
    message.save()
    rick = team.actor(Role.REVENUE)
    if afterwards is None:
        with pytest.raises(WorkflowError, match="at this moment"):
            correspondence.note_in_hubspot(incident, client=client, by=rick, now=NOW)
        assert note_of(incident, client).hubspot_state == HubSpotState.QUEUED
        return
    correspondence.note_in_hubspot(incident, client=client, by=rick, now=NOW)
    message.refresh_from_db()
    assert message.state == afterwards
    assert note_of(incident, client).hubspot_noted_by == "Rick"


def test_note_cancelled_in_the_outbox_is_by_hand_again_M10(
    team: Team, hubspot_server: HubSpotServer
) -> None:
    client = make_client(hubspot_deal="9001")
    incident = resolved(team, client)
    message = note_of(incident, client).hubspot_message
    assert message
    message.state = MessageState.CANCELLED
    message.save()
    correspondence.note_settled(message, now=NOW)
    assert note_of(incident, client).hubspot_state == HubSpotState.MANUAL


def test_note_of_another_channel_is_none_of_ours(team: Team) -> None:
    row = make_affected(hubspot_state=HubSpotState.QUEUED)
    message = Message(channel=Channel.EMAIL, state=MessageState.SENT)
    correspondence.note_settled(message, now=NOW)
    row.refresh_from_db()
    assert row.hubspot_state == HubSpotState.QUEUED
