"""Machines are answered before any other middleware: no session, sign-in or CSRF work."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from monitoring.ingest.addresses import PREFIXES, answer_machine

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class MachineMiddleware:
    """The first of all: it answers machine addresses itself and lets everything else pass."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(PREFIXES):
            return answer_machine(request)
        return self.get_response(request)
