"""The page on which a person chooses a client's HubSpot deal (rule M10)."""

from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from incidents.actors import actor_for
from incidents.deals import choose_deal, deals_of
from incidents.errors import WorkflowError
from incidents.forms.deals import DealForm
from incidents.models import Client
from incidents.records import Kind, check_editor, version_of
from incidents.views.posting import post, posted
from notifications.channels.hubspot_deals import Deal


@require_http_methods(["GET", "HEAD", "POST"])
def client_deal(request: HttpRequest, slug: str, **kwargs: object) -> HttpResponse:
    """What HubSpot knows under the client's name; one is chosen, or a number typed."""
    client = get_object_or_404(Client, slug=slug)
    now, actor = timezone.now(), actor_for(request.user)
    check_editor(Kind.CLIENT, by=actor)
    form = DealForm(posted(request), version=version_of(client))
    status = int(HTTPStatus.OK)
    if request.method == "POST":

        def act() -> str:
            choose_deal(client, deal=form.chosen, by=actor, now=now, version=form.seen_version)
            return client.get_absolute_url()

        outcome = post(request, form, act, done=f"The deal of {client} is kept.", now=now)
        if isinstance(outcome, HttpResponse):
            return outcome
        status = outcome
        if status == HTTPStatus.CONFLICT:
            form.renew(version_of(client))
    found, problem = _ask(client)
    context = {
        "client": client,
        "form": form,
        "found": found,
        "problem": problem,
        "chosen": form["deal"].value() or client.hubspot_deal,
        "is_connected": bool(settings.HUBSPOT_TOKEN),
        "now": now,
    }
    return render(request, "incidents/client_deal.html", context, status=status)


def _ask(client: Client) -> tuple[list[Deal], str]:
    try:
        return deals_of(client), ""
    except WorkflowError as refusal:
        return [], refusal.message
