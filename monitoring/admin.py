"""The SOP's checklists to edit, the signs of life to read."""

from django.contrib import admin
from django.http import HttpRequest

from incidents.admin.base import ReadOnlyAdmin, RecordAdmin
from monitoring.models import Beat, Checklist, ChecklistItem


class ChecklistItemInline(admin.StackedInline):
    model = ChecklistItem
    extra = 0


@admin.register(Checklist)
class ChecklistAdmin(RecordAdmin):
    """One row a period: changed, never added."""

    list_display = ["title", "period", "owner_role", "opens_at"]
    readonly_fields = ["period"]
    inlines = [ChecklistItemInline]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Beat)
class BeatAdmin(ReadOnlyAdmin):
    list_display = ["name", "at"]
