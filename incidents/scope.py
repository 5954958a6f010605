"""Which clients an incident may affect, with what a person at triage wants to know (rule W3)."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Max, QuerySet

from incidents.models import AffectedClient, Client, Dependency, Incident, System
from incidents.models.incident import Viewer


@dataclass(frozen=True, slots=True)
class Candidate:
    """A client that may be affected."""

    client: Client
    is_dependent: bool
    is_only_channel: bool
    is_reporter: bool
    others: tuple[Incident, ...]
    last_told_at: dt.datetime | None


def client_candidates(
    clients: Iterable[Client],
    systems: Iterable[System],
    *,
    viewer: Viewer,
    reported_by: Client | None = None,
    besides: Incident | None = None,
) -> list[Candidate]:
    """The clients with their tie to the systems, their other open incidents, and when they last
    heard from us of one. Private incidents stay hidden (W11); three queries, however many rows.
    """
    clients = list(clients)
    ties = _ties(clients, systems)
    visible = Incident.objects.visible_to(viewer)
    unresolved = visible.unresolved()
    others = _open_incidents(clients, unresolved.exclude(pk=besides.pk) if besides else unresolved)
    told = (
        AffectedClient.objects.filter(client__in=clients, incident__in=visible)
        .order_by()
        .values("client")
        .annotate(last=Max("told_at"))
        .values_list("client", "last")
    )
    last_told = dict(told)
    return [
        Candidate(
            client=client,
            is_dependent=client.pk in ties,
            is_only_channel=ties.get(client.pk, False),
            is_reporter=client == reported_by,
            others=tuple(others.get(client.pk, ())),
            last_told_at=last_told.get(client.pk),
        )
        for client in clients
    ]


def _ties(clients: list[Client], systems: Iterable[System]) -> dict[int, bool]:
    """Who depends on one of the systems, and whether one is the only channel."""
    ties: dict[int, bool] = {}
    for tie in Dependency.objects.filter(client__in=clients, system__in=list(systems)):
        ties[tie.client_id] = ties.get(tie.client_id, False) or tie.is_only_channel
    return ties


def _open_incidents(
    clients: list[Client], incidents: QuerySet[Incident]
) -> dict[int, list[Incident]]:
    found: dict[int, list[Incident]] = {}
    rows = AffectedClient.objects.filter(client__in=clients, incident__in=incidents)
    for row in rows.select_related("incident").order_by("incident_id"):
        found.setdefault(row.client_id, []).append(row.incident)
    return found
