"""Raising an escalation, “seen”, and “reached by phone” (rules E2, E3, E4, E7, N3, E10)."""

from typing import Any

from django import forms
from django.utils import timezone

from incidents.forms.base import InstantField, LineField, TextField
from incidents.forms.records import TokenForm


def escalation_summary() -> TextField:
    return TextField(
        label="What happened",
        max_length=5_000,
        rows=4,
        help_text="This is what they read at once, perhaps at night: who said what, and when.",
        error_messages={"required": "Say what happened."},
    )


def escalation_quote() -> TextField:
    return TextField(
        label="Their own words",
        required=False,
        max_length=5_000,
        rows=3,
        help_text="What the client wrote or said, as it was; may stay empty.",
    )


def escalation_amount() -> LineField:
    return LineField(
        label="Amount in dispute",
        required=False,
        max_length=60,
        help_text="For a payment or refund dispute, with its currency, if you know it.",
    )


def escalation_confirm() -> forms.BooleanField:
    return forms.BooleanField(
        label="Tell them now",
        error_messages={"required": "Tick the box: this cannot be taken back."},
    )


class SeenForm(forms.Form):
    """One button and, if wanted, one line (rule N3)."""

    note = LineField(required=False, max_length=500, label="A word to the team (may stay empty)")


class PhoneForm(TokenForm):
    """E10: somebody was reached by phone because no message arrived."""

    who = LineField(
        label="Who was reached",
        max_length=120,
        help_text="The person's name.",
        error_messages={"required": "Say who was reached."},
    )
    at = InstantField(label="When", required=False)
    note = LineField(
        label="What was said", required=False, max_length=500, help_text="May stay empty."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zone = timezone.get_current_timezone_name()
        self.fields["at"].help_text = f"Empty: now. Time zone: {zone}."
