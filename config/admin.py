"""The task queue's tables: to be looked at, never edited.

One malformed schedule stops the whole cluster, so `setup_schedules` alone writes them.
"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django_q.models import Failure, OrmQ, Schedule, Success


class ReadOnlyAdmin(admin.ModelAdmin):
    """Lists and shows; nothing can be added, changed or deleted."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ScheduleAdmin(ReadOnlyAdmin):
    list_display = ["name", "func", "schedule_type", "next_run"]


class TaskAdmin(ReadOnlyAdmin):
    list_display = ["name", "func", "started", "stopped"]


class QueueAdmin(ReadOnlyAdmin):
    list_display = ["id", "key", "lock"]


for model, model_admin in (
    (Schedule, ScheduleAdmin),
    (Success, TaskAdmin),
    (Failure, TaskAdmin),
    (OrmQ, QueueAdmin),
):
    if admin.site.is_registered(model):
        admin.site.unregister(model)
    admin.site.register(model, model_admin)
