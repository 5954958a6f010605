"""The HubSpot deal of a client: found, chosen by a person, and its waiting notes (rule M10)."""

import datetime as dt

from django.conf import settings
from django.db import transaction

from incidents.actors import SYSTEM, Actor
from incidents.correspondence import queue_note
from incidents.enums import HubSpotState, Status
from incidents.errors import WorkflowError
from incidents.models import AffectedClient, Client
from incidents.records import Kind, check_editor, check_fresh
from incidents.taking import lock_incident
from notifications.channels.hubspot_deals import Deal, DealSearchError, find_deals

#: Somebody waits for the page.
SEARCH_SECONDS = 8.0


def deals_of(client: Client) -> list[Deal]:
    """What HubSpot knows under the client's name and its contact's address.

    Raises WorkflowError where HubSpot is not connected or does not answer.
    """
    if not settings.HUBSPOT_TOKEN:
        raise WorkflowError("HubSpot is not connected: HUBSPOT_TOKEN is not set.")
    try:
        return find_deals(name=client.name, email=client.contact_email, seconds=SEARCH_SECONDS)
    except DealSearchError as error:
        raise WorkflowError(str(error)) from error


def choose_deal(
    client: Client, *, deal: str, by: Actor, now: dt.datetime, version: int | None = None
) -> int:
    """Keep the deal that a person chose, and queue the notes that wait for one; how many.

    Raises NotAllowedError, and ConflictError for a form that is too old.
    """
    check_editor(Kind.CLIENT, by=by)
    with transaction.atomic():
        check_fresh(client, version)
        client.hubspot_deal = deal
        client.save(update_fields=["hubspot_deal"])
        waiting = AffectedClient.objects.filter(
            client=client, hubspot_state=HubSpotState.MANUAL, incident__status=Status.RESOLVED
        )
        rows = waiting.select_related("incident", "hubspot_message").order_by("incident")
        queued = 0
        for row in rows:
            row.client = client
            queued += queue_note(lock_incident(row.incident, by=SYSTEM), row, now=now)
    return queued
