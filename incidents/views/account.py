"""You: how you are told, when you are away, how the pages look in this browser."""

from http import HTTPStatus

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from incidents.actors import Actor, actor_for
from incidents.forms.account import ContactForm, DisplayForm
from incidents.forms.records import ZONES
from incidents.models import Responder
from incidents.records import responders_of, save_own_contact
from incidents.views.posting import post
from notifications.channels.registry import usable_channels
from notifications.enums import Channel

COOKIE_SECONDS = 365 * 24 * 3600
#: Read by the base template: single-key shortcuts are off in this browser.
SHORTCUTS_COOKIE = "shortcuts"


@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest, **kwargs: object) -> HttpResponse:
    """One page, several forms; ``form`` in the post names which one was sent."""
    sent = request.POST.get("form", "") if request.method == "POST" else ""
    if sent == "display":
        return _keep_display(request)
    if request.method == "POST":
        return _save_contact(request, sent)
    return _show(request, [ContactForm(instance=row, prefix=str(row.pk)) for row in _own(request)])


def _own(request: HttpRequest) -> list[Responder]:
    return responders_of(request.user)


def _save_contact(request: HttpRequest, sent: str) -> HttpResponse:
    now, actor = timezone.now(), actor_for(request.user)
    mine = {str(row.pk): row for row in _own(request)}
    responder = mine.get(sent)
    if responder is None:
        raise Http404
    if request.POST.get("action") == "back":
        return _come_back(request, responder, actor)
    forms = {key: ContactForm(instance=row, prefix=key) for key, row in mine.items()}
    form = forms[sent] = ContactForm(request.POST, instance=responder, prefix=sent)

    def act() -> str:
        save_own_contact(form.instance, by=actor)
        return request.path

    outcome = post(request, form, act, done="Your contact details are saved.", now=now)
    if isinstance(outcome, HttpResponse):
        return outcome
    return _show(request, list(forms.values()), outcome)


def _come_back(request: HttpRequest, responder: Responder, actor: Actor) -> HttpResponse:
    responder.away_until = None
    save_own_contact(responder, by=actor)
    messages.success(request, "Welcome back. Your duties come to you again.")
    return redirect(request.path)


def _keep_display(request: HttpRequest) -> HttpResponse:
    form = DisplayForm(request.POST)
    if not form.is_valid():
        return _show(request, [], HTTPStatus.UNPROCESSABLE_ENTITY)
    messages.success(request, "Kept in this browser.")
    response = redirect(request.path)
    cookies = {SHORTCUTS_COOKIE: "" if form.cleaned_data["shortcuts"] else "off"}
    theme = form.cleaned_data["theme"]
    if theme in ("light", "dark"):
        cookies["theme"] = theme
    for name, value in cookies.items():
        response.set_cookie(
            name,
            value,
            max_age=COOKIE_SECONDS if value else 0,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )
    return response


def _show(
    request: HttpRequest, forms: list[ContactForm], status: int = HTTPStatus.OK
) -> HttpResponse:
    now = timezone.now()
    context = {
        "actor": actor_for(request.user),
        "groups": sorted(request.user.groups.values_list("name", flat=True)),
        "contacts": [(form, form.instance.is_away(at=now)) for form in forms],
        "has_telegram": Channel.TELEGRAM in usable_channels(),
        "has_second_factor": is_mfa_enabled(request.user),
        "requires_second_factor": settings.REQUIRE_2FA,
        "theme": request.COOKIES.get("theme", "light"),
        "has_shortcuts": request.COOKIES.get(SHORTCUTS_COOKIE) != "off",
        "longest": settings.SESSION_MAX_AGE,
        "idle": settings.SESSION_MAX_IDLE,
        "zones": ZONES,
        "now": now,
    }
    return render(request, "incidents/account.html", context, status=status)
