"""The table of incidents: each row with its clients, clocks and playbook, in three queries."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import F, Func, IntegerField, OuterRef, Q, QuerySet, Subquery

from incidents.enums import DeadlineKind, Level, Status, StepState
from incidents.holding import PARTS
from incidents.models import AffectedClient, Deadline, Incident, PlaybookRunStep
from incidents.playbooks.progress import Progress
from incidents.prepared import prepared

SHOWN_KINDS = (DeadlineKind.ACKNOWLEDGE, DeadlineKind.RESOLVE, DeadlineKind.PROMISE)
SETTLED_STATES = (StepState.DONE, StepState.SKIPPED, StepState.ACKNOWLEDGED)
DIGEST_LEVELS = (Level.SEV3, Level.SEV4)


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """One incident of a table."""

    incident: Incident
    clients: str
    owner: str
    acknowledge: Deadline | None
    resolve: Deadline | None
    next_update: Deadline | None
    #: How far its playbooks are; None where none is attached.
    progress: Progress | None = None

    @property
    def no_resolve(self) -> str:
        """Why no resolve clock is shown."""
        return "after triage" if self.incident.status == Status.DETECTED else "none"

    @property
    def no_update(self) -> str:
        """Why no promised update is shown."""
        if self.incident.status == Status.DETECTED:
            return "after triage"
        is_scheduled = self.incident.level in DIGEST_LEVELS and self.incident.is_open
        return "scheduled update" if is_scheduled else "none promised"


def listed(incidents: QuerySet[Incident]) -> QuerySet[Incident]:
    """The incidents with everything that a row wants of them."""
    return incidents.select_related(*PARTS.values()).annotate(
        settled_steps=_steps(state__in=SETTLED_STATES),
        applicable_steps=_steps(~Q(state=StepState.NOT_APPLICABLE)),
    )


def incident_rows(found: Sequence[Incident]) -> list[IncidentRow]:
    """The rows of these incidents (from ``listed``): two queries more for 1 or 10,000."""
    ids = {incident.pk for incident in found}
    names: dict[int, list[str]] = {}
    for pk, name in _clients(incidents=ids):
        names.setdefault(pk, []).append(name)
    clocks: dict[tuple[int, str], Deadline] = {}
    for row in _clocks(incidents=ids):
        if row.kind != DeadlineKind.PROMISE or row.is_running:
            clocks.setdefault((row.incident_id, row.kind), row)
    return [
        IncidentRow(
            incident=incident,
            clients=", ".join(names.get(incident.pk, [])),
            owner=_owner(incident),
            acknowledge=clocks.get((incident.pk, DeadlineKind.ACKNOWLEDGE)),
            resolve=clocks.get((incident.pk, DeadlineKind.RESOLVE)),
            next_update=clocks.get((incident.pk, DeadlineKind.PROMISE)),
            progress=_progress(incident),
        )
        for incident in found
    ]


@prepared
def _clients(*, incidents: set[int]) -> QuerySet[AffectedClient, tuple[int, str]]:
    rows = AffectedClient.objects.filter(incident__in=incidents).order_by("client__name")
    return rows.values_list("incident", "client__name")


@prepared
def _clocks(*, incidents: set[int]) -> QuerySet[Deadline]:
    rows = Deadline.objects.counted().filter(incident__in=incidents, kind__in=SHOWN_KINDS)
    return rows.order_by("due_at", "id")


def _steps(*conditions: Q, **fields: object) -> Subquery:
    """How many steps of an incident's standing playbooks are so."""
    rows = PlaybookRunStep.objects.filter(
        *conditions, run__incident=OuterRef("pk"), run__ended_at=None, **fields
    )
    counted = rows.order_by().annotate(count=Func(F("pk"), function="COUNT"))
    return Subquery(counted.values("count"), output_field=IntegerField())


def _progress(incident: Incident) -> Progress | None:
    """How far the playbooks of an open incident are."""
    settled, applicable = (getattr(incident, f"{name}_steps") for name in ("settled", "applicable"))
    if not applicable or not incident.is_open:
        return None
    return Progress(settled=settled, applicable=applicable)


def _owner(incident: Incident) -> str:
    """Whose it is at this stage: triage and review are the coordinator's, the end revenue's."""
    owner = {
        Status.DETECTED: incident.coordinator,
        Status.MONITORING: incident.communications_owner,
        Status.RESOLVED: incident.communications_owner,
    }.get(Status(incident.status), incident.technical_owner)
    return str(owner or incident.coordinator or "")
