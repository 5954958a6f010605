"""What the checklists ask, and when: edited by the orchestrator and the founder (rules K8, A1)."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from incidents.actors import actor_for
from incidents.records import changes_of, version_of
from incidents.views.posting import post, posted
from monitoring.definitions import Definition, check_definer, may_define, save_definition
from monitoring.forms.checklists import DefinitionForm
from monitoring.models import Checklist, Period


@require_safe
def definitions(request: HttpRequest, **kwargs: object) -> HttpResponse:
    """Every checklist with its items, for anybody to read."""
    order = [period.value for period in Period]
    found = Checklist.objects.prefetch_related("items")
    context = {
        "now": timezone.now(),
        "checklists": sorted(found, key=lambda one: order.index(one.period)),
        "may_define": may_define(by=actor_for(request.user)),
    }
    return render(request, "monitoring/definitions.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def definition_edit(request: HttpRequest, period: str, **kwargs: object) -> HttpResponse:
    now, actor = timezone.now(), actor_for(request.user)
    check_definer(by=actor)
    checklist = get_object_or_404(Checklist, pk=period)
    form = DefinitionForm(posted(request), checklist=checklist, version=version_of(checklist))
    status = int(HTTPStatus.OK)
    if request.method == "POST":

        def act() -> str:
            names = ("title", "owner_role", "opens_at", "due_hours", "is_active")
            wanted = Definition(**{name: form.cleaned_data[name] for name in names})
            items = form.items()
            save_definition(checklist, wanted, items, by=actor, version=form.seen_version)
            return reverse("monitoring:definitions")

        outcome = post(request, form, act, done=f"{checklist} is saved.", now=now)
        if isinstance(outcome, HttpResponse):
            return outcome
        status = outcome
        if status == HTTPStatus.CONFLICT:
            form.renew(version_of(checklist))
    context = {"now": now, "form": form, "checklist": checklist, "changes": changes_of(checklist)}
    return render(request, "monitoring/definition_edit.html", context, status=status)
