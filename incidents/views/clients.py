"""Clients: who they are, what they depend on, what they were promised and told."""

from http import HTTPStatus
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_safe

from incidents.actors import actor_for
from incidents.enums import OPEN_STATUSES, Tier
from incidents.forms.clients import WEEKDAYS, ClientEscalationForm, ClientForm
from incidents.forms.records import ZONES
from incidents.models import Client, ClientMail, Escalation, EscalationRule, Incident
from incidents.models.hold import HoldQuerySet
from incidents.models.incident import Viewer
from incidents.panels import panels_for
from incidents.permissions import authorize, may
from incidents.promises import promises, score_of, with_figures
from incidents.records import (
    CLIENT_ESCALATIONS,
    Kind,
    changes_of,
    check_editor,
    escalate_client,
    escalation_choices,
    may_edit,
    save_client,
    version_of,
)
from incidents.transitions import Step
from incidents.views.holds import view_holds, visible_holds
from incidents.views.posting import kept_query, post, posted

PER_PAGE = 50
#: As many as a person reads; the incident list has the rest.
SHOWN = 20


@require_safe
def client_list(request: HttpRequest, **kwargs: object) -> HttpResponse:
    """Every client with what is open and how promises were kept, in one query."""
    query = " ".join(request.GET.get("q", "").split())[:120]
    tier = request.GET.get("tier", "")
    shows_former = request.GET.get("former") == "1"
    clients = Client.objects.all() if shows_former else Client.objects.active()
    if query:
        clients = clients.search(query)
    if tier in Tier.values:
        clients = clients.filter(tier=tier)
    rows = with_figures(clients, incidents=Incident.objects.visible_to(request.user))
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "query": query,
        "tier": tier,
        "tiers": Tier.choices,
        "shows_former": shows_former,
        "is_filtered": bool(query or tier or shows_former),
        "kept": kept_query(q=query, tier=tier, former="1" if shows_former else ""),
        "may_edit": may_edit(Kind.CLIENT, by=actor_for(request.user)),
        "now": timezone.now(),
    }
    return render(request, "incidents/client_list.html", context)


@require_safe
def client_detail(request: HttpRequest, slug: str, **kwargs: object) -> HttpResponse:
    """One client: scope, incidents, promises, mails, facts."""
    client = get_object_or_404(Client, slug=slug)
    now, actor = timezone.now(), actor_for(request.user)
    visible = Incident.objects.visible_to(request.user)
    theirs = visible.filter(clients=client).select_related("severity")
    promised = promises(visible).filter(client=client).select_related("incident")
    mails = ClientMail.objects.filter(
        client=client, message__isnull=False, draft__incident__in=visible.order_by().values("pk")
    ).select_related("message", "draft__incident")
    escalations = Escalation.objects.filter(client=client, incident=None).select_related("rule")
    context = {
        "client": client,
        "dependencies": client.dependencies.select_related("system"),
        "domains": client.sending_domains.all(),
        "holds": view_holds(_held(client, request.user), viewer=request.user, now=now),
        "open_incidents": theirs.open(),
        "list_more": f"{reverse('incidents:list')}?{urlencode({'client': client.slug})}",
        "past_incidents": theirs.exclude(status__in=OPEN_STATUSES)[:SHOWN],
        "score": score_of(client, incidents=visible),
        "promises": promised.order_by("-due_at", "-id")[:SHOWN],
        "mails": mails.order_by("-message_id")[:SHOWN],
        "escalations": escalations[:SHOWN],
        "digest_day": WEEKDAYS[client.digest_weekday],
        "digest": client.digests.prepared().first(),
        "changes": changes_of(client),
        "panels": panels_for(client, viewer=request.user, now=now),
        "may_edit": may_edit(Kind.CLIENT, by=actor),
        "may_escalate": may(Step.ESCALATE, by=actor, now=now),
        "now": now,
    }
    return render(request, "incidents/client_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def client_new(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return _edit(request, Client(), "added")


@require_http_methods(["GET", "HEAD", "POST"])
def client_edit(request: HttpRequest, slug: str, **kwargs: object) -> HttpResponse:
    return _edit(request, get_object_or_404(Client, slug=slug), "saved")


@require_http_methods(["GET", "HEAD", "POST"])
def client_escalate(request: HttpRequest, slug: str, **kwargs: object) -> HttpResponse:
    """E2, E3, E7 on a client alone: who will be told is on the page before it is done."""
    client = get_object_or_404(Client, slug=slug)
    now, actor = timezone.now(), actor_for(request.user)
    authorize(Step.ESCALATE, by=actor, now=now)
    rules = list(EscalationRule.objects.filter(code__in=CLIENT_ESCALATIONS, is_active=True))
    form = ClientEscalationForm(posted(request), rules=rules)
    status = int(HTTPStatus.OK)
    if request.method == "POST":

        def act() -> str:
            data = form.cleaned_data
            escalate_client(
                client,
                code=data["code"],
                summary=data["summary"],
                quote=data["quote"],
                amount=data["amount"],
                by=actor,
                now=now,
            )
            return client.get_absolute_url()

        outcome = post(request, form, act, done="Escalated. They are being told now.", now=now)
        if isinstance(outcome, HttpResponse):
            return outcome
        status = outcome
    context = {
        "client": client,
        "form": form,
        "rules": escalation_choices(rules, chosen=form["code"].value(), now=now),
        "now": now,
    }
    return render(request, "incidents/client_escalate.html", context, status=status)


def _held(client: Client, viewer: Viewer) -> HoldQuerySet:
    """What of a client is on hold now (rule P4)."""
    rows = visible_holds(viewer).standing().filter(client=client)
    return rows.select_related("sending_domain", "client", "incident")


def _edit(request: HttpRequest, client: Client, word: str) -> HttpResponse:
    now, actor = timezone.now(), actor_for(request.user)
    check_editor(Kind.CLIENT, by=actor)
    version = version_of(client) if client.pk else None
    form = ClientForm(posted(request), instance=client, version=version)
    status = int(HTTPStatus.OK)
    if request.method == "POST":

        def act() -> str:
            values: dict[str, Any] = form.cleaned_data
            saved = save_client(
                form.instance,
                domains=values["domains"],
                systems=values["systems"],
                only_channels=values["only_channels"],
                signing=values["signing"],
                by=actor,
                version=form.seen_version,
            )
            return saved.get_absolute_url()

        name = request.POST.get("name", "").strip()[:120]
        outcome = post(request, form, act, done=f"{name} is {word}.", now=now)
        if isinstance(outcome, HttpResponse):
            return outcome
        status = outcome
        if status == HTTPStatus.CONFLICT:
            form.renew(version_of(client))
    stored = Client.objects.filter(pk=client.pk).first()
    context = {"form": form, "client": stored, "zones": ZONES, "now": now}
    return render(request, "incidents/client_edit.html", context, status=status)
