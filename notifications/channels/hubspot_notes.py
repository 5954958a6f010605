"""Looking for a note on a deal by its mark.

By the deal's own list and not by the search, which lags behind for longer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings

from notifications.channels.http import CallError
from notifications.channels.hubspot_api import Refusal, ask_hubspot
from notifications.channels.json_api import Stopwatch

_PER_PAGE = 500
_PER_READ = 100


def find_note(*, deal: str, mark: str, watch: Stopwatch) -> str | Refusal:
    """The number of the deal's note whose body holds the mark; empty where there is none.

    Every page is read, and every note from the newest down: “none” is only said when all were
    seen. Raises CallError where an answer is missing or odd.
    """
    listed = _numbers_on(deal, watch)
    if isinstance(listed, Refusal):
        return listed
    for start in range(0, len(listed), _PER_READ):
        found = _find_among(listed[start : start + _PER_READ], mark, watch)
        if found:
            return found
    return ""


def _numbers_on(deal: str, watch: Stopwatch) -> list[str] | Refusal:
    """All notes of a deal, newest first: HubSpot's numbers rise."""
    numbers: set[str] = set()
    after = ""
    while True:
        page = {"limit": _PER_PAGE} | ({"after": after} if after else {})
        said = ask_hubspot(
            "GET",
            f"{_objects()}/deals/{quote(deal, safe='')}/associations/notes?{urlencode(page)}",
            seconds=watch.left(),
        )
        if isinstance(said, Refusal):
            return said
        numbers.update(_number_in(row) for row in _rows(said))
        following = _next_page(said)
        if not following or following == after:
            return sorted(numbers, key=lambda number: (len(number), number), reverse=True)
        after = following


def _find_among(numbers: list[str], mark: str, watch: Stopwatch) -> str | Refusal:
    wanted = {
        "properties": ["hs_note_body"],
        "propertiesWithHistory": [],
        "inputs": [{"id": number} for number in numbers],
    }
    said = ask_hubspot("POST", f"{_objects()}/notes/batch/read", wanted, seconds=watch.left())
    if isinstance(said, Refusal):
        return said
    for note in _rows(said):
        properties = note.get("properties")
        body = properties.get("hs_note_body") if isinstance(properties, dict) else None
        if mark in str(body or ""):
            return str(note.get("id") or "unknown")
    return ""


def _objects() -> str:
    return f"/crm/objects/{quote(settings.HUBSPOT_API_VERSION, safe='')}"


def _rows(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    results = said.get("results")
    if not isinstance(results, list):
        raise CallError("Its list of notes is none.", was_sent=True)
    return [row for row in results if isinstance(row, dict)]


def _number_in(row: Mapping[str, Any]) -> str:
    """Older and newer lists name it differently."""
    number = row.get("toObjectId") or row.get("id")
    if not number:
        raise CallError("Its list of notes names none.", was_sent=True)
    return str(number)


def _next_page(said: Mapping[str, Any]) -> str:
    paging = said.get("paging")
    following = paging.get("next") if isinstance(paging, dict) else None
    return str(following.get("after") or "") if isinstance(following, dict) else ""
