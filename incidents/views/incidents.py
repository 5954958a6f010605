"""The list of incidents and the page of one."""

import datetime as dt
import re
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from incidents.actors import Actor, actor_for
from incidents.errors import ConflictError, WorkflowError
from incidents.filters import IncidentFilter, filter_choices
from incidents.form_tokens import RepeatedFormError, once
from incidents.forms.bulk import BulkAssignForm
from incidents.models import Incident, MailDraft
from incidents.permissions import authorize
from incidents.rows import incident_rows, listed
from incidents.stamps import is_unchanged, stamped
from incidents.transitions import Step
from incidents.views.incident_page import find_incident, lay_out
from incidents.views.run_panel import Refused
from incidents.workflow import assign_incident

PER_PAGE = 50
SAVED_VIEWS: tuple[tuple[str, dict[str, str]], ...] = (
    ("All", {}),
    ("Open", {"status": "open"}),
    ("Mine", {"status": "open", "owner": "me"}),
    ("Breached", {"breach": "yes"}),
    ("Untriaged", {"status": "detected"}),
    ("Closed", {"status": "closed"}),
)
#: A page number of the database that no row has; larger ones are not asked for.
LARGEST_ID = 2**62
INSERT_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")


@require_safe
def incident_list(request: HttpRequest) -> HttpResponse:
    """Incidents, newest first; filters and place stand in the address."""
    return _show_list(request, now=timezone.now())


@require_POST
def bulk_assign(request: HttpRequest) -> HttpResponse:
    """Give the picked incidents to others, one by one; each tells its own outcome."""
    now, by = timezone.now(), actor_for(_user(request))
    authorize(Step.ASSIGN, by=by, now=now)
    form = BulkAssignForm(request.POST)
    if not form.is_valid():
        return _show_list(request, now=now, form=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        with once(form.token, now=now) as mark:
            outcomes = _assign_each(request, form, by, now=now)
            mark.location = _list_address(request)
    except RepeatedFormError as repeated:
        return redirect(repeated.location or _list_address(request))
    for is_done, text in outcomes:
        messages.add_message(request, messages.SUCCESS if is_done else messages.ERROR, text)
    return redirect(mark.location)


@require_safe
def incident_detail(request: HttpRequest, ref: str) -> HttpResponse:
    """Everything about one incident, and the one next step of the person who reads it."""
    return render(request, "incidents/detail.html", incident_page(request, ref, now=timezone.now()))


@require_safe
def incident_live(request: HttpRequest, ref: str) -> HttpResponse:
    """The fragments of the page; unchanged ones cost one small query (304)."""
    return _fragment(request, ref, "incidents/_incident_live.html")


@require_safe
def timeline_fragment(request: HttpRequest, ref: str) -> HttpResponse:
    """The timeline alone, under the same conditions."""
    return _fragment(request, ref, "incidents/_timeline.html")


def _fragment(request: HttpRequest, ref: str, template: str) -> HttpResponse:
    now = timezone.now()
    stamp = _stamp(request, ref, now=now)
    if is_unchanged(request, stamp):
        return stamped(HttpResponse(status=HTTPStatus.NOT_MODIFIED), stamp)
    return stamped(render(request, template, incident_page(request, ref, now=now)), stamp)


def incident_page(
    request: HttpRequest, ref: str, *, now: dt.datetime, refused: Refused | None = None
) -> dict[str, Any]:
    """The context of the page and of its fragments. Raises Http404 for who may not see it."""
    by = actor_for(_user(request))
    incident = find_incident(ref, by)
    if incident is None:
        raise Http404("no such incident")
    is_whole = request.GET.get("entries") == "all"
    at = request.GET.get("at", "")
    context = lay_out(
        incident,
        by,
        now=now,
        is_whole=is_whole,
        at=at if INSERT_AT.fullmatch(at) else "",
        refused=refused,
    )
    tail = "?entries=all" if is_whole else ""
    return context | {"live_url": reverse("incidents:live", args=[ref]) + tail}


def _stamp(request: HttpRequest, ref: str, *, now: dt.datetime) -> str:
    """What the page of this incident depends on, in one query.

    Settled mails, steps and notes all write an entry; the text of a draft has its own time.
    """
    drafts = MailDraft.objects.filter(incident=OuterRef("pk")).order_by("-updated_at")
    facts = (
        Incident.objects.filter(ref=ref)
        .annotate(drafted_at=Subquery(drafts.values("updated_at")[:1]))
        .values_list("version", "entry_count", "is_private", "status", "drafted_at")
        .first()
    )
    day = timezone.localtime(now).date()
    return f"{request.get_full_path()}:{_user(request).pk}:{day}:{facts}"


def _show_list(
    request: HttpRequest,
    *,
    now: dt.datetime,
    form: BulkAssignForm | None = None,
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    user = _user(request)
    visible = Incident.objects.visible_to(user)
    chosen = IncidentFilter(request.GET, visible, user=user, now=now)
    before = _whole_number(request.GET.get("before", ""))
    incidents = chosen.qs.order_by("-id")
    if before is not None:
        incidents = incidents.filter(pk__lt=before)
    rows = incident_rows(list(listed(incidents)[: PER_PAGE + 1]))
    has_more = len(rows) > PER_PAGE
    rows = rows[:PER_PAGE]
    query = urlencode(chosen.values)
    older = chosen.values | {"before": str(rows[-1].incident.pk)} if has_more else {}
    context = {
        "now": now,
        "rows": rows,
        "filter": chosen,
        "fields": chosen.form.fields,
        "asked": {name: chosen.data.get(name, "") for name in chosen.filters},
        "ignored": chosen.ignored,
        "choices": filter_choices(),
        "views": _views(chosen.values),
        "query": query,
        "here": request.GET.urlencode(),
        "older": urlencode(older),
        "is_later_page": before is not None,
        "is_filtered": bool(chosen.values),
        "form": form or BulkAssignForm(),
        "picked": request.POST.getlist("refs") if form else [],
    }
    return render(request, "incidents/list.html", context, status=status)


def _views(values: dict[str, str]) -> list[tuple[str, str, bool]]:
    """The saved views: name, address, and whether it is the one shown."""
    listed = reverse("incidents:list")
    return [
        (name, f"{listed}?{urlencode(wanted)}" if wanted else listed, values == wanted)
        for name, wanted in SAVED_VIEWS
    ]


def _assign_each(
    request: HttpRequest, form: BulkAssignForm, by: Actor, *, now: dt.datetime
) -> list[tuple[bool, str]]:
    """Whether it was done, and in words, for each picked incident the person may see."""
    data = form.cleaned_data
    refs = data["refs"]
    found = {
        row.ref: row for row in Incident.objects.visible_to(_user(request)).filter(ref__in=refs)
    }
    outcomes = []
    for ref in refs:
        incident = found.get(ref)
        if incident is None:
            outcomes.append((False, f"{ref}: there is no such incident."))
            continue
        technical, communications = data["technical_owner"], data["communications_owner"]
        try:
            assign_incident(
                incident,
                technical_owner=technical,
                communications_owner=communications,
                by=by,
                now=now,
            )
        except ConflictError as error:
            outcomes.append((False, error.message))
        except WorkflowError as error:
            outcomes.append((False, f"{ref}: {error.message}"))
        else:
            names = " and ".join(str(person) for person in (technical, communications) if person)
            outcomes.append((True, f"{ref}: now with {names}."))
    return outcomes


def _list_address(request: HttpRequest) -> str:
    """The list with the filters it was posted from."""
    query = request.GET.urlencode()
    return reverse("incidents:list") + (f"?{query}" if query else "")


def _whole_number(text: str) -> int | None:
    """The id a page begins below; None for the first page, and for what is no number."""
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(LARGEST_ID)):
        return None
    return min(int(text), LARGEST_ID)


def _user(request: HttpRequest) -> User:
    """The signed-in account; the middleware lets nobody else in (rule A1)."""
    user = request.user
    assert isinstance(user, User)
    return user
