"""One call of HubSpot's API: its answer, or its refusal in words a person can act on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.conf import settings

from notifications.channels.http import Answer, call
from notifications.channels.json_api import json_of, seconds_to_wait
from notifications.redaction import redact

_SUCCESS = range(HTTPStatus.OK, HTTPStatus.MULTIPLE_CHOICES)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What HubSpot says when it does not do what was asked."""

    status: int
    description: str
    retry_after: float | None = None
    is_daily: bool = False
    scopes: str = ""

    def __str__(self) -> str:
        return f"{self.status} {self.description}".rstrip(".")


def ask_hubspot(
    method: str,
    path: str,
    payload: Mapping[str, Any] | None = None,
    *,
    seconds: float | None = None,
) -> Mapping[str, Any] | Refusal:
    """Call the API with HUBSPOT_TOKEN; what it answers, empty where that is no JSON object.

    Raises CallError where there is no answer.
    """
    headers = {"Authorization": f"Bearer {settings.HUBSPOT_TOKEN}"}
    if payload is not None:
        headers["Content-Type"] = "application/json"
    answer = call(
        f"{settings.HUBSPOT_API_URL.rstrip('/')}{path}",
        method=method,
        headers=headers,
        body=None if payload is None else json.dumps(payload).encode(),
        seconds=seconds,
        silence=seconds,
    )
    said = json_of(answer)
    return said if answer.status in _SUCCESS else _refusal(answer, said)


def _refusal(answer: Answer, said: Mapping[str, Any]) -> Refusal:
    message = said.get("message")
    details = [error for error in _list(said.get("errors")) if isinstance(error, dict)]
    parts = [str(message)] if message else [f"It answered with status {answer.status}."]
    # What each rule of the portal says comes apart from the headline.
    parts += [str(error["message"]) for error in details if error.get("message")]
    return Refusal(
        status=answer.status,
        description=redact(
            ". ".join(dict.fromkeys(part.rstrip(". ") for part in parts)), limit=600
        ),
        retry_after=seconds_to_wait(answer.headers.get("retry-after")),
        is_daily=said.get("policyName") == "DAILY",
        scopes=_scopes(details, said),
    )


def _scopes(details: list[dict[str, Any]], said: Mapping[str, Any]) -> str:
    """The scopes that HubSpot names as missing, wherever in its answer it names them."""
    contexts = [row.get("context") for row in [*details, said]]
    named: list[str] = []
    for context in contexts:
        if isinstance(context, dict):
            for key in ("requiredGranularScopes", "requiredScopes"):
                named += [str(scope) for scope in _list(context.get(key))]
    return ", ".join(dict.fromkeys(named))[:200]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
