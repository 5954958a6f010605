"""Escalations: the list, the page that says “seen” without a login, and the phone (N3, E9, E10)."""

import datetime as dt
from http import HTTPStatus

from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.core.signing import BadSignature
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from incidents.actors import Actor, actor_for
from incidents.enums import Origin
from incidents.escalation import (
    acknowledge_escalation,
    add_seen_note,
    is_link_valid,
    phone_whom,
    read_seen_token,
    record_phone_call,
    takes_note,
)
from incidents.escalation_board import open_escalations, rows_of, seen_escalations
from incidents.forms.escalations import PhoneForm, SeenForm
from incidents.models import Escalation, Responder
from incidents.permissions import authorize, may
from incidents.transitions import Step
from incidents.views.posting import post, posted

PER_PAGE = 50


@require_safe
def escalation_list(request: HttpRequest, **kwargs: object) -> HttpResponse:
    """What was escalated, open ones first: who was told when and how, and who has seen it."""
    now, by = timezone.now(), actor_for(request.user)
    opened, hidden = open_escalations(request.user)
    page = Paginator(seen_escalations(request.user), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "opened": rows_of(opened, viewer=request.user),
        "hidden": hidden,
        "seen": rows_of(page.object_list, viewer=request.user),
        "page": page,
        "kept": "",
        "may_phone": may(Step.ESCALATE, by=by, now=now),
        "now": now,
    }
    return render(request, "incidents/escalation_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def phone(request: HttpRequest, pk: int, **kwargs: object) -> HttpResponse:
    """E10: somebody was reached by phone because no message arrived."""
    rows = Escalation.objects.visible_to(request.user)
    escalation = get_object_or_404(rows.select_related("rule", "incident", "client"), pk=pk)
    now, by = timezone.now(), actor_for(request.user)
    authorize(Step.ESCALATE, by=by, now=now)
    people = phone_whom(escalation, now=now)
    form = PhoneForm(posted(request), initial={"who": people[0].name if people else ""})
    status = int(HTTPStatus.OK)
    if request.method == "POST":

        def act() -> str:
            data = form.cleaned_data
            record_phone_call(
                escalation,
                who=data["who"],
                at=data["at"] or now,
                note=data["note"],
                by=by,
                now=now,
            )
            return reverse("incidents:escalations")

        outcome = post(request, form, act, done="Written down. Nobody is called again.", now=now)
        if isinstance(outcome, HttpResponse):
            return outcome
        status = outcome
    context = {"escalation": escalation, "people": people, "form": form, "now": now}
    return render(request, "incidents/escalation_phone.html", context, status=status)


@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def seen(request: HttpRequest, token: str, **kwargs: object) -> HttpResponse:
    """Reading shows the reference alone and changes nothing; the button acknowledges, once."""
    now = timezone.now()
    try:
        escalation, responder = read_seen_token(token)
    except BadSignature:
        return _no_link(request, status=HTTPStatus.NOT_FOUND)
    if not is_link_valid(escalation, now=now) and not _is_own(request, responder):
        return _no_link(request, status=HTTPStatus.GONE, is_expired=True)
    form = SeenForm(posted(request))
    status = HTTPStatus.OK
    if request.method == "POST":
        if form.is_valid():
            _acknowledge(escalation, responder, form.cleaned_data["note"], now=now)
            return redirect(request.path)
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    context = {
        "escalation": escalation,
        "reference": escalation.reference,
        "responder": responder,
        "details_url": _details(escalation),
        "takes_note": takes_note(escalation, responder.name, now=now),
        "form": form,
        "shell": None,
        "now": now,
    }
    return _unindexed(render(request, "incidents/escalation_seen.html", context, status=status))


def _acknowledge(
    escalation: Escalation, responder: Responder, note: str, *, now: dt.datetime
) -> None:
    """In the name of the person the link was made for; a word afterwards goes with it."""
    by = Actor(name=responder.name, origin=Origin.HUMAN, user=responder.user)
    name = responder.name
    if not acknowledge_escalation(escalation, name=name, by=by, now=now, note=note):
        add_seen_note(escalation, name=name, note=note, by=by, now=now)


def _is_own(request: HttpRequest, responder: Responder) -> bool:
    """Whether the person of the link is signed in: no link grows old for them."""
    return responder.user_id is not None and request.user.pk == responder.user_id


def _no_link(request: HttpRequest, *, status: int, is_expired: bool = False) -> HttpResponse:
    context = {"is_expired": is_expired, "shell": None, "now": timezone.now()}
    return _unindexed(render(request, "incidents/escalation_gone.html", context, status=status))


def _unindexed(response: HttpResponse) -> HttpResponse:
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _details(escalation: Escalation) -> str:
    """A page that asks for the login first; a client's own address would name it."""
    incident = escalation.incident
    return incident.get_absolute_url() if incident else reverse("incidents:escalations")
