"""Telling a client without a mail, and the HubSpot note by hand (rules M10, M11)."""

import datetime as dt

from incidents import staff
from incidents.actors import Actor
from incidents.correspondence.deal_notes import take_back_note
from incidents.correspondence.settling import mark_told
from incidents.enums import EntryKind, HubSpotState, MailKind, ToldVia
from incidents.errors import Missing, WorkflowError
from incidents.models import AffectedClient, Client, Incident
from incidents.taking import require, take_step
from incidents.timeline import record
from incidents.transitions import Step


def tell_another_way(
    incident: Incident,
    *,
    client: Client,
    about: str,
    via: str,
    said: str,
    by: Actor,
    now: dt.datetime,
    who: str = "",
    at: dt.datetime | None = None,
    next_update_at: dt.datetime | None = None,
) -> AffectedClient:
    """M11: by phone, chat or in person; satisfies acknowledgement and resolution for this client,
    and is reported apart. Only the postmortem of a Premium client must be delivered as a mail.
    """
    at = at or now
    with take_step(incident, Step.TOLD, by=by, now=now) as taken:
        row = taken.incident.affected.select_related("client").filter(client=client).first()
        if row is None:
            raise WorkflowError(f"{client} is not affected by {taken.incident.ref}.")
        if via not in (ToldVia.PHONE, ToldVia.CHAT, ToldVia.IN_PERSON):
            raise WorkflowError("Say how: by phone, chat or in person.")
        if about not in (MailKind.NOTIFICATION, MailKind.UPDATE, MailKind.RESOLVED):
            raise WorkflowError("Say what of: the notification, an update or the resolution.")
        if at > now or at < taken.incident.detected_at:
            raise WorkflowError("The time must lie between the detection and now.")
        if next_update_at is not None and next_update_at <= now:
            raise WorkflowError("The next update must lie in the future.")
        if about == MailKind.RESOLVED and taken.incident.verified_at is None:
            raise WorkflowError(
                "The end is only told once the fix is verified.",
                [Missing("The verified fix", step=Step.VERIFY)],
            )
        way = ToldVia(via).label.lower()
        whom = f"{who.strip()} of {client}" if who.strip() else str(client)
        text = f"{MailKind(about).label} told to {whom} by {way}: {require(said, 'What was said')}"
        if next_update_at:
            text += f" Next update promised for {staff.agency_time(next_update_at)}."
        record(
            taken.incident,
            EntryKind.TOLD,
            text,
            by=taken.by,
            now=now,
            at=at,
            client=client,
            data={"via": via, "about": about},
        )
        mark_told(
            taken.incident,
            row,
            kind=about,
            via=via,
            at=at,
            now=now,
            next_update_at=next_update_at,
        )
    row.refresh_from_db()
    return row


def note_in_hubspot(
    incident: Incident, *, client: Client, by: Actor, now: dt.datetime
) -> AffectedClient:
    """M10: the manual task, ticked with a name, counts as the note; a queued one is taken back."""
    with take_step(incident, Step.HUBSPOT_NOTED, by=by, now=now) as taken:
        rows = taken.incident.affected.select_related("client", "hubspot_message")
        row = rows.filter(client=client).first()
        if row is None:
            raise WorkflowError(f"{client} is not affected by {taken.incident.ref}.")
        if row.hubspot_state == HubSpotState.DONE:
            raise WorkflowError(f"The note for {client} was ticked by {row.hubspot_noted_by}.")
        row.hubspot_state = HubSpotState.DONE
        row.hubspot_noted_at, row.hubspot_noted_by = now, taken.by.name
        row.save()
        take_back_note(row, by=taken.by, now=now)
        record(
            taken.incident,
            EntryKind.HUBSPOT,
            f"HubSpot note for {client} written by hand.",
            by=taken.by,
            now=now,
            client=client,
        )
    return row
