"""Monitors: what is not green first; a page each with its chart, signals and addresses."""

import datetime as dt
from http import HTTPStatus
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from incidents.actors import actor_for
from incidents.forms.records import ZONES
from incidents.models import Client, Incident, System
from incidents.records import changes_of, version_of
from incidents.stamps import is_unchanged, stamped
from incidents.views.posting import kept_query, post, posted
from monitoring.bars import days_until, draw_bars
from monitoring.board import (
    NOT_GREEN,
    NOT_JUDGED,
    SHOWN_NOT_GREEN,
    MonitorFilter,
    counts_of_all,
    figures_of,
    rows_of,
    shown,
    stamp_of_list,
    worst_first,
)
from monitoring.descriptions import (
    asks_system,
    describe_monitor,
    limit_line,
    ping_url,
    rule_of,
    snippets_of,
    unit_of,
)
from monitoring.enums import Kind, State
from monitoring.forms.monitors import FORMS, PauseForm
from monitoring.intake import signals_page
from monitoring.models import Monitor
from monitoring.monitors import (
    check_editor,
    may_edit,
    may_manage_tokens,
    pause_monitor,
    resume_monitor,
    save_monitor,
)

GREEN_PER_PAGE = 30
SHOWN_CHANGES = 15
SHOWN_INCIDENTS = 10
PAGE_CHART = (420, 84)
STATE_CHOICES = [*State.choices, ("silenced", "In maintenance"), ("paused", "Paused")]


@require_safe
def monitor_list(request: HttpRequest, **kwargs: object) -> HttpResponse:
    """What is not green, then the green ones, then what nobody can judge yet."""
    now = timezone.now()
    is_poll = "HX-Polling" in request.headers
    stamp = f"{stamp_of_list(now=now)}:{request.GET.urlencode()}" if is_poll else ""
    if is_poll and is_unchanged(request, stamp):
        return stamped(HttpResponse(status=HTTPStatus.NOT_MODIFIED), stamp)
    template = "monitoring/_list_live.html" if is_poll else "monitoring/list.html"
    return stamped(render(request, template, _list_context(request, now=now)), stamp)


def _list_context(request: HttpRequest, *, now: dt.datetime) -> dict[str, Any]:
    wanted, actor = _filter_of(request), actor_for(request.user)
    monitors = shown(wanted.apply(Monitor.objects.all(), now=now))
    groups = {
        "not_green": worst_first(monitors.filter(status__state__in=NOT_GREEN)),
        "not_judged": monitors.filter(status__state__in=NOT_JUDGED).order_by("name"),
    }
    lists = {name: list(rows[:SHOWN_NOT_GREEN]) for name, rows in groups.items()}
    green = monitors.filter(status__state=State.OK).order_by("name")
    page = Paginator(green, GREEN_PER_PAGE).get_page(request.GET.get("page"))
    everyone = [*lists["not_green"], *lists["not_judged"], *page]
    rows = {row.monitor.pk: row for row in rows_of(everyone, viewer=request.user, now=now)}
    return {
        "now": now,
        "counts": counts_of_all(now=now),
        "not_green": [rows[one.pk] for one in lists["not_green"]],
        "not_judged": [rows[one.pk] for one in lists["not_judged"]],
        "green": [rows[one.pk] for one in page],
        "page": page,
        "most": SHOWN_NOT_GREEN,
        "filter": wanted,
        "kinds": Kind.choices,
        "states": STATE_CHOICES,
        "clients": Client.objects.active().values_list("slug", "name"),
        "systems": System.objects.active().values_list("slug", "name"),
        "kept": kept_query(
            q=wanted.query,
            kind=wanted.kind,
            state=wanted.state,
            client=wanted.client,
            system=wanted.system,
        ),
        "may_edit": may_edit(by=actor),
        "may_tokens": may_manage_tokens(by=actor),
        "poll_url": request.get_full_path(),
    }


def _filter_of(request: HttpRequest) -> MonitorFilter:
    words = {name: request.GET.get(name, "")[:80] for name in ("kind", "state", "client", "system")}
    return MonitorFilter(query=" ".join(request.GET.get("q", "").split())[:120], **words)


@require_safe
def monitor_detail(request: HttpRequest, slug: str, **kwargs: object) -> HttpResponse:
    """One monitor: how it stands and since when, its month, its signals, how it is fed."""
    now = timezone.now()
    monitor = get_object_or_404(shown(Monitor.objects.all()).select_related("severity"), slug=slug)
    is_poll = "HX-Polling" in request.headers
    status = monitor.status
    facts = (status.last_signal_at, status.since, status.state, status.value_text, status.due_at)
    stamp = (
        f"monitor:{monitor.pk}:{now.date()}:{facts}:{request.GET.urlencode()}" if is_poll else ""
    )
    if is_poll and is_unchanged(request, stamp):
        return stamped(HttpResponse(status=HTTPStatus.NOT_MODIFIED), stamp)
    template = "monitoring/_detail_live.html" if is_poll else "monitoring/detail.html"
    context = _detail_context(request, monitor, now=now)
    return stamped(render(request, template, context), stamp)


def _detail_context(request: HttpRequest, monitor: Monitor, *, now: dt.datetime) -> dict[str, Any]:
    today = now.astimezone(dt.UTC).date()
    days = days_until(today, figures_of([monitor.pk], today=today).get(monitor.pk, {}))
    width, height = PAGE_CHART
    limit = limit_line(monitor)
    chart = draw_bars(days, name=monitor.name, width=width, height=height, limit=limit)
    visible = Incident.objects.visible_to(request.user).order_by().values("pk")
    raised = monitor.raised.filter(incident__in=visible).select_related("incident__severity")
    windows = monitor.maintenance.filter(ends_at__gt=now).order_by("starts_at")
    return {
        "now": now,
        "monitor": monitor,
        "status": monitor.status,
        "about": describe_monitor(monitor, monitor.status),
        "rule": rule_of(monitor),
        "days": days,
        "chart": chart,
        "limit": limit,
        "unit": unit_of(monitor),
        "changes_of_state": monitor.changes.all()[:SHOWN_CHANGES],
        "intake": signals_page(monitor, before=request.GET.get("before", "")),
        "raised": raised[:SHOWN_INCIDENTS],
        "windows": windows,
        "is_silenced": Monitor.objects.filter(pk=monitor.pk).silenced(at=now).exists(),
        "ping_url": ping_url(monitor) if monitor.kind == Kind.HEARTBEAT else "",
        "snippets": snippets_of(monitor),
        "asked": asks_system(monitor) if monitor.kind == Kind.STATUS else None,
        "changes": changes_of(monitor),
        "may_edit": may_edit(by=actor_for(request.user)),
        "poll_url": request.get_full_path(),
    }


@require_http_methods(["GET", "HEAD", "POST"])
def monitor_new(request: HttpRequest, **kwargs: object) -> HttpResponse:
    """The kind comes first: each has fields of its own, and none needs a script."""
    check_editor(by=actor_for(request.user))
    kind = request.GET.get("kind", "")
    if kind not in Kind.values:
        context = {"now": timezone.now(), "kinds": _kind_choices()}
        status = HTTPStatus.UNPROCESSABLE_ENTITY if request.method == "POST" else HTTPStatus.OK
        return render(request, "monitoring/new.html", context, status=status)
    return _edit(request, Monitor(kind=kind))


@require_http_methods(["GET", "HEAD", "POST"])
def monitor_edit(request: HttpRequest, slug: str, **kwargs: object) -> HttpResponse:
    return _edit(request, get_object_or_404(Monitor, slug=slug))


def _edit(request: HttpRequest, monitor: Monitor) -> HttpResponse:
    now, actor = timezone.now(), actor_for(request.user)
    check_editor(by=actor)
    version = version_of(monitor) if monitor.pk else None
    form = FORMS[monitor.kind](posted(request), instance=monitor, version=version)
    status = int(HTTPStatus.OK)
    if request.method == "POST" and "preview" not in request.POST:

        def act() -> str:
            saved = save_monitor(form.instance, by=actor, now=now, version=form.seen_version)
            return saved.get_absolute_url()

        name = request.POST.get("name", "").strip()[:120]
        word = "saved" if monitor.pk else "added"
        outcome = post(request, form, act, done=f"{name} is {word}.", now=now)
        if isinstance(outcome, HttpResponse):
            return outcome
        status = outcome
        if status == HTTPStatus.CONFLICT:
            form.renew(version_of(monitor))
    context = {
        "now": now,
        "form": form,
        "monitor": Monitor.objects.filter(pk=monitor.pk).first(),
        "kind": Kind(monitor.kind),
        "coming_runs": form.coming_runs(now=now),
        "zones": ZONES,
    }
    return render(request, "monitoring/edit.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def monitor_pause(request: HttpRequest, slug: str, **kwargs: object) -> HttpResponse:
    """Pause a monitor, or have it judged again; asked before it is done."""
    now, actor = timezone.now(), actor_for(request.user)
    check_editor(by=actor)
    monitor = get_object_or_404(Monitor.objects.select_related("status"), slug=slug)
    form = PauseForm(posted(request), initial={"is_active": monitor.is_active})
    status = int(HTTPStatus.OK)
    if request.method == "POST":

        def act() -> str:
            turn = pause_monitor if form.cleaned_data["is_active"] else resume_monitor
            return turn(monitor, by=actor, now=now).get_absolute_url()

        word = "paused" if monitor.is_active else "watched again"
        outcome = post(request, form, act, done=f"{monitor} is {word}.", now=now)
        if isinstance(outcome, HttpResponse):
            return outcome
        status = outcome
    context = {"form": form, "monitor": monitor, "now": now}
    return render(request, "monitoring/pause.html", context, status=status)


def _kind_choices() -> list[tuple[str, str, str]]:
    """Address, name and what it is for, of every kind."""
    address = reverse("monitoring:new")
    return [(f"{address}?kind={kind.value}", str(kind.label), KIND_HINTS[kind]) for kind in Kind]


KIND_HINTS: dict[str, str] = {
    Kind.HEARTBEAT: "A job pings when it ran. Silence, a failure or a missed run is noticed.",
    Kind.ERROR_RATE: "Calls and errors are posted. Judged over a rolling hour.",
    Kind.BOUNCE_RATE: "Mails sent and bounced of one sending domain, over a rolling 24 hours.",
    Kind.SYNC: "Each sync reports success or failure. 24 hours without a success is a failure.",
    Kind.LEVEL: "Missing, duplicate or dropped records are posted, and judged by the CRM review.",
    Kind.CREDITS: "What is left of a tool's credits is posted. Low credits fail the weekly item.",
    Kind.STATUS: "A provider's own status page is asked every few minutes.",
}
