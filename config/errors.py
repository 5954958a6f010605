"""What people and machines see when a request fails: never a stack trace.

People get a page, machine addresses get ``application/problem+json`` (RFC 9457). The
pages are rendered without the request, so that they need neither session nor database:
either may be what failed.
"""

from http import HTTPStatus

import structlog
from django.core.exceptions import (
    RequestDataTooBig,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.cache import add_never_cache_headers
from django.utils.html import format_html

from incidents.errors import Missing
from monitoring.ingest.answers import problem

log = structlog.get_logger(__name__)

MACHINE_PATHS = ("/ping/", "/ingest/", "/healthz", "/readyz", "/metrics", "/openapi.json")
TOO_BIG = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)

TITLES = {
    400: "This request cannot be read",
    403: "You may not do this",
    404: "There is no such page",
    409: "Somebody else was faster",
    413: "That is too much at once",
    500: "Something broke on our side",
}
DETAILS = {
    400: "Something in the address or the form is not text this program can work with.",
    403: "Your role does not include this step, or the page is not meant for you.",
    404: "The address is wrong, or the record was removed or is private.",
    409: "The record changed while you were at work on it. Nothing of yours was saved.",
    413: "The form holds more text than this program takes. Shorten it and send it again.",
    500: "Nothing was saved. The error is logged; try again in a minute.",
}


def is_machine_address(path: str) -> bool:
    """Whether ``path`` is one that programs call, not people."""
    return path.startswith(MACHINE_PATHS)


def error_response(
    request: HttpRequest, status: int, *, detail: str = "", missing: list[Missing] | None = None
) -> HttpResponse:
    """The answer to a failed request in the form its caller understands.

    ``missing`` are the things a person can mend; pages list them.
    """
    title = TITLES.get(status, HTTPStatus(status).phrase)
    text = detail or DETAILS.get(status, "")
    response: HttpResponse
    if is_machine_address(request.path_info):
        response = problem(status, text)
    else:
        response = HttpResponse(_page(status, title, text, missing or []), status=status)
    add_never_cache_headers(response)
    return response


def _page(status: int, title: str, detail: str, missing: list[Missing]) -> str:
    context = {"status": status, "title": title, "detail": detail, "missing": missing}
    template = f"errors/{status if status in TITLES else 500}.html"
    try:
        return render_to_string(template, context)
    except Exception:
        # Whatever is wrong with the template, the person still gets an answer.
        log.exception("error page does not render", template=template)
        return format_html(
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>{}</title>'
            '<h1>{}</h1><p>{}</p><p><a href="/">Home</a></p></html>',
            title,
            title,
            detail,
        )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400, or 413 where the request was merely too big."""
    return error_response(request, 413 if isinstance(exception, TOO_BIG) else 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403; a reason given by our own code is shown."""
    return error_response(request, 403, detail=str(exception))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form whose token is stale; ``reason`` is for developers and not shown."""
    detail = "This form is stale. Go back, reload the page and send it again."
    return error_response(request, 403, detail=detail)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404; a text of our own ("No incident INC-…") is not shown, it might tell too much."""
    return error_response(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500; Django has logged the traceback already."""
    return error_response(request, 500)
