"""The SOP's checklists to edit; their runs and the signs of life to read."""

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest

from incidents.admin.base import OfIncidentAdmin, ReadOnlyAdmin, RecordAdmin
from monitoring.models import Beat, Checklist, ChecklistItem, ChecklistRun, RunItem


class ChecklistItemInline(admin.StackedInline):
    model = ChecklistItem
    extra = 0


@admin.register(Checklist)
class ChecklistAdmin(RecordAdmin):
    """One row a period: changed, never added."""

    list_display = ["title", "period", "owner_role", "opens_at", "due_hours", "is_active"]
    readonly_fields = ["period"]
    inlines = [ChecklistItemInline]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(ChecklistRun)
class ChecklistRunAdmin(ReadOnlyAdmin):
    """Answered and completed on its page, which keeps to the rules."""

    list_display = ["checklist", "period_start", "state", "owner", "due_at", "completed_at"]
    list_filter = ["state", "checklist"]
    list_select_related = ["checklist", "owner"]
    date_hierarchy = "period_start"


@admin.register(RunItem)
class RunItemAdmin(OfIncidentAdmin):
    """Items that led to a private incident are hidden from outsiders (rule W11)."""

    list_display = ["run", "number", "text", "outcome", "value", "answered_at", "answered_by"]
    list_filter = ["outcome", "is_automatic"]
    list_select_related = ["run__checklist"]
    search_fields = ["text", "note"]

    def without_incident(self) -> Q:
        return Q(incident=None)


@admin.register(Beat)
class BeatAdmin(ReadOnlyAdmin):
    list_display = ["name", "at"]
