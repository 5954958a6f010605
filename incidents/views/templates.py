"""Mail templates: read by all, worded by orchestrator, revenue and founder (rules M1, A4)."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import nh3
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from incidents.actors import actor_for
from incidents.forms.templates import TemplateForm
from incidents.models import AffectedClient, Incident
from incidents.records import (
    Kind,
    changes_of,
    check_editor,
    editors_of,
    may_edit,
    save_template,
    version_of,
)
from incidents.template_preview import preview_values
from incidents.views.posting import post, posted
from notifications.models import EmailTemplate
from notifications.sop_data import read_templates
from notifications.templating import TemplateError

LETTER_TAGS = {"p", "br", "strong", "h2"}
#: As many clients of incidents as a preview offers.
CHOICES = 60


@dataclass(frozen=True, slots=True)
class Letter:
    """A rendered preview, or why there is none."""

    subject: str = ""
    html: str = ""
    problem: str = ""


@require_safe
def template_list(request: HttpRequest, **kwargs: object) -> HttpResponse:
    """Every client mail, who changed it last, and whether it still has the SOP's words."""
    newest = EmailTemplate.history.filter(id=OuterRef("pk")).order_by("-history_date")
    templates = EmailTemplate.objects.annotate(
        changed_at=Subquery(newest.values("history_date")[:1]),
        changed_by=Subquery(newest.values("history_user__username")[:1]),
    )
    shipped = {row["name"]: row for row in read_templates()}
    context = {
        "rows": [(template, _has_sop_words(template, shipped)) for template in templates],
        "may_edit": may_edit(Kind.TEMPLATE, by=actor_for(request.user)),
        "now": timezone.now(),
    }
    return render(request, "incidents/template_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def template_edit(request: HttpRequest, name: str, **kwargs: object) -> HttpResponse:
    """The wording beside its preview; ``?from=`` fills the form with an older version or the
    SOP's words, which count only once they are saved."""
    template = get_object_or_404(EmailTemplate, name=name)
    now, actor = timezone.now(), actor_for(request.user)
    may = may_edit(Kind.TEMPLATE, by=actor)
    version, stored = version_of(template), _shipped(template)
    source, filled = _older_words(template, request.GET.get("from", ""))
    form = TemplateForm(posted(request), instance=template, initial=filled, version=version)
    status = int(HTTPStatus.OK)
    if request.method == "POST":
        check_editor(Kind.TEMPLATE, by=actor)
    is_preview = request.POST.get("action") == "preview"
    if request.method == "POST" and not is_preview:
        here = reverse("incidents:template-edit", args=[name])

        def act() -> str:
            save_template(form.instance, by=actor, version=form.seen_version)
            return here

        outcome = post(request, form, act, done=f"“{template.title}” is saved.", now=now)
        if isinstance(outcome, HttpResponse):
            return outcome
        status = outcome
        if status == HTTPStatus.CONFLICT:
            form.renew(version_of(template))
    context = {
        "template": template,
        "form": form,
        "source": source,
        "differs": stored is not None and not _same_words(_stored_words(template), stored),
        "affected": _choices(request),
        "chosen": request.POST.get("affected", request.GET.get("affected", "")),
        "letter": _letter(request, template, form["subject"].value(), form["body"].value()),
        "changes": changes_of(template),
        "may_edit": may,
        "editors": editors_of(Kind.TEMPLATE),
        "now": now,
    }
    return render(request, "incidents/template_edit.html", context, status=status)


@require_POST
def template_preview(request: HttpRequest, name: str, **kwargs: object) -> HttpResponse:
    """The letter that the form's present text would make; nothing is saved."""
    template = get_object_or_404(EmailTemplate, name=name)
    subject, body = request.POST.get("subject", ""), request.POST.get("body", "")
    context = {"letter": _letter(request, template, subject, body)}
    return render(request, "incidents/_template_letter.html", context)


def _letter(request: HttpRequest, template: EmailTemplate, subject: Any, body: Any) -> Letter:
    unsaved = EmailTemplate(
        name=template.name, title=template.title, subject=str(subject or ""), body=str(body or "")
    )
    try:
        mail = unsaved.render(preview_values(unsaved, _chosen(request), now=timezone.now()))
    except TemplateError as problem:
        return Letter(problem=str(problem))
    inside = mail.html.partition("<body>")[2].partition("</body>")[0]
    # Escaped by the renderer already; cleaned once more, because it is shown inside our page.
    return Letter(mail.subject, mark_safe(nh3.clean(inside, tags=LETTER_TAGS)))  # noqa: S308


def _visible_rows(request: HttpRequest) -> QuerySet[AffectedClient]:
    visible = Incident.objects.visible_to(request.user).order_by().values("pk")
    rows = AffectedClient.objects.filter(incident__in=visible)
    return rows.select_related("client", "incident__severity").order_by("-incident", "client__name")


def _choices(request: HttpRequest) -> list[AffectedClient]:
    return list(_visible_rows(request)[:CHOICES])


def _chosen(request: HttpRequest) -> AffectedClient | None:
    number = request.POST.get("affected", request.GET.get("affected", ""))
    if not (number.isascii() and number.isdigit() and len(number) < 18):
        return None
    return _visible_rows(request).filter(pk=int(number)).first()


def _older_words(template: EmailTemplate, source: str) -> tuple[str, dict[str, str]]:
    """The words to fill the form with, and where they are from in words of a sentence."""
    if source == "sop":
        shipped = _shipped(template)
        return ("the words of the SOP", shipped) if shipped else ("", {})
    if source.isascii() and source.isdigit() and len(source) < 18:
        row = template.history.filter(history_id=int(source)).first()
        if row is not None:
            day = timezone.localtime(row.history_date)
            words = {"subject": row.subject, "body": row.body}
            return f"the version of {day:%d %B %Y %H:%M %Z}", words
    return "", {}


def _shipped(template: EmailTemplate) -> dict[str, str] | None:
    rows = {row["name"]: row for row in read_templates()}
    row = rows.get(template.name)
    return {"subject": row["subject"], "body": row["body"]} if row else None


def _has_sop_words(template: EmailTemplate, shipped: dict[str, dict[str, str]]) -> bool:
    words = {"subject": template.subject, "body": template.body}
    return template.name in shipped and _same_words(words, shipped[template.name])


def _stored_words(template: EmailTemplate) -> dict[str, str]:
    # The form has written onto the instance: what is stored is asked for anew.
    stored = EmailTemplate.objects.get(pk=template.pk)
    return {"subject": stored.subject, "body": stored.body}


def _same_words(words: dict[str, str], shipped: dict[str, str]) -> bool:
    return all(words[part].strip() == shipped[part].strip() for part in ("subject", "body"))
