"""Checklists: this period's runs, answering them, and how they went before (rules K8 to K10)."""

import datetime as dt
from http import HTTPStatus
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from incidents.actors import Actor, actor_for
from incidents.errors import NotAllowedError
from incidents.views.posting import post, posted
from monitoring.checklists.finishing import (
    answer,
    complete_run,
    may_answer,
    open_item_incident,
    what_is_left,
)
from monitoring.checklists.preparing import agency_zone
from monitoring.definitions import may_define
from monitoring.enums import RunState
from monitoring.forms.checklists import RunForm
from monitoring.models import Checklist, ChecklistRun, Period
from monitoring.runs import BY_DAY, Tab, counted, line_of, month_of, past_lines, sheet_of, tabs


@require_safe
def checklists(request: HttpRequest, **kwargs: object) -> HttpResponse:
    """This period's runs; what waits for a person comes first."""
    now = timezone.now()
    shown = tabs(now=now)
    wanted = request.GET.get("period", "")
    tab = next((one for one in shown if one.checklist.pk == wanted), None) or _first(shown)
    run = tab.line.run if tab and tab.line else None
    return _show(request, run, shown, checklist=tab.checklist if tab else None, now=now)


def _first(shown: list[Tab]) -> Tab | None:
    """What is open and soonest due, else the daily one."""
    is_open = [one for one in shown if one.line and one.line.run.state == RunState.OPEN]
    daily = [one for one in shown if one.checklist.pk == Period.DAILY]
    due = sorted(is_open, key=lambda one: one.line.run.due_at if one.line else timezone.now())
    return next(iter([*due, *daily, *shown]), None)


@require_http_methods(["GET", "HEAD", "POST"])
def run(request: HttpRequest, pk: int, **kwargs: object) -> HttpResponse:
    """One run. A post saves the answers; with ``complete`` it also closes the run."""
    now, actor = timezone.now(), actor_for(request.user)
    one = _run(pk)
    if request.method != "POST":
        return _show(request, one, tabs(now=now), checklist=one.checklist, now=now)
    _check_answerer(one, actor, now=now)
    form = RunForm(posted(request), items=one.items.all())
    is_complete = "complete" in request.POST

    def act() -> str:
        with transaction.atomic():
            version = _save_answers(form, by=actor, now=now)
            if is_complete:
                complete_run(one, by=actor, now=now, version=version)
        return one.get_absolute_url()

    words = f"{one.checklist.title} is complete." if is_complete else "The answers are saved."
    return _posted(request, one, form, act, done=words, now=now)


@require_POST
def item_incident(request: HttpRequest, pk: int, item: int, **kwargs: object) -> HttpResponse:
    """One click on a failed item: what was typed is saved, then its incident is opened."""
    now, actor = timezone.now(), actor_for(request.user)
    one = _run(pk)
    _check_answerer(one, actor, now=now)
    failed = get_object_or_404(one.items, pk=item)
    form = RunForm(posted(request), items=one.items.all())

    def act() -> str:
        with transaction.atomic():
            version = _save_answers(form, by=actor, now=now)
            opened = open_item_incident(failed, by=actor, now=now, version=version)
        return opened.incident.get_absolute_url()

    words = "The incident of the failed item is open."
    return _posted(request, one, form, act, done=words, now=now)


def _run(pk: int) -> ChecklistRun:
    return get_object_or_404(ChecklistRun.objects.select_related("checklist", "owner"), pk=pk)


def _check_answerer(one: ChecklistRun, actor: Actor, *, now: dt.datetime) -> None:
    """Refuse whom the run is not for before looking at what was posted (rule A1)."""
    if not may_answer(one, by=actor, now=now):
        raise NotAllowedError(
            f"This checklist is for {one.owner or 'its owner'}, the orchestrator and the founder. "
            "Ask one of them."
        )


def _save_answers(form: RunForm, *, by: Actor, now: dt.datetime) -> int | None:
    """Save what changed; returns the version of the run after it."""
    version = form.seen_version
    for item, wanted in form.changes():
        answer(item, **wanted, by=by, now=now, version=version)
        version = None if version is None else version + 1
    return version


def _posted(
    request: HttpRequest, one: ChecklistRun, form: RunForm, act: Any, *, done: str, now: dt.datetime
) -> HttpResponse:
    outcome = post(request, form, act, done=done, now=now)
    if isinstance(outcome, HttpResponse):
        return outcome
    one = _run(one.pk)
    if outcome == HTTPStatus.CONFLICT:
        form.renew(one.version)
    shown = tabs(now=now)
    return _show(request, one, shown, checklist=one.checklist, form=form, status=outcome, now=now)


def _show(
    request: HttpRequest,
    one: ChecklistRun | None,
    shown: list[Tab],
    *,
    checklist: Checklist | None,
    form: RunForm | None = None,
    status: int = HTTPStatus.OK,
    now: dt.datetime,
) -> HttpResponse:
    actor = actor_for(request.user)
    today = now.astimezone(agency_zone()).date()
    context: dict[str, Any] = {
        "now": now,
        "today": today,
        "week": today.isocalendar().week,
        "tabs": shown,
        "checklist": checklist,
        "may_define": may_define(by=actor),
        "run": None,
    }
    if one is not None:
        context |= _run_context(request, one, actor, form, now=now)
    context |= _history(request, checklist, today=today, now=now)
    return render(request, "monitoring/checklists.html", context, status=status)


def _run_context(
    request: HttpRequest, one: ChecklistRun, actor: Actor, form: RunForm | None, *, now: dt.datetime
) -> dict[str, Any]:
    sheet = sheet_of(one, viewer=request.user)
    line = line_of(counted(ChecklistRun.objects.filter(pk=one.pk)).get(), now=now)
    is_open = one.state == RunState.OPEN
    form = form or RunForm(items=[row.item for row in sheet.rows], version=one.version)
    return {
        "run": one,
        "line": line,
        "sheet": sheet,
        "form": form,
        "manual": [(row, *_fields(form, row.item.pk)) for row in sheet.manual],
        "automatic": [(row, *_fields(form, row.item.pk)[1:]) for row in sheet.automatic],
        "may_answer": is_open and may_answer(one, by=actor, now=now),
        "left": what_is_left(one) if is_open else [],
    }


def _fields(form: RunForm, key: int) -> tuple[Any, Any, Any]:
    outcome = form[f"outcome-{key}"] if f"outcome-{key}" in form.fields else None
    return outcome, form[f"note-{key}"], form[f"evidence-{key}"]


def _history(
    request: HttpRequest, checklist: Checklist | None, *, today: dt.date, now: dt.datetime
) -> dict[str, Any]:
    """A month of the daily runs, and the newest of those that are not daily."""
    chosen = checklist.pk if checklist else ""
    by_day = chosen if chosen in BY_DAY else Period.DAILY.value
    by_list = chosen if chosen and chosen not in BY_DAY else Period.WEEKLY.value
    daily = Checklist.objects.filter(pk=by_day).first()
    first = _month(request.GET.get("month", ""), today=today)
    return {
        "month": month_of(daily, first, now=now, today=today) if daily else None,
        "month_title": Period(by_day).label,
        "month_period": by_day,
        "past": past_lines(by_list, now=now),
        "past_title": Period(by_list).label,
    }


def _month(text: str, *, today: dt.date) -> dt.date:
    """The first of the month “2026-02”; anything else is this month."""
    this = today.replace(day=1)
    try:
        asked = dt.date.fromisoformat(f"{text}-01")
    except ValueError:
        return this
    return asked if dt.date(2000, 1, 1) <= asked <= this else this
