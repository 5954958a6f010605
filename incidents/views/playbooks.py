"""The playbooks of the SOP, to read (rule P1)."""

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from incidents.actors import actor_for
from incidents.models import Incident, Playbook
from incidents.records import Kind, may_edit


@require_safe
def playbook_list(request: HttpRequest, **kwargs: object) -> HttpResponse:
    """Those in use; whoever may edit them also sees drafts and those out of use, last."""
    is_editor = may_edit(Kind.PLAYBOOK, by=actor_for(request.user))
    rows = Playbook.objects.all() if is_editor else Playbook.objects.filter(is_active=True)
    playbooks = rows.annotate(step_count=Count("steps")).order_by("-is_active", "title")
    context = {
        "playbooks": playbooks.prefetch_related("systems"),
        "may_edit": is_editor,
        "now": timezone.now(),
    }
    return render(request, "incidents/playbook_list.html", context)


@require_safe
def playbook_detail(request: HttpRequest, slug: str, **kwargs: object) -> HttpResponse:
    """Its steps in order, each in the style of its kind."""
    playbook = get_object_or_404(Playbook, slug=slug)
    visible = Incident.objects.visible_to(request.user)
    context = {
        "playbook": playbook,
        "may_edit": may_edit(Kind.PLAYBOOK, by=actor_for(request.user)),
        "steps": playbook.steps.all(),
        "systems": playbook.systems.active(),
        "incidents": visible.filter(playbooks=playbook).select_related("severity")[:10],
        "now": timezone.now(),
    }
    return render(request, "incidents/playbook_detail.html", context)
