"""Many incidents with a deadline each, written in a few statements."""

import datetime as dt

from incidents.enums import DeadlineKind, Owner, Source, Status
from incidents.models import Deadline, Incident
from tests.factories import NOW, Team, make_severities

H = dt.timedelta(hours=1)


def make_due(
    count: int,
    *,
    team: Team,
    level: int = 2,
    kind: str = DeadlineKind.ACKNOWLEDGE,
    owner: str = Owner.COMMUNICATIONS,
    limit: dt.timedelta = 4 * H,
    first: int = 1,
) -> list[Deadline]:
    """Triaged incidents with one clock each: it started NOW and was planned in time."""
    severity = make_severities()[level]
    incidents = Incident.objects.bulk_create(
        Incident(
            ref=f"INC-2025-{number:04}",
            title=f"Broken {number}",
            source=Source.AGENT,
            status=Status.TRIAGED,
            severity=severity,
            detected_at=NOW,
            opened_at=NOW,
            triaged_at=NOW,
            severe_since=NOW,
            coordinator=team.orchestrator,
            technical_owner=team.delivery,
            communications_owner=team.revenue,
        )
        for number in range(first, first + count)
    )
    return Deadline.objects.bulk_create(
        Deadline(
            incident=incident,
            kind=kind,
            owner=owner,
            started_at=NOW,
            due_at=NOW + limit,
            next_event_at=NOW + limit / 2,
        )
        for incident in incidents
    )
