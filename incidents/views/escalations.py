"""The page behind the link of an escalation: “seen” with one button and no login (rule N3)."""

from http import HTTPStatus

from django.contrib.auth.decorators import login_not_required
from django.core.signing import BadSignature
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from incidents.actors import Actor
from incidents.enums import Origin
from incidents.escalation import acknowledge_escalation, read_seen_token
from incidents.forms.escalations import SeenForm
from incidents.models import Escalation, Responder
from incidents.views.posting import posted


@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def seen(request: HttpRequest, token: str, **kwargs: object) -> HttpResponse:
    """Reading shows the reference alone and changes nothing; the button acknowledges, once."""
    try:
        escalation, responder = read_seen_token(token)
    except BadSignature as error:
        raise Http404 from error
    form = SeenForm(posted(request))
    status = HTTPStatus.OK
    if request.method == "POST":
        if form.is_valid():
            _acknowledge(escalation, responder, form.cleaned_data["note"])
            return redirect(request.path)
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    context = {
        "escalation": escalation,
        "reference": _reference(escalation),
        "responder": responder,
        "details_url": _details(escalation),
        "form": form,
        "shell": None,
        "now": timezone.now(),
    }
    response = render(request, "incidents/escalation_seen.html", context, status=status)
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _acknowledge(escalation: Escalation, responder: Responder, note: str) -> None:
    """In the name of the person the link was made for."""
    by = Actor(name=responder.name, origin=Origin.HUMAN, user=responder.user)
    acknowledge_escalation(escalation, name=responder.name, by=by, now=timezone.now(), note=note)


def _reference(escalation: Escalation) -> str:
    """The incident's reference; a client alone is a detail, so it is a number then."""
    if escalation.incident:
        return escalation.incident.ref
    return f"Escalation {escalation.pk}"


def _details(escalation: Escalation) -> str:
    """A page that asks for the login first; a client's own address would name it."""
    incident = escalation.incident
    return incident.get_absolute_url() if incident else reverse("home")
