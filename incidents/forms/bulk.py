"""Giving several incidents to others at once; nothing else is done in bulk (rule W8)."""

from typing import Any

from django import forms
from django.http import QueryDict

from incidents.forms.base import PersonField, StepForm

#: As many as one page of the list shows.
MOST = 50


class BulkAssignForm(StepForm):
    """References, and who takes over; a part left empty stays as it is."""

    refs = forms.TypedMultipleChoiceField(
        error_messages={"required": "Pick at least one incident."}
    )
    technical_owner = PersonField(label="Technical owner", required=False)
    communications_owner = PersonField(label="Communications owner", required=False)

    def __init__(self, data: QueryDict | None = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        # What is picked is looked up among the incidents the person may see.
        picked = data.getlist("refs")[:MOST] if data is not None else []
        self.fields["refs"].choices = [(ref, ref) for ref in picked]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors and not (data["technical_owner"] or data["communications_owner"]):
            raise forms.ValidationError("Name the person who takes over.")
        return data
