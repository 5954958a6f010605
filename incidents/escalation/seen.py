"""“Seen”: by the link of the message, or by phone (rules N3, E9, E10)."""

import datetime as dt
from collections.abc import Mapping

from django.core import signing
from django.db import transaction
from django.db.models import Q

from incidents import staff
from incidents.actors import Actor
from incidents.enums import EntryKind, SeenVia
from incidents.errors import ConflictError, WorkflowError
from incidents.models import Escalation, Responder
from incidents.permissions import authorize
from incidents.timeline import record
from incidents.transitions import Step
from notifications.enums import MessageState
from notifications.models import Message
from notifications.outbox import cancel_message

SEEN_SIGNER = signing.Signer(salt="incidents.escalation.seen")
#: A link in an old message opens nothing any more.
LINK_VALID_FOR = dt.timedelta(days=7)
#: So long after “seen” the same link takes a word to the team.
NOTE_WITHIN = dt.timedelta(hours=1)


def acknowledge_escalation(
    escalation: Escalation,
    *,
    name: str,
    by: Actor,
    now: dt.datetime,
    note: str = "",
) -> bool:
    """“Seen”: stops the rings at once and takes back those not sent yet (E9).

    Earlier occurrences of a rule that repeats count as seen with it. False when somebody was
    faster; nothing changes then.
    """
    with transaction.atomic():
        text = f"{name} has seen {escalation.rule_id} {escalation.rule.situation}."
        said = f"{text} “{note}”" if note else text
        seen = {"acknowledged_via": SeenVia.LINK, "acknowledgement_note": note}
        return _close(escalation, said, seen, at=now, name=name, by=by, now=now)


def record_phone_call(
    escalation: Escalation,
    *,
    who: str,
    at: dt.datetime,
    by: Actor,
    now: dt.datetime,
    note: str = "",
) -> None:
    """E10: where no message arrived somebody phoned; that counts as seen and ends the alarm.

    ``who`` was reached, at ``at``. Raises WorkflowError, and ConflictError when it is seen
    already.
    """
    actor = authorize(Step.ESCALATE, by=by, now=now)
    name = " ".join(who.split())
    if not name:
        raise WorkflowError("Say who was reached.")
    if not escalation.raised_at <= at <= now:
        raise WorkflowError("The call lies between the escalation and now.")
    with transaction.atomic():
        said = (
            f"{name} reached by phone by {actor.name}, {staff.agency_time(at)}, about "
            f"{escalation.rule_id} {escalation.rule.situation}."
        )
        said = f"{said} “{note}”" if note else said
        seen = {
            "acknowledged_via": SeenVia.PHONE,
            "acknowledgement_note": note,
            "reached_by": actor.name,
        }
        if not _close(escalation, said, seen, at=at, name=name, by=actor, now=now):
            raise ConflictError("Somebody has said “seen” meanwhile. Nothing is left to do.")


def add_seen_note(
    escalation: Escalation, *, name: str, note: str, by: Actor, now: dt.datetime
) -> bool:
    """A word to the team after “seen”, once, from the person who said it, within the hour.

    False where that is not so; nothing changes then.
    """
    if not note:
        return False
    with transaction.atomic():
        changed = Escalation.objects.filter(
            pk=escalation.pk,
            acknowledged_by=name,
            acknowledged_via=SeenVia.LINK,
            acknowledgement_note="",
            acknowledged_at__gt=now - NOTE_WITHIN,
        ).update(acknowledgement_note=note)
        if changed and escalation.incident:
            text = f"{name} on {escalation.rule_id}: “{note}”"
            record(escalation.incident, EntryKind.ESCALATION, text, by=by, now=now)
    return bool(changed)


def takes_note(escalation: Escalation, name: str, *, now: dt.datetime) -> bool:
    """Whether ``add_seen_note`` would take a word of that person now."""
    return (
        escalation.acknowledged_at is not None
        and escalation.acknowledged_by == name
        and escalation.acknowledged_via == SeenVia.LINK
        and not escalation.acknowledgement_note
        and escalation.acknowledged_at > now - NOTE_WITHIN
    )


def seen_token(escalation: Escalation, responder: Responder) -> str:
    """The signed token of the page that says “seen” without a login (rule N3)."""
    return SEEN_SIGNER.sign_object([escalation.pk, responder.pk])


def read_seen_token(token: str) -> tuple[Escalation, Responder]:
    """The escalation and the person a token was made for. Raises signing.BadSignature."""
    try:
        escalation_pk, responder_pk = SEEN_SIGNER.unsign_object(token)
    except (TypeError, ValueError) as error:
        raise signing.BadSignature("No such link.") from error
    try:
        rows = Escalation.objects.select_related("rule", "incident", "client")
        return rows.get(pk=escalation_pk), Responder.objects.get(pk=responder_pk)
    except (Escalation.DoesNotExist, Responder.DoesNotExist) as error:
        raise signing.BadSignature("No such link.") from error


def is_link_valid(escalation: Escalation, *, now: dt.datetime) -> bool:
    """Whether the links of this escalation still say “seen” without a login."""
    return now - escalation.raised_at <= LINK_VALID_FOR


def _close(
    escalation: Escalation,
    said: str,
    seen: dict[str, str],
    *,
    at: dt.datetime,
    name: str,
    by: Actor,
    now: dt.datetime,
) -> bool:
    """Set “seen” once, stop the rings, and say so on the timeline."""
    wanted = {"acknowledged_at": at, "acknowledged_by": name, "next_ring_at": None, **seen}
    changed = Escalation.objects.filter(pk=escalation.pk).unseen().update(**wanted)
    if not changed:
        return False
    closed = [escalation.pk, *_close_earlier(escalation, wanted)]
    _take_back_rings(closed, now=now)
    if escalation.incident:
        record(escalation.incident, EntryKind.ESCALATION, said, by=by, now=now)
    return True


def _close_earlier(escalation: Escalation, wanted: Mapping[str, object]) -> list[int]:
    """Who has seen that an outage lasts has seen that it lasted (E5)."""
    if escalation.rule.fires_every is None:
        return []
    earlier = Escalation.objects.unseen().filter(
        rule=escalation.rule_id, subject=escalation.subject, pk__lt=escalation.pk
    )
    keys = list(earlier.values_list("pk", flat=True))
    Escalation.objects.filter(pk__in=keys).update(**wanted)
    return keys


def _take_back_rings(keys: list[int], *, now: dt.datetime) -> None:
    rings = Q(escalation_notices__escalation__in=keys, escalation_notices__is_ring=True) | Q(
        replaces__escalation_notices__escalation__in=keys,
        replaces__escalation_notices__is_ring=True,
    )
    waiting = Message.objects.filter(rings, state=MessageState.PENDING).order_by("pk")
    for message in waiting.distinct():
        cancel_message(message, now=now)
