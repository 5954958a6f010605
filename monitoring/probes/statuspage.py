"""Atlassian Statuspage, format v2."""

from http import HTTPStatus
from typing import Any

from monitoring.enums import Indicator
from monitoring.probes.fetching import fetch_json
from monitoring.probes.pages import (
    Found,
    OddPageError,
    Page,
    check_identity,
    host_of,
    listed,
    member,
    named,
    worst,
)
from notifications.channels.http import CallError

#: The provider's words for the page as a whole.
INDICATORS = {
    "none": Indicator.NONE,
    "maintenance": Indicator.MAINTENANCE,
    "minor": Indicator.MINOR,
    "major": Indicator.MAJOR,
    "critical": Indicator.CRITICAL,
}
#: And for one component. A single one is never critical: the provider decides that for the whole.
COMPONENTS = {
    "operational": Indicator.NONE,
    "under_maintenance": Indicator.MAINTENANCE,
    "degraded_performance": Indicator.MINOR,
    "partial_outage": Indicator.MAJOR,
    "major_outage": Indicator.MAJOR,
}


def ask_statuspage(page: Page) -> Found:
    """What a Statuspage says: the worst of the page and its components, since a page may say
    “none” while a component is down.

    Raises CallError and OddPageError; both mean unknown.
    """
    try:
        data = fetch_json(page.at("/api/v2/summary.json"), seconds=page.seconds)
    except CallError as error:
        # A page may keep its summary to itself; the indicator alone is better than nothing.
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        data = fetch_json(page.at("/api/v2/status.json"), seconds=page.seconds)
    return _read(data, page)


def _read(data: Any, page: Page) -> Found:
    about = member(data, "page", dict)
    check_identity(
        page, names=[about.get("id"), about.get("name")], hosts=[host_of(about.get("url"))]
    )
    status = member(data, "status", dict)
    word = member(status, "indicator", str)
    if word not in INDICATORS:
        raise OddPageError(f"It says “{word[:40]}”, which means nothing to us.")
    components = [_component(row) for row in listed(data, "components")]
    known = [COMPONENTS[state] for _, state in components if state in COMPONENTS]
    indicator = worst([INDICATORS[word], *known])
    odd = [state for _, state in components if state not in COMPONENTS]
    if odd and indicator not in (Indicator.MAJOR, Indicator.CRITICAL):
        raise OddPageError(f"A component is “{odd[0][:40]}”, which means nothing to us.")
    troubles = [row for row in components if COMPONENTS.get(row[1]) != Indicator.NONE]
    description = status.get("description")
    words = [description if isinstance(description, str) else "", named(troubles)]
    return Found(indicator, ". ".join(filter(None, words)))


def _component(row: Any) -> tuple[str, str]:
    """Its name and state; one that is malformed has an odd state."""
    about = row if isinstance(row, dict) else {}
    return str(about.get("name") or "A component"), str(about.get("status"))
