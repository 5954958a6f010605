"""Whose a part of an incident is at this moment: its owner's, or the stand-in's (rule A1)."""

import datetime as dt

from django.db.models import Q, QuerySet

from incidents.actors import Actor
from incidents.enums import DeadlineKind, Owner, Role
from incidents.models import Deadline, Incident, Responder

PARTS: dict[str, str] = {
    Owner.COORDINATOR: "coordinator",
    Owner.TECHNICAL: "technical_owner",
    Owner.COMMUNICATIONS: "communications_owner",
}
#: The part of an incident that the steps of a role belong to.
PART_OF_ROLE: dict[str, Owner] = {
    Role.ORCHESTRATOR: Owner.COORDINATOR,
    Role.DELIVERY: Owner.TECHNICAL,
    Role.REVENUE: Owner.COMMUNICATIONS,
}


def is_held(owner: str, user: int, *, now: dt.datetime, path: str = "") -> Q:
    """The part is this account's (a key): named on it, or on duty for somebody who is away.

    ``path`` leads to the incident, such as ``incident__``.
    """
    part = f"{path}{PARTS[owner]}"
    roles = Responder.objects.present(at=now).filter(user=user).values("role")
    stands_in = {f"{part}__away_until__gt": now, f"{part}__role__in": roles}
    return Q(**{f"{part}__user": user}) | Q(**stands_in)


def holds_any(user: int, *, now: dt.datetime, path: str = "") -> Q:
    """Any part of the incident is this account's."""
    parts = [is_held(owner, user, now=now, path=path) for owner in Owner]
    return parts[0] | parts[1] | parts[2]


def deadlines_held(user: int | None, *, now: dt.datetime) -> QuerySet[Deadline]:
    """Running deadlines that ask this account (None: anybody) to act, the next one first.

    A stability window asks for nothing until it is over. Before triage only a client's report
    asks to be acknowledged (rules C2, W2).
    """
    rows = (
        Deadline.objects.running()
        .exclude(kind=DeadlineKind.WINDOW, due_at__gt=now)
        .exclude(
            kind=DeadlineKind.ACKNOWLEDGE, is_provisional=True, incident__reported_by__isnull=True
        )
        .order_by("due_at", "id")
    )
    if user is None:
        return rows
    mine = Q()
    for owner in Owner:
        mine |= Q(owner=owner) & is_held(owner, user, now=now, path="incident__")
    return rows.filter(mine)


def is_named(incident: Incident, owner: str, by: Actor) -> bool:
    """Whether the actor's account is the named owner of the part."""
    person: Responder | None = getattr(incident, PARTS[owner])
    return person is not None and by.user is not None and person.user_id == by.user.pk
