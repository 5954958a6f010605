"""What a severity makes us owe, and when a client counts as told."""

import datetime as dt

from incidents.actors import Actor
from incidents.clocks import acknowledged_moment
from incidents.deadlines import facts_of
from incidents.enums import EntryKind, Level, Status
from incidents.models import AffectedClient, Incident
from incidents.timeline import record


def owe_duties(incident: Incident) -> None:
    """S5, S6, S10: the most severe classification so far sets the post-incident duties."""
    severity = incident.severity
    if severity is None or severity.review_days is None:
        return
    if incident.review_severity is None or severity.level < incident.review_severity.level:
        incident.review_severity = severity


def owe_only_present(incident: Incident) -> None:
    """S10: after a misclassification the duties follow the new severity."""
    severity = incident.severity
    owes = severity is not None and severity.review_days is not None
    incident.review_severity = severity if owes else None


def premium_clients_owed_postmortem(incident: Incident) -> list[AffectedClient]:
    """S6: every affected Premium client, where the severity that counts demands it."""
    if incident.review_severity is None or not incident.review_severity.postmortem_to_premium:
        return []
    return [row for row in incident.affected.select_related("client") if row.client.is_premium]


def accept(
    incident: Incident, *, at: dt.datetime, planned_fix_at: dt.datetime | None = None
) -> None:
    """C3: the communications owner takes it on; a SEV-4 gets its planned-fix date."""
    incident.accepted_at = at
    if incident.level == Level.SEV4:
        limit = incident.detected_at + incident.judged_severity.resolve_within
        incident.planned_fix_at = planned_fix_at or max(at, limit)


def acknowledge_if_told(
    incident: Incident, *, by: Actor, now: dt.datetime, is_anew: bool = False
) -> None:
    """C3: stop the acknowledge clock as soon as its condition holds.

    ``is_anew`` judges a stopped clock again, after triage or a change of severity; otherwise a
    client added later has a deadline of its own and does not restart the incident's clock.
    """
    if incident.acknowledged_at is not None and not is_anew:
        return
    before = incident.acknowledged_at
    incident.acknowledged_at = acknowledged_moment(facts_of(incident))
    if incident.acknowledged_at and incident.acknowledged_at != before:
        record(incident, EntryKind.ACKNOWLEDGED, "Acknowledge clock stopped.", by=by, now=now)
    elif before and incident.acknowledged_at is None and incident.status != Status.DETECTED:
        record(
            incident,
            EntryKind.ACKNOWLEDGED,
            "The acknowledge clock runs again: not every affected client has been told.",
            by=by,
            now=now,
        )
