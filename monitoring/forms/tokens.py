"""A token for a machine: its name, what it may do, until when (rule A3)."""

from typing import Any

from django import forms
from django.utils import timezone

from incidents.forms.base import InstantField, LineField
from incidents.forms.records import TokenForm
from monitoring.enums import Kind, Scope
from monitoring.models import Monitor

HINTS: dict[str, str] = {
    Scope.METRICS: "Post metrics of every monitor",
    Scope.ALERTMANAGER: "Post alerts of Alertmanager",
    Scope.REPORT: "Report incidents",
}


class IngestTokenForm(TokenForm):
    name = LineField(max_length=80, help_text="Which machine or script holds it.")
    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, HINTS[scope]) for scope in Scope],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="It may",
    )
    monitor = forms.ModelChoiceField(
        Monitor.objects.exclude(kind__in=[Kind.HEARTBEAT, Kind.STATUS]),
        required=False,
        to_field_name="slug",
        empty_label="No single monitor",
        label="Or post metrics of one monitor only",
    )
    expires_at = InstantField(required=False, label="Until")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zone = timezone.get_current_timezone_name()
        self.fields["expires_at"].help_text = f"Empty: until it is revoked. Time zone: {zone}."

    def clean(self) -> dict[str, Any]:
        super().clean()
        values = self.cleaned_data
        scopes, monitor = list(values.get("scopes") or []), values.get("monitor")
        if monitor and Scope.METRICS in scopes:
            self.add_error("monitor", "It may post for every monitor already: choose one of both.")
        elif monitor:
            scopes.append(f"{Scope.METRICS.value}:{monitor.slug}")
        if not scopes and not self.errors:
            self.add_error("scopes", "Say what it may do.")
        values["wanted"] = scopes
        return values
