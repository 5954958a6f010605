"""A playbook as a file: downloaded, looked at before it is stored, stored (rule P1)."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from incidents.actors import actor_for
from incidents.errors import WorkflowError
from incidents.forms.playbook_files import PlaybookFileForm
from incidents.models import Playbook
from incidents.playbooks.files import (
    PlaybookFile,
    compare,
    find_playbook,
    import_playbook,
    read_file,
    write_file,
)
from incidents.records import Kind, check_editor, version_of
from incidents.views.posting import post


@require_safe
def playbook_file(request: HttpRequest, slug: str) -> HttpResponse:
    """One playbook as TOML."""
    playbook = get_object_or_404(Playbook, slug=slug)
    response = HttpResponse(write_file(playbook), content_type="application/toml; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{playbook.slug}.toml"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def playbook_import(request: HttpRequest) -> HttpResponse:
    """A file is uploaded, what it would change is shown, and only then it is stored."""
    check_editor(Kind.PLAYBOOK, by=actor_for(request.user))
    if request.method != "POST":
        return _show(request, PlaybookFileForm())
    form = PlaybookFileForm(request.POST, request.FILES)
    if not form.is_valid():
        return _show(request, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    data = form.content()
    try:
        file = read_file(data)
    except WorkflowError as refusal:
        text = data.decode(errors="replace").replace("\0", "�")
        again = PlaybookFileForm(initial={"text": text})
        return _show(request, again, refusal=refusal, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    if request.POST.get("action") != "store":
        return _preview(request, file, data)
    return _store(request, form, file, data)


def _preview(
    request: HttpRequest, file: PlaybookFile, data: bytes, *, error: str = "", status: int = 200
) -> HttpResponse:
    stored = find_playbook(file)
    version = version_of(stored) if stored else 0
    # What was read is put into the page, so that the very same is stored.
    form = PlaybookFileForm(initial={"text": data.decode("utf-8-sig")}, version=version)
    context = {
        "form": form,
        "file": file,
        "stored": stored,
        "changes": compare(file, stored),
        "error": error,
        "now": timezone.now(),
    }
    return render(request, "incidents/playbook_import_preview.html", context, status=status)


def _store(
    request: HttpRequest, form: PlaybookFileForm, file: PlaybookFile, data: bytes
) -> HttpResponse:
    now, by = timezone.now(), actor_for(request.user)

    def act() -> str:
        stored = find_playbook(file)
        seen = form.seen_version if stored else None
        saved = import_playbook(file, by=by, version=seen)
        return reverse("incidents:playbook-detail", args=[saved.slug])

    outcome = post(request, form, act, done=f"“{file.playbook.title}” is stored.", now=now)
    if isinstance(outcome, HttpResponse):
        return outcome
    error = " ".join(str(text) for text in form.non_field_errors())
    return _preview(request, file, data, error=error, status=outcome)


def _show(
    request: HttpRequest,
    form: PlaybookFileForm,
    *,
    refusal: WorkflowError | None = None,
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    context = {"form": form, "refusal": refusal, "now": timezone.now()}
    return render(request, "incidents/playbook_import.html", context, status=status)
