"""The forms of a client's scheduled update."""

from typing import Any

from incidents.digests.gathering import MAX_LENGTH, Item
from incidents.digests.reading import INTRO, INTRO_LABEL
from incidents.forms.base import TextField
from incidents.forms.mail_panel import dress
from incidents.forms.records import TokenForm
from incidents.models import ClientDigest


class DigestForm(TokenForm):
    """What the update says: an introduction, and one line for each item.

    Each field carries what it showed, so that a line nobody touched stays the program's own and
    follows the incident.
    """

    intro = TextField(
        label=INTRO_LABEL,
        required=False,
        max_length=2_000,
        show_hidden_initial=True,
        help_text="One or two sentences above the items, if there is something to say.",
    )

    def __init__(self, *args: Any, digest: ClientDigest, items: list[Item], **kwargs: Any) -> None:
        kwargs["initial"] = {INTRO: digest.intro} | {item.field: item.text for item in items}
        super().__init__(*args, version=digest.version, **kwargs)
        for item in items:
            field = TextField(
                label=item.incident.ref,
                required=False,
                max_length=MAX_LENGTH,
                rows=3,
                show_hidden_initial=True,
            )
            field.incident = item.incident  # type: ignore[attr-defined]
            field.is_edited = bool(item.edited)  # type: ignore[attr-defined]
            self.fields[item.field] = field
        for name, one in self.fields.items():
            if not one.widget.is_hidden:
                dress(one)
                one.say_id = f"say-{name}"  # type: ignore[attr-defined]

    def texts(self) -> dict[str, str]:
        """What a person changed, as far as it is valid."""
        return {
            name: self.cleaned_data[name]
            for name in self.changed_data
            if name in self.cleaned_data and not self.fields[name].widget.is_hidden
        }


class OverrideForm(TokenForm):
    """M5: in spite of the findings, by name and reason."""

    override_reason = TextField(
        label="Reason", max_length=2_000, rows=2, error_messages={"required": "Say why."}
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self.fields["override_reason"])


class SkipForm(TokenForm):
    """Why this week's update is left out."""

    skip_reason = TextField(
        label="Reason",
        max_length=300,
        rows=2,
        help_text="Kept with the update. What it would have said goes into the next one.",
        error_messages={"required": "Say why it is left out."},
    )
