"""Working on one step of a running playbook, from the incident's page (rules P2 to P7)."""

import datetime as dt
from http import HTTPStatus

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import trigger_client_event

from incidents.actors import Actor, actor_for
from incidents.errors import WorkflowError
from incidents.form_tokens import RepeatedFormError, once
from incidents.forms.playbooks import RunStepForm
from incidents.models import Incident, PlaybookRunStep
from incidents.playbooks.progress import view_runs
from incidents.stamps import is_unchanged, stamped
from incidents.steps import SPECS, outcome_text, possible_steps, prepare_step
from incidents.taking import refusal
from incidents.transitions import Step
from incidents.views.incidents import incident_page
from incidents.views.refusals import refusal_status
from incidents.views.run_figures import read_live
from incidents.views.run_panel import AUTO_ID, Refused, lay_out_runs

PANEL = "incidents/_playbook.html"
#: Live figures are read anew so often, however often they are asked for.
FRESH_FOR = dt.timedelta(seconds=20)


@require_safe
def runs(request: HttpRequest, ref: str) -> HttpResponse:
    """The playbooks of one incident alone, with the live figures in the page."""
    now, by = timezone.now(), actor_for(request.user)
    context = incident_page(request, ref, now=now)
    case = context["case"]
    may = {spec.step for spec in possible_steps(case.incident, by=by, now=now)}
    live = read_live(case.incident, case.runs, by=by, may=may, now=now)
    context["playbooks"] = lay_out_runs(case, may=may, live=live)
    return render(request, "incidents/playbook_run.html", context)


@require_safe
def runs_live(request: HttpRequest, ref: str) -> HttpResponse:
    """What is known now beside each open step; unchanged for some seconds at a time (304)."""
    now, by = timezone.now(), actor_for(request.user)
    rows = Incident.objects.visible_to(request.user).select_related("severity")
    incident = get_object_or_404(rows, ref=ref)
    moment = int(now.timestamp() // FRESH_FOR.total_seconds())
    stamp = f"{request.path}:{request.user.pk}:{incident.version}:{incident.entry_count}:{moment}"
    if is_unchanged(request, stamp):
        return stamped(HttpResponse(status=HTTPStatus.NOT_MODIFIED), stamp)
    may = {spec.step for spec in possible_steps(incident, by=by, now=now)}
    live = read_live(incident, view_runs(incident), by=by, may=may, now=now)
    context = {"panels": live.values(), "incident": incident, "now": now}
    return stamped(render(request, "incidents/_run_figures.html", context), stamp)


@require_http_methods(["GET", "HEAD", "POST"])
def run_step(request: HttpRequest, ref: str, pk: int) -> HttpResponse:
    """Do one thing with one step. A GET leads to the step's place on the incident's page.

    A refused form is shown again in its place with what was typed; a script swaps the panel alone.
    """
    rows = Incident.objects.visible_to(request.user).select_related("severity")
    incident = get_object_or_404(rows, ref=ref)
    steps = PlaybookRunStep.objects.select_related("run__playbook")
    step = get_object_or_404(steps, pk=pk, run__incident=incident)
    place = f"{incident.get_absolute_url()}#step-{step.pk}"
    if request.method != "POST":
        return redirect(place)
    now, by = timezone.now(), actor_for(request.user)
    form = RunStepForm(
        _posted_for(request, step), incident=incident, auto_id=AUTO_ID.format(step.pk)
    )
    if not form.is_valid():
        error = refusal(Step.STEP, incident, by=by, now=now)
        return _refuse(request, incident, Refused(step.pk, form, error), now=now)
    return _work(request, incident, step, form, place, by=by, now=now)


def _work(
    request: HttpRequest,
    incident: Incident,
    step: PlaybookRunStep,
    form: RunStepForm,
    place: str,
    *,
    by: Actor,
    now: dt.datetime,
) -> HttpResponse:
    spec = SPECS[Step.STEP]
    try:
        prepare_step(incident, form, by=by, now=now)
        with once(form.token, now=now) as mark:
            result = spec.run(incident, form, by=by, now=now)
            mark.location = place
    except RepeatedFormError as repeated:
        return redirect(repeated.location or place)
    except WorkflowError as error:
        incident.refresh_from_db()
        form.renew(incident.version)
        return _refuse(request, incident, Refused(step.pk, form, error), now=now)
    said = outcome_text(spec, incident, result)
    if request.htmx:  # type: ignore[attr-defined]
        answer = _panel(request, incident, now=now, said=said)
        return trigger_client_event(answer, "page-changed", {"said": said})
    messages.success(request, said)
    return redirect(place)


def _posted_for(request: HttpRequest, step: PlaybookRunStep) -> QueryDict:
    """What was posted, for the step of the address."""
    data = request.POST.copy()
    data["step"], data["playbook"] = str(step.number), step.run.playbook.slug
    return data


def _refuse(
    request: HttpRequest, incident: Incident, refused: Refused, *, now: dt.datetime
) -> HttpResponse:
    status = (
        refusal_status(refused.error) if refused.error else int(HTTPStatus.UNPROCESSABLE_ENTITY)
    )
    if request.htmx:  # type: ignore[attr-defined]
        return _panel(request, incident, now=now, refused=refused, status=status)
    context = incident_page(request, incident.ref, now=now, refused=refused)
    return render(request, "incidents/detail.html", context, status=status)


def _panel(
    request: HttpRequest,
    incident: Incident,
    *,
    now: dt.datetime,
    refused: Refused | None = None,
    said: str = "",
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    try:
        context = incident_page(request, incident.ref, now=now, refused=refused)
    except Http404:
        # What was done may have taken it out of the person's sight (W11).
        return trigger_client_event(HttpResponse(status=HTTPStatus.NO_CONTENT), "page-changed")
    context["playbooks"].said = said
    return render(request, PANEL, context, status=status)
