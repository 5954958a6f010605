"""What people decide about messages in the outbox, and who may (rules N1, A1).

Every decision is a compare-and-set on the message's state: of two people the second one is told
what the first one did.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable

from django.db import models, transaction

from incidents.actors import Actor
from incidents.enums import EntryKind
from incidents.errors import ConflictError, WorkflowError
from incidents.models import ClientMail
from incidents.outbox_board import clients_of
from incidents.records import Kind, check_editor
from incidents.staff import agency_time
from incidents.taking import require
from incidents.timeline import record
from notifications.enums import Channel, MessageState
from notifications.holding import cancel_held, dismiss, release_held
from notifications.models import Message
from notifications.outbox import resend_dead, settle_uncertain
from notifications.pausing import resume_channel

#: More than a person reads before they confirm; the rest is another look.
MOST_AT_ONCE = 1_000


class Decision(models.TextChoices):
    """What a person may say about a message; the label goes behind their name."""

    ARRIVED = "arrived", "said that it arrived"
    AGAIN = "again", "sent it again"
    ASIDE = "aside", "set it aside"
    RELEASE = "release", "released it"
    CANCEL = "cancel", "cancelled it"


DECISIONS: dict[str, tuple[Decision, ...]] = {
    MessageState.UNCERTAIN: (Decision.ARRIVED, Decision.AGAIN),
    MessageState.DEAD: (Decision.AGAIN, Decision.ASIDE),
    MessageState.HELD: (Decision.RELEASE, Decision.CANCEL),
}


def settle_message(
    message: Message, decision: str, *, reason: str = "", by: Actor, now: dt.datetime
) -> None:
    """A person's word on one message that cannot go on by itself.

    Uncertain: it arrived, or it is sent again under its old Message-ID. Failed: it is sent again,
    or set aside with a reason. Held since a restore: it is released or cancelled. Raises
    NotAllowedError, ConflictError where somebody settled it meanwhile, and WorkflowError.
    """
    check_editor(Kind.MESSAGE, by=by)
    allowed = DECISIONS.get(message.state, ())
    if not allowed:
        state = MessageState(message.state).label.lower()
        raise ConflictError(
            f"There is nothing to settle: this message is {state}.", _last_word(message)
        )
    if decision not in allowed:
        raise WorkflowError("That cannot be said of this message. Read the page again.")
    with transaction.atomic():
        if not _carry_out(message, Decision(decision), reason=reason, by=by, now=now):
            raise ConflictError(
                "Somebody else settled this message meanwhile.", _last_word(message)
            )
        if decision != Decision.ARRIVED:
            # “Arrived” is told by what a delivery brings about.
            _record([message], Decision(decision), reason=reason, by=by, now=now)


def settle_held(
    messages: Iterable[Message], decision: str, *, by: Actor, now: dt.datetime
) -> list[Message]:
    """Release or cancel several held messages; those that were, without what others settled.

    Raises NotAllowedError, and ConflictError where none of them is held any more.
    """
    check_editor(Kind.MESSAGE, by=by)
    if decision not in DECISIONS[MessageState.HELD]:
        raise WorkflowError("Held messages are released or cancelled.")
    asked = [message.pk for message in messages]
    with transaction.atomic():
        rows = list(Message.objects.held().filter(pk__in=asked).select_for_update().order_by("pk"))
        act = release_held if decision == Decision.RELEASE else cancel_held
        act(rows, by=by.name, now=now)
        if not rows:
            raise ConflictError("Somebody else settled these messages meanwhile.")
        _record(rows, Decision(decision), by=by, now=now)
    return rows


def try_channel_again(channel: str, *, by: Actor, now: dt.datetime) -> None:
    """Lift the pause of a channel: its messages are tried at the next look (rule N1).

    Raises NotAllowedError, and ConflictError where it is not paused any more.
    """
    check_editor(Kind.MESSAGE, by=by)
    if not resume_channel(channel, by=by.name, now=now):
        raise ConflictError(f"{name_of(channel)} is not paused any more.")


def name_of(channel: str) -> str:
    """The channel's label; any other word as it is."""
    return str(Channel(channel).label) if channel in Channel.values else channel


def _last_word(message: Message) -> list[str]:
    """What somebody decided last, for the one who came second."""
    last = message.delivery_attempts.exclude(by="").last()
    if last is None:
        return []
    return [f"{last.by}, {agency_time(last.started_at)}: {last.get_outcome_display()}."]


def _carry_out(
    message: Message, decision: Decision, *, reason: str, by: Actor, now: dt.datetime
) -> bool:
    if decision == Decision.ASIDE:
        why = require(reason, "Why it needs nothing more")
        return dismiss(message, reason=why, by=by.name, now=now)
    if message.state == MessageState.UNCERTAIN:
        arrived = decision == Decision.ARRIVED
        return settle_uncertain(message, arrived=arrived, by=by.name, now=now)
    if message.state == MessageState.DEAD:
        return resend_dead(message, by=by.name, now=now)
    act = release_held if decision == Decision.RELEASE else cancel_held
    return bool(act([message], by=by.name, now=now))


def _record(
    messages: list[Message], decision: Decision, *, reason: str = "", by: Actor, now: dt.datetime
) -> None:
    """Put the decision about client mails on the timelines, one entry for each incident."""
    names = clients_of(messages)
    mails = ClientMail.objects.filter(message__in=list(names)).select_related("draft__incident")
    by_incident = defaultdict(list)
    for mail in mails:
        by_incident[mail.draft.incident].append(mail)
    for incident, theirs in by_incident.items():
        whom = ", ".join(sorted(names[mail.message_id or 0] for mail in theirs))
        one = len(theirs) == 1
        what = f"Mail to {whom}: {by.name} {decision.label}"
        record(
            incident,
            EntryKind.MAIL,
            f"{what}. {reason}".strip() if reason else f"{what}.",
            by=by,
            now=now,
            client=theirs[0].client if one else None,
            message=theirs[0].message if one else None,
        )
