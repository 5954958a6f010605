"""Scheduled updates in “Mine now” (rules M7, M9, N1)."""

import datetime as dt

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.urls import reverse

from incidents.enums import DigestState, Owner, Role
from incidents.models import ClientDigest, Responder
from incidents.obligations import Obligation, Term
from notifications.enums import FOR_A_PERSON

MOST_DUTIES = 50
LOST_STATES = FOR_A_PERSON


def digests_at_hand() -> QuerySet[ClientDigest]:
    """Updates that wait for a person, and those that did not arrive for certain."""
    lost = Q(state=DigestState.SENT, message__state__in=LOST_STATES)
    waiting = ClientDigest.objects.waiting_for_a_person().values("pk")
    return ClientDigest.objects.filter(Q(pk__in=waiting) | lost)


def digest_duties(
    user: User | None, *, now: dt.datetime, is_everyones: bool = False
) -> list[Obligation]:
    """What revenue owes of scheduled updates; two queries at most."""
    rows = digests_at_hand().select_related("client", "message")
    found = list(rows.order_by("due_at")[:MOST_DUTIES])
    person = Responder.objects.on_duty(Role.REVENUE, at=now) if found else None
    is_theirs = person is not None and user is not None and person.user_id == user.pk
    if not is_everyones and not is_theirs:
        return []
    return [_duty(digest, person) for digest in found]


def _duty(digest: ClientDigest, person: Responder | None) -> Obligation:
    client, message = digest.client, digest.message
    note = digest.fallback_reason
    if message is not None:
        title, action = f"Scheduled update of {client} did not arrive for certain", "Settle"
        url, note = reverse("incidents:message", args=[message.pk]), message.last_error[:120]
    elif not client.has_contact:
        title, action = f"Send the scheduled update to {client}", "Add a contact"
        url = reverse("incidents:client-edit", args=[client.slug])
        note = f"{client} has no contact: its mail is blocked"
    else:
        title, action = f"Send the scheduled update to {client}", "Read and send"
        url = reverse("incidents:client-update", args=[client.slug])
    return Obligation(
        title=title,
        incident=None,
        action=action,
        url=url,
        deadline=None if message else Term(digest.prepared_at, digest.due_at),
        note=note,
        icon="envelope",
        holder=str(person) if person else "nobody",
        holder_user=person.user_id if person else None,
        part=Owner.COMMUNICATIONS.label,
    )
