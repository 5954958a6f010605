"""SOP steps 1 and 2 on one page: what was noticed and, by who may, its triage."""

from typing import Any

from django import forms

from incidents.enums import Role, Source
from incidents.forms.base import (
    InstantField,
    LineField,
    NamedField,
    StepForm,
    TextField,
    WordField,
    clients_field,
)
from incidents.forms.triage import TriageForm
from incidents.models import Client
from incidents.reporting import Report


class ReportForm(TriageForm):
    """A new incident. Only what ``is_triaging`` needs of the triage is required then."""

    title = LineField(label="Title", max_length=200)
    source = WordField(label="Source", choices=Source.choices)
    reported_by = NamedField(
        Client.objects.active(),
        label="Reported by",
        required=False,
        empty_label="No client, we noticed it",
    )
    detected_at = InstantField(label="Detected at")

    def __init__(
        self, *args: Any, may_triage: bool = True, may_own_find: bool = False, **kwargs: Any
    ) -> None:
        self.may_triage = may_triage
        self.may_own_find = may_own_find
        super().__init__(*args, **kwargs)
        detected_at = self.fields["detected_at"]
        detected_at.help_text = "The earliest evidence, not the time of this form."
        detected_at.widget.attrs |= {"class": "form-control", "aria-describedby": "detected-help"}
        if not self.is_triaging:
            self.fields["level"].required = False
            self.fields["systems"].required = False

    @property
    def is_triaging(self) -> bool:
        """Whether this submit triages too: by who may, and by delivery what it fixes at once (W2).

        ``report_only`` is the button of those who leave the triage to somebody else.
        """
        if "report_only" in self.data:
            return False
        return self.may_triage or (self.may_own_find and bool(self.data.get("in_scope")))

    def clean(self) -> dict[str, Any]:
        """A client's report names the client, who is affected by it then."""
        data = super().clean() or {}
        reporter = data.get("reported_by")
        is_own_find = self.is_triaging and not self.may_triage
        if is_own_find and data.get("source") != Source.AGENT:
            self.add_error(
                "in_scope", "Only for what you noticed yourself: the source is agent detection."
            )
        if data.get("source") == Source.CLIENT_REPORT and reporter is None:
            self.add_error("reported_by", "Name the client who reported it.")
        if reporter is not None and "clients" in data and reporter not in data["clients"]:
            data["clients"] = [*data["clients"], reporter]
        return data

    def report(self) -> Report:
        """What a valid form says of the detection."""
        data = self.cleaned_data
        suggestion = self.suggestion
        return Report(
            title=data["title"],
            source=data["source"],
            detected_at=data["detected_at"],
            description=data["description"],
            systems=data["systems"],
            clients=data["clients"],
            reported_by=data["reported_by"],
            suggested_level=suggestion.level if suggestion else None,
            is_breach_suspected=data["data_breach"],
        )


class JoinForm(StepForm):
    """The same report, put on an incident that is open already."""

    title = LineField(label="Title", max_length=200)
    description = TextField(label="Description", required=False, max_length=20_000)
    clients = clients_field(label="Affected clients", required=False)
    reported_by = NamedField(Client.objects.active(), label="Reported by", required=False)
    detected_at = InstantField(label="Detected at", required=False)
    triaging = forms.CharField(required=False, max_length=20, widget=forms.HiddenInput)

    def named_clients(self) -> list[Client]:
        """The clients of a valid form, with the one who reported it."""
        data = self.cleaned_data
        reporter = data["reported_by"]
        return [*data["clients"], *([reporter] if reporter not in [None, *data["clients"]] else [])]


#: How people of a role usually learn of trouble (rule W2).
USUAL_SOURCE = {
    Role.DELIVERY: Source.AGENT,
    Role.REVENUE: Source.CLIENT_REPORT,
    Role.ORCHESTRATOR: Source.MONITORING,
}


def usual_source(roles: frozenset[str]) -> Source:
    """What the form has chosen before anybody looked."""
    return next((source for role, source in USUAL_SOURCE.items() if role in roles), Source.AGENT)
