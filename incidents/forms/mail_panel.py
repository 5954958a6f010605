"""The forms of the mail panel."""

import re
from typing import Any

from django import forms

from incidents.correspondence.rendering import OPTIONAL_FIELDS, field_label
from incidents.enums import MailKind
from incidents.forms.base import InstantField, StepForm, TextField, clients_field
from incidents.forms.mail import TEXT_FIELDS, MailTextForm, kind_field, offer_affected
from incidents.models import MailDraft
from notifications.models import EmailTemplate

#: Fields that should stay plain and short (rule M1).
SHORT_FIELDS = ("what_happening", "what_doing", "update_text", "what_happened", "what_did")
HINTS = {
    "brief": "Ends the subject line.",
    "system_name": "Such as “your outreach e-mails”.",
    "data_loss": "Stated if there was any; empty where there was none.",
    "questions": "One question a line.",
    "timeline": "As the client may read it, times with their zone.",
}


class PanelForm(MailTextForm):
    """What all mails of a draft say, named as the letter names it; ``client`` is the open tab."""

    client = forms.CharField(required=False, max_length=60, widget=forms.HiddenInput)

    def __init__(self, *args: Any, draft: MailDraft, **kwargs: Any) -> None:
        super().__init__(*args, draft=draft, **kwargs)
        self._leave_out_unused(draft)
        for name, field in self.fields.items():
            if field.widget.is_hidden:
                continue
            dress(field)
            if not isinstance(field, InstantField):
                field.label = field_label(draft.kind, name)
                field.help_text = HINTS.get(name, "")
            field.is_short = name in SHORT_FIELDS  # type: ignore[attr-defined]
            field.is_needed = "data-needed" in field.widget.attrs  # type: ignore[attr-defined]
            field.say_id = f"say-{name}"  # type: ignore[attr-defined]
            if name in SHORT_FIELDS:
                field.widget.attrs |= {"rows": 4, "aria-describedby": f"count-{name}"}

    def _leave_out_unused(self, draft: MailDraft) -> None:
        """Nobody should write what the template of this kind does not print."""
        template = EmailTemplate.objects.filter(name=draft.kind).first()
        source = f"{template.subject} {template.body}" if template else ""
        for name in OPTIONAL_FIELDS & set(self.fields):
            if not re.search(rf"\b{name}\b", source):
                del self.fields[name]

    def texts(self) -> dict[str, object]:
        """What the form says as far as it is valid: the live preview shows the rest as saved."""
        names = (*TEXT_FIELDS, "next_update_at")
        given = [name for name in names if name in self.data]
        return {name: self.cleaned_data[name] for name in given if name in self.cleaned_data}


class OverrideForm(StepForm):
    """M5: in spite of the findings, by name and reason; a certain fix time for a promise."""

    override_reason = TextField(label="Reason", max_length=2_000, rows=2)
    certain_fix_at = InstantField(label="Certain fix time", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if not field.widget.is_hidden:
                dress(field)


class StartForm(StepForm):
    """Which mail, for whom."""

    kind = kind_field()
    clients = clients_field(label="Clients", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_affected(self, self.incident, "clients")


#: What each kind is for, beside its name.
KIND_HINTS = {
    MailKind.NOTIFICATION: "What we know, that we are on it, and when they hear from us next.",
    MailKind.UPDATE: "Where things stand, and when they hear from us next.",
    MailKind.RESOLVED: "Everything is back to normal: once the fix is verified.",
    MailKind.WORKAROUND: "It works again by other means; the fix follows.",
    MailKind.POSTMORTEM: "Timeline, root cause, what we changed: from the post-incident entry.",
    MailKind.QUESTIONS: "What isn't working, since when, what changed on their side.",
}


def dress(field: forms.Field) -> None:
    """Look like the other inputs, where a template writes the input itself."""
    field.widget.attrs["class"] = "form-control"
