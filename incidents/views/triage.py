"""New incident and triage: one page, one submit (SOP steps 1 and 2)."""

import datetime as dt
from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from incidents.actors import Actor, actor_for
from incidents.duplicates import Joined, join_report
from incidents.enums import Role, Source, Status
from incidents.errors import WorkflowError
from incidents.form_tokens import RepeatedFormError, once
from incidents.forms.report import JoinForm, ReportForm, usual_source
from incidents.forms.triage import TriageForm
from incidents.models import Client, Incident, System
from incidents.permissions import authorize, may
from incidents.reporting import report_incident
from incidents.transitions import Step
from incidents.views import refusals
from incidents.views.triage_board import (
    Board,
    data_of,
    facts_of_form,
    facts_of_incident,
    follow_suggestion,
    follow_systems,
    is_out_of_date,
    lay_out,
    name_open_counts,
)
from incidents.workflow import triage_incident as decide_triage

PAGE, PREVIEW = "incidents/triage.html", "incidents/_triage_preview.html"
CHECK_CLIENTS = "The systems changed: check who is affected, then submit again."


@require_http_methods(["GET", "HEAD", "POST"])
def new_incident(request: HttpRequest) -> HttpResponse:
    """Open an incident and, by who may, triage it in the same submit (W2)."""
    now, by = timezone.now(), actor_for(request.user)
    authorize(Step.OPEN, by=by, now=now)
    if request.method != "POST":
        form = _report_form(_first_report(request, by, now=now), by, now=now, is_guided=True)
        form.errors.clear()
        return _show(request, form, by, now=now)
    is_preview = "preview" in request.POST
    form = _report_form(request.POST, by, now=now, is_guided=is_preview)
    if is_preview:
        form.errors.clear()
        return _show(request, form, by, now=now)
    if is_out_of_date(request.POST):
        form = _report_form(request.POST, by, now=now, is_guided=True)
        form.add_error(None, CHECK_CLIENTS)
    if not form.is_valid():
        return _show(request, form, by, now=now, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return _open(request, form, by, now=now)


@require_POST
def new_preview(request: HttpRequest) -> HttpResponse:
    """What submitting would do; writes nothing."""
    now, by = timezone.now(), actor_for(request.user)
    authorize(Step.OPEN, by=by, now=now)
    form = _report_form(request.POST, by, now=now, is_guided=True)
    form.errors.clear()
    return _show(request, form, by, now=now, template=PREVIEW)


@require_http_methods(["GET", "HEAD", "POST"])
def triage_incident(request: HttpRequest, ref: str) -> HttpResponse:
    """SOP step 2 on an incident that is open."""
    now, by = timezone.now(), actor_for(request.user)
    incident = _find(request, ref)
    if request.method != "POST":
        if incident.status != Status.DETECTED:
            messages.info(request, f"{incident.ref} was triaged already.")
            return redirect(incident)
        data = data_of(TriageForm(incident=incident), {})
        data["prefilled_for"] = " ".join(data.getlist("systems"))
        form = _triage_form(data, incident, is_guided=True)
        form.errors.clear()
        return _show(request, form, by, now=now)
    is_preview = "preview" in request.POST
    if not (is_preview or _is_own_find(request, incident, by)):
        authorize(Step.TRIAGE, by=by, now=now)
    form = _triage_form(request.POST, incident, is_guided=is_preview)
    if is_preview:
        form.errors.clear()
        return _show(request, form, by, now=now)
    if is_out_of_date(request.POST):
        form = _triage_form(request.POST, incident, is_guided=True)
        form.add_error(None, CHECK_CLIENTS)
    if not form.is_valid():
        return _show(request, form, by, now=now, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return _triage(request, form, incident, by, now=now)


@require_POST
def triage_preview(request: HttpRequest, ref: str) -> HttpResponse:
    """What this triage would do; writes nothing."""
    now, by = timezone.now(), actor_for(request.user)
    incident = _find(request, ref)
    form = _triage_form(request.POST, incident, is_guided=True)
    form.errors.clear()
    return _show(request, form, by, now=now, template=PREVIEW)


@require_POST
def join_incident(request: HttpRequest, ref: str) -> HttpResponse:
    """“Join that one”: the report goes on an incident that is open already."""
    now, by = timezone.now(), actor_for(request.user)
    target = _find(request, ref)
    authorize(Step.OPEN, by=by, now=now)
    form = JoinForm(request.POST)
    if not form.is_valid():
        for error in form.errors.values():
            messages.error(request, " ".join(str(text) for text in error))
        return redirect(target)
    data = form.cleaned_data
    duplicate = _find(request, data["triaging"]) if data["triaging"] else None
    try:
        with once(form.token, now=now) as mark:
            joined = join_report(
                target,
                title=data["title"],
                description=data["description"],
                clients=form.named_clients(),
                detected_at=data["detected_at"] or (duplicate.detected_at if duplicate else None),
                duplicate=duplicate,
                by=by,
                now=now,
            )
            mark.location = target.get_absolute_url()
    except RepeatedFormError as repeated:
        return redirect(repeated.location or target.get_absolute_url())
    messages.success(request, _joined_text(joined))
    return redirect(target)


def _open(request: HttpRequest, form: ReportForm, by: Actor, *, now: dt.datetime) -> HttpResponse:
    is_triaging = form.is_triaging
    try:
        with once(form.token, now=now) as mark:
            incident = report_incident(
                form.report(), decision=form.decision() if is_triaging else None, by=by, now=now
            )
            mark.location = _landing(request, incident)
    except RepeatedFormError as repeated:
        return redirect(repeated.location or reverse("incidents:list"))
    except WorkflowError as error:
        return _refuse(request, form, by, error, now=now)
    messages.success(request, _opened_text(incident))
    return redirect(mark.location)


def _triage(
    request: HttpRequest, form: TriageForm, incident: Incident, by: Actor, *, now: dt.datetime
) -> HttpResponse:
    try:
        with once(form.token, now=now) as mark:
            decide_triage(incident, form.decision(), by=by, now=now, version=form.seen_version)
            mark.location = _landing(request, incident)
    except RepeatedFormError as repeated:
        return redirect(repeated.location or incident.get_absolute_url())
    except WorkflowError as error:
        incident.refresh_from_db()
        form.renew(incident.version)
        return _refuse(request, form, by, error, now=now)
    messages.success(request, f"{incident.ref} triaged as SEV-{incident.level}.")
    return redirect(mark.location)


def _refuse(
    request: HttpRequest, form: TriageForm, by: Actor, error: WorkflowError, *, now: dt.datetime
) -> HttpResponse:
    status = refusals.refusal_status(error)
    mends = [refusals.Mend(item.text) for item in error.missing]
    if form.incident is not None:
        mends = refusals.mend_links(form.incident, error.missing)
    refusal = {"message": error.message, "mends": mends, "is_conflict": status == 409}
    return _show(request, form, by, now=now, status=status, refusal=refusal)


def _show(
    request: HttpRequest,
    form: TriageForm,
    by: Actor,
    *,
    now: dt.datetime,
    template: str = PAGE,
    status: int = HTTPStatus.OK,
    refusal: dict[str, object] | None = None,
) -> HttpResponse:
    incident = form.incident
    facts = facts_of_incident(incident) if incident else facts_of_form(form.cleaned_data, now=now)
    is_triaging = form.is_triaging if isinstance(form, ReportForm) else True
    board = lay_out(form, facts=facts, is_triaging=is_triaging, viewer=request.user, now=now)
    name_open_counts(form)
    may_triage = may(Step.TRIAGE, by=by, now=now)
    may_own_find = by.has_role(Role.DELIVERY) and facts.source == Source.AGENT
    context = {
        "form": form,
        "board": board,
        "incident": incident,
        "now": now,
        "refusal": refusal,
        "saved_texts": [],
        "may_triage": may_triage,
        "may_own_find": may_own_find if incident else by.has_role(Role.DELIVERY),
        "may_submit": incident is None or may_triage or (may_own_find and board.is_in_scope),
        "deadline": _running_clock(incident),
        "is_too_late": incident is not None and incident.status != Status.DETECTED,
        "action_word": _action_word(board),
        "page_url": _page_url(incident),
        "preview_url": _preview_url(incident),
    }
    return render(request, template, context, status=status)


def _report_form(data: QueryDict, by: Actor, *, now: dt.datetime, is_guided: bool) -> ReportForm:
    """The bound and cleaned form; guided, clients and severity follow what was chosen."""
    if is_guided:
        data = data.copy()
        follow_systems(data)
    may_triage = may(Step.TRIAGE, by=by, now=now)
    form = ReportForm(data, may_triage=may_triage, may_own_find=by.has_role(Role.DELIVERY))
    form.full_clean()
    if is_guided:
        follow_suggestion(data, form)
        form.full_clean()
    return form


def _triage_form(data: QueryDict, incident: Incident, *, is_guided: bool) -> TriageForm:
    if is_guided:
        data = data.copy()
        follow_systems(data)
    form = TriageForm(data, incident=incident)
    form.full_clean()
    if is_guided:
        follow_suggestion(data, form)
        form.full_clean()
    return form


def _first_report(request: HttpRequest, by: Actor, *, now: dt.datetime) -> QueryDict:
    """What a new form shows: the usual source, now, and whatever the address names."""
    asked = request.GET
    source = asked.get("source", "")
    clients = Client.objects.active().filter(slug__in=asked.getlist("client"))
    values = {
        "title": asked.get("title", "")[:200],
        "description": asked.get("description", "")[:20_000],
        "source": source if source in Source.values else usual_source(by.roles),
        "detected_at": now,
        "systems": list(System.objects.active().filter(slug__in=asked.getlist("system"))),
        "clients": list(clients),
        "reported_by": clients.first() if source == Source.CLIENT_REPORT else None,
    }
    return data_of(ReportForm(), values)


def _is_own_find(request: HttpRequest, incident: Incident, by: Actor) -> bool:
    """W2: delivery triages what an agent found, where the fix starts at once."""
    is_theirs = by.has_role(Role.DELIVERY) and incident.source == Source.AGENT
    return is_theirs and bool(request.POST.get("in_scope"))


def _find(request: HttpRequest, ref: str) -> Incident:
    rows = Incident.objects.visible_to(request.user).select_related("severity", "reported_by")
    return get_object_or_404(rows, ref=ref)


def _running_clock(incident: Incident | None) -> object:
    if incident is None:
        return None
    return incident.deadlines.counted().filter(kind="acknowledge").first()


def _page_url(incident: Incident | None) -> str:
    if incident is None:
        return reverse("incidents:new")
    return reverse("incidents:triage", args=[incident.ref])


def _preview_url(incident: Incident | None) -> str:
    if incident is None:
        return reverse("incidents:new-preview")
    return reverse("incidents:triage-preview", args=[incident.ref])


def _action_word(board: Board) -> str:
    """The words of the one button."""
    if not board.is_triaging:
        return "Report it"
    level = f" as SEV-{board.level}" if board.level else ""
    if board.is_in_scope:
        return f"Triage{level}, start the fix"
    return f"Triage{level}" if board.incident else f"Open and triage{level}"


def _landing(request: HttpRequest, incident: Incident) -> str:
    """The incident, or home for a person from whom its privacy hides it now (W11)."""
    if Incident.objects.visible_to(request.user).filter(pk=incident.pk).exists():
        return incident.get_absolute_url()
    return reverse("home")


def _opened_text(incident: Incident) -> str:
    if incident.severity is not None:
        text = f"{incident.ref} opened and triaged as {incident.severity.code}."
        fix = " The fix has started." if incident.status == Status.INVESTIGATING else ""
        return text + fix
    if incident.is_private:
        return f"{incident.ref} opened. It is private: its owners, the founder and legal see it."
    return f"{incident.ref} opened. It waits for triage."


def _joined_text(joined: Joined) -> str:
    parts = [f"Your report was added to {joined.incident.ref}."]
    if joined.added:
        parts.append(f"{_names(joined.added)} added to the affected clients.")
    if joined.not_added:
        parts.append(f"{_names(joined.not_added)} not added yet: ask the orchestrator.")
    if joined.cancelled:
        parts.append(f"{joined.cancelled.ref} was cancelled as its duplicate.")
    if joined.left_open:
        parts.append(f"{joined.left_open.ref} stays open: ask the orchestrator to cancel it.")
    return " ".join(parts)


def _names(clients: list[Client]) -> str:
    return ", ".join(client.name for client in clients)
