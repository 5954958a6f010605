"""A server on loopback that speaks HubSpot's notes API as far as we use it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import count
from typing import Any

from tests.notifications.json_server import Asked, JsonServer, Reply

TOKEN = "pat-eu1-loopback-token"
VERSION = "2026-03"


@dataclass(frozen=True)
class Note:
    number: str
    deal: str
    body: str
    timestamp: str
    at: float


class HubSpotServer(JsonServer):
    """Keeps notes on deals. ``lag``: seconds until a new note is on its deal's list.

    ``deals`` maps numbers to names, ``contacts`` an e-mail address to deals; `per_page` makes
    long lists come in pieces.
    """

    def __init__(self, *, token: str = TOKEN, version: str = VERSION, port: int = 0) -> None:
        super().__init__(port=port)
        self.token = token
        self.root = f"/crm/objects/{version}/"
        self.notes: list[Note] = []
        self.deals: dict[str, str] | None = None
        self.contacts: dict[str, list[str]] = {}
        self.lag = 0.0
        self.per_page = 100
        self._numbers = count(50_001)

    def notes_on(self, deal: str) -> list[Note]:
        return [note for note in self.notes if note.deal == deal]

    def add_note(self, deal: str, body: str) -> Note:
        """A note that somebody else wrote, long ago."""
        note = Note(str(next(self._numbers)), deal, body, "", time.monotonic() - 3600)
        self.notes.append(note)
        return note

    @property
    def writes(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == f"{self.root}notes"]

    def answer(self, asked: Asked) -> tuple[int, Any]:
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return refused(401, "Authentication credentials not found.", "INVALID_AUTHENTICATION")
        if not asked.path.startswith(self.root):
            return refused(404, "No such path.", "OBJECT_NOT_FOUND")
        match [asked.method, *asked.path.removeprefix(self.root).split("/")]:
            case ["POST", "notes"]:
                return self._create(asked.json or {})
            case ["POST", "notes", "batch", "read"]:
                return self._read(asked.json or {})
            case ["GET", "deals", deal, "associations", "notes"]:
                return self._listed(deal, asked.query)
            case ["POST", "deals", "search"]:
                return self._search_deals(asked.json or {})
            case ["POST", "contacts", "search"]:
                return self._search_contacts(asked.json or {})
            case ["GET", "contacts", contact, "associations", "deals"]:
                address = sorted(self.contacts)[int(contact) - 1]
                return 200, {"results": [{"toObjectId": int(d)} for d in self.contacts[address]]}
            case ["POST", "deals", "batch", "read"]:
                return 200, {"results": [self._deal(row["id"]) for row in asked.json["inputs"]]}
        return refused(404, "No such path.", "OBJECT_NOT_FOUND")

    def _create(self, asked: dict[str, Any]) -> tuple[int, Any]:
        properties = asked.get("properties", {})
        body, timestamp = properties.get("hs_note_body"), properties.get("hs_timestamp")
        [association] = asked.get("associations", [])
        deal = association["to"]["id"]
        kinds = association["types"]
        note_to_deal = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 214}]
        if not isinstance(deal, str) or not isinstance(body, str) or kinds != note_to_deal:
            return refused(400, "Invalid input JSON", "VALIDATION_ERROR")
        if not timestamp or len(body) > 65_536:
            return refused(400, "Property values were not valid", "VALIDATION_ERROR")
        if self.deals is not None and deal not in self.deals:
            return refused(404, "Object not found.", "OBJECT_NOT_FOUND")
        note = Note(str(next(self._numbers)), deal, body, timestamp, time.monotonic())
        self.notes.append(note)
        return 201, {"id": note.number, "properties": properties}

    def _listed(self, deal: str, query: dict[str, str]) -> tuple[int, Any]:
        if self.deals is not None and deal not in self.deals:
            return refused(404, "Object not found.", "OBJECT_NOT_FOUND")
        seen = time.monotonic() - self.lag
        notes = [note for note in self.notes_on(deal) if note.at <= seen]
        start, size = int(query.get("after", 0)), min(int(query["limit"]), self.per_page)
        rows = [{"toObjectId": int(note.number)} for note in notes[start : start + size]]
        more = start + size < len(notes)
        paging = {"paging": {"next": {"after": str(start + size)}}} if more else {}
        return 200, {"results": rows} | paging

    def _read(self, asked: dict[str, Any]) -> tuple[int, Any]:
        wanted = [row["id"] for row in asked["inputs"]]
        if len(wanted) > 100:
            return refused(400, "The maximum number of inputs is 100.", "VALIDATION_ERROR")
        notes = [note for note in self.notes if note.number in wanted]
        rows = [{"id": n.number, "properties": {"hs_note_body": n.body}} for n in notes]
        return 200, {"status": "COMPLETE", "results": rows}

    def _search_deals(self, asked: dict[str, Any]) -> tuple[int, Any]:
        words = str(asked.get("query", "")).casefold().split()
        deals = self.deals or {}
        found = [key for key, name in deals.items() if all(w in name.casefold() for w in words)]
        return 200, {"total": len(found), "results": [self._deal(key) for key in found]}

    def _search_contacts(self, asked: dict[str, Any]) -> tuple[int, Any]:
        [group] = asked["filterGroups"]
        address = group["filters"][0]["value"]
        numbers = [str(n) for n, known in enumerate(sorted(self.contacts), 1) if known == address]
        return 200, {"total": len(numbers), "results": [{"id": number} for number in numbers]}

    def _deal(self, number: str) -> dict[str, Any]:
        name = (self.deals or {}).get(number, "")
        return {"id": number, "properties": {"dealname": name, "dealstage": "closedwon"}}


def refused(status: int, message: str, category: str, **more: Any) -> tuple[int, dict[str, Any]]:
    """What HubSpot answers when it refuses."""
    about = {"correlationId": "5f3f-loopback", "category": category}
    return status, {"status": "error", "message": message, **about, **more}


def refusal(status: int, message: str, category: str = "VALIDATION_ERROR", **more: Any) -> Reply:
    """The same as a scripted reply."""
    return Reply(*refused(status, message, category, **more))


def too_many(policy: str, *, retry_after: int | None = None) -> Reply:
    """429 by one of its two policies: DAILY, or TEN_SECONDLY_ROLLING."""
    status, body = refused(
        429,
        "You have reached your limit.",
        "RATE_LIMITS",
        errorType="RATE_LIMIT",
        policyName=policy,
    )
    return Reply(status, body, headers={"Retry-After": str(retry_after)} if retry_after else {})
