"""Writing holds on sending, inside a step of the workflow (rule P4)."""

import datetime as dt
from collections.abc import Iterable

from incidents.actors import Actor
from incidents.enums import EntryKind
from incidents.models import Hold, Incident, SendingDomain
from incidents.timeline import record


def write_holds(
    incident: Incident,
    domains: Iterable[SendingDomain],
    *,
    reason: str,
    by: Actor,
    now: dt.datetime,
) -> list[Hold]:
    """One hold and one entry for each domain that this incident does not hold yet; returns the
    new ones. What another incident holds as well is free when both released it.

    The domains are locked in the order of their keys, so that two people never place two.
    """
    keys = [domain.pk for domain in domains]
    rows = SendingDomain.objects.select_for_update(of=("self",)).filter(pk__in=keys)
    locked = list(rows.select_related("client").order_by("pk"))
    held = set(
        Hold.objects.standing()
        .filter(incident=incident, sending_domain__in=locked)
        .values_list("sending_domain", flat=True)
    )
    return [
        _write(incident, domain, reason=reason, by=by, now=now)
        for domain in locked
        if domain.pk not in held
    ]


def _write(
    incident: Incident, domain: SendingDomain, *, reason: str, by: Actor, now: dt.datetime
) -> Hold:
    hold = Hold.objects.create(
        client=domain.client,
        sending_domain=domain,
        incident=incident,
        placed_at=now,
        placed_by_name=by.name,
        reason=reason,
    )
    record(
        incident,
        EntryKind.HOLD,
        f"Sending from {domain} is on hold: {reason}",
        by=by,
        now=now,
        data={"domain": domain.name},
        client=domain.client,
    )
    return hold
