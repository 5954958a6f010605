"""Answering a run, and editing what a checklist asks (rule K8)."""

from collections.abc import Iterable
from typing import Any

from django import forms

from incidents.enums import Role
from incidents.forms.base import LineField, TextField
from incidents.forms.records import TokenForm
from monitoring.checklists.finishing import ANSWERS, EVIDENCE_LENGTH, NOTE_LENGTH
from monitoring.definitions import ItemText
from monitoring.models import Checklist, RunItem

#: Empty lines offered for new items.
NEW_LINES = 2
MOST_ITEMS = 40
WORDS = {"pass": "Pass", "fail": "Fail", "not_applicable": "n.a."}


class RunForm(TokenForm):
    """Outcome, note and evidence of every item of a run; only what changed is saved."""

    def __init__(self, *args: Any, items: Iterable[RunItem], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.items = list(items)
        for item in self.items:
            if not item.is_automatic:
                self.fields[f"outcome-{item.pk}"] = forms.ChoiceField(
                    choices=[(answer.value, WORDS[answer]) for answer in ANSWERS],
                    required=False,
                    widget=forms.RadioSelect(attrs={"class": "btn-check"}),
                    initial=item.outcome if item.outcome in ANSWERS else "",
                )
            self.fields[f"note-{item.pk}"] = LineField(
                required=False, max_length=NOTE_LENGTH, initial=item.note, label="Note"
            )
            self.fields[f"evidence-{item.pk}"] = LineField(
                required=False, max_length=EVIDENCE_LENGTH, initial=item.evidence, label="Evidence"
            )

    def changes(self) -> list[tuple[RunItem, dict[str, str]]]:
        """The items that were answered or annotated, of a valid form."""
        found = []
        for item in self.items:
            outcome = self.cleaned_data.get(f"outcome-{item.pk}") or ""
            wanted = {
                "outcome": outcome,
                "note": self.cleaned_data[f"note-{item.pk}"],
                "evidence": self.cleaned_data[f"evidence-{item.pk}"],
            }
            kept = {
                "outcome": item.outcome
                if not item.is_automatic and item.outcome in ANSWERS
                else "",
                "note": " ".join(item.note.split()),
                "evidence": " ".join(item.evidence.split()),
            }
            if wanted != kept:
                found.append((item, wanted))
        return found


class DefinitionForm(TokenForm):
    """A checklist: when, by whom, and its items, one line each."""

    title = LineField(max_length=80)
    owner_role = forms.ChoiceField(
        choices=[(role.value, role.label) for role in Role if role != Role.LEGAL], label="Whose"
    )
    opens_at = forms.TimeField(
        label="Opens at", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    due_hours = forms.IntegerField(
        min_value=1, max_value=24 * 27, label="Due after, hours", help_text="Overdue from then on."
    )
    is_active = forms.BooleanField(
        required=False, label="Is in use", help_text="Untick: no new runs are opened."
    )

    def __init__(self, *args: Any, checklist: Checklist, **kwargs: Any) -> None:
        names = ("title", "owner_role", "opens_at", "due_hours", "is_active")
        first = {name: getattr(checklist, name) for name in names}
        super().__init__(*args, initial=first | (kwargs.pop("initial", None) or {}), **kwargs)
        self.rows = list(checklist.items.all())
        for row in self.rows:
            self.fields[f"number-{row.pk}"] = forms.IntegerField(
                min_value=1,
                max_value=MOST_ITEMS,
                initial=row.number,
                label="Place",
                widget=forms.NumberInput(attrs={"class": "form-control form-control-sm"}),
            )
            self.fields[f"text-{row.pk}"] = TextField(
                required=False,
                max_length=500,
                initial=row.text,
                label="Text",
                widget=forms.Textarea(attrs={"rows": 2, "class": "form-control form-control-sm"}),
            )
        for number in range(1, NEW_LINES + 1):
            self.fields[f"new-{number}"] = TextField(
                rows=1, max_length=500, required=False, label=f"New item {number}"
            )

    def item_fields(self) -> list[tuple[Any, forms.BoundField, forms.BoundField]]:
        return [(row, self[f"number-{row.pk}"], self[f"text-{row.pk}"]) for row in self.rows]

    def new_fields(self) -> list[forms.BoundField]:
        return [self[f"new-{number}"] for number in range(1, NEW_LINES + 1)]

    def items(self) -> list[ItemText]:
        """What stays, in the order asked for, then what is new; of a valid form."""
        values = self.cleaned_data
        kept = [
            (
                values[f"number-{row.pk}"],
                row.number,
                ItemText(_line(values[f"text-{row.pk}"]), row.pk),
            )
            for row in self.rows
        ]
        kept.sort(key=lambda place: place[:2])
        new = [ItemText(_line(values[f"new-{number}"])) for number in range(1, NEW_LINES + 1)]
        return [item for item in [*(one[2] for one in kept), *new] if item.text]

    def clean(self) -> dict[str, Any]:
        super().clean()
        if not self.errors and not self.items():
            raise forms.ValidationError("A checklist has at least one item.")
        return self.cleaned_data


def _line(text: str) -> str:
    return " ".join(text.split())
