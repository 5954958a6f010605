"""Client mail: writing it, approving it, sending it, and telling a client another way."""

from typing import Any

from django import forms
from django.http import QueryDict

from incidents.correspondence.rendering import DRAFT_FIELDS, OPTIONAL_FIELDS, PROMISING_KINDS
from incidents.enums import HubSpotState, MailKind, ToldVia
from incidents.forms.base import (
    InstantField,
    LineField,
    NamedField,
    StepForm,
    TextField,
    WordField,
    clients_field,
)
from incidents.models import Client, Incident, MailDraft

#: What a person types on the command line for a kind of mail.
SHORT_KINDS = {
    "notification": MailKind.NOTIFICATION.value,
    "notice": MailKind.NOTIFICATION.value,
    "update": MailKind.UPDATE.value,
    "resolved": MailKind.RESOLVED.value,
    "workaround": MailKind.WORKAROUND.value,
    "postmortem": MailKind.POSTMORTEM.value,
    "questions": MailKind.QUESTIONS.value,
}
TOLD_ABOUT = (MailKind.NOTIFICATION, MailKind.UPDATE, MailKind.RESOLVED)
TOLD_BY = (ToldVia.PHONE, ToldVia.CHAT, ToldVia.IN_PERSON)
TEXT_FIELDS = tuple(dict.fromkeys(name for names in DRAFT_FIELDS.values() for name in names))
SENTENCES = "One or two sentences the client understands."


def kind_field(**kwargs: Any) -> WordField:
    return WordField(label="Kind of mail", choices=MailKind.choices, short=SHORT_KINDS, **kwargs)


class MailTextForm(StepForm):
    """What a mail says. With a ``draft`` the form has the fields of its kind, filled with its
    text, and ``version`` is the draft's own."""

    brief = LineField(
        label="Brief description", required=False, max_length=120, help_text="For the subject."
    )
    system_name = LineField(
        label="What is affected",
        required=False,
        max_length=120,
        help_text="In the client's words: “your outreach e-mails”.",
    )
    what_happening = TextField(
        label="What is happening", required=False, max_length=2_000, help_text=SENTENCES
    )
    what_doing = TextField(
        label="What we are doing", required=False, max_length=2_000, help_text=SENTENCES
    )
    update_text = TextField(label="Update", required=False, max_length=4_000, help_text=SENTENCES)
    what_happened = TextField(
        label="What happened", required=False, max_length=2_000, help_text=SENTENCES
    )
    what_did = TextField(label="What we did", required=False, max_length=2_000, help_text=SENTENCES)
    timeline = TextField(label="Full timeline", required=False, max_length=20_000, rows=8)
    root_cause = TextField(label="Root cause analysis", required=False, max_length=10_000, rows=6)
    data_loss = TextField(
        label="Data loss",
        required=False,
        max_length=2_000,
        rows=2,
        help_text="Stated, if there was any; empty where there was none.",
    )
    questions = TextField(label="Questions", required=False, max_length=4_000, rows=5)
    next_update_at = InstantField(
        label="Next update",
        required=False,
        help_text="Promised to the client; empty: the send time and the severity's cadence.",
    )

    def __init__(self, *args: Any, draft: MailDraft | None = None, **kwargs: Any) -> None:
        self.draft = draft
        if draft is not None:
            kwargs.setdefault("incident", draft.incident)
        super().__init__(*args, **kwargs)
        if draft is not None:
            self._keep_fields_of(draft)

    def first_values(self) -> dict[str, Any]:
        values = super().first_values()
        if self.draft is None:
            return values
        texts = {name: getattr(self.draft, name) for name in (*TEXT_FIELDS, "next_update_at")}
        return values | texts | {"version": self.draft.version}

    def texts(self) -> dict[str, object]:
        """What a valid form says, as ``edit_draft`` takes it: only fields that were given."""
        names = (*TEXT_FIELDS, "next_update_at")
        return {
            name: self.cleaned_data[name]
            for name in names
            if name in self.fields and name in self.data
        }

    def _keep_fields_of(self, draft: MailDraft) -> None:
        wanted = DRAFT_FIELDS[MailKind(draft.kind)]
        for name in TEXT_FIELDS:
            if name not in wanted:
                del self.fields[name]
        if draft.kind not in PROMISING_KINDS:
            del self.fields["next_update_at"]
        for name in wanted:
            # Unfinished text is saved all the same; Send says what is missing.
            if name not in OPTIONAL_FIELDS:
                self.fields[name].widget.attrs["data-needed"] = "to send"


class DraftForm(MailTextForm):
    """Begin a mail of a kind or go on with the open one, for these clients."""

    kind = kind_field()
    clients = clients_field(
        label="Clients", required=False, help_text="Nobody named: those this mail is for."
    )
    certain_fix_at = InstantField(
        label="Certain fix time",
        required=False,
        help_text="Only if certain: it becomes a deadline once the mail is delivered.",
    )

    field_order = ["kind", "clients"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_affected(self, self.incident, "clients")

    def texts(self) -> dict[str, object]:
        given = super().texts()
        if "certain_fix_at" in self.data:
            given["certain_fix_at"] = self.cleaned_data["certain_fix_at"]
        return given


class OfDraftForm(StepForm):
    """Names one open draft of the incident: by its kind, or by its number."""

    kind = kind_field(required=False)
    draft = forms.IntegerField(
        label="Number of the draft", required=False, min_value=1, max_value=2**31 - 1
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors and not data.get("kind") and not data.get("draft"):
            raise forms.ValidationError("Name the mail: its kind, or the number of the draft.")
        return data


class ApproveForm(OfDraftForm):
    """W11: the founder approves the present text."""


class SendForm(OfDraftForm):
    """M3; with an override of the wording guard where it is given a reason (M5)."""

    clients = clients_field(
        label="Clients", required=False, help_text="Nobody named: everybody not sent to yet."
    )
    override_reason = TextField(
        label="Reason to send in spite of the wording findings",
        required=False,
        max_length=2_000,
        rows=2,
    )
    certain_fix_at = InstantField(
        label="Certain fix time",
        required=False,
        help_text="Needed where a promise is overridden: it becomes a deadline.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_affected(self, self.incident, "clients")


class ToldForm(StepForm):
    """M11: told by phone, chat or in person."""

    client = NamedField(Client.objects.all(), label="Client")
    about = WordField(
        label="Told of",
        choices=[(kind.value, kind.label) for kind in TOLD_ABOUT],
        short=SHORT_KINDS,
    )
    via = WordField(label="How", choices=[(way.value, way.label) for way in TOLD_BY])
    who = LineField(
        label="Who was told", required=False, max_length=120, help_text="The person's name."
    )
    said = TextField(label="What was said", max_length=2_000)
    at = InstantField(label="When", required=False, help_text="Empty: now.")
    next_update_at = InstantField(
        label="Next update", required=False, help_text="Where one was promised."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_affected(self, self.incident, "client")


class HubSpotNotedForm(StepForm):
    """M10: the note was written by hand."""

    client = NamedField(Client.objects.all(), label="Client")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_affected(self, self.incident, "client")

    def first_values(self) -> dict[str, Any]:
        values = super().first_values()
        if self.incident is None:
            return values
        due = self.incident.affected.filter(hubspot_state=HubSpotState.MANUAL)
        return values | {"client": due.values_list("client__slug", flat=True).first()}

    def fill_in(self, data: QueryDict) -> None:
        """One affected client needs no naming."""
        if self.incident is not None and "client" not in data:
            slugs = list(self.incident.clients.values_list("slug", flat=True)[:2])
            if len(slugs) == 1:
                data["client"] = slugs[0]


def offer_affected(form: StepForm, incident: Incident | None, name: str) -> None:
    """Offer only the clients affected by the incident, retired ones too."""
    if incident is not None:
        field = form.fields[name]
        field.queryset = incident.clients.all()  # type: ignore[attr-defined]
