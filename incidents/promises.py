"""Promised updates to clients, kept and late (rule M6)."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, NullIf

from incidents import staff
from incidents.actors import SYSTEM
from incidents.deadlines import start_deadline, stop_deadline
from incidents.enums import OPEN_STATUSES, DeadlineKind, EntryKind, Owner
from incidents.models import AffectedClient, Client, Deadline, Incident
from incidents.timeline import record

KEPT = Q(stopped_at__isnull=False, breached_at__isnull=True)
LATE = Q(breached_at__isnull=False)


@dataclass(frozen=True, slots=True)
class PromiseScore:
    """How many promised updates came in time."""

    kept: int
    late: int

    @property
    def total(self) -> int:
        return self.kept + self.late

    @property
    def percent(self) -> int | None:
        """Kept ones in a hundred, rounded down; None before anything was due."""
        return self.kept * 100 // self.total if self.total else None


def keep_promises(incident: Incident, client: Client, *, at: dt.datetime, now: dt.datetime) -> None:
    """M6: whatever reached the client at ``at`` keeps the promise that stood then, or ends it late.

    Judged by the time of delivery, which may be known later than the sweep wrote the breach: then
    the promise counts as kept, and the timeline says so.
    """
    standing = incident.deadlines.running().filter(kind=DeadlineKind.PROMISE, client=client)
    for promise in standing.filter(started_at__lte=at):
        promise.incident = incident
        if promise.breached_at and at <= promise.due_at:
            promise.breached_at = None
            record(
                incident,
                EntryKind.PROMISE,
                f"The update promised for {staff.agency_time(promise.due_at)} reached {client} in "
                f"time, at {staff.agency_time(at)}: the promise counts as kept.",
                by=SYSTEM,
                now=now,
                client=client,
            )
        stop_deadline(promise, at=at, now=now)


def make_promise(
    incident: Incident, client: Client, *, due_at: dt.datetime, at: dt.datetime
) -> Deadline | None:
    """M6: start the deadline of a next update that a mail promised when it arrived at ``at``.

    None where a later mail promised another time already: it stands.
    """
    standing = incident.deadlines.running().filter(kind=DeadlineKind.PROMISE, client=client)
    if standing.exists():
        return None
    return start_deadline(
        incident,
        kind=DeadlineKind.PROMISE,
        owner=Owner.COMMUNICATIONS,
        due_at=due_at,
        client_id=client.pk,
        now=at,
    )


def score_in(deadlines: Iterable[Deadline], client_id: int) -> PromiseScore:
    """One client's score out of deadlines that were read already."""
    promised = [
        row
        for row in deadlines
        if row.kind == DeadlineKind.PROMISE and row.client_id == client_id and not row.voided_at
    ]
    late = sum(row.is_breached for row in promised)
    kept = sum(row.stopped_at is not None and not row.is_breached for row in promised)
    return PromiseScore(kept, late)


def with_figures(clients: QuerySet[Client], *, incidents: QuerySet[Incident]) -> QuerySet[Client]:
    """Clients with ``open_incidents``, ``promises_kept``, ``promises_late`` and
    ``promises_percent`` (None before anything was due), in one query.

    Only what lies in ``incidents`` counts: private ones stay out for outsiders (rule W11).
    """
    visible = incidents.order_by().values("pk")
    affected = AffectedClient.objects.filter(
        incident__in=visible, incident__status__in=OPEN_STATUSES
    )
    promised = promises(incidents)
    return clients.annotate(
        open_incidents=_count(affected),
        promises_kept=_count(promised.filter(KEPT)),
        promises_late=_count(promised.filter(LATE)),
    ).annotate(
        promises_percent=F("promises_kept")
        * 100
        / NullIf(F("promises_kept") + F("promises_late"), 0)
    )


def promises(incidents: QuerySet[Incident]) -> QuerySet[Deadline]:
    """Every promised update of these incidents that stands."""
    visible = incidents.order_by().values("pk")
    counted = Deadline.objects.counted().filter(kind=DeadlineKind.PROMISE)
    return counted.filter(incident__in=visible)


def score_of(client: Client, *, incidents: QuerySet[Incident]) -> PromiseScore:
    """One client's score, from what lies in ``incidents``."""
    figures = (
        promises(incidents)
        .filter(client=client)
        .aggregate(kept=Count("pk", filter=KEPT), late=Count("pk", filter=LATE))
    )
    return PromiseScore(cast(int, figures["kept"]), cast(int, figures["late"]))


def _count(rows: QuerySet[AffectedClient] | QuerySet[Deadline]) -> Coalesce:
    of_client = rows.filter(client=OuterRef("pk")).order_by().values("client")
    return Coalesce(Subquery(of_client.annotate(n=Count("pk")).values("n")), 0)
