"""Downloads: one incident as Markdown or JSON, the list as CSV (rules W9, W11)."""

from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_safe

from incidents.exports import EXPORTS, to_csv
from incidents.filters import choose_incidents
from incidents.models import Incident
from incidents.serialization import for_serializing

CHUNK = 1000


@require_safe
def incident_export(  # the address says "format"
    request: HttpRequest,
    ref: str,
    format: str,  # noqa: A002
) -> HttpResponse:
    """One incident with its whole timeline; ``format`` is the file's ending."""
    export = next((known for known in EXPORTS if known.suffix == format), None)
    if export is None:
        raise Http404("no such format")
    incident = get_object_or_404(Incident.objects.visible_to(request.user), ref=ref)
    text = export.write(incident, now=timezone.now())
    return _file(text, f"{incident.ref}.{export.suffix}", export.content_type)


@require_safe
def list_csv(request: HttpRequest) -> HttpResponse:
    """The incidents of the list page with the same filter."""
    user = request.user
    assert isinstance(user, User)
    visible = Incident.objects.visible_to(user)
    chosen = choose_incidents(request.GET, visible, user=user, now=timezone.now())
    rows = for_serializing(chosen).iterator(chunk_size=CHUNK)
    return _file(to_csv(rows), "incidents.csv", "text/csv; charset=utf-8")


def _file(text: str, name: str, content_type: str) -> HttpResponse:
    response = HttpResponse(text, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response
