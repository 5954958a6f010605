"""Every step described for machines: its fields, their types, choices and limits."""

from typing import Any

from django import forms
from django.forms.models import ModelChoiceField, ModelMultipleChoiceField

from incidents.forms.base import (
    AnswerField,
    DayField,
    FlagField,
    InstantField,
    LineField,
    PersonField,
    TextField,
)
from incidents.forms.playbooks import NumbersField, RepliesField, WordsField
from incidents.forms.review import MeasuresField
from incidents.permissions import OWNING_ROLE
from incidents.steps import SPECS, StepSpec
from incidents.transitions import TRANSITIONS

#: The first that fits names the type: the narrower class comes first.
TYPES: tuple[tuple[type[forms.Field], str], ...] = (
    (MeasuresField, "measures"),
    (WordsField, "words"),
    (NumbersField, "numbers"),
    (RepliesField, "replies"),
    (FlagField, "flag"),
    (AnswerField, "answer"),
    (InstantField, "instant"),
    (DayField, "day"),
    (PersonField, "person"),
    (ModelMultipleChoiceField, "names"),
    (ModelChoiceField, "name"),
    (forms.ChoiceField, "choice"),
    (forms.IntegerField, "number"),
    (LineField, "line"),
    (TextField, "text"),
)
MULTIPLE = {"names", "measures", "words", "numbers", "replies"}
#: Sent by pages, not typed by anybody.
HIDDEN = {"form_token", "version", "confirm", "step_version"}


def describe_steps() -> list[dict[str, Any]]:
    """All steps in the order of the SOP."""
    return [describe_step(spec) for spec in SPECS.values()]


def describe_step(spec: StepSpec) -> dict[str, Any]:
    """One step: when it is possible, whose it is, and what it asks."""
    statuses, target = TRANSITIONS[spec.step]
    role = OWNING_ROLE.get(spec.step)
    return {
        "step": spec.step.value,
        "label": spec.label,
        "help": spec.help,
        "role": role.value if role else None,
        "statuses": [status.value for status in statuses],
        "leads_to": target.value if target else None,
        "fields": [
            _describe_field(name, field)
            for name, field in spec.form_class().fields.items()
            if name not in HIDDEN
        ],
    }


def _describe_field(name: str, field: forms.Field) -> dict[str, Any]:
    kind = next((word for cls, word in TYPES if isinstance(field, cls)), "text")
    return {
        "name": name,
        "label": str(field.label or name.replace("_", " ").capitalize()),
        "type": kind,
        "required": field.required,
        "multiple": kind in MULTIPLE,
        "max_length": getattr(field, "max_length", None),
        "choices": _choices(field),
        "help": str(field.help_text),
    }


def _choices(field: forms.Field) -> list[dict[str, str]] | None:
    """The values that may be given, with their words; None where anything may."""
    if not isinstance(field, forms.ChoiceField):
        return None
    pairs = [(str(value), str(label)) for value, label in field.choices]  # type: ignore[union-attr, misc]
    return [{"value": value, "label": label} for value, label in pairs if value]
