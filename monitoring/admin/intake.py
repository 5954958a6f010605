"""What machines sent, to read; their tokens, which can be revoked but not seen."""

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from incidents.actors import actor_for
from incidents.admin.base import OfIncidentAdmin, ReadOnlyAdmin
from incidents.errors import WorkflowError
from monitoring.ingest.tokens import revoke_token
from monitoring.models import ExternalAlert, HourlyFigure, IngestToken, Sample, Signal


@admin.register(Signal)
class SignalAdmin(ReadOnlyAdmin):
    list_display = ["monitor", "kind", "at", "exit_status", "run_seconds", "indicator"]
    list_filter = ["kind", "is_fresh"]
    list_select_related = ["monitor"]
    # Counting millions of rows would cost more than the page is worth.
    show_full_result_count = False


@admin.register(Sample)
class SampleAdmin(ReadOnlyAdmin):
    list_display = ["monitor", "at", "total", "bad", "value", "is_ok"]
    list_filter = ["is_fresh"]
    list_select_related = ["monitor"]
    show_full_result_count = False


@admin.register(HourlyFigure)
class HourlyFigureAdmin(ReadOnlyAdmin):
    list_display = ["monitor", "hour", "samples", "total", "bad", "low", "high"]
    list_select_related = ["monitor"]
    show_full_result_count = False


@admin.register(ExternalAlert)
class ExternalAlertAdmin(OfIncidentAdmin):
    """Alerts of a private incident are hidden from outsiders (rule W11)."""

    list_display = ["name", "starts_at", "is_firing", "ends_at", "incident"]
    list_filter = ["is_firing"]
    list_select_related = ["incident"]
    search_fields = ["name", "fingerprint"]

    def without_incident(self) -> Q:
        return Q(incident=None)


@admin.register(IngestToken)
class IngestTokenAdmin(ReadOnlyAdmin):
    """Neither made nor shown here (rule A3); a lost one can be revoked."""

    list_display = ["name", "key", "scopes", "created_by", "last_used_at", "revoked_at"]
    exclude = ["digest"]
    actions = ["revoke"]

    @admin.action(description="Revoke the chosen tokens", permissions=["view"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[IngestToken]) -> None:
        try:
            for token in queryset:
                revoke_token(token, by=actor_for(request.user), now=timezone.now())
        except WorkflowError as refusal:
            messages.error(request, refusal.message)
        else:
            messages.success(request, "What was chosen is revoked.")
