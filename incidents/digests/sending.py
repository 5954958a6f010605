"""Writing, sending, taking back and leaving out a scheduled update (rules M3 to M5, M7, M9)."""

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.conf import settings
from django.db import transaction

from incidents import staff
from incidents.actors import Actor
from incidents.digests.gathering import MAX_LENGTH, Item, gather_items, keep_items
from incidents.digests.periods import coming_period, due_of
from incidents.digests.reading import INTRO, blocking_of, check_digest, render_digest
from incidents.enums import DigestState
from incidents.errors import ConflictError, Missing, WorkflowError
from incidents.models import Client, ClientDigest, DigestItem
from incidents.permissions import authorize
from incidents.taking import require
from incidents.transitions import Step
from notifications.enums import Channel, Urgency
from notifications.models import Message
from notifications.outbox import MessageError, cancel_message, queue_message
from notifications.templating import TemplateError

REASON_LENGTH = 300


def current_digest(client: Client, *, now: dt.datetime) -> ClientDigest:
    """The update that waits for Send; else, not saved, the next one as it stands now."""
    prepared = ClientDigest.objects.prepared().filter(client=client)
    digest = prepared.select_related("client", "overridden_by").first()
    if digest is not None:
        return digest
    period = coming_period(client, at=now)
    while client.digests.filter(period=period).exists():
        period += dt.timedelta(days=7)
    return ClientDigest(
        client=client,
        period=period,
        due_at=due_of(client, period),
        prepared_at=now,
        updated_at=now,
    )


def edit_digest(
    client: Client,
    texts: Mapping[str, str],
    *,
    by: Actor,
    now: dt.datetime,
    version: int | None = None,
) -> ClientDigest:
    """Change what the update says: its introduction, and lines by ``Item.field``.

    A line given empty, or in our own words, is gathered by itself again. Raises ConflictError
    where somebody saved a newer text meanwhile.
    """
    with _at_desk(client, Step.DRAFT, by=by, now=now, version=version) as (digest, actor):
        digest.intro = texts.get(INTRO, digest.intro).strip()
        for item in gather_items(digest):
            if item.field in texts:
                _write_line(digest, item, texts[item.field])
        _save_text(digest, by=actor, now=now)
    return digest


def override_digest(
    client: Client, *, reason: str, by: Actor, now: dt.datetime, version: int | None = None
) -> ClientDigest:
    """M5: send in spite of blame findings, by name and reason; kept with the update.

    A promise is never overridden here: a certain fix time is promised in a mail of its own,
    which makes it a deadline.
    """
    with _at_desk(client, Step.SEND, by=by, now=now, version=version) as (digest, actor):
        found = blocking_of(digest, check_digest(digest, gather_items(digest)))
        if not found:
            raise WorkflowError("There is no finding to override.")
        if any(one.finding.rule == "promise" for one in found):
            raise WorkflowError(
                "A fix time cannot be promised in a scheduled update. Leave it out, or promise it "
                "in a mail about that incident, where it becomes a deadline."
            )
        if actor.user is None:
            raise WorkflowError("An override needs a name and a reason.")
        digest.override_reason = require(reason, "The reason")
        digest.overridden_by, digest.overridden_at = actor.user, now
        digest.overridden_findings = [one.fingerprint for one in found]
        _save_text(digest, by=actor, now=now)
    return digest


def send_digest(
    client: Client,
    *,
    by: Actor,
    now: dt.datetime,
    version: int | None = None,
) -> ClientDigest:
    """M9, M3: queue the update, held for the seconds of undo.

    Refused with what is missing: nothing to say, no contact (M7), wording that blocks.
    """
    with _at_desk(client, Step.SEND, by=by, now=now, version=version) as (digest, actor):
        items = gather_items(digest)
        _refuse_unready(digest, items)
        digest.attempt += 1
        digest.message = _queue(digest, items, now=now)
        digest.state = DigestState.SENT
        digest.sent_at, digest.sent_by = now, actor.name
        _save_text(digest, by=actor, now=now)
        keep_items(digest, items)
    return digest


def undo_digest(client: Client, *, by: Actor, now: dt.datetime) -> ClientDigest:
    """M3: take the update back while it has not left; it then waits for a person."""
    with transaction.atomic():
        actor = authorize(Step.SEND, by=by, now=now)
        Client.objects.select_for_update().get(pk=client.pk)
        sent = client.digests.filter(state=DigestState.SENT).select_related("message", "client")
        digest = sent.first()
        message = digest.message if digest else None
        if digest is None or message is None or not cancel_message(message, now=now):
            raise WorkflowError("It has left already and cannot be taken back.")
        if client.digests.prepared().exists():
            raise WorkflowError("The next update is begun already. Leave that out first.")
        digest.state, digest.message, digest.sent_at = DigestState.PREPARED, None, None
        digest.fallback_reason = f"{actor.name} took it back."[:REASON_LENGTH]
        _save_text(digest, by=actor, now=now)
        digest.items.filter(is_edited=False).delete()
    return digest


def skip_digest(
    client: Client, *, reason: str, by: Actor, now: dt.datetime, version: int | None = None
) -> ClientDigest:
    """Leave this week's update out, for a reason; what it would say goes into the next one."""
    with _at_desk(client, Step.SEND, by=by, now=now, version=version) as (digest, actor):
        leave_out(digest, reason=require(reason, "The reason"), by=actor, now=now)
    return digest


def leave_out(digest: ClientDigest, *, reason: str, by: Actor, now: dt.datetime) -> None:
    """Record that a prepared update is not sent, and why."""
    digest.state = DigestState.SKIPPED
    digest.skip_reason, digest.skipped_by = reason[:REASON_LENGTH], by.name
    _save_text(digest, by=by, now=now)


@contextmanager
def _at_desk(
    client: Client, step: Step, *, by: Actor, now: dt.datetime, version: int | None
) -> Iterator[tuple[ClientDigest, Actor]]:
    """The client's current update, locked and fresh, for somebody who may."""
    with transaction.atomic():
        actor = authorize(step, by=by, now=now)
        # Whoever is first writes the row; the client's own row is what others wait at.
        Client.objects.select_for_update().get(pk=client.pk)
        digest = current_digest(client, now=now)
        if digest.pk is None:
            digest.save()
        elif version is not None and version != digest.version:
            raise ConflictError(
                f"{digest.updated_by or 'Somebody'} saved a newer text of this update at "
                f"{staff.agency_time(digest.updated_at)}. Your text is kept below; compare, then "
                "save."
            )
        yield digest, actor


def _write_line(digest: ClientDigest, item: Item, text: str) -> None:
    words = " ".join(text.split())[:MAX_LENGTH]
    if words in ("", item.own):
        digest.items.filter(incident=item.incident).delete()
        return
    DigestItem.objects.update_or_create(
        digest=digest,
        incident=item.incident,
        defaults={"part": item.part, "text": words, "is_edited": True},
    )


def _save_text(digest: ClientDigest, *, by: Actor, now: dt.datetime) -> None:
    digest.version += 1
    digest.updated_at, digest.updated_by = now, by.name
    digest.save()


def missing_of(digest: ClientDigest, items: list[Item]) -> list[Missing]:
    """What stands between an update and its Send button, beside the wording."""
    missing = []
    if not items:
        missing.append(Missing("Something to say: no smaller item is open or newly resolved"))
    if not digest.client.has_contact:
        missing.append(Missing(f"An e-mail address of {digest.client}", client=digest.client.slug))
    return missing


def _refuse_unready(digest: ClientDigest, items: list[Item]) -> None:
    if missing := missing_of(digest, items):
        raise WorkflowError("The update cannot be sent.", missing)
    if found := blocking_of(digest, check_digest(digest, items)):
        raise WorkflowError(
            "The wording blocks sending. Rewrite it, or override with a reason.",
            [
                Missing(
                    f"{one.finding.rule.capitalize()}: “{one.finding.text}”. "
                    f"Suggested: {one.finding.suggestion}"
                )
                for one in found
            ],
        )


def _queue(digest: ClientDigest, items: list[Item], *, now: dt.datetime) -> Message:
    client = digest.client
    try:
        rendered = render_digest(digest, items)
        return queue_message(
            key=f"update:{client.slug}:{digest.period.isoformat()}.{digest.attempt}:email",
            channel=Channel.EMAIL,
            recipient=client.contact_email,
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            urgency=Urgency.NORMAL,
            not_before=now + dt.timedelta(seconds=settings.MAIL_UNDO_SECONDS),
            is_demo=client.is_demo,
            now=now,
        )
    except TemplateError as error:
        raise WorkflowError(f"The template of this mail does not render: {error}") from error
    except MessageError as error:
        raise WorkflowError(f"This mail cannot be sent: {error}") from error
