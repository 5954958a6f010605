"""The mail panel: write, check, approve, send, take back, follow (SOP steps 3, 6 and 7)."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from incidents.actors import Actor, actor_for
from incidents.correspondence import (
    approve_draft,
    clients_for,
    discard_draft,
    edit_draft,
    override_findings,
    send_draft,
    start_draft,
    undo_send,
)
from incidents.enums import MailKind, Status
from incidents.errors import WorkflowError
from incidents.form_tokens import RepeatedFormError, once
from incidents.forms.base import StepForm
from incidents.forms.mail_panel import KIND_HINTS, OverrideForm, PanelForm, StartForm
from incidents.models import Incident, MailDraft
from incidents.permissions import authorize, may
from incidents.stamps import is_unchanged, stamped
from incidents.transitions import Step
from incidents.views import refusals
from incidents.views.mail_panel import (
    deliveries_of,
    is_changed,
    lay_out,
    use_suggestions,
    with_values,
)

PAGE, PREVIEW = "incidents/mail.html", "incidents/_mail_preview_answer.html"
DELIVERIES = "incidents/_deliveries.html"


@dataclass(frozen=True, slots=True)
class Desk:
    """Whose request it is, about which draft, at what time."""

    request: HttpRequest
    draft: MailDraft
    by: Actor
    now: dt.datetime

    @property
    def url(self) -> str:
        return reverse("incidents:mail", args=[self.draft.incident.ref, self.draft.pk])

    @property
    def client(self) -> str:
        """The slug of the open tab."""
        return self.request.POST.get("client", "") or self.request.GET.get("client", "")


@require_http_methods(["GET", "HEAD", "POST"])
def start(request: HttpRequest, ref: str) -> HttpResponse:
    """Choose a kind of mail and its clients, or go on with an open draft."""
    now, by = timezone.now(), actor_for(request.user)
    incident = _find(request, ref)
    if request.method != "POST":
        return _show_start(request, incident, StartForm(incident=incident), now=now)
    authorize(Step.DRAFT, by=by, now=now)
    form = StartForm(request.POST, incident=incident)
    if not form.is_valid():
        return _show_start(request, incident, form, now=now, status=422)
    kind = form.cleaned_data["kind"]
    clients = form.cleaned_data["clients"] or clients_for(incident, kind)
    try:
        with once(form.token, now=now) as mark:
            draft = start_draft(incident, kind=kind, clients=clients, by=by, now=now)
            mark.location = reverse("incidents:mail", args=[incident.ref, draft.pk])
    except RepeatedFormError as repeated:
        return redirect(repeated.location or incident.get_absolute_url())
    except WorkflowError as error:
        status = refusals.refusal_status(error)
        refusal = _refusal(incident, error)
        return _show_start(request, incident, form, now=now, status=status, refusal=refusal)
    return redirect(mark.location)


@require_http_methods(["GET", "HEAD", "POST"])
def panel(request: HttpRequest, ref: str, pk: int) -> HttpResponse:
    """Read the mails of a draft; a post saves the text, ``use`` puts a suggested rewrite in."""
    desk = _desk(request, ref, pk)
    if request.method != "POST":
        return _show(desk, PanelForm(draft=desk.draft))
    form = PanelForm(request.POST, draft=desk.draft)
    wanted = request.POST.get("use", "")

    def save() -> str:
        values = form.texts()
        if wanted:
            values |= use_suggestions(with_values(desk.draft, form), wanted)
        edit_draft(desk.draft, values, by=desk.by, now=desk.now, version=form.seen_version)
        return "The rewrite is in the text." if wanted else "Saved."

    return _do(desk, Step.DRAFT, form, save)


@require_POST
def preview(request: HttpRequest, ref: str, pk: int) -> HttpResponse:
    """The letter, its findings and what blocks, for the text in the form; writes nothing."""
    desk = _desk(request, ref, pk)
    form = PanelForm(request.POST, draft=desk.draft)
    form.is_valid()
    return _show(desk, form, template=PREVIEW)


@require_POST
def send(request: HttpRequest, ref: str, pk: int) -> HttpResponse:
    """Save what stands in the form and send it: what was on the screen is what leaves (M3)."""
    desk = _desk(request, ref, pk)
    form = PanelForm(request.POST, draft=desk.draft)

    def act() -> str:
        version = _save_if_changed(desk, form)
        sent = send_draft(desk.draft, by=desk.by, now=desk.now, version=version)
        for client in sent.without_contact:
            messages.warning(request, f"{client} has no contact: its mail waits.")
        # The box with the countdown says the rest.
        return ""

    return _do(desk, Step.SEND, form, act)


@require_POST
def override(request: HttpRequest, ref: str, pk: int) -> HttpResponse:
    """M5: save the text and override its findings, by the signed-in name and a reason."""
    desk = _desk(request, ref, pk)
    form = PanelForm(request.POST, draft=desk.draft)
    extra = OverrideForm(request.POST, incident=desk.draft.incident)

    def act() -> str:
        _save_if_changed(desk, form)
        override_findings(
            desk.draft,
            reason=extra.cleaned_data["override_reason"],
            certain_fix_at=extra.cleaned_data["certain_fix_at"],
            by=desk.by,
            now=desk.now,
        )
        return "The findings are overridden, with your name and reason."

    return _do(desk, Step.SEND, form, act, extra=extra)


@require_POST
def undo(request: HttpRequest, ref: str, pk: int) -> HttpResponse:
    """M3: take the last Send back while nothing has left."""
    desk = _desk(request, ref, pk)

    def act() -> str:
        back = undo_send(desk.draft, by=desk.by, now=desk.now)
        return f"Taken back: {back} mail{'s' if back != 1 else ''} not sent."

    return _do(desk, Step.SEND, StepForm(request.POST), act)


@require_POST
def approve(request: HttpRequest, ref: str, pk: int) -> HttpResponse:
    """W11: the founder approves the text as it was read."""
    desk = _desk(request, ref, pk)
    form = StepForm(request.POST)

    def act() -> str:
        approve_draft(desk.draft, by=desk.by, now=desk.now, version=form.seen_version)
        return "Approved. A change of the text asks for a new approval."

    return _do(desk, Step.APPROVE, form, act)


@require_POST
def discard(request: HttpRequest, ref: str, pk: int) -> HttpResponse:
    """Throw away what was not sent; the button asks first."""
    desk = _desk(request, ref, pk)

    def act() -> str:
        discard_draft(desk.draft, by=desk.by, now=desk.now)
        return f"The {desk.draft.get_kind_display().lower()} was discarded."

    then = desk.draft.incident.get_absolute_url()
    return _do(desk, Step.DRAFT, StepForm(request.POST), act, then=then)


@require_safe
def deliveries(request: HttpRequest, ref: str, pk: int) -> HttpResponse:
    """The delivery table; an unchanged one is answered with 304."""
    desk = _desk(request, ref, pk)
    stamp = _stamp(desk)
    if is_unchanged(request, stamp):
        return stamped(HttpResponseNotModified(), stamp)
    return stamped(render(request, DELIVERIES, _delivery_context(desk)), stamp)


def _do(
    desk: Desk,
    step: Step,
    form: StepForm,
    act: Callable[[], str],
    *,
    extra: StepForm | None = None,
    then: str = "",
) -> HttpResponse:
    """Do one step of the panel once; a refusal shows the panel again with the text kept."""
    authorize(step, by=desk.by, now=desk.now)
    here = f"{desk.url}?client={desk.client}" if desk.client else desk.url
    if not form.is_valid() or (extra is not None and not extra.is_valid()):
        return _show_again(desk, form, extra, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        with once(form.token, now=desk.now) as mark:
            done = act()
            mark.location = then or here
    except RepeatedFormError as repeated:
        return redirect(repeated.location or here)
    except WorkflowError as error:
        status = refusals.refusal_status(error)
        desk.draft.refresh_from_db()
        form.renew(desk.draft.version)
        refusal = _refusal(desk.draft.incident, error)
        return _show_again(desk, form, extra, status=status, refusal=refusal)
    if done:
        messages.success(desk.request, done)
    return redirect(mark.location)


def _show_again(
    desk: Desk,
    form: StepForm,
    extra: StepForm | None,
    *,
    status: int,
    refusal: dict[str, object] | None = None,
) -> HttpResponse:
    """The panel with what was typed; steps without text show the saved one."""
    if isinstance(form, PanelForm):
        return _show(desk, form, extra=extra, status=status, refusal=refusal)
    return _show(desk, PanelForm(draft=desk.draft), status=status, refusal=refusal)


def _show(
    desk: Desk,
    form: PanelForm,
    *,
    template: str = PAGE,
    status: int = HTTPStatus.OK,
    extra: StepForm | None = None,
    refusal: dict[str, object] | None = None,
) -> HttpResponse:
    draft = desk.draft
    if form.is_bound:
        form.is_valid()
    view = lay_out(draft, form, by=desk.by, now=desk.now, client=desk.client)
    posted = desk.request.POST if "override_reason" in desk.request.POST else None
    context = {
        "incident": draft.incident,
        "draft": draft,
        "form": form,
        "panel": view,
        "override": extra or OverrideForm(initial=_override_initial(posted)),
        "step_form": StepForm(initial={"version": draft.version}),
        "refusal": refusal,
        "saved_texts": _saved_texts(draft, form) if status == HTTPStatus.CONFLICT else [],
        "now": desk.now,
        "panel_url": desk.url,
        "person": desk.by.name,
    }
    return render(desk.request, template, context, status=status)


def _override_initial(posted: object) -> dict[str, str]:
    """What was typed into the override so far, kept through the live preview."""
    names = ("override_reason", "certain_fix_at")
    return {name: posted.get(name, "") for name in names} if posted else {}  # type: ignore[attr-defined]


def _show_start(
    request: HttpRequest,
    incident: Incident,
    form: StartForm,
    *,
    now: dt.datetime,
    status: int = HTTPStatus.OK,
    refusal: dict[str, object] | None = None,
) -> HttpResponse:
    asked = request.POST.get("kind") or request.GET.get("kind", "")
    kind = asked if asked in MailKind.values else _usual_kind(incident)
    slugs = request.POST.getlist("clients") or request.GET.getlist("client")
    suggested = {client.slug for client in clients_for(incident, kind)}
    open_drafts = {row.kind: row for row in incident.drafts.filter(finished_at__isnull=True)}
    context = {
        "incident": incident,
        "form": form,
        "saved_texts": [],
        "kind": MailKind(kind),
        "kinds": [(one, KIND_HINTS[one], open_drafts.get(one.value)) for one in MailKind],
        "open_draft": open_drafts.get(kind),
        "clients": [
            (row.client, row, row.client.slug in (slugs or suggested))
            for row in incident.affected.select_related("client")
        ],
        "may_write": may(Step.DRAFT, by=actor_for(request.user), now=now),
        "refusal": refusal,
        "now": now,
    }
    return render(request, "incidents/mail_start.html", context, status=status)


def _usual_kind(incident: Incident) -> str:
    """The mail that comes next in the life of an incident."""
    untold = incident.affected.filter(told_at__isnull=True).exists()
    if incident.status == Status.RESOLVED:
        return MailKind.POSTMORTEM
    if untold or incident.status == Status.DETECTED:
        return MailKind.NOTIFICATION
    return MailKind.RESOLVED if incident.status == Status.MONITORING else MailKind.UPDATE


def _find(request: HttpRequest, ref: str) -> Incident:
    rows = Incident.objects.visible_to(request.user).select_related(
        "severity", "coordinator", "technical_owner", "communications_owner"
    )
    return get_object_or_404(rows, ref=ref)


def _desk(request: HttpRequest, ref: str, pk: int) -> Desk:
    incident = _find(request, ref)
    rows = MailDraft.objects.select_related("overridden_by", "approved_by")
    draft = get_object_or_404(rows, pk=pk, incident=incident)
    draft.incident = incident
    return Desk(request, draft, actor_for(request.user), timezone.now())


def _save_if_changed(desk: Desk, form: PanelForm) -> int | None:
    """Save the form's text where it differs, so that an approval of it stands; the version then."""
    values = form.texts()
    if not is_changed(desk.draft, values):
        return form.seen_version
    edit_draft(desk.draft, values, by=desk.by, now=desk.now, version=form.seen_version)
    return desk.draft.version


def _refusal(incident: Incident, error: WorkflowError) -> dict[str, object]:
    return {
        "message": error.message,
        "mends": refusals.mend_links(incident, error.missing),
        "is_conflict": refusals.refusal_status(error) == HTTPStatus.CONFLICT,
    }


def _saved_texts(draft: MailDraft, form: PanelForm) -> list[tuple[str, str]]:
    """After a conflict: what the other person saved, where it differs from what was typed."""
    return [
        (str(form.fields[name].label), str(getattr(draft, name)))
        for name, value in form.texts().items()
        if getattr(draft, name) != value and isinstance(value, str)
    ]


def _delivery_context(desk: Desk) -> dict[str, object]:
    return {
        "incident": desk.draft.incident,
        "draft": desk.draft,
        "deliveries": deliveries_of(desk.draft, now=desk.now),
        "may_tell": may(Step.TOLD, by=desk.by, now=desk.now),
        "now": desk.now,
        "panel_url": desk.url,
    }


def _stamp(desk: Desk) -> str:
    """Everything of which the delivery table is made."""
    rows = desk.draft.mails.order_by("client__name").values_list(
        "client__contact_email",
        "message",
        "message__state",
        "message__attempts",
        "message__sent_at",
    )
    told = desk.draft.incident.affected.values_list("told_via", "resolution_told_via")
    is_held = desk.draft.mails.filter(message__due_at__gt=desk.now).exists()
    return repr([desk.draft.pk, desk.by.name, desk.draft.version, is_held, *rows, *told])
