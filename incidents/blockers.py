"""What stands between an incident and Resolved or Closed (rules W7, W8)."""

import datetime as dt

from incidents import staff
from incidents.duties import premium_clients_owed_postmortem
from incidents.enums import HubSpotState, Status, WaiverKind
from incidents.errors import Missing
from incidents.models import AffectedClient, Incident
from incidents.playbooks.gates import blocking_gates
from incidents.transitions import Step


def window_ends_at(incident: Incident) -> dt.datetime | None:
    """When the stability window ends (rule S4), or None before the fix was verified."""
    if incident.verified_at is None or incident.severity is None:
        return None
    return incident.verified_at + incident.severity.stability_window


def is_window_over(incident: Incident, *, now: dt.datetime) -> bool:
    """Whether the window is over or its rest was waived."""
    ends_at = window_ends_at(incident)
    if ends_at is None:
        return False
    return now >= ends_at or _is_window_waived(incident)


def blocking_resolve(incident: Incident, *, now: dt.datetime) -> list[Missing]:
    """W7, P4: window over or waived, acknowledged, no gate locked, and each notified client told
    of the end."""
    missing = []
    ends_at = window_ends_at(incident)
    if ends_at and not is_window_over(incident, now=now):
        missing.append(
            Missing(
                f"The stability window runs until {staff.agency_time(ends_at)}", step=Step.WAIVE
            )
        )
    if incident.acknowledged_at is None:
        missing.append(Missing("The acknowledgement", step=Step.ACKNOWLEDGE))
    missing += blocking_gates(incident)
    for row in incident.affected.select_related("client"):
        missing += _client_missing(incident, row)
    return missing


def blocking_close(incident: Incident) -> list[Missing]:
    """W8: the post-incident entry, each owed postmortem, and each HubSpot note."""
    missing = []
    if incident.review_severity_id is not None:
        review = getattr(incident, "review", None)
        if review is None or review.completed_at is None:
            parts = review.missing_parts() if review else []
            detail = f": {', '.join(parts)}" if parts else ""
            missing.append(Missing(f"The complete post-incident entry{detail}", step=Step.REVIEW))
    missing += [
        Missing(
            f"The postmortem delivered to {row.client}", step=Step.DRAFT, client=row.client.slug
        )
        for row in premium_clients_owed_postmortem(incident)
        if row.postmortem_told_at is None
    ]
    missing += [
        Missing(_name_note(row), step=Step.HUBSPOT_NOTED, client=row.client.slug)
        for row in incident.affected.select_related("client")
        if row.hubspot_state != HubSpotState.DONE
    ]
    return missing


def blockers(incident: Incident, *, now: dt.datetime) -> list[Missing]:
    """What blocks the next status of the incident; empty where nothing does."""
    if incident.status == Status.MONITORING:
        return blocking_resolve(incident, now=now)
    if incident.status == Status.RESOLVED:
        return blocking_close(incident)
    return []


def _client_missing(incident: Incident, row: AffectedClient) -> list[Missing]:
    """A client that must be told but was not; or was told, but not of the end."""
    slug = row.client.slug
    if row.told_at is None:
        if incident.severity is not None and incident.severity.notifies_clients:
            return [Missing(f"{row.client} has not been notified", step=Step.DRAFT, client=slug)]
        return []
    if row.resolution_told_at is None:
        return [
            Missing(f"The resolution mail delivered to {row.client}", step=Step.DRAFT, client=slug)
        ]
    return []


def _name_note(row: AffectedClient) -> str:
    on_its_way = " (on its way)" if row.hubspot_state == HubSpotState.QUEUED else ""
    return f"The HubSpot note for {row.client}{on_its_way}"


def _is_window_waived(incident: Incident) -> bool:
    """A waiver counts for the verification it followed; a relapse leaves it behind."""
    return incident.waivers.filter(
        kind=WaiverKind.STABILITY_WINDOW, at__gte=incident.verified_at
    ).exists()
