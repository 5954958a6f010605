"""Incidents: read whole, mended in few places, never stepped past the workflow (W1, W8, C1)."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminSplitDateTime
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from incidents.actors import actor_for
from incidents.admin.base import RecordAdmin
from incidents.datafixes import mend_incident
from incidents.errors import WorkflowError
from incidents.models import Incident
from incidents.workflow import correct_detection

MENDED = ["title", "description", "systems"]
CORRECTED = ["corrected_at", "correction_reason"]


class IncidentForm(forms.ModelForm):
    """Three facts, and a correction of the detection time with its reason (rule C1)."""

    corrected_at = forms.SplitDateTimeField(
        required=False,
        widget=AdminSplitDateTime,
        label="Correct it to",
        help_text="Every deadline is worked out anew; nobody is called.",
    )
    correction_reason = forms.CharField(
        required=False, max_length=2_000, widget=forms.Textarea(attrs={"rows": 2}), label="Reason"
    )

    class Meta:
        model = Incident
        fields = MENDED

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        reason = (values.get("correction_reason") or "").strip()
        if values.get("corrected_at") and not reason:
            self.add_error("correction_reason", "A correction needs its reason.")
        if reason and not values.get("corrected_at") and "corrected_at" not in self.errors:
            self.add_error("corrected_at", "Give the corrected time.")
        return values


@admin.register(Incident)
class IncidentAdmin(RecordAdmin):
    """Status, clocks and version are read-only; private incidents are hidden from outsiders."""

    form = IncidentForm
    list_display = ["ref", "title", "status", "severity", "source", "detected_at", "is_private"]
    list_filter = ["status", "severity", "source", "fault_side", "is_private", "is_demo"]
    list_select_related = ["severity"]
    search_fields = ["ref", "title", "affected__client__name"]
    autocomplete_fields = ["systems"]
    date_hierarchy = "detected_at"
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Incident]:
        visible = Incident.objects.visible_to(request.user).order_by().values("pk")
        return super().get_queryset(request).filter(pk__in=visible)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Incidents are opened on their own page, which tells people and starts clocks."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return [*_written_by_workflow(), "clients_affected", "playbooks_attached"]

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        detection = ["detected_at"]
        mended = MENDED
        if self.has_change_permission(request, obj):
            detection = ["detected_at", *CORRECTED]
        rest = [name for name in _written_by_workflow() if name != "detected_at"]
        return [
            ("May be mended here", {"fields": mended}),
            ("Detection", {"fields": detection}),
            (
                "As the workflow wrote it",
                {"fields": [*rest, "clients_affected", "playbooks_attached"]},
            ),
        ]

    @admin.display(description="Affected clients")
    def clients_affected(self, incident: Incident) -> str:
        return ", ".join(str(row.client) for row in incident.affected.select_related("client"))

    @admin.display(description="Playbooks")
    def playbooks_attached(self, incident: Incident) -> str:
        return ", ".join(str(playbook) for playbook in incident.playbooks.all())

    def save_model(
        self, request: HttpRequest, obj: Incident, form: forms.ModelForm, change: bool
    ) -> None:
        """Through the domain, field by field: a plain save would undo what others did since."""
        by, now = actor_for(request.user), timezone.now()
        values, changed = form.cleaned_data, set(form.changed_data)
        if changed & set(MENDED):
            mend_incident(
                obj,
                title=values["title"],
                description=values["description"],
                systems=values["systems"],
                by=by,
                now=now,
            )
        if values["corrected_at"]:
            correct_detection(
                Incident.objects.get(pk=obj.pk),
                detected_at=values["corrected_at"],
                reason=values["correction_reason"],
                by=by,
                now=now,
            )

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The systems were written by the domain."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """A refusal of the domain undoes the whole form and is said in its words."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except WorkflowError as refusal:
            for text in (refusal.message, *(item.text for item in refusal.missing)):
                messages.error(request, text)
            return redirect(request.path)


def _written_by_workflow() -> list[str]:
    fields = Incident._meta.concrete_fields
    return [field.name for field in fields if field.name not in ("id", *MENDED)]
