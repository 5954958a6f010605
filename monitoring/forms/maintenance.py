"""Announcing planned work on one monitor or on all of them (rule K6)."""

from typing import Any

from django import forms
from django.utils import timezone

from incidents.forms.base import InstantField, LineField
from incidents.forms.records import TokenForm
from monitoring.models import Monitor


class MaintenanceForm(TokenForm):
    monitor = forms.ModelChoiceField(
        Monitor.objects.active(),
        required=False,
        to_field_name="slug",
        empty_label="Every monitor",
        label="Which",
    )
    starts_at = InstantField(label="From")
    ends_at = InstantField(label="Until")
    reason = LineField(max_length=200, label="What is done")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zone = timezone.get_current_timezone_name()
        for name in ("starts_at", "ends_at"):
            self.fields[name].help_text = f"Time zone: {zone}."

    def clean(self) -> dict[str, Any]:
        super().clean()
        values = self.cleaned_data
        starts_at, ends_at = values.get("starts_at"), values.get("ends_at")
        if starts_at and ends_at and ends_at <= starts_at:
            self.add_error("ends_at", "It ends before it begins.")
        elif ends_at and ends_at <= timezone.now():
            self.add_error("ends_at", "That is over already.")
        return values
