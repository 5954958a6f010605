"""How machines are answered: JSON, and a refusal with its reason (RFC 9457)."""

import json
from http import HTTPStatus
from typing import Any

from django.http import HttpResponse, JsonResponse

#: Nobody in between may keep an answer; a ping may be a GET.
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class RefusalError(Exception):
    """A request that is not taken; ``detail`` is shown to its sender."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> JsonResponse:
    """An error for a machine."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return JsonResponse(
        body, status=status, content_type="application/problem+json", headers=headers
    )


def refused(refusal: RefusalError) -> HttpResponse:
    """The answer to a request that is not taken."""
    return problem(refusal.status, refusal.detail, HEADERS | refusal.headers)


def unavailable(detail: str = "The database does not answer. Nothing was taken.") -> RefusalError:
    """503: the sender should try again soon."""
    return RefusalError(503, detail, {"Retry-After": "5"})


def answer(
    status: int, body: dict[str, Any], headers: dict[str, str] | None = None
) -> HttpResponse:
    """JSON of plain values: JsonResponse's encoder, which knows more, takes four times as long."""
    return HttpResponse(
        json.dumps(body).encode(),
        status=status,
        content_type="application/json",
        headers=HEADERS | (headers or {}),
    )
