"""What a changed severity brings with it, inside a step (rules S10, C5, E1, P5)."""

import datetime as dt

from incidents.actors import Actor
from incidents.correspondence import prepare_notification
from incidents.deadlines import sync_deadlines
from incidents.duties import acknowledge_if_told, owe_duties, owe_only_present
from incidents.enums import Downgrade, EntryKind, Level
from incidents.escalation import escalate_severity
from incidents.models import Incident, Severity
from incidents.timeline import record


def regrade_incident(
    incident: Incident,
    severity: Severity,
    *,
    by: Actor,
    now: dt.datetime,
    reason: str = "",
    downgrade: str = "",
) -> None:
    """Give a triaged incident another severity; called with the incident locked.

    1. Set it, and the duties that are owed from now on.
    2. Record the change.
    3. Judge the acknowledgement again and recompute the deadlines from detection.
    4. Raise what the matrix demands, and prepare the notices.
    """
    before = incident.judged_severity
    is_downgrade = severity.level > before.level
    incident.severity, incident.severe_since = severity, now
    incident.severity_reason = reason.strip() or incident.severity_reason
    if is_downgrade and downgrade == Downgrade.MISCLASSIFIED:
        owe_only_present(incident)
    else:
        owe_duties(incident)
    if severity.level != Level.SEV1:
        incident.workaround_at = None
    record(
        incident,
        EntryKind.SEVERITY,
        _severity_text(before, severity, reason, downgrade),
        by=by,
        now=now,
        data={"from": before.level, "to": severity.level, "downgrade": downgrade},
    )
    acknowledge_if_told(incident, by=by, now=now, is_anew=True)
    sync_deadlines(incident, now=now)
    escalate_severity(incident, now=now)
    if severity.notifies_clients:
        prepare_notification(incident, None, now=now)


def _severity_text(before: Severity, after: Severity, reason: str, downgrade: str) -> str:
    text = f"From {before.code} to {after.code}."
    if downgrade and after.level > before.level:
        text += f" {Downgrade(downgrade).label}."
    return f"{text} {reason.strip()}".strip()
