"""Filters of the outbox, and a person's word on a message."""

from typing import Any

from django import forms

from incidents.forms.records import TokenForm
from notifications.enums import Channel, MessageState
from notifications.models import Message

LARGEST_ID = 2**63 - 1
ARRIVED, AGAIN = "arrived", "again"


class OutboxFilter(forms.Form):
    """What the address asks for; a word that means nothing is left out."""

    q = forms.CharField(required=False, max_length=254)
    channel = forms.ChoiceField(required=False, choices=Channel.choices)
    before = forms.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)


class SettleForm(TokenForm):
    """It arrived, or send it again; a failed one can only be sent again."""

    outcome = forms.ChoiceField(
        label="What do you know?",
        widget=forms.RadioSelect,
        error_messages={"required": "Choose one."},
    )
    confirm = forms.BooleanField(
        label="I am sure", error_messages={"required": "Tick the box to go on."}
    )

    def __init__(self, *args: Any, message: Message, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["outcome"]
        assert isinstance(field, forms.ChoiceField)
        if message.state == MessageState.DEAD:
            field.choices = [(AGAIN, "Send it again: it failed, nothing was delivered")]
            field.initial = AGAIN
        else:
            again = "Send it again: the recipient may get it twice"
            field.choices = [(ARRIVED, "It arrived: the recipient has it"), (AGAIN, again)]

    @property
    def has_arrived(self) -> bool:
        return self.cleaned_data["outcome"] == ARRIVED
