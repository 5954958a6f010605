"""Filters of the outbox, and a person's word on one message or on all held ones."""

from typing import Any

from django import forms

from incidents.forms.records import TokenForm
from incidents.outgoing import DECISIONS, MOST_AT_ONCE, Decision
from notifications.enums import Channel
from notifications.models import Message

LARGEST_ID = 2**63 - 1
#: What each answer brings about, so that nobody has to guess.
MEANINGS: dict[str, str] = {
    Decision.ARRIVED: "It arrived: the recipient has it. Nothing is sent; it counts as delivered "
    "when it was handed over.",
    Decision.AGAIN: "Send it again.",
    Decision.ASIDE: "Set it aside: it needs nothing more. It leaves the alarms; nobody counts as "
    "told by it.",
    Decision.RELEASE: "Release it: it is sent at the next look.",
    Decision.CANCEL: "Cancel it: it is never sent.",
}
AGAIN_MEANS = {
    Decision.ARRIVED: "Send it again, under the same Message-ID: most mail programs then show it "
    "once, but the recipient may get it twice.",
    Decision.ASIDE: "Send it again: it failed for certain, nothing was delivered.",
}


class OutboxFilter(forms.Form):
    """What the address asks for; a word that means nothing is left out."""

    q = forms.CharField(required=False, max_length=254)
    channel = forms.ChoiceField(required=False, choices=Channel.choices)
    before = forms.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)


class OutcomeField(forms.ChoiceField):
    """Offers what the state allows and understands every decision: one that was possible when
    the page was read is refused with its reason."""

    widget = forms.RadioSelect

    def valid_value(self, value: Any) -> bool:
        return value in Decision.values


class SettleForm(TokenForm):
    """What a person knows about one message; the choices follow from its state."""

    outcome = OutcomeField(label="What do you know?", error_messages={"required": "Choose one."})
    reason = forms.CharField(
        label="Why does it need nothing more?",
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Only to set it aside: it stands in the log with your name.",
    )
    confirm = forms.BooleanField(
        label="I am sure", error_messages={"required": "Tick the box to go on."}
    )

    def __init__(self, *args: Any, message: Message, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        allowed = DECISIONS.get(message.state, ())
        field = self.fields["outcome"]
        assert isinstance(field, OutcomeField)
        field.choices = [(one.value, _meaning(one, allowed)) for one in allowed]
        if Decision.ASIDE not in allowed:
            del self.fields["reason"]
        if Decision.RELEASE in allowed:
            field.label = "Shall it leave?"

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("outcome") == Decision.ASIDE and not data.get("reason", "").strip():
            self.add_error("reason", "Say why; it stands in the log with your name.")
        return data


class PickForm(forms.Form):
    """Which held messages are meant: the picked ones, or all up to the newest that was shown."""

    do = forms.ChoiceField(
        choices=[(Decision.RELEASE.value, "Release"), (Decision.CANCEL.value, "Cancel")]
    )
    all = forms.BooleanField(required=False)
    until = forms.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)
    pick = forms.TypedMultipleChoiceField(required=False, coerce=int)

    def __init__(self, data: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(data, *args, **kwargs)
        field = self.fields["pick"]
        assert isinstance(field, forms.TypedMultipleChoiceField)
        asked = dict.fromkeys(data.getlist("pick")) if data else {}
        numbers = [word for word in asked if word.isascii() and word.isdigit() and len(word) < 19]
        field.choices = [(word, word) for word in numbers[:MOST_AT_ONCE]]


class HeldForm(TokenForm):
    """The confirmation of what is released or cancelled."""

    confirm = forms.BooleanField(
        label="I am sure", error_messages={"required": "Tick the box to go on."}
    )


def _meaning(one: Decision, allowed: tuple[Decision, ...]) -> str:
    if one == Decision.AGAIN:
        return next((AGAIN_MEANS[other] for other in allowed if other in AGAIN_MEANS), "")
    return MEANINGS[one]
