"""What the forms of clients, systems, templates and contact details share."""

import uuid
from typing import Any

from django import forms
from django.http import QueryDict

from incidents.forms.base import LARGEST_VERSION, TokenField
from incidents.models.client import known_time_zones

#: The names people know; the bare ones (EST, Zulu) only redirect.
ZONES = sorted(zone for zone in known_time_zones() if "/" in zone or zone == "UTC")


class TokenForm(forms.Form):
    """A form that is done once, and refused when it is older than what it would change."""

    form_token = TokenField(required=False)
    version = forms.IntegerField(
        required=False, min_value=0, max_value=LARGEST_VERSION, widget=forms.HiddenInput
    )

    def __init__(self, *args: Any, version: int | None = None, **kwargs: Any) -> None:
        kwargs["initial"] = {
            "form_token": uuid.uuid4(),
            "version": version,
            **(kwargs.get("initial") or {}),
        }
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)

    @property
    def token(self) -> uuid.UUID | None:
        """The one-time token of a valid form."""
        return self.cleaned_data.get("form_token")

    @property
    def seen_version(self) -> int | None:
        """The version the person saw, of a valid form."""
        return self.cleaned_data.get("version")

    def renew(self, version: int) -> None:
        """After a conflict: the same text, now compared with the newest version."""
        data = QueryDict(mutable=True)
        data.update(self.data)
        data[self.add_prefix("version")] = str(version)
        data[self.add_prefix("form_token")] = str(uuid.uuid4())
        self.data = data


class RecordForm(TokenForm, forms.ModelForm):
    """A TokenForm over a model."""


class ZoneField(forms.CharField):
    """A time zone by its name; the page offers ZONES while it is typed.

    A select with hundreds of options would cost more than the rest of the page.
    """

    widget = forms.TextInput(attrs={"list": "zones", "autocomplete": "off"})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=64, **kwargs)

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value) or "").strip().replace(" ", "_")


class LinesField(forms.CharField):
    """Several short texts, one a line; a list without empties and repeats."""

    def __init__(self, *, rows: int = 3, longest: int = 50, **kwargs: Any) -> None:
        self.longest = longest
        kwargs.setdefault("max_length", 5_000)
        super().__init__(widget=forms.Textarea(attrs={"rows": rows}), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        text = super().clean(self.prepare_value(value)) or ""
        lines = [" ".join(line.split()) for line in text.splitlines()]
        found = list(dict.fromkeys(line for line in lines if line))
        if len(found) > self.longest:
            raise forms.ValidationError(f"No more than {self.longest} lines.")
        return found
