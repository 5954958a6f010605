"""The HubSpot note on each affected client's deal (rules M10, W7)."""

import datetime as dt
from collections.abc import Sequence

from django.conf import settings

from incidents import staff
from incidents.actors import SYSTEM, Actor
from incidents.enums import EntryKind, HubSpotState
from incidents.errors import WorkflowError
from incidents.models import AffectedClient, Client, Incident
from incidents.taking import lock_incident
from incidents.timeline import record
from notifications.enums import HELD_BY_A_SENDER, Channel, MessageState, Urgency
from notifications.handlers import only_for
from notifications.holding import cancel_held, dismiss
from notifications.models import Message
from notifications.outbox import cancel_message, queue_message

#: A note in one of these was never written, and will not be by itself.
_GIVEN_UP = (MessageState.DEAD, MessageState.CANCELLED, MessageState.DISMISSED)


def hubspot_summary(incident: Incident, client: Client, *, now: dt.datetime) -> str:
    """SOP step 6.2: what the note on the client's deal says, written by us or copied by hand."""
    fix = incident.fixes.exclude(cause="").last()
    severity = incident.severity.code if incident.severity else ""
    lines = [
        f"{incident.ref} ({severity}): {incident.title}",
        f"Client: {client}",
        f"Detected: {staff.agency_time(incident.detected_at)}",
        f"Resolved: {staff.agency_time(incident.resolved_at or now)}",
    ]
    if fix:
        lines += [f"What broke: {fix.broke}", f"Cause: {fix.cause}", f"What was done: {fix.done}"]
    return "\n".join(lines)


def prepare_notes(incident: Incident, *, now: dt.datetime) -> None:
    """At Resolve: one note per affected client, queued on its deal where HubSpot is connected
    and the deal is known; otherwise a task by hand (M10)."""
    for row in incident.affected.select_related("client"):
        row.hubspot_note = hubspot_summary(incident, row.client, now=now)
        row.hubspot_message = None
        row.hubspot_state = HubSpotState.MANUAL
        row.save(update_fields=["hubspot_note", "hubspot_message", "hubspot_state"])
        if not queue_note(incident, row, now=now):
            text = f"HubSpot note for {row.client} is due, by hand."
            record(incident, EntryKind.HUBSPOT, text, by=SYSTEM, now=now, client=row.client)


def queue_note(incident: Incident, row: AffectedClient, *, now: dt.datetime) -> bool:
    """Queue a note that is due on its client's deal; false where a person has to write it.

    Once per resolution and deal. Demonstrations never reach HubSpot.
    """
    deal = row.client.hubspot_deal
    if not settings.HUBSPOT_TOKEN or not deal or incident.is_demo:
        return False
    earlier = row.hubspot_message
    if earlier is not None and earlier.state not in _GIVEN_UP:
        return False
    resolved_at = incident.resolved_at or now
    row.hubspot_message = queue_message(
        key=f"{incident.ref}:hubspot:{row.client_id}:{deal}:{resolved_at:%Y%m%dT%H%M%S.%f}",
        channel=Channel.HUBSPOT,
        recipient=deal,
        subject=f"Note on {row.client}'s deal",
        text=row.hubspot_note,
        reference=incident.ref,
        urgency=Urgency.LOW,
        now=now,
    )
    row.hubspot_state = HubSpotState.QUEUED
    row.save(update_fields=["hubspot_message", "hubspot_state"])
    text = f"HubSpot note for {row.client} is queued for deal {deal}."
    record(incident, EntryKind.HUBSPOT, text, by=SYSTEM, now=now, client=row.client)
    return True


def take_back_note(row: AffectedClient, *, by: Actor, now: dt.datetime) -> None:
    """Somebody wrote the note by hand: ours must not follow, not even when it is sent again.

    Raises WorkflowError while it is being written, because then nobody knows yet.
    """
    message = row.hubspot_message
    if message is None:
        return
    message.refresh_from_db(fields=["state"])
    is_leaving = message.state in HELD_BY_A_SENDER
    if message.state == MessageState.PENDING:
        is_leaving = not cancel_message(message, now=now)
    elif message.state == MessageState.HELD:
        cancel_held([message], by=by, now=now)
    elif message.state == MessageState.DEAD:
        dismiss(message, reason="The note was written by hand.", by=by, now=now)
    if is_leaving:
        raise WorkflowError(
            f"The note for {row.client} is being written to HubSpot at this moment. "
            "Look again in a minute."
        )


def _of_notes(ids: Sequence[int]) -> list[int]:
    rows = AffectedClient.objects.order_by().filter(hubspot_message__in=ids)
    return list(rows.values_list("hubspot_message_id", flat=True))


@only_for(_of_notes)
def note_settled(message: Message, *, now: dt.datetime) -> None:
    """Called by the outbox: a note that arrived is done; one that did not is a task by hand, and
    the communications owner reads what HubSpot said."""
    if message.channel != Channel.HUBSPOT:
        return
    row = AffectedClient.objects.filter(hubspot_message=message).select_related("client").first()
    if row is None:
        return
    incident = lock_incident(row.incident, by=SYSTEM)
    row.refresh_from_db(fields=["hubspot_state"])
    if row.hubspot_state == HubSpotState.DONE:
        return
    if message.state == MessageState.SENT:
        row.hubspot_state = HubSpotState.DONE
        row.hubspot_noted_at, row.hubspot_noted_by = message.sent_at, SYSTEM.name
        row.save(update_fields=["hubspot_state", "hubspot_noted_at", "hubspot_noted_by"])
        text = f"HubSpot note for {row.client} is on deal {message.recipient}."
    else:
        row.hubspot_state = HubSpotState.MANUAL
        row.save(update_fields=["hubspot_state"])
        text = f"HubSpot note for {row.client} was not written: {_reason(message)}"
        _tell_owner(incident, row, message, now=now)
    record(
        incident, EntryKind.HUBSPOT, text, by=SYSTEM, now=now, client=row.client, message=message
    )


def _reason(message: Message) -> str:
    if message.state in (MessageState.CANCELLED, MessageState.DISMISSED):
        return "somebody took it back."
    return message.last_error


def _tell_owner(
    incident: Incident, row: AffectedClient, message: Message, *, now: dt.datetime
) -> None:
    if message.state not in (MessageState.DEAD, MessageState.UNCERTAIN):
        return
    staff.tell(
        incident.communications_owner,
        event=f"note-{message.state}:{message.pk}:{message.attempts}",
        subject=f"HubSpot did not take the note for {row.client}: {incident.ref}",
        lines=[
            f"It says: {message.last_error}",
            "Mend that and send it again from the outbox, or write the note by hand and tick it.",
        ],
        now=now,
        incident=incident,
    )
