"""What every page of the administration keeps to (rules A2, W11)."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from simple_history.admin import SimpleHistoryAdmin

from incidents.models import Incident


def visible_incidents(request: HttpRequest) -> QuerySet[Incident, Any]:
    """The incidents the reader may see, for use inside another query."""
    return Incident.objects.visible_to(request.user).order_by().values("pk")


class ReadOnlyAdmin(admin.ModelAdmin):
    """Lists and shows; nothing can be added, changed or deleted."""

    list_per_page = 50

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class OfIncidentAdmin(ReadOnlyAdmin):
    """Rows that hang on an incident; those of a private one are hidden from outsiders (W11)."""

    #: The way from the row to its incident.
    incident_path = "incident"
    search_fields = ["incident__ref", "incident__title"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        visible = Q(**{f"{self.incident_path}__in": visible_incidents(request)})
        return super().get_queryset(request).filter(visible | self.without_incident())

    def without_incident(self) -> Q:
        """Rows that belong to no incident and hide nothing; none of them by default."""
        return Q(pk__in=[])


class RecordAdmin(SimpleHistoryAdmin):
    """Edited, never deleted; every change is kept and no kept one can be edited (rule A2)."""

    list_per_page = 50

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def revert_disabled(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return True

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self._check_visible(request, object_id)
        return super().history_view(request, object_id, extra_context)

    def history_form_view(
        self,
        request: HttpRequest,
        object_id: str,
        version_id: str,
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """An old version is read; bringing it back by a post would go past every rule."""
        self._check_visible(request, object_id)
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        return super().history_form_view(request, object_id, version_id, extra_context)

    def _check_visible(self, request: HttpRequest, object_id: str) -> None:
        if self.get_object(request, object_id) is None:
            raise Http404
