"""The engine's part: each client's update once a week, whoever else looks too (rule M9)."""

import datetime as dt
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse

from incidents import staff
from incidents.actors import SYSTEM
from incidents.digests.gathering import gather_items, with_news
from incidents.digests.periods import due_of, period_by
from incidents.digests.sending import leave_out, send_digest
from incidents.enums import DigestState, Role
from incidents.errors import WorkflowError
from incidents.models import Client, ClientDigest, Responder
from notifications.enums import Urgency
from notifications.models import Message

logger = logging.getLogger(__name__)

#: So long before its hour an update is prepared, so that a person can read it in peace.
PREPARE_AHEAD = dt.timedelta(hours=24)
#: A client that never had an update is not sent the one of a week before it was set up.
FIRST_GRACE = dt.timedelta(hours=1)
#: Weeks that are looked at again; older ones are over.
LOOK_BACK = dt.timedelta(days=16)
NOTHING = "Nothing to say."


@dataclass(slots=True)
class DigestReport:
    """What one look at the updates wrote."""

    prepared: int = 0
    sent: int = 0
    skipped: int = 0
    failed: int = 0

    def __str__(self) -> str:
        return f"{self.prepared} prepared, {self.sent} sent, {self.skipped} not needed"


def write_due_digests(*, now: dt.datetime) -> DigestReport:
    """Prepare the updates that come due, send the automatic ones, remind of the others.

    Harmless when run twice, late, or beside another: a period is written once. After a silence
    the current week's update is written once and late; what earlier ones would have said is in
    it. A client that fails is logged and stops nobody.
    """
    report = DigestReport()
    coming = clients_without_digest(now=now, ahead=PREPARE_AHEAD)
    news = with_news([client.pk for client, _ in coming], now=now) if coming else set()
    for client, period in coming:
        has_news = client.pk in news
        if has_news or due_of(client, period) <= now:
            with _alone(client, report):
                _prepare(client, period, has_news, report, now=now)
    for digest in _due_digests(now=now):
        with _alone(digest.client, report):
            _settle(digest, report, now=now)
    return report


def clients_without_digest(
    *, now: dt.datetime, ahead: dt.timedelta
) -> list[tuple[Client, dt.date]]:
    """Clients whose update, due by ``now + ahead``, is not written yet: two queries."""
    known = set(
        ClientDigest.objects.filter(period__gt=(now - LOOK_BACK).date()).values_list(
            "client", "period"
        )
    )
    clients = Client.objects.active().annotate(
        had_digest=Exists(ClientDigest.objects.filter(client=OuterRef("pk")))
    )
    wanted = [(client, period_by(client, at=now + ahead)) for client in clients]
    return [(client, period) for client, period in wanted if (client.pk, period) not in known]


def _due_digests(*, now: dt.datetime) -> list[ClientDigest]:
    """Prepared ones whose hour has come and that were not seen to yet."""
    due = ClientDigest.objects.prepared().filter(due_at__lte=now)
    by_itself = Q(client__digest_is_automatic=True, fallback_reason="")
    rows = due.filter(by_itself | Q(reminded_at__isnull=True))
    return list(rows.select_related("client").order_by("due_at", "pk"))


@contextmanager
def _alone(client: Client, report: DigestReport) -> Iterator[None]:
    """One client's update in a transaction and a try of its own.

    The client's row is locked first, as by whoever writes or sends: nobody waits in a circle.
    """
    try:
        with transaction.atomic():
            Client.objects.select_for_update().get(pk=client.pk)
            yield
    except Exception:
        report.failed += 1
        logger.exception("a scheduled update could not be written", extra={"client": client.slug})


def _prepare(
    client: Client, period: dt.date, has_news: bool, report: DigestReport, *, now: dt.datetime
) -> None:
    due_at = due_of(client, period)
    digest = ClientDigest(
        client=client, period=period, due_at=due_at, prepared_at=now, updated_at=now
    )
    is_new_client = not client.had_digest and due_at < now - FIRST_GRACE  # type: ignore[attr-defined]
    if is_new_client or not has_news:
        digest.state, digest.skipped_by = DigestState.SKIPPED, SYSTEM.name
        digest.skip_reason = "Begins with the next one." if is_new_client else NOTHING
    if ClientDigest.objects.filter(client=client, period=period).exists():
        # Another engine or a person was first.
        return
    _close_older(digest, now=now)
    digest.save()
    if digest.is_prepared and not client.digest_is_automatic:
        _tell(digest, "prepared", "ready to read and send", now=now)
    report.prepared += digest.is_prepared
    report.skipped += not digest.is_prepared


def _close_older(digest: ClientDigest, *, now: dt.datetime) -> None:
    """An update that nobody sent for a week gives way; the new one says what it said."""
    older = ClientDigest.objects.prepared().filter(client=digest.client, period__lt=digest.period)
    for row in older:
        leave_out(row, reason="Not sent in its week; the next one took over.", by=SYSTEM, now=now)


def _settle(digest: ClientDigest, report: DigestReport, *, now: dt.datetime) -> None:
    """At its hour: skip what has become empty, send it by itself, or remind the person."""
    row = ClientDigest.objects.prepared().select_related("client").filter(pk=digest.pk).first()
    if row is None or (row.reminded_at and not _leaves_by_itself(row)):
        return
    if not gather_items(row):
        leave_out(row, reason=NOTHING, by=SYSTEM, now=now)
        report.skipped += 1
        return
    if _leaves_by_itself(row) and _send_by_itself(row, now=now):
        report.sent += 1
        return
    row.reminded_at = now
    row.save(update_fields=["reminded_at", "fallback_reason"])
    what = "could not leave by itself" if row.fallback_reason else "due now"
    _tell(row, "due", what, now=now, urgency=Urgency.HIGH)


def _leaves_by_itself(digest: ClientDigest) -> bool:
    return digest.client.digest_is_automatic and not digest.fallback_reason


def _send_by_itself(digest: ClientDigest, *, now: dt.datetime) -> bool:
    """Send it as the system; what a person has to mend makes it fall back to one."""
    try:
        with transaction.atomic():
            send_digest(digest.client, by=SYSTEM, now=now)
    except WorkflowError as refusal:
        words = [refusal.message, *(item.text for item in refusal.missing)]
        digest.fallback_reason = " ".join(words)[:300]
        return False
    return True


def _tell(
    digest: ClientDigest,
    event: str,
    what: str,
    *,
    now: dt.datetime,
    urgency: Urgency = Urgency.NORMAL,
) -> None:
    """N1: revenue hears of it, with the due time in their zone and the client's."""
    person = Responder.objects.on_duty(Role.REVENUE, at=now)
    if person is None:
        return
    client = digest.client
    local = digest.due_at.astimezone(client.zone)
    lines = [
        f"It is due {staff.clock_time(digest.due_at, person)}, {local:%H:%M %Z} for the client.",
    ]
    if digest.fallback_reason:
        lines.append(f"Why it waits: {digest.fallback_reason}")
    message = staff.tell(
        person,
        event=f"update:{client.slug}:{digest.period.isoformat()}:{event}",
        subject=f"Scheduled update of {client}: {what}",
        lines=lines,
        now=now,
        urgency=urgency,
        link=staff.absolute(reverse("incidents:client-update", args=[client.slug])),
    )
    if message and client.is_demo:
        Message.objects.filter(pk=message.pk).update(is_demo=True)
