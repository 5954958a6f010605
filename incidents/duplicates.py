"""Two reports of the same trouble: found while writing, joined with one button.

Merging whole incidents (rule W10) is another matter; here a report that has not become an
incident of its own, or only just, is put on the one that is open already.
"""

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Q

from incidents.actors import Actor
from incidents.errors import WorkflowError
from incidents.models import Client, Incident, System
from incidents.models.incident import Viewer
from incidents.permissions import authorize, may
from incidents.taking import require
from incidents.transitions import Step, is_possible
from incidents.workflow import add_note, cancel_incident, change_clients

#: So many are looked at, newest first, and so many are shown.
LOOKED_AT, SHOWN = 50, 3
#: Titles that share this much of the shorter one's words are alike.
ALIKE = 0.5
_WORD = re.compile(r"[^\W_]{3,}")
_COMMON = frozenset(
    _WORD.findall(
        "and are but can for from has have into its not since that the their this was were will "
        "with after again all any because before does doesn isn longer more none now our out over "
        "per some than them then there they today when while your issue issues problem problems"
    )
)


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An open incident that may be the same, and why."""

    incident: Incident
    shared_systems: tuple[str, ...]
    clients: tuple[str, ...]
    absent_clients: tuple[str, ...]
    likeness: float


@dataclass(frozen=True, slots=True)
class Joined:
    """What joining did, for the message to the person."""

    incident: Incident
    added: list[Client] = field(default_factory=list)
    not_added: list[Client] = field(default_factory=list)
    cancelled: Incident | None = None
    left_open: Incident | None = None


def title_likeness(one: str, other: str) -> float:
    """How many of the shorter title's telling words stand in the other as well, 0 to 1."""
    first, second = _words(one), _words(other)
    if not first or not second:
        return 0.0
    return len(first & second) / min(len(first), len(second))


def likely_duplicates(
    *,
    title: str,
    systems: Iterable[System],
    clients: Iterable[Client],
    viewer: Viewer,
    besides: Incident | None = None,
) -> list[Duplicate]:
    """Open incidents on the same system, or with a like title and a common client.

    Most alike first; only what ``viewer`` may see (rule W11). The number of queries is constant.
    """
    systems, clients = list(systems), list(clients)
    if not systems and not clients:
        return []
    others = Incident.objects.visible_to(viewer).unresolved()
    if besides is not None:
        others = others.exclude(pk=besides.pk)
    rows = (
        others.filter(Q(systems__in=systems) | Q(clients__in=clients))
        .select_related("severity")
        .prefetch_related("systems", "clients")
        .distinct()
        .order_by("-id")[:LOOKED_AT]
    )
    found = [_compare(row, title=title, systems=systems, clients=clients) for row in rows]
    likely = [one for one in found if one.shared_systems or one.likeness >= ALIKE]
    likely.sort(key=lambda one: (-one.likeness, -len(one.shared_systems), -one.incident.pk))
    return likely[:SHOWN]


def join_report(
    target: Incident,
    *,
    title: str,
    by: Actor,
    now: dt.datetime,
    description: str = "",
    clients: Iterable[Client] = (),
    detected_at: dt.datetime | None = None,
    duplicate: Incident | None = None,
) -> Joined:
    """Record a report on an incident that is open already, in one transaction.

    1. The report becomes an entry of the incident, at the time it was noticed.
    2. Its clients become affected, where the person may decide that and the incident is triaged.
    3. ``duplicate``, the untriaged incident the report came from, is cancelled where allowed.

    For those who may report (NotAllowedError otherwise). Raises WorkflowError where a private
    report would become readable by more people (W11).
    """
    clients = list(clients)
    authorize(Step.OPEN, by=by, now=now)
    if duplicate is not None and duplicate.is_private and not target.is_private:
        raise WorkflowError(
            f"{duplicate.ref} is private and {target.ref} is not: joining would show it to all."
        )
    source = f" ({duplicate.ref})" if duplicate else ""
    heading = f"Reported again{source}: {require(title, 'The title')}"
    text = "\n\n".join(part for part in (heading, description.strip()) if part)
    with transaction.atomic():
        at = detected_at if detected_at and detected_at <= now else None
        add_note(target, text=text, by=by, now=now, at=at)
        added, not_added = _add_clients(target, clients, by=by, now=now)
        cancelled = _cancel(duplicate, target, by=by, now=now) if duplicate else None
    return Joined(
        target,
        added=added,
        not_added=not_added,
        cancelled=cancelled,
        left_open=None if cancelled else duplicate,
    )


def _add_clients(
    target: Incident, clients: list[Client], *, by: Actor, now: dt.datetime
) -> tuple[list[Client], list[Client]]:
    present = list(target.clients.all())
    new = [client for client in clients if client not in present]
    if not new:
        return [], []
    if not may(Step.CLIENTS, by=by, now=now) or not is_possible(Step.CLIENTS, target.status):
        return [], new
    change_clients(target, clients=[*present, *new], by=by, now=now)
    return new, []


def _cancel(
    duplicate: Incident, target: Incident, *, by: Actor, now: dt.datetime
) -> Incident | None:
    allowed = may(Step.CANCEL, by=by, now=now) and is_possible(Step.CANCEL, duplicate.status)
    if not allowed or duplicate.affected.filter(told_at__isnull=False).exists():
        return None
    return cancel_incident(duplicate, reason=f"Duplicate of {target.ref}.", by=by, now=now)


def _compare(
    incident: Incident, *, title: str, systems: list[System], clients: list[Client]
) -> Duplicate:
    present = {client.pk: client.name for client in incident.clients.all()}
    wanted = {system.pk for system in systems}
    return Duplicate(
        incident=incident,
        shared_systems=tuple(s.name for s in incident.systems.all() if s.pk in wanted),
        clients=tuple(present.values()),
        absent_clients=tuple(c.name for c in clients if c.pk not in present),
        likeness=title_likeness(title, incident.title),
    )


def _words(title: str) -> set[str]:
    return {word for word in _WORD.findall(title.casefold()) if word not in _COMMON}
