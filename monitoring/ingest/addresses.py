"""Answering machines: each address says its methods, and nothing that is sent ends in a 500."""

import functools
import logging
from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import SuspiciousOperation
from django.db import DataError, connection
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, ResolverMatch, resolve
from django.views.decorators.csrf import csrf_exempt

from monitoring.ingest.answers import HEADERS, RefusalError, problem, refused, unavailable
from monitoring.ingest.patience import AWAY

logger = logging.getLogger(__name__)

#: Where programs post to; everything below is answered here alone.
PREFIXES = ("/ping/", "/ingest/", "/openapi.json")
#: Of these alone there are more than a few.
VARIED = "/ping/"
URLS = "monitoring.ingest.urls"

View = Callable[..., HttpResponse]


def machine_address(*methods: str) -> Callable[[View], View]:
    """A view for machines: open (what it does needs a token of its own), for these methods."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                if request.method not in methods:
                    allowed = ", ".join(methods)
                    raise RefusalError(405, f"Only {allowed} is taken here.", {"Allow": allowed})
                return view(request, *args, **kwargs)
            except RefusalError as refusal:
                return refused(refusal)
            except AWAY:
                _forget_connection()
                return refused(unavailable())
            except SuspiciousOperation:
                return refused(RefusalError(400, "This request cannot be read."))
            except DataError:
                logger.exception("a machine sent what the database cannot store")
                return refused(RefusalError(400, "This cannot be stored."))
            except Exception:
                # The sender tries again; whoever reads the log mends it.
                logger.exception("a request of a machine broke")
                return refused(unavailable("Something broke here. Nothing was taken."))

        return csrf_exempt(login_not_required(answered))

    return decorate


def answer_machine(request: HttpRequest) -> HttpResponse:
    """Answer a request below PREFIXES."""
    response: HttpResponse
    try:
        match = _found(request.path_info)
    except Resolver404:
        response = problem(404, "There is no such address.", HEADERS)
    else:
        response = match.func(request, *match.args, **match.kwargs)
    # Some clients wait for the end of the connection otherwise.
    response.headers["Content-Length"] = str(len(response.content))
    return response


def _found(path: str) -> ResolverMatch:
    """Raises Resolver404."""
    return resolve(path, URLS) if path.startswith(VARIED) else _fixed(path)


@functools.lru_cache(maxsize=16)
def _fixed(path: str) -> ResolverMatch:
    """Searched for once; what is not found is not remembered."""
    return resolve(path, URLS)


def _forget_connection() -> None:
    if not connection.in_atomic_block:
        connection.close()
