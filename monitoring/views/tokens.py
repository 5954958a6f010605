"""Tokens of machines: made here, shown once, revoked here (rule A3)."""

from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from incidents.actors import actor_for
from incidents.errors import WorkflowError
from incidents.form_tokens import RepeatedFormError, once
from incidents.views.posting import posted
from incidents.views.refusals import refusal_status
from monitoring.forms.tokens import IngestTokenForm
from monitoring.ingest.tokens import create_token, revoke_token
from monitoring.models import IngestToken
from monitoring.monitors import check_token_keeper

SHOWN = 200


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("shown")
def tokens(request: HttpRequest, **kwargs: object) -> HttpResponse:
    """The list, and the form. A new token stands on the page that answers its post and nowhere
    after: no redirect could carry it safely."""
    now, actor = timezone.now(), actor_for(request.user)
    check_token_keeper(by=actor)
    form = IngestTokenForm(posted(request))
    context: dict[str, Any] = {"now": now, "form": form, "shown": "", "made": None}
    status = int(HTTPStatus.OK)
    if request.method == "POST" and form.is_valid():
        try:
            with once(form.token, now=now):
                made, shown = create_token(
                    form.cleaned_data["name"],
                    scopes=form.cleaned_data["wanted"],
                    by=actor,
                    now=now,
                    expires_at=form.cleaned_data["expires_at"],
                )
            context |= {"made": made, "shown": shown, "form": IngestTokenForm()}
        except RepeatedFormError:
            messages.warning(
                request, "That token was made already and cannot be shown again. Make another one."
            )
            return redirect("monitoring:tokens")
        except WorkflowError as refusal:
            form.add_error(None, refusal.message)
            status = refusal_status(refusal)
    elif request.method == "POST":
        status = int(HTTPStatus.UNPROCESSABLE_ENTITY)
    context["tokens"] = IngestToken.objects.order_by("revoked_at", "name")[:SHOWN]
    return render(request, "monitoring/tokens.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def token_revoke(request: HttpRequest, pk: int, **kwargs: object) -> HttpResponse:
    """Asked before it is done: what holds the token is refused from then on."""
    now, actor = timezone.now(), actor_for(request.user)
    check_token_keeper(by=actor)
    token = get_object_or_404(IngestToken, pk=pk)
    if request.method == "POST":
        revoke_token(token, by=actor, now=now)
        messages.success(request, f"The token of {token} is revoked.")
        return redirect("monitoring:tokens")
    return render(request, "monitoring/token_revoke.html", {"now": now, "token": token})
