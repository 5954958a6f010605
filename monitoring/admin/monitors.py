"""Monitors, maintenance and block lists to edit; how monitors stand and stood to read."""

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone

from incidents.admin.base import OfIncidentAdmin, ReadOnlyAdmin, RecordAdmin
from monitoring.models import (
    BlockList,
    DayFigure,
    DomainCheck,
    MaintenanceWindow,
    Monitor,
    MonitorIncident,
    MonitorStatus,
    StateChange,
)
from monitoring.monitors import add_monitor


@admin.register(Monitor)
class MonitorAdmin(RecordAdmin):
    list_display = ["name", "kind", "system", "client", "is_active"]
    list_filter = ["kind", "is_active"]
    list_select_related = ["system", "client"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """What scripts and the history lean on stays as it was made."""
        return ["kind", "slug"] if obj else []

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj else {"slug": ["name"]}

    def save_model(self, request: HttpRequest, obj: Monitor, form: ModelForm, change: bool) -> None:
        """No monitor is without a status."""
        if change:
            obj.save()
        else:
            add_monitor(obj, now=timezone.now())


@admin.register(MonitorStatus)
class MonitorStatusAdmin(ReadOnlyAdmin):
    list_display = ["monitor", "state", "since", "value_text", "last_signal_at", "failed_at"]
    list_filter = ["state"]
    list_select_related = ["monitor"]
    search_fields = ["monitor__name"]


@admin.register(StateChange)
class StateChangeAdmin(ReadOnlyAdmin):
    list_display = ["monitor", "at", "before", "after", "value_text", "reason"]
    list_filter = ["after"]
    list_select_related = ["monitor"]
    search_fields = ["monitor__name"]


@admin.register(DayFigure)
class DayFigureAdmin(ReadOnlyAdmin):
    list_display = ["monitor", "day", "state", "value"]
    list_filter = ["state"]
    list_select_related = ["monitor"]
    search_fields = ["monitor__name"]


@admin.register(MonitorIncident)
class MonitorIncidentAdmin(OfIncidentAdmin):
    list_display = ["monitor", "incident", "opened_at", "recovered_at", "ended_at"]
    list_select_related = ["monitor", "incident"]


@admin.register(MaintenanceWindow)
class MaintenanceWindowAdmin(RecordAdmin):
    list_display = ["reason", "monitor", "starts_at", "ends_at", "created_by"]
    list_select_related = ["monitor"]


@admin.register(BlockList)
class BlockListAdmin(RecordAdmin):
    list_display = ["zone", "kind", "is_active", "is_dead", "checked_at"]
    list_filter = ["kind", "is_active", "is_dead"]


@admin.register(DomainCheck)
class DomainCheckAdmin(ReadOnlyAdmin):
    list_display = ["domain", "month", "verdict", "checked_at"]
    list_filter = ["verdict"]
    list_select_related = ["domain"]
    search_fields = ["domain__name"]
