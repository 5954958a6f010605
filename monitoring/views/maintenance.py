"""Planned work: while it runs nothing is opened, everything is recorded (rule K6)."""

import datetime as dt
from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from incidents.actors import actor_for
from incidents.views.posting import post, posted
from monitoring.forms.maintenance import MaintenanceForm
from monitoring.models import MaintenanceWindow
from monitoring.monitors import check_editor, end_maintenance, may_edit, plan_maintenance

SHOWN_PAST = 30


@require_http_methods(["GET", "HEAD", "POST"])
def maintenance(request: HttpRequest, **kwargs: object) -> HttpResponse:
    """What runs, what is planned, what was; and the form that plans more."""
    now, actor = timezone.now(), actor_for(request.user)
    first = {
        "monitor": request.GET.get("monitor", "")[:80],
        "starts_at": now.replace(second=0, microsecond=0),
        "ends_at": now.replace(second=0, microsecond=0) + dt.timedelta(hours=1),
    }
    form = MaintenanceForm(posted(request), initial=first)
    status = int(HTTPStatus.OK)
    if request.method == "POST":
        check_editor(by=actor)

        def act() -> str:
            names = ("monitor", "starts_at", "ends_at", "reason")
            fields = {name: form.cleaned_data[name] for name in names}
            plan_maintenance(MaintenanceWindow(**fields), by=actor)
            return reverse("monitoring:maintenance")

        outcome = post(request, form, act, done="The maintenance is announced.", now=now)
        if isinstance(outcome, HttpResponse):
            return outcome
        status = outcome
    windows = MaintenanceWindow.objects.select_related("monitor")
    context = {
        "now": now,
        "form": form,
        "coming": windows.filter(ends_at__gt=now).order_by("starts_at"),
        "past": windows.filter(ends_at__lte=now)[:SHOWN_PAST],
        "may_edit": may_edit(by=actor),
    }
    return render(request, "monitoring/maintenance.html", context, status=status)


@require_POST
def maintenance_end(request: HttpRequest, pk: int, **kwargs: object) -> HttpResponse:
    """End running work now, or take planned work back."""
    now, actor = timezone.now(), actor_for(request.user)
    check_editor(by=actor)
    window = get_object_or_404(MaintenanceWindow, pk=pk)
    end_maintenance(window, by=actor, now=now)
    is_running = window.starts_at < now
    words = "The maintenance is over." if is_running else "The maintenance is taken back."
    messages.success(request, words)
    return redirect("monitoring:maintenance")
