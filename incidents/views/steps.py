"""One page for every step: what it does, its form, and what stands in the way."""

import datetime as dt
from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from incidents import staff
from incidents.actors import Actor, actor_for
from incidents.blockers import blockers
from incidents.enums import HUMAN_ESCALATIONS, DeadlineKind
from incidents.errors import ConflictError, WorkflowError
from incidents.form_tokens import RepeatedFormError, once
from incidents.forms.base import StepForm
from incidents.forms.review import ReviewForm
from incidents.models import EscalationRule, Incident
from incidents.records import escalation_choices
from incidents.steps import (
    SPECS,
    StepSpec,
    outcome_text,
    possible_steps,
    prepare_step,
)
from incidents.taking import refusal
from incidents.transitions import Step
from incidents.views.holds import HoldView, view_holds
from incidents.views.refusals import mend_links, refusal_status

#: These are taken on the mail panel, where the mail is seen as its reader sees it.
MAIL_STEPS = (Step.DRAFT, Step.SEND, Step.APPROVE)
#: Blocked by what ``blockers`` lists for the status they leave.
GATED_STEPS = (Step.RESOLVE, Step.CLOSE)
SHOWN_ENTRIES = 5


@require_http_methods(["GET", "HEAD", "POST"])
def take(request: HttpRequest, ref: str, step: str) -> HttpResponse:
    """Show one step's form, or take the step: any of ``incidents.steps.SPECS``."""
    spec = SPECS.get(step)  # type: ignore[call-overload]
    if spec is None:
        raise Http404("no such step")
    rows = Incident.objects.visible_to(request.user).select_related("severity")
    incident = get_object_or_404(rows, ref=ref)
    now, by = timezone.now(), actor_for(request.user)
    if request.method == "POST":
        return _take(request, spec, incident, by, now=now)
    error = refusal(spec.step, incident, by=by, now=now)
    if error is None and spec.step in MAIL_STEPS:
        return redirect(_mail_page(request, incident))
    form = spec.form_class(incident=incident, initial=_asked_for(request, spec))
    return _show(request, spec, form, by, now=now, error=error, is_open=error is None)


def _take(
    request: HttpRequest, spec: StepSpec, incident: Incident, by: Actor, *, now: dt.datetime
) -> HttpResponse:
    form = spec.form_class(request.POST, incident=incident)
    if isinstance(form, ReviewForm) and "add_row" in request.POST:
        return _show(request, spec, form.with_another_row(), by, now=now)
    if not form.is_valid():
        # Whose step it is comes before what is wrong with the form.
        error = refusal(spec.step, incident, by=by, now=now)
        status = refusal_status(error) if error else HTTPStatus.UNPROCESSABLE_ENTITY
        return _show(request, spec, form, by, now=now, error=error, status=status)
    try:
        prepare_step(incident, form, by=by, now=now)
        with once(form.token, now=now) as mark:
            result = spec.run(incident, form, by=by, now=now)
            mark.location = _landing(request, incident)
    except RepeatedFormError as repeated:
        return redirect(repeated.location or incident.get_absolute_url())
    except WorkflowError as error:
        incident.refresh_from_db()
        form.renew(incident.version)
        return _show(request, spec, form, by, now=now, error=error, status=refusal_status(error))
    messages.success(request, outcome_text(spec, incident, result))
    return redirect(mark.location)


def _show(
    request: HttpRequest,
    spec: StepSpec,
    form: StepForm,
    by: Actor,
    *,
    now: dt.datetime,
    error: WorkflowError | None = None,
    is_open: bool = True,
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    """The page of a step; where it is not ``is_open``, the ways on instead of the form."""
    incident = form.incident
    if incident is None:
        raise Http404("no such incident")
    if error is not None and status == HTTPStatus.OK and refusal_status(error) == 403:
        status = HTTPStatus.FORBIDDEN
    gates = blockers(incident, now=now) if spec.step in GATED_STEPS and is_open else []
    deadline = incident.deadlines.running().exclude(kind=DeadlineKind.TRIAGE).first()
    context: dict[str, Any] = {
        "spec": spec,
        "form": form,
        "incident": incident,
        "now": now,
        "is_open": is_open,
        "error": error,
        "is_conflict": isinstance(error, ConflictError),
        "mends": mend_links(incident, error.missing) if error else [],
        "gates": mend_links(incident, gates),
        "ways_on": [] if is_open else _ways_on(spec, incident, by, now=now),
        "deadline": deadline,
        "deadline_name": staff.name_deadline(deadline) if deadline else "",
        "entries": incident.timeline.order_by("-at", "-id")[:SHOWN_ENTRIES],
        "rows": form.rows if isinstance(form, ReviewForm) else None,
        "notes": _hubspot_notes(spec, incident),
        "choices": _escalation_choices(spec, form, now=now),
        "holds": _holds(spec, incident, request, now=now),
    }
    return render(request, "incidents/step.html", context, status=status)


def _ways_on(spec: StepSpec, incident: Incident, by: Actor, *, now: dt.datetime) -> list[StepSpec]:
    """What the person can do instead: no page is a dead end."""
    return [other for other in possible_steps(incident, by=by, now=now) if other.step != spec.step]


def _asked_for(request: HttpRequest, spec: StepSpec) -> dict[str, Any]:
    """Choices that the link to this page named, such as ``?client=acme``."""
    choices = {
        name: request.GET.getlist(name)
        for name, field in spec.form_class.base_fields.items()
        if name in request.GET and isinstance(field, forms.ChoiceField)
    }
    return {
        name: values
        if isinstance(spec.form_class.base_fields[name], forms.ModelMultipleChoiceField)
        else values[-1]
        for name, values in choices.items()
    }


def _mail_page(request: HttpRequest, incident: Incident) -> str:
    """The open draft, or where a mail is begun."""
    draft = incident.drafts.filter(finished_at__isnull=True).last()
    if draft is not None and not request.GET:
        return reverse("incidents:mail", args=[incident.ref, draft.pk])
    query = f"?{request.GET.urlencode()}" if request.GET else ""
    return reverse("incidents:mail-start", args=[incident.ref]) + query


def _holds(
    spec: StepSpec, incident: Incident, request: HttpRequest, *, now: dt.datetime
) -> list[HoldView]:
    """What is on hold, with what keeps its gate locked (rule P4)."""
    if spec.step not in (Step.HOLD, Step.RELEASE):
        return []
    rows = incident.holds.filter(released_at__isnull=True)
    related = rows.select_related("sending_domain", "client", "incident")
    return view_holds(related, viewer=request.user, now=now)


def _hubspot_notes(spec: StepSpec, incident: Incident) -> list[Any]:
    """The notes to copy by hand (rule M10)."""
    if spec.step != Step.HUBSPOT_NOTED:
        return []
    rows = incident.affected.exclude(hubspot_note="")
    return list(rows.select_related("client", "hubspot_message"))


def _escalation_choices(spec: StepSpec, form: StepForm, *, now: dt.datetime) -> list[Any] | None:
    """Whom each row of the matrix tells, before it is done."""
    if spec.step != Step.ESCALATE:
        return None
    rules = EscalationRule.objects.filter(code__in=HUMAN_ESCALATIONS, is_active=True)
    return escalation_choices(rules, chosen=form["code"].value(), now=now)


def _landing(request: HttpRequest, incident: Incident) -> str:
    """The incident, or home for a person from whom its privacy hides it now (W11)."""
    if Incident.objects.visible_to(request.user).filter(pk=incident.pk).exists():
        return incident.get_absolute_url()
    return reverse("home")
