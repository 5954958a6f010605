"""Promised updates to clients, kept and late (rule M6)."""

from dataclasses import dataclass
from typing import cast

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from incidents.enums import OPEN_STATUSES, DeadlineKind
from incidents.models import AffectedClient, Client, Deadline, Incident

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


def with_figures(clients: QuerySet[Client], *, incidents: QuerySet[Incident]) -> QuerySet[Client]:
    """Clients with ``open_incidents``, ``promises_kept`` and ``promises_late``, in one query.

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
