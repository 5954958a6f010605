"""Another severity: what it needs and what follows from it (rules S10, C5)."""

import datetime as dt

from incidents.actors import Actor
from incidents.enums import Downgrade
from incidents.errors import WorkflowError
from incidents.models import Incident, Severity
from incidents.playbooks.attaching import check_forced, standing_playbooks
from incidents.regrading import regrade_incident
from incidents.taking import require, take_step
from incidents.transitions import Step


def change_severity(
    incident: Incident,
    *,
    level: int,
    by: Actor,
    now: dt.datetime,
    reason: str = "",
    downgrade: str = "",
    version: int | None = None,
) -> Incident:
    """Rules S10, C5: deadlines are recomputed from detection; recorded breaches stay on record.

    A downgrade needs a reason and says whether the impact shrank (duties stay) or it was
    misclassified (duties follow the new severity).
    """
    with take_step(incident, Step.SEVERITY, by=by, now=now, version=version) as taken:
        row = taken.incident
        severity = Severity.objects.filter(pk=level).first()
        if severity is None:
            raise WorkflowError("Choose a severity from SEV-1 to SEV-4.")
        if severity == row.severity:
            raise WorkflowError(f"{row.ref} is {severity.code} already.")
        if severity.level > row.judged_severity.level:
            require(reason, "The reason for the lower severity")
            if downgrade not in Downgrade.values:
                raise WorkflowError("Say whether the impact shrank or it was misclassified.")
        check_forced(standing_playbooks(row), severity)
        regrade_incident(row, severity, reason=reason, downgrade=downgrade, by=taken.by, now=now)
    return incident
