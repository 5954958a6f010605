"""The form of a monitor: each kind has the fields of its rules and no others (K1 to K7)."""

import datetime as dt
import re
from typing import Any

from django import forms
from django.utils.text import slugify

from incidents.enums import StatusPage
from incidents.forms.base import LineField
from incidents.forms.records import RecordForm, TokenForm, ZoneField
from incidents.models import Client, Playbook, SendingDomain, Severity, System
from incidents.models.client import known_time_zones
from monitoring.descriptions import span_of
from monitoring.enums import Kind, Measure
from monitoring.limits import DEFAULTS
from monitoring.models import Monitor
from monitoring.schedule import next_runs, validate_cron

SPAN = re.compile(r"(\d{1,8})\s*(s|sec|seconds?|min|minutes?|h|hours?|d|days?)", re.IGNORECASE)
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
SHOWN_RUNS = 3


class SpanField(forms.CharField):
    """A length of time with its unit, “20 min”; whole seconds, or None."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 20)
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        return span_of(value) if isinstance(value, int) else value

    def to_python(self, value: Any) -> int | None:  # type: ignore[override]
        text = str(super().to_python(value) or "").strip()
        if not text:
            return None
        found = SPAN.fullmatch(text)
        if found is None:
            raise forms.ValidationError("Say a length with its unit, such as 20 min, 6 h or 1 d.")
        return int(found[1]) * SECONDS[found[2][0].lower()]

    def run_validators(self, value: Any) -> None:
        """The model's own limits are checked with the instance."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


class MonitorForm(RecordForm):
    """What every kind has; a kind adds its own."""

    kind: Kind

    name = LineField(max_length=120)
    slug = forms.CharField(
        max_length=50,
        required=False,
        label="Short name",
        help_text="By which scripts post; it stays when the name changes. Empty: from the name.",
    )
    system = forms.ModelChoiceField(
        System.objects.all(), required=False, empty_label="None", help_text="Set on its incidents."
    )
    client = forms.ModelChoiceField(
        Client.objects.all(),
        required=False,
        empty_label="All who depend on the system",
        label="Whose it is",
    )
    playbook = forms.ModelChoiceField(
        Playbook.objects.filter(is_active=True), required=False, help_text="For its incidents."
    )
    severity = forms.ModelChoiceField(
        Severity.objects.all(), required=False, help_text="Suggested at triage of its incidents."
    )

    class Meta:
        model = Monitor
        fields = ["name", "slug", "system", "client", "playbook", "severity"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            del self.fields["slug"]
        self._offer(System, "system", System.objects.active())
        self._offer(Client, "client", Client.objects.active())
        self._name_defaults()

    def _offer(self, model: Any, name: str, present: Any) -> None:
        """Those in use, and the one that is set."""
        field = self.fields.get(name)
        if isinstance(field, forms.ModelChoiceField):
            kept = model.objects.filter(pk=getattr(self.instance, f"{name}_id"))
            field.queryset = present | kept

    def _name_defaults(self) -> None:
        """Empty fields say what they mean: the rules' own figures."""
        default = DEFAULTS[self.kind]
        figures: dict[str, object] = {
            "window_seconds": span_of(default.window.total_seconds()),
            "minimum_sample": default.minimum_sample,
            "warn_limit": f"{default.warn:g}",
            "incident_limit": f"{default.incident:g}",
            "severe_limit": "" if default.severe is None else f"{default.severe:g}",
            "failures_needed": default.failures_needed,
            "successes_needed": default.successes_needed,
        }
        for name, figure in figures.items():
            if name in self.fields:
                self.fields[name].widget.attrs["placeholder"] = str(figure)
        playbook, severity = self.fields["playbook"], self.fields["severity"]
        assert isinstance(playbook, forms.ModelChoiceField)
        assert isinstance(severity, forms.ModelChoiceField)
        fitting = Playbook.objects.filter(slug=default.playbook).first()
        playbook.empty_label = f"As the kind says: {fitting}" if fitting else "None"
        severity.empty_label = f"As the rules say: SEV-{default.level}"

    @property
    def extra(self) -> list[forms.BoundField]:
        """The fields of the kind, in their order."""
        shared = {*MonitorForm.base_fields, "failures_needed", "successes_needed"}
        return [self[name] for name in self.fields if name not in shared]

    def coming_runs(self, *, now: dt.datetime) -> list[dt.datetime]:
        """The next runs, for a kind that has any."""
        return []

    @property
    def damping(self) -> list[forms.BoundField]:
        names = ("failures_needed", "successes_needed")
        return [self[name] for name in names if name in self.fields]

    def clean_slug(self) -> str:
        slug: str = slugify(self.cleaned_data["slug"])[:50]
        if self.cleaned_data["slug"] and not slug:
            raise forms.ValidationError("Use letters, digits and hyphens.")
        if slug and Monitor.objects.filter(slug=slug).exists():
            raise forms.ValidationError(f"There is a monitor with the short name {slug} already.")
        return slug


class DampedForm(MonitorForm):
    """With how many failures and successes in a row count (rule K6)."""

    class Meta(MonitorForm.Meta):
        fields = [*MonitorForm.Meta.fields, "failures_needed", "successes_needed"]
        labels = {
            "failures_needed": "Failures in a row before an incident",
            "successes_needed": "Successes in a row before it is green",
        }


class HeartbeatForm(DampedForm):
    """A job: every so often, or by a cron expression in a zone; never both."""

    kind = Kind.HEARTBEAT
    period_seconds = SpanField(
        required=False,
        label="Runs every",
        help_text="Such as 1 h or 1 d. Or give a cron expression instead.",
    )
    cron = LineField(
        max_length=100, required=False, label="Or at", help_text="A cron expression: 0 2 * * *"
    )
    time_zone = ZoneField(label="Time zone of the cron expression")
    grace_seconds = SpanField(
        label="Grace", help_text="A run may take, or come late by, as long as this."
    )

    class Meta(DampedForm.Meta):
        fields = [
            *DampedForm.Meta.fields,
            "period_seconds",
            "cron",
            "time_zone",
            "grace_seconds",
        ]

    def clean_cron(self) -> str:
        cron: str = self.cleaned_data["cron"]
        if cron:
            validate_cron(cron)
        return cron

    def clean(self) -> dict[str, Any]:
        super().clean()
        values = self.cleaned_data
        period, cron = values.get("period_seconds"), values.get("cron")
        is_known = "period_seconds" in values and "cron" in values
        if is_known and not period and not cron:
            self.add_error("period_seconds", "Say how often it runs, here or as a cron expression.")
        elif is_known and period and cron:
            self.add_error("cron", "Give either how often it runs or a cron expression, not both.")
        return values

    def coming_runs(self, *, now: dt.datetime) -> list[dt.datetime]:
        """The next runs of the expression as it stands in the form; none where it is wrong."""
        cron = str(self["cron"].value() or "").strip()
        zone = str(self["time_zone"].value() or "UTC")
        if not cron or zone not in known_time_zones():
            return []
        job = Monitor(kind=self.kind, cron=cron, time_zone=zone)
        try:
            validate_cron(cron)
            return next_runs(job, after=now, count=SHOWN_RUNS)
        except (forms.ValidationError, ValueError):
            return []


class RateForm(DampedForm):
    """A share of bad ones in a rolling window."""

    window_seconds = SpanField(required=False, label="Window")

    class Meta(DampedForm.Meta):
        fields = [
            *DampedForm.Meta.fields,
            "window_seconds",
            "minimum_sample",
            "warn_limit",
            "incident_limit",
        ]
        labels = {
            **DampedForm.Meta.labels,
            "minimum_sample": "Fewest events to judge",
            "warn_limit": "The checklist's item fails from, %",
            "incident_limit": "An incident is opened above, %",
            "severe_limit": "Certainly SEV-2 above, %",
        }


class ErrorRateForm(RateForm):
    kind = Kind.ERROR_RATE


class BounceRateForm(RateForm):
    kind = Kind.BOUNCE_RATE
    sending_domain = forms.ModelChoiceField(
        SendingDomain.objects.select_related("client"),
        label="Sending domain",
        help_text="Its client is named in the incident.",
    )

    class Meta(RateForm.Meta):
        fields = [*RateForm.Meta.fields, "severe_limit", "sending_domain"]


class SyncForm(DampedForm):
    kind = Kind.SYNC

    class Meta(DampedForm.Meta):
        fields = [*DampedForm.Meta.fields, "warn_limit", "incident_limit"]
        labels = {
            **DampedForm.Meta.labels,
            "warn_limit": "The checklist's item fails from, hours without a success",
            "incident_limit": "An incident is opened from, hours without a success",
        }


class LevelForm(MonitorForm):
    kind = Kind.LEVEL
    window_seconds = SpanField(required=False, label="No data after")

    class Meta(MonitorForm.Meta):
        fields = [*MonitorForm.Meta.fields, "measure", "warn_limit", "window_seconds"]
        labels = {"measure": "What is counted", "warn_limit": "Fails from, records"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["measure"] = forms.ChoiceField(choices=Measure.choices, label="What is counted")


class CreditsForm(DampedForm):
    kind = Kind.CREDITS
    window_seconds = SpanField(required=False, label="No data after")

    class Meta(DampedForm.Meta):
        fields = [
            *DampedForm.Meta.fields,
            "allowance",
            "warn_limit",
            "incident_limit",
            "window_seconds",
        ]
        labels = {
            **DampedForm.Meta.labels,
            "allowance": "Credits a period",
            "warn_limit": "The checklist's item fails below, % left",
            "incident_limit": "An incident is opened below, % left",
        }


class StatusForm(DampedForm):
    """A provider's status page; its kind and address are the system's."""

    kind = Kind.STATUS
    window_seconds = SpanField(required=False, label="No data after")
    probe_seconds = SpanField(label="Asked every")

    class Meta(DampedForm.Meta):
        fields = [*DampedForm.Meta.fields, "probe_seconds", "page_identity", "window_seconds"]
        labels = {**DampedForm.Meta.labels, "page_identity": "Name the page must give itself"}

    def clean_system(self) -> System:
        system: System | None = self.cleaned_data["system"]
        if system is None:
            raise forms.ValidationError("Name the provider's system: its status page is asked.")
        if system.status_page == StatusPage.NONE:
            raise forms.ValidationError(f"{system} has no status page. Set it on the system first.")
        return system


class PauseForm(TokenForm):
    """Whether the page asked to pause a monitor or to watch it again."""

    is_active = forms.BooleanField(required=False, widget=forms.HiddenInput)


FORMS: dict[str, type[MonitorForm]] = {
    form.kind: form
    for form in (
        HeartbeatForm,
        ErrorRateForm,
        BounceRateForm,
        SyncForm,
        LevelForm,
        CreditsForm,
        StatusForm,
    )
}
