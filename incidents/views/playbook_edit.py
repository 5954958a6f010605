"""Writing playbooks in the app: the head, the steps in their order, a walk through them (P1)."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from incidents.actors import actor_for
from incidents.forms.playbook_edit import PlaybookEditForm, rearranged, rows_of
from incidents.models import Playbook
from incidents.playbooks.editing import RESERVED, save_playbook
from incidents.playbooks.preview import NOT, walk
from incidents.records import Kind, changes_of, check_editor, free_slug, version_of
from incidents.views.posting import post, posted

#: The button that was pressed: ``save``, ``preview``, ``add``, or ``up-2`` and its like.
DO, SAVE, PREVIEW = "do", "save", "preview"
#: The answers chosen in the preview.
WALK = "walk"


@require_http_methods(["GET", "HEAD", "POST"])
def playbook_new(request: HttpRequest) -> HttpResponse:
    return _edit(request, Playbook())


@require_http_methods(["GET", "HEAD", "POST"])
def playbook_edit(request: HttpRequest, slug: str) -> HttpResponse:
    return _edit(request, get_object_or_404(Playbook, slug=slug))


def _edit(request: HttpRequest, playbook: Playbook) -> HttpResponse:
    """Only “save” writes; the other buttons show the form anew with what was typed."""
    now, actor = timezone.now(), actor_for(request.user)
    check_editor(Kind.PLAYBOOK, by=actor)
    version = version_of(playbook) if playbook.pk else None
    done = request.POST.get(DO, SAVE)
    status, preview = int(HTTPStatus.OK), None
    if request.method == "POST" and done not in (SAVE, PREVIEW):
        form = _rearranged(request, playbook, done)
    elif request.method == "POST":
        form = PlaybookEditForm(posted(request), instance=playbook, version=version)
        if done == PREVIEW:
            form.is_valid()
            steps = form.readable_steps()
            preview = walk(playbook, steps, request.POST.getlist(WALK), now=now)
        else:
            outcome = post(
                request,
                form,
                lambda: _save(form, actor=actor),
                done=f"The playbook “{request.POST.get('title', '').strip()[:120]}” is saved.",
                now=now,
            )
            if isinstance(outcome, HttpResponse):
                return outcome
            status = outcome
            if status == HTTPStatus.CONFLICT:
                form.renew(version_of(playbook))
    else:
        rows = rows_of(list(playbook.steps.order_by("number"))) if playbook.pk else [{}]
        form = PlaybookEditForm(instance=playbook, version=version, rows=rows)
    stored = Playbook.objects.filter(pk=playbook.pk).first()
    context: dict[str, Any] = {
        "form": form,
        "playbook": stored,
        "preview": preview,
        "walked": request.POST.getlist(WALK),
        "not_word": NOT,
        "changes": changes_of(stored) if stored else [],
        "now": now,
    }
    return render(request, "incidents/playbook_edit.html", context, status=status)


def _save(form: PlaybookEditForm, *, actor: Any) -> str:
    playbook = form.instance
    if not playbook.pk:
        playbook.slug = free_slug(Playbook, playbook.title, reserved=RESERVED)
    save_playbook(playbook, form.steps, by=actor, version=form.seen_version)
    return reverse("incidents:playbook-detail", args=[playbook.slug])


def _rearranged(request: HttpRequest, playbook: Playbook, what: str) -> PlaybookEditForm:
    """The form with its rows moved; nothing is judged yet."""
    head = {
        name: request.POST.get(name, "")
        for name in ("title", "applies_to", "forces_level", "is_active", "form_token", "version")
    }
    rows = rearranged(request.POST, what)
    return PlaybookEditForm(instance=playbook, initial=head, rows=rows)
