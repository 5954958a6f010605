"""Better Stack status pages."""

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

#: The provider's words, for the page and for one resource. It has none for critical.
STATES = {
    "operational": Indicator.NONE,
    "maintenance": Indicator.MAINTENANCE,
    "degraded": Indicator.MINOR,
    "downtime": Indicator.MAJOR,
}
#: A resource that the provider shows without watching it.
_NOT_WATCHED = "not_monitored"
_RESOURCE = "status_page_resource"
#: Where Better Stack serves pages without a domain of their own.
_HOSTS = ("betteruptime.com", "betterstack.com")


def ask_better_stack(page: Page) -> Found:
    """What a Better Stack page says: the worst of the page and its resources.

    Raises CallError and OddPageError; both mean unknown.
    """
    answer = fetch_json(page.at("/index.json"), seconds=page.seconds)
    data = member(answer, "data", dict)
    about = member(data, "attributes", dict)
    check_identity(
        page,
        names=[data.get("id"), about.get("company_name"), about.get("subdomain")],
        hosts=_hosts(about),
    )
    word = member(about, "aggregate_state", str)
    if word not in STATES:
        raise OddPageError(f"It says “{word[:40]}”, which means nothing to us.")
    resources = _resources(listed(answer, "included"))
    known = [STATES[state] for _, state in resources if state in STATES]
    indicator = worst([STATES[word], *known])
    odd = [state for _, state in resources if state not in STATES]
    if odd and indicator != Indicator.MAJOR:
        raise OddPageError(f"A part of it is “{odd[0][:40]}”, which means nothing to us.")
    troubles = [row for row in resources if STATES.get(row[1]) != Indicator.NONE]
    return Found(indicator, named(troubles) or word.capitalize())


def _hosts(about: dict[str, Any]) -> list[str]:
    """The hosts by which the page may be asked, its company's own host included."""
    custom, subdomain = about.get("custom_domain"), about.get("subdomain")
    hosts = [f"{subdomain}.{host}" for host in _HOSTS] if isinstance(subdomain, str) else []
    own = [custom] if isinstance(custom, str) else []
    return [*own, *hosts, host_of(about.get("company_url"))]


def _resources(included: list[Any]) -> list[tuple[str, str]]:
    """Name and state of each watched resource; reports and sections are passed over."""
    rows = []
    for row in included:
        if not isinstance(row, dict) or row.get("type") != _RESOURCE:
            continue
        about = member(row, "attributes", dict)
        name, state = about.get("public_name"), about.get("status")
        if state != _NOT_WATCHED:
            rows.append((str(name or "A part"), str(state)))
    return rows
