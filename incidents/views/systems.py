"""Systems: whose they are, who depends on them, what is open on them."""

from http import HTTPStatus

from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_safe

from incidents.actors import actor_for
from incidents.enums import OPEN_STATUSES, Side
from incidents.forms.systems import SystemForm
from incidents.models import Incident, System
from incidents.panels import panels_for
from incidents.records import (
    Kind,
    changes_of,
    check_editor,
    may_edit,
    save_system,
    version_of,
)
from incidents.views.posting import kept_query, post, posted

PER_PAGE = 50
SHOWN = 20


@require_safe
def system_list(request: HttpRequest, **kwargs: object) -> HttpResponse:
    """Every system with its dependants and open incidents, in one query."""
    query = " ".join(request.GET.get("q", "").split())[:120]
    side = request.GET.get("side", "")
    shows_former = request.GET.get("former") == "1"
    systems = System.objects.all() if shows_former else System.objects.active()
    if query:
        named = Q(name__icontains=query) | Q(vendor__icontains=query)
        systems = systems.filter(named | Q(plain_name__icontains=query))
    if side in Side.values:
        systems = systems.filter(side=side)
    rows = _with_figures(systems, Incident.objects.visible_to(request.user))
    context = {
        "page": Paginator(rows, PER_PAGE).get_page(request.GET.get("page")),
        "query": query,
        "side": side,
        "sides": Side.choices,
        "shows_former": shows_former,
        "is_filtered": bool(query or side or shows_former),
        "kept": kept_query(q=query, side=side, former="1" if shows_former else ""),
        "may_edit": may_edit(Kind.SYSTEM, by=actor_for(request.user)),
        "now": timezone.now(),
    }
    return render(request, "incidents/system_list.html", context)


@require_safe
def system_detail(request: HttpRequest, slug: str, **kwargs: object) -> HttpResponse:
    """One system: whose it is, who leans on it, its incidents."""
    system = get_object_or_404(System.objects.select_related("backup", "playbook"), slug=slug)
    visible = Incident.objects.visible_to(request.user)
    now = timezone.now()
    on_it = visible.filter(systems=system).select_related("severity")
    context = {
        "system": system,
        "is_third_party": system.side == Side.THIRD_PARTY,
        "dependencies": system.dependencies.select_related("client"),
        "backs_up": system.backs_up.all(),
        "open_incidents": on_it.open(),
        "list_more": f"{reverse('incidents:list')}?{urlencode({'system': system.slug})}",
        "past_incidents": on_it.exclude(status__in=OPEN_STATUSES)[:SHOWN],
        "changes": changes_of(system),
        "panels": panels_for(system, viewer=request.user, now=now),
        "may_edit": may_edit(Kind.SYSTEM, by=actor_for(request.user)),
        "now": now,
    }
    return render(request, "incidents/system_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def system_new(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return _edit(request, System(), "added")


@require_http_methods(["GET", "HEAD", "POST"])
def system_edit(request: HttpRequest, slug: str, **kwargs: object) -> HttpResponse:
    return _edit(request, get_object_or_404(System, slug=slug), "saved")


def _edit(request: HttpRequest, system: System, word: str) -> HttpResponse:
    now, actor = timezone.now(), actor_for(request.user)
    check_editor(Kind.SYSTEM, by=actor)
    version = version_of(system) if system.pk else None
    form = SystemForm(posted(request), instance=system, version=version)
    status = int(HTTPStatus.OK)
    if request.method == "POST":

        def act() -> str:
            saved = save_system(form.instance, by=actor, version=form.seen_version)
            return saved.get_absolute_url()

        name = request.POST.get("name", "").strip()[:120]
        outcome = post(request, form, act, done=f"{name} is {word}.", now=now)
        if isinstance(outcome, HttpResponse):
            return outcome
        status = outcome
        if status == HTTPStatus.CONFLICT:
            form.renew(version_of(system))
    stored = System.objects.filter(pk=system.pk).first()
    context = {"form": form, "system": stored, "now": now}
    return render(request, "incidents/system_edit.html", context, status=status)


def _with_figures(systems: QuerySet[System], visible: QuerySet[Incident]) -> QuerySet[System]:
    """``client_count``, and ``open_incidents`` among those that the reader may see."""
    is_open = Q(
        incidents__status__in=OPEN_STATUSES,
        incidents__in=visible.order_by().values("pk"),
    )
    return (
        systems.order_by("name")
        .select_related("backup")
        .annotate(
            client_count=Count("dependencies", distinct=True),
            open_incidents=Count("incidents", distinct=True, filter=is_open),
        )
    )
