"""The project's own addresses, without the pages of the apps, plus views that fail."""

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from config import health
from incidents.errors import ConflictError, Missing, NotAllowedError, WorkflowError


def private(request: HttpRequest) -> HttpResponse:
    # Without an icon of its own the browser asks for one and complains.
    icon = '<link rel="icon" href="data:,">'
    return HttpResponse(f"{icon}hello {request.user.get_username()}")


@login_not_required
def public(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"got {len(request.POST)}")


@csrf_exempt
@login_not_required
def machine(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(len(request.body)))


@login_not_required
def fail(request: HttpRequest, how: str) -> HttpResponse:
    raise {
        "crash": RuntimeError("password=hunter2hunter2"),
        "denied": PermissionDenied("Only the founder approves this."),
        "conflict": ConflictError("Devin was faster.", ["Status: triaged"]),
        "refused": WorkflowError("Not yet.", [Missing("The fix has no test evidence.")]),
        "role": NotAllowedError("Only the orchestrator waives."),
    }[how]


urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("accounts/", include("allauth.urls")),
    path("", private, name="home"),
    path("poll/", private),
    path("page/poll/", private),
    path("public/", public),
    path("fail/<str:how>/", fail),
    path("metrics/any", machine),
    path("metrics/fail/<str:how>", fail),
    path("", include("incidents.urls")),
]

handler400 = "config.errors.bad_request"
handler403 = "config.errors.forbidden"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"
