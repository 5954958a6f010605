"""What happens to every request before and after its view."""

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.db import connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase, UnreadablePostError
from django.shortcuts import redirect, resolve_url
from django.utils import timezone
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from config.errors import error_response, is_machine_address
from incidents.errors import ConflictError, NotAllowedError, WorkflowError

GetResponse = Callable[[HttpRequest], HttpResponseBase]

FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
SIGNED_IN_AT = "signed_in_at"
SEEN_AT = "seen_at"
#: Presence is written at most this often: a page view should not cost a write.
SEEN_EVERY = timedelta(seconds=30)


def is_poll(request: HttpRequest) -> bool:
    """Whether the browser asked by itself, without a person doing anything."""
    return "HX-Polling" in request.headers or "poll" in request.path_info.split("/")


class PermissionsPolicyMiddleware:
    """Say that no page needs a camera, a microphone or the like."""

    POLICY = ", ".join(
        f"{feature}=()"
        for feature in (
            "accelerometer",
            "camera",
            "display-capture",
            "geolocation",
            "gyroscope",
            "magnetometer",
            "microphone",
            "midi",
            "payment",
            "usb",
        )
    )

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", self.POLICY)
        return response


class CleanInputMiddleware:
    """Refuse what no form of ours can mean: NUL characters and huge bodies.

    PostgreSQL cannot store NUL, so without this an address or a form that carries one
    would fail somewhere deep inside. Machine addresses take any bytes and see to it
    themselves.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "\0" in request.path_info or _has_nul(request.GET.lists()):
            return error_response(request, 400)
        if is_machine_address(request.path_info):
            return self.get_response(request)
        if _declared_size(request) > settings.MAX_REQUEST_BYTES:
            return error_response(request, 413)
        try:
            is_dirty = request.content_type in FORM_TYPES and _has_nul(request.POST.lists())
        except UnreadablePostError:
            is_dirty = True
        return error_response(request, 400) if is_dirty else self.get_response(request)


def _declared_size(request: HttpRequest) -> int:
    declared = request.META.get("CONTENT_LENGTH") or "0"
    return int(declared) if declared.isascii() and declared.isdigit() else 0


def _has_nul(fields: Iterable[tuple[str, list[Any]]]) -> bool:
    return any("\0" in name or any("\0" in value for value in values) for name, values in fields)


class SessionLimitsMiddleware:
    """End a session eight hours after sign-in, or after thirty minutes without a person.

    Requests that a page makes by itself do not count as a person (rule A3).
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.user.is_authenticated:
            self._keep_or_end(request)
        return self.get_response(request)

    def _keep_or_end(self, request: HttpRequest) -> None:
        now = timezone.now().timestamp()
        signed_in_at = request.session.setdefault(SIGNED_IN_AT, now)
        seen_at = request.session.setdefault(SEEN_AT, now)
        is_old = now - signed_in_at >= settings.SESSION_MAX_AGE.total_seconds()
        is_idle = now - seen_at >= settings.SESSION_MAX_IDLE.total_seconds()
        if is_old or is_idle:
            logout(request)
        elif not is_poll(request) and now - seen_at >= SEEN_EVERY.total_seconds():
            request.session[SEEN_AT] = now


class SignInMiddleware(LoginRequiredMiddleware):
    """Every page needs a login unless its view says otherwise (rule A1).

    A fragment is answered with 401 and the event ``session-expired`` instead of the login
    page, so that the page around it, and what was typed there, stays where it is.
    """

    def handle_no_permission(  # type: ignore[override]
        self, request: HttpRequest, view_func: Callable[..., HttpResponseBase]
    ) -> HttpResponseBase:
        if request.headers.get("HX-Request") == "true" or is_poll(request):
            response = HttpResponse("You are signed out.", status=401, content_type="text/plain")
            return trigger_client_event(
                response, "session-expired", {"login": resolve_url(settings.LOGIN_URL)}
            )
        return redirect_to_login(_return_path(request), resolve_url(settings.LOGIN_URL))


def _return_path(request: HttpRequest) -> str:
    """Where to go after sign-in: never to an address that only takes a form."""
    if request.method in {"GET", "HEAD"}:
        return request.get_full_path()
    referer = urlsplit(request.headers.get("Referer", ""))
    return referer.path if referer.netloc == request.get_host() else "/"


class SecondFactorMiddleware:
    """With REQUIRE_2FA, nobody gets past setting up the second factor (rule A3)."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not settings.REQUIRE_2FA or not request.user.is_authenticated:
            return self.get_response(request)
        is_open = request.path_info.startswith("/accounts/") or is_machine_address(
            request.path_info
        )
        if is_open or is_mfa_enabled(request.user):
            return self.get_response(request)
        if request.headers.get("HX-Request") == "true":
            return HttpResponseClientRedirect(resolve_url("mfa_activate_totp"))
        messages.info(request, "Set up your second factor first; this place requires one.")
        return redirect("mfa_activate_totp")


class RefusalMiddleware:
    """The net below the views: a refusal they did not show becomes a page, not a 500."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, WorkflowError):
            return None
        if isinstance(exception, NotAllowedError):
            return error_response(request, 403, detail=exception.message)
        status = 409 if isinstance(exception, ConflictError) else 400
        return error_response(request, status, detail=exception.message, missing=exception.missing)


class BenchMiddleware:
    """With BENCH=1: how many queries and how much time an answer took, as headers."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        meter = _QueryMeter()
        started = time.perf_counter()
        with ExitStack() as stack:
            for connection in connections.all():
                stack.enter_context(connection.execute_wrapper(meter))
            response = self.get_response(request)
        total = time.perf_counter() - started
        response.headers["X-Query-Count"] = str(meter.count)
        response.headers["Server-Timing"] = (
            f"total;dur={total * 1000:.2f}, db;dur={meter.seconds * 1000:.2f}"
        )
        return response


class _QueryMeter:
    """Counts queries and the time spent in them."""

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0

    def __call__(
        self,
        execute: Callable[..., Any],
        sql: str,
        params: Any,
        many: bool,
        context: dict[str, Any],
    ) -> Any:
        started = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.count += 1
            self.seconds += time.perf_counter() - started
