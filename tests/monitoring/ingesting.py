"""What the tests of ingest share: a token, and posting as a machine does."""

import base64
import datetime as dt
import json
from typing import Any

from django.test import Client as Browser

from incidents.actors import Actor
from incidents.enums import Origin
from monitoring.ingest.tokens import create_token
from tests.factories import NOW

SHELL = Actor(name="Command line", origin=Origin.COMMAND_LINE)


def make_token(*scopes: str, name: str = "agent", expires_at: dt.datetime | None = None) -> str:
    """The text of a new token."""
    return create_token(name, scopes=scopes, by=SHELL, now=NOW, expires_at=expires_at)[1]


def bearer(token: str) -> str:
    return f"Bearer {token}"


def basic(token: str, user: str = "alertmanager") -> str:
    return "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()


def post(path: str, data: Any, token: str = "", *, header: str = "", **extra: str) -> Any:
    """Post JSON, or bytes as they are."""
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    header = header or (bearer(token) if token else "")
    headers = ({"Authorization": header} if header else {}) | extra
    return Browser(enforce_csrf_checks=True).post(
        path, body, content_type="application/json", headers=headers
    )


def is_problem(answer: Any, status: int) -> bool:
    """Whether it is a problem document (RFC 9457) of that status."""
    return (
        answer.status_code == status
        and answer["Content-Type"] == "application/problem+json"
        and answer.json()["status"] == status
        and bool(answer.json()["detail"])
    )
