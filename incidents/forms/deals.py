"""Choosing the HubSpot deal of a client (rule M10)."""

from typing import Any

from django import forms
from django.core.validators import RegexValidator

from incidents.forms.base import LineField
from incidents.forms.records import TokenForm

_NUMBER = RegexValidator(
    r"^[0-9]{1,20}\Z", "The number of a deal is made of digits: the last part of its address."
)


class DealForm(TokenForm):
    """One of the deals that were found, or the number of another."""

    deal = LineField(required=False, max_length=20, validators=[_NUMBER])
    number = LineField(
        required=False,
        max_length=20,
        validators=[_NUMBER],
        label="Another deal's number",
        help_text="The last part of its address in HubSpot. It counts before the choice above.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )

    def clean(self) -> dict[str, Any]:
        super().clean()
        values = self.cleaned_data
        if not self.errors and not values.get("deal") and not values.get("number"):
            raise forms.ValidationError("Choose a deal, or give its number.")
        return values

    @property
    def chosen(self) -> str:
        """The deal of a valid form."""
        return str(self.cleaned_data["number"] or self.cleaned_data["deal"])
