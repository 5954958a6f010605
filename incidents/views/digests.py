"""A client's scheduled update: read it as the client will, change it, send it, leave it out."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from incidents.actors import Actor, actor_for
from incidents.digests import (
    Item,
    edit_digest,
    override_digest,
    send_digest,
    skip_digest,
    undo_digest,
)
from incidents.forms.digest import DigestForm, OverrideForm, SkipForm
from incidents.forms.records import TokenForm
from incidents.models import Client, ClientDigest
from incidents.permissions import authorize
from incidents.transitions import Step
from incidents.views.digest_page import history_of, lay_out, shown_digest, suggested, written_items
from incidents.views.posting import post

PAGE, PREVIEW = "incidents/client_update.html", "incidents/_update_preview_answer.html"


@dataclass(frozen=True, slots=True)
class Desk:
    """Whose request it is, about which client's update, at what time."""

    request: HttpRequest
    client: Client
    digest: ClientDigest
    items: list[Item]
    by: Actor
    now: dt.datetime

    @property
    def url(self) -> str:
        return reverse("incidents:client-update", args=[self.client.slug])

    def form(self) -> DigestForm:
        return DigestForm(self.request.POST, digest=self.digest, items=self.items)


@require_http_methods(["GET", "HEAD", "POST"])
def update(request: HttpRequest, slug: str) -> HttpResponse:
    """The update as it stands; a post saves the text, ``use`` puts a suggested rewrite in."""
    desk = _desk(request, slug)
    if request.method != "POST":
        return _show(desk, DigestForm(digest=desk.digest, items=desk.items))
    authorize(Step.DRAFT, by=desk.by, now=desk.now)
    form = desk.form()
    wanted = request.POST.get("use", "")

    def save() -> str:
        texts = form.texts()
        if wanted:
            texts |= suggested(desk.digest, written_items(desk.items, form), form, wanted)
        version = form.seen_version
        edit_digest(desk.client, texts, by=desk.by, now=desk.now, version=version)
        return desk.url

    done = "The rewrite is in the text." if wanted else "Saved."
    return _do(desk, form, form, save, done=done)


@require_POST
def preview(request: HttpRequest, slug: str) -> HttpResponse:
    """The letter, its findings and what blocks, for the text in the form; writes nothing."""
    desk = _desk(request, slug)
    form = desk.form()
    form.is_valid()
    return _show(desk, form, template=PREVIEW)


@require_POST
def send(request: HttpRequest, slug: str) -> HttpResponse:
    """Save what stands in the form and send it: what was on the screen is what leaves (M3)."""
    desk = _desk(request, slug)
    authorize(Step.SEND, by=desk.by, now=desk.now)
    form = desk.form()

    def act() -> str:
        version = _save_if_changed(desk, form)
        send_digest(desk.client, by=desk.by, now=desk.now, version=version)
        return desk.url

    return _do(desk, form, form, act, done="Sent off. It can be taken back for ten seconds.")


@require_POST
def undo(request: HttpRequest, slug: str) -> HttpResponse:
    """M3: take the update back while it has not left."""
    desk = _desk(request, slug)
    authorize(Step.SEND, by=desk.by, now=desk.now)

    def act() -> str:
        undo_digest(desk.client, by=desk.by, now=desk.now)
        return desk.url

    return _do(desk, TokenForm(request.POST), None, act, done="Taken back: nothing was sent.")


@require_POST
def override(request: HttpRequest, slug: str) -> HttpResponse:
    """M5: save the text and override its findings, by the signed-in name and a reason."""
    desk = _desk(request, slug)
    authorize(Step.SEND, by=desk.by, now=desk.now)
    form, extra = desk.form(), OverrideForm(request.POST)

    def act() -> str:
        version = _save_if_changed(desk, form)
        reason = extra.cleaned_data["override_reason"]
        override_digest(desk.client, reason=reason, by=desk.by, now=desk.now, version=version)
        return desk.url

    if not form.is_valid() or not extra.is_valid():
        return _show(desk, form, extra=extra, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    done = "The findings are overridden, with your name and reason."
    return _do(desk, form, form, act, done=done, extra=extra)


@require_POST
def skip(request: HttpRequest, slug: str) -> HttpResponse:
    """Leave this week's update out, for a reason."""
    desk = _desk(request, slug)
    authorize(Step.SEND, by=desk.by, now=desk.now)
    form = SkipForm(request.POST)

    def act() -> str:
        skip_digest(
            desk.client,
            reason=form.cleaned_data["skip_reason"],
            by=desk.by,
            now=desk.now,
            version=form.seen_version,
        )
        return desk.url

    done = "Left out. What it would have said goes into the next update."
    return _do(desk, form, None, act, done=done)


def _do(
    desk: Desk,
    form: TokenForm,
    text_form: DigestForm | None,
    act: Callable[[], str],
    *,
    done: str,
    extra: OverrideForm | None = None,
) -> HttpResponse:
    """Do it once; a refusal shows the page again with what was typed."""
    outcome = post(desk.request, form, act, done=done, now=desk.now)
    if isinstance(outcome, HttpResponse):
        return outcome
    fresh = _desk(desk.request, desk.client.slug)
    if outcome == HTTPStatus.CONFLICT:
        form.renew(fresh.digest.version)
    shown = text_form or DigestForm(digest=fresh.digest, items=fresh.items)
    skipping = form if isinstance(form, SkipForm) else None
    refusal = None if text_form else form
    return _show(fresh, shown, status=outcome, extra=extra, skipping=skipping, refusal=refusal)


def _show(
    desk: Desk,
    form: DigestForm,
    *,
    template: str = PAGE,
    status: int = HTTPStatus.OK,
    extra: OverrideForm | None = None,
    skipping: SkipForm | None = None,
    refusal: TokenForm | None = None,
) -> HttpResponse:
    if form.is_bound:
        form.is_valid()
    version = desk.digest.version
    context = {
        "client": desk.client,
        "digest": desk.digest,
        # Whom the guard's notes name as the one who overrode them.
        "draft": desk.digest,
        "form": form,
        "refused": refusal or form,
        "panel": lay_out(desk.digest, desk.items, form, by=desk.by, now=desk.now),
        "override": extra or OverrideForm(initial=_typed_reason(desk.request)),
        "skip_form": skipping or SkipForm(version=version),
        "token_form": TokenForm(version=version),
        "history": history_of(desk.client) if template == PAGE else [],
        "panel_url": desk.url,
        "person": desk.by.name,
        "now": desk.now,
    }
    return render(desk.request, template, context, status=status)


def _typed_reason(request: HttpRequest) -> dict[str, str]:
    """What was typed into the override so far, kept through the live preview."""
    return {"override_reason": request.POST.get("override_reason", "")}


def _desk(request: HttpRequest, slug: str) -> Desk:
    client = get_object_or_404(Client, slug=slug)
    now, user = timezone.now(), request.user
    assert isinstance(user, User)
    digest, items = shown_digest(client, now=now)
    return Desk(request, client, digest, items, actor_for(user), now)


def _save_if_changed(desk: Desk, form: DigestForm) -> int | None:
    """Save the form's text where it differs; the version then."""
    texts = form.texts()
    if not texts:
        return form.seen_version
    version = form.seen_version
    saved = edit_digest(desk.client, texts, by=desk.by, now=desk.now, version=version)
    return saved.version
