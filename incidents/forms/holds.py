"""Sending on hold, and resumed (rule P4)."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.forms import ModelMultipleChoiceField

from incidents.forms.base import NamedListField, StepForm, TextField
from incidents.models import Hold, SendingDomain
from incidents.playbooks.figures import domains_of


class DomainsField(NamedListField):
    """Sending domains by name; a list, in the order of their names."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(SendingDomain.objects.none(), **kwargs)
        self.to_field_name = "name"
        #: Those on hold already, by their keys; said in their labels.
        self.held: set[int] = set()

    def label_from_instance(self, obj: SendingDomain) -> str:
        return f"{obj} (on hold)" if obj.pk in self.held else str(obj)

    def clean(self, value: Any) -> Any:
        given = value if isinstance(value, list | tuple) else [value]
        wanted = {str(word).strip().casefold() for word in given if word not in self.empty_values}
        if self.required and not wanted:
            raise ValidationError(self.error_messages["required"], code="required")
        rows = list(self.queryset or [])
        unknown = wanted - {row.name.casefold() for row in rows}
        if unknown:
            names = ", ".join(f"“{word[:80]}”" for word in sorted(unknown))
            raise ValidationError(f"Not a sending domain to choose here: {names}.")
        return [row for row in rows if row.name.casefold() in wanted]


class HoldForm(StepForm):
    """Which domains send nothing until their gate opens."""

    domains = DomainsField(label="Sending domains", error_messages={"required": "Name a domain."})
    reason = TextField(label="Reason", max_length=2_000, rows=2)

    aliases = {"domain": "domains"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_domains(self)
        held = Hold.objects.standing().filter(incident=self.incident)
        field = self.fields["domains"]
        assert isinstance(field, DomainsField)
        field.held = set(held.values_list("sending_domain", flat=True))


class ReleaseForm(StepForm):
    """Resume sending: what is held, and the reason where a locked gate is overridden."""

    domains = DomainsField(
        label="Sending domains", required=False, help_text="None: all that this incident holds."
    )
    override_reason = TextField(
        label="Reason for the override",
        required=False,
        max_length=2_000,
        rows=2,
        help_text="Only for a gate that is locked; the orchestrator's or the founder's, "
        "with their name on the timeline.",
    )

    aliases = {"domain": "domains", "reason": "override_reason", "override": "override_reason"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.incident is not None:
            held = Hold.objects.standing().filter(incident=self.incident)
            field = self.fields["domains"]
            assert isinstance(field, ModelMultipleChoiceField)
            field.queryset = SendingDomain.objects.filter(holds__in=held).order_by("name")


def offer_domains(form: StepForm) -> None:
    """The domains of the affected clients, and those the incident is about."""
    if form.incident is None:
        return
    behind = [domain.pk for domain in domains_of(form.incident)]
    concerned = Q(client__incidents=form.incident) | Q(pk__in=behind)
    field = form.fields["domains"]
    assert isinstance(field, ModelMultipleChoiceField)
    field.queryset = SendingDomain.objects.filter(concerned).distinct().order_by("name")
