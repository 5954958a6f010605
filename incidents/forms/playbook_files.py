"""A playbook's TOML file, uploaded or pasted."""

from typing import Any

from django import forms

from incidents.forms.base import TextField
from incidents.forms.records import TokenForm
from incidents.playbooks.files import MOST_BYTES


class PlaybookFileForm(TokenForm):
    """The file is looked at first; what was looked at comes back as ``text`` and is stored."""

    file = forms.FileField(
        label="File",
        required=False,
        help_text=f"A TOML file, at most {MOST_BYTES // 1024} kB.",
        widget=forms.ClearableFileInput(attrs={"accept": ".toml,application/toml"}),
    )
    text = TextField(
        label="Or its text", required=False, rows=14, max_length=MOST_BYTES, strip=False
    )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if not self.errors and not values.get("file") and not (values.get("text") or "").strip():
            self.add_error("file", "Choose a file, or paste its text below.")
        return values

    def content(self) -> bytes:
        """What a valid form brought; never more than one byte beyond the limit of a file."""
        upload = self.cleaned_data["file"]
        if upload:
            return bytes(upload.read(MOST_BYTES + 1))
        return str(self.cleaned_data["text"]).encode()
