"""Finding a client's deal in HubSpot, for a person to choose from (rule M10)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.conf import settings

from notifications.channels.http import CallError
from notifications.channels.hubspot_api import Refusal, ask_hubspot
from notifications.channels.json_api import Stopwatch

#: More than anybody reads; the name in HubSpot tells them apart.
MOST_DEALS = 20
_PROPERTIES = ["dealname", "dealstage", "amount", "closedate"]


class DealSearchError(Exception):
    """HubSpot could not be asked, or refused; the text says why."""


@dataclass(frozen=True, slots=True)
class Deal:
    number: str
    name: str
    stage: str

    def __str__(self) -> str:
        stage = f", {self.stage}" if self.stage else ""
        return f"{self.name or 'Deal without a name'}{stage} ({self.number})"


def find_deals(*, name: str, email: str, seconds: float) -> list[Deal]:
    """Deals that carry the client's name, and those of the contact with that address.

    Within ``seconds`` for all requests together. Raises DealSearchError.
    """
    watch = Stopwatch(seconds)
    try:
        found = _by_name(name, watch)
        if email:
            found += _by_contact(email, watch)
    except CallError as error:
        raise DealSearchError(f"HubSpot: {error}") from error
    return list({deal.number: deal for deal in found}.values())[:MOST_DEALS]


def _by_name(name: str, watch: Stopwatch) -> list[Deal]:
    said = _ask("POST", "deals/search", watch, _search(query=name, properties=_PROPERTIES))
    return _deals(said)


def _by_contact(email: str, watch: Stopwatch) -> list[Deal]:
    wanted = [{"filters": [{"propertyName": "email", "operator": "EQ", "value": email}]}]
    said = _ask("POST", "contacts/search", watch, _search(groups=wanted))
    numbers: list[str] = []
    for contact in _rows(said):
        path = f"contacts/{quote(str(contact.get('id')), safe='')}/associations/deals"
        listed = _rows(_ask("GET", path, watch))
        numbers += [str(row.get("toObjectId") or row.get("id")) for row in listed]
    if not numbers:
        return []
    inputs = [{"id": number} for number in dict.fromkeys(numbers)][:MOST_DEALS]
    payload = {"properties": _PROPERTIES, "propertiesWithHistory": [], "inputs": inputs}
    return _deals(_ask("POST", "deals/batch/read", watch, payload))


def _search(
    *, query: str = "", groups: Iterable[Any] = (), properties: Iterable[str] = ()
) -> dict[str, Any]:
    asked = {"limit": MOST_DEALS, "after": "0", "sorts": [], "properties": list(properties)}
    return asked | {"filterGroups": list(groups)} | ({"query": query} if query else {})


def _ask(
    method: str, path: str, watch: Stopwatch, payload: Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    root = f"/crm/objects/{quote(settings.HUBSPOT_API_VERSION, safe='')}"
    said = ask_hubspot(method, f"{root}/{path}", payload, seconds=watch.left())
    if isinstance(said, Refusal):
        scopes = f" The token lacks the scope {said.scopes}." if said.scopes else ""
        raise DealSearchError(f"HubSpot: {said}.{scopes}")
    return said


def _deals(said: Mapping[str, Any]) -> list[Deal]:
    return [_deal(row) for row in _rows(said) if row.get("id")]


def _deal(row: Mapping[str, Any]) -> Deal:
    properties = row.get("properties")
    known = properties if isinstance(properties, dict) else {}
    return Deal(
        number=str(row["id"]),
        name=str(known.get("dealname") or "")[:120],
        stage=str(known.get("dealstage") or "")[:60],
    )


def _rows(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    results = said.get("results")
    return [row for row in results if isinstance(row, dict)] if isinstance(results, list) else []
