"""How every page answers a refused step: the status, and where each missing thing is mended."""

from dataclasses import dataclass
from http import HTTPStatus

from django.urls import reverse

from incidents.errors import ConflictError, Missing, NotAllowedError, WorkflowError
from incidents.models import Incident

STATUSES: dict[type[WorkflowError], HTTPStatus] = {
    ConflictError: HTTPStatus.CONFLICT,
    NotAllowedError: HTTPStatus.FORBIDDEN,
}


@dataclass(frozen=True, slots=True)
class Mend:
    """One thing that is missing, and the page where it is mended (empty: nowhere here)."""

    text: str
    url: str = ""


def refusal_status(error: WorkflowError) -> int:
    """409 for a conflict, 403 for the wrong role, 422 for anything else."""
    return STATUSES.get(type(error), HTTPStatus.UNPROCESSABLE_ENTITY)


def mend_links(incident: Incident, missing: list[Missing]) -> list[Mend]:
    """What is missing, each with the page where it is mended."""
    return [Mend(item.text, mend_url(incident, item)) for item in missing]


def mend_url(incident: Incident, item: Missing) -> str:
    """The page of the step that mends it, or of the client it is about."""
    if item.step:
        url = reverse("incidents:step", args=[incident.ref, item.step])
        return f"{url}?client={item.client}" if item.client else url
    if item.client:
        return reverse("incidents:client-edit", args=[item.client])
    return ""
