"""A person's own contact details, and how the pages look in this browser."""

import re
from typing import Any

from django import forms
from django.utils import timezone

from incidents.forms.base import InstantField, LineField
from incidents.forms.records import RecordForm, ZoneField
from incidents.models import Responder
from notifications.enums import Channel

_CHAT = re.compile(r"-?[0-9]{1,20}|@[A-Za-z0-9_]{5,32}")


class ContactForm(RecordForm):
    """How one responder is told (rule N1), and until when they are away."""

    email = forms.EmailField(
        required=False,
        max_length=254,
        label="E-mail",
        error_messages={"invalid": "Give exactly one address."},
    )
    telegram_chat = LineField(
        required=False, max_length=40, label="Telegram chat id", help_text="A number, or @name."
    )
    time_zone = ZoneField(help_text="Times on pages and in messages to you are given in it.")
    away_until = InstantField(
        required=False, label="Away until", help_text="Until then your backup stands in."
    )

    class Meta:
        model = Responder
        fields = ["channel", "email", "telegram_chat", "time_zone", "away_until"]
        labels = {"channel": "Tell me by"}
        help_texts = {"channel": "The other one is used where this one fails."}
        widgets = {"channel": forms.RadioSelect(attrs={"class": "btn-check"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name = timezone.get_current_timezone_name()
        self.fields["away_until"].help_text += f" In {name}."

    def clean_telegram_chat(self) -> str:
        chat: str = self.cleaned_data["telegram_chat"]
        if chat and not _CHAT.fullmatch(chat):
            raise forms.ValidationError("A chat id is a number such as 123456789, or @name.")
        return chat

    def clean_away_until(self) -> Any:
        until = self.cleaned_data["away_until"]
        if until and "away_until" in self.changed_data and until <= timezone.now():
            raise forms.ValidationError("This is over already. Leave it empty when you are here.")
        return until

    def clean(self) -> dict[str, Any]:
        super().clean()
        values = self.cleaned_data
        needed = {Channel.EMAIL.value: "email", Channel.TELEGRAM.value: "telegram_chat"}
        field = needed.get(str(values.get("channel")))
        if field and field not in self.errors and not values.get(field):
            self.add_error(field, "Needed for the way you chose.")
        return values


class DisplayForm(forms.Form):
    """Light or dark, and single-key shortcuts; kept in a cookie of this browser."""

    theme = forms.ChoiceField(
        choices=[("light", "Light"), ("dark", "Dark"), ("system", "System")],
        widget=forms.RadioSelect,
        required=False,
    )
    shortcuts = forms.BooleanField(required=False, label="Use keyboard shortcuts")
