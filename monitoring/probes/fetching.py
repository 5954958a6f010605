"""Asking an address that answers in JSON: what a probe needs of the way out over HTTP."""

import json
from http import HTTPStatus
from typing import Any

from notifications.channels.http import Answer, CallError, call


def fetch(url: str, *, seconds: float | None = None) -> Answer:
    """GET one address, within HTTP_TIMEOUT (or ``seconds``) of wall time. Raises CallError."""
    return call(url, seconds=seconds)


def fetch_json(url: str, *, seconds: float | None = None) -> Any:
    """What an address answers with status 200 as JSON. Raises CallError."""
    answer = fetch(url, seconds=seconds)
    if answer.status != HTTPStatus.OK:
        raise CallError(f"It answered with status {answer.status}.", status=answer.status)
    if answer.content_type and "json" not in answer.content_type:
        raise CallError(f"It answered with {answer.content_type[:60]}, not with JSON.")
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise CallError("Its answer is not valid JSON.") from error
