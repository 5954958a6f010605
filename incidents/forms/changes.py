"""Changes that may come at any time: owners, severity, detection, clients, gates, notes."""

from typing import Any

from django import forms
from django.db.models import Q
from django.http import QueryDict

from incidents.enums import (
    HUMAN_ESCALATIONS,
    Downgrade,
    EntryKind,
    Side,
    WaiverKind,
)
from incidents.forms.base import (
    InstantField,
    LevelField,
    NamedField,
    PersonField,
    StepForm,
    TextField,
    WordField,
    clients_field,
)
from incidents.forms.escalations import (
    escalation_amount,
    escalation_confirm,
    escalation_quote,
    escalation_summary,
)
from incidents.forms.mail import offer_affected
from incidents.models import Client, Severity

NOTE_KINDS = (EntryKind.NOTE, EntryKind.FINDING)
WAIVABLE = (WaiverKind.TEST_EVIDENCE, WaiverKind.STABILITY_WINDOW)


class AssignForm(StepForm):
    """Each part may be left as it is."""

    coordinator = PersonField(label="Coordinator", required=False, empty_label="As it is")
    technical_owner = PersonField(label="Technical owner", required=False, empty_label="As it is")
    communications_owner = PersonField(
        label="Communications owner", required=False, empty_label="As it is"
    )

    def first_values(self) -> dict[str, Any]:
        values = super().first_values()
        if self.incident is None:
            return values
        parts = ("coordinator", "technical_owner", "communications_owner")
        return values | {part: getattr(self.incident, part) for part in parts}


class SeverityForm(StepForm):
    """Rule S10: a downgrade needs its reason and its kind."""

    level = LevelField(label="Severity")
    reason = TextField(
        label="Reason", required=False, max_length=2_000, help_text="Needed for a lower severity."
    )
    downgrade = WordField(
        label="If it is lower",
        required=False,
        choices=[("", "It is not lower"), *Downgrade.choices],
    )

    aliases = {"severity": "level"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.incident is not None:
            names = [(severity.level, str(severity)) for severity in Severity.objects.all()]
            self.fields["level"].choices = names  # type: ignore[attr-defined]

    def first_values(self) -> dict[str, Any]:
        values = super().first_values()
        if self.incident is not None:
            values["level"] = self.incident.severity_id
        return values


class DetectedAtForm(StepForm):
    """Rule C1: the earliest evidence."""

    detected_at = InstantField(label="Detected at", help_text="The earliest evidence.")
    reason = TextField(label="Reason", max_length=2_000)

    def first_values(self) -> dict[str, Any]:
        values = super().first_values()
        if self.incident is not None:
            values["detected_at"] = self.incident.detected_at
        return values


class ClientsForm(StepForm):
    """All clients affected from now on; whoever was told or reported it stays."""

    clients = clients_field(label="Affected clients", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.incident is not None:
            field = self.fields["clients"]
            field.queryset = Client.objects.filter(  # type: ignore[attr-defined]
                Q(is_active=True) | Q(incidents=self.incident)
            ).distinct()

    def first_values(self) -> dict[str, Any]:
        values = super().first_values()
        if self.incident is not None:
            values["clients"] = list(self.incident.clients.all())
        return values


class NoteForm(StepForm):
    """Rule W9: an entry, at a past time if need be."""

    text = TextField(label="What you saw, did or decided", max_length=10_000, rows=4)
    kind = WordField(
        label="Kind",
        required=False,
        choices=[(kind.value, kind.label.capitalize()) for kind in NOTE_KINDS],
        initial=EntryKind.NOTE.value,
    )
    at = InstantField(label="When it happened", required=False, help_text="Empty: now.")


class WaitForm(StepForm):
    """Rule C6: a wait is recorded; no clock pauses."""

    action = WordField(
        label="The wait", choices=[("start", "Starts"), ("end", "Ends")], initial="start"
    )
    on = WordField(
        label="Waiting on",
        choices=[(Side.CLIENT.value, "A client"), (Side.THIRD_PARTY.value, "A vendor")],
        short={"vendor": Side.THIRD_PARTY.value},
    )
    what = TextField(
        label="What is waited for", required=False, max_length=2_000, help_text="At its start."
    )


class EscalateForm(StepForm):
    """E2, E3, E4, E7: what a person raises."""

    code = WordField(
        label="What is it?",
        choices=[(code.value, f"{code.value} {code.label}") for code in HUMAN_ESCALATIONS],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose what it is."},
    )
    summary = escalation_summary()
    quote = escalation_quote()
    amount = escalation_amount()
    client = NamedField(
        Client.objects.all(), label="Client", required=False, empty_label="No one client"
    )
    confirm = escalation_confirm()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_affected(self, self.incident, "client")

    def fill_in(self, data: QueryDict) -> None:
        """A command is its own confirmation."""
        data.setdefault("confirm", "yes")


class WaiveForm(StepForm):
    """W5, W7: a gate opened by name and reason."""

    kind = WordField(
        label="Gate",
        choices=[(kind.value, kind.label) for kind in WAIVABLE],
        short={
            "test": WaiverKind.TEST_EVIDENCE.value,
            "window": WaiverKind.STABILITY_WINDOW.value,
        },
    )
    reason = TextField(label="Reason", max_length=2_000)
