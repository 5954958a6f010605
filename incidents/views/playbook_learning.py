"""What the playbooks teach, and the start of a new one (rule P8)."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from incidents.actors import actor_for
from incidents.errors import NotAllowedError, WorkflowError
from incidents.models import Incident, Playbook
from incidents.playbooks.learning import (
    MOST_LISTED,
    lessons_of,
    months_without_playbook,
    use_of_playbooks,
    without_playbook,
)
from incidents.playbooks.proposing import start_playbook_from
from incidents.records import Kind, may_edit


@require_safe
def learning(request: HttpRequest) -> HttpResponse:
    """Every playbook's use, and the incidents that had none, by month."""
    months = months_without_playbook(request.user)
    context = {
        "uses": use_of_playbooks(request.user),
        "months": months,
        "count": without_playbook(request.user).count(),
        "most_listed": MOST_LISTED,
        "may_edit": may_edit(Kind.PLAYBOOK, by=actor_for(request.user)),
        "now": timezone.now(),
    }
    return render(request, "incidents/playbook_learning.html", context)


@require_safe
def figures(request: HttpRequest, slug: str) -> HttpResponse:
    """One playbook: how its runs went, step by step."""
    playbook = get_object_or_404(Playbook, slug=slug)
    context = {
        "playbook": playbook,
        "lessons": lessons_of(playbook, request.user),
        "now": timezone.now(),
    }
    return render(request, "incidents/playbook_figures.html", context)


@require_POST
def start(request: HttpRequest, ref: str) -> HttpResponse:
    """A playbook begins with what people did in this incident."""
    incident = get_object_or_404(Incident.objects.visible_to(request.user), ref=ref)
    try:
        playbook = start_playbook_from(incident, by=actor_for(request.user), now=timezone.now())
    except NotAllowedError:
        raise
    except WorkflowError as refusal:
        messages.error(request, refusal.message)
        return redirect("incidents:playbook-learning")
    messages.success(
        request, f"“{playbook}” is started. It is not in use until somebody puts it in use."
    )
    return redirect("incidents:playbook-detail", playbook.slug)
