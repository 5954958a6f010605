"""Playbooks on an incident: attach, take off, and work on one step (rules W3, P2)."""

import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import ProhibitNullCharactersValidator
from django.db.models import Q
from django.http import QueryDict

from incidents.enums import StepAction
from incidents.forms.base import (
    LARGEST_VERSION,
    LineField,
    NamedField,
    StepForm,
    TextField,
    WordField,
    playbook_field,
)
from incidents.forms.holds import DomainsField, offer_domains
from incidents.models import Client, Playbook, PlaybookRunStep
from incidents.playbooks.actions import Doing
from incidents.playbooks.figures import Figure

ATTACH, DETACH = "attach", "detach"
LARGEST_NUMBER = 2**31 - 1
#: A line that begins the answer to a question.
NUMBERED = re.compile(r"\s*(\d{1,2})\s*=(.*)\Z", re.ASCII)


class ListInput(forms.TextInput):
    """Several values: given each for itself, or in one line with commas between them."""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> list[str]:
        given = data.getlist(name) if isinstance(data, QueryDict) else data.get(name, [])
        texts = [given] if isinstance(given, str) else given
        return [part.strip() for text in texts for part in str(text).split(",") if part.strip()]

    def format_value(self, value: Any) -> str:
        return ", ".join(value) if isinstance(value, list) else str(value or "")


class WordsField(forms.Field):
    """A list of words, such as the answers chosen."""

    widget = ListInput


class NumbersInput(ListInput):
    """“missing=12, written=12”, or one input for each name: ``counts-missing``."""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> list[str]:
        pairs = super().value_from_datadict(data, files, name)
        own = [key for key in data if key.startswith(f"{name}-")]
        return pairs + [
            f"{key.removeprefix(f'{name}-')}={data.get(key)}" for key in own if data.get(key)
        ]


class NumbersField(forms.Field):
    """Names and whole numbers."""

    widget = NumbersInput

    def to_python(self, value: Any) -> dict[str, int]:
        numbers = {}
        for pair in value or []:
            name, sign, text = pair.partition("=")
            digits = text.strip()
            if not sign or not (digits.isascii() and digits.isdigit()):
                raise ValidationError(f"Write “name=number”, not “{pair[:80]}”.", code="invalid")
            if len(digits) > 10 or int(digits) > LARGEST_NUMBER:
                raise ValidationError(f"{digits[:20]} is too large.", code="invalid")
            numbers[name.strip()] = int(digits)
        return numbers


class RepliesInput(forms.Textarea):
    """“1=Since noon”, one a line, or one input for each question: ``replies-1``."""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> list[Any]:
        given = data.getlist(name) if isinstance(data, QueryDict) else data.get(name, [])
        texts = [given] if isinstance(given, str) else list(given)
        own = [key for key in data if key.startswith(f"{name}-")]
        return texts + [(key.removeprefix(f"{name}-"), data.get(key, "")) for key in own]

    def format_value(self, value: Any) -> str:
        lines = value if isinstance(value, list) else []
        return "\n".join("=".join(one) if isinstance(one, tuple) else str(one) for one in lines)


class RepliesField(forms.Field):
    """What a client said, by the number of the question; a text may have several lines."""

    widget = RepliesInput

    def to_python(self, value: Any) -> dict[int, str]:
        replies: dict[int, str] = {}
        for one in value or []:
            pairs = [one] if isinstance(one, tuple) else _numbered(str(one))
            for number, text in pairs:
                ProhibitNullCharactersValidator()(text)
                if text.strip() and not (number.isascii() and number.isdigit() and len(number) < 3):
                    raise ValidationError(f"There is no question “{number[:20]}”.", code="invalid")
                if text.strip():
                    replies[int(number)] = text.replace("\r\n", "\n").strip()
        return replies


def _numbered(text: str) -> list[tuple[str, str]]:
    """The answers of a text: each begins on a line with the number of its question."""
    found: list[tuple[str, str]] = []
    for line in text.splitlines():
        if start := NUMBERED.match(line):
            found.append((start[1], start[2]))
        elif found:
            number, before = found.pop()
            found.append((number, f"{before}\n{line}"))
        elif line.strip():
            raise ValidationError(f"Write “1=what they said”, not “{line[:80]}”.", code="invalid")
    return found


class PlaybookForm(StepForm):
    """Another playbook, or one that does not fit after all."""

    action = WordField(
        label="The playbook",
        required=False,
        choices=[(ATTACH, "Attach it"), (DETACH, "Take it off")],
        initial=ATTACH,
    )
    playbook = playbook_field(label="Playbook")
    reason = TextField(
        label="Reason", required=False, max_length=2_000, help_text="Needed to take it off."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.incident is not None:
            field = self.fields["playbook"]
            field.queryset = Playbook.objects.filter(  # type: ignore[attr-defined]
                Q(is_active=True) | Q(runs__incident=self.incident)
            ).distinct()

    @property
    def is_attaching(self) -> bool:
        """Of a valid form."""
        return bool(self.cleaned_data["action"] != DETACH)


class RunStepForm(StepForm):
    """One step of a running playbook. ``step_version`` is the version of the step that the
    person saw: the incident's own is not touched by this."""

    step = LineField(label="Step", max_length=60, help_text="Its number or its short name.")
    playbook = NamedField(
        Playbook.objects.all(),
        label="Playbook",
        required=False,
        help_text="Needed where several run.",
    )
    action = WordField(
        label="What to do with it",
        required=False,
        choices=StepAction.choices,
        short={"do": StepAction.DONE.value, "na": StepAction.NOT_APPLICABLE.value},
        initial=StepAction.DONE.value,
    )
    answer = WordsField(label="Answer", required=False)
    counts = NumbersField(
        label="Numbers", required=False, help_text="As name=number, where the step asks for them."
    )
    note = TextField(label="Note", required=False, max_length=5_000, rows=2)
    evidence = TextField(
        label="Evidence", required=False, max_length=5_000, rows=2, help_text="A link or a text."
    )
    reason = TextField(
        label="Reason",
        required=False,
        max_length=2_000,
        rows=2,
        help_text="Needed to skip a step or to open it again.",
    )
    domains = DomainsField(
        label="Sending domains",
        required=False,
        help_text="Where the step pauses sending; none: those the incident is about.",
    )
    client = NamedField(
        Client.objects.active(),
        label="Client",
        required=False,
        help_text="Who is asked or who answered, where several are affected.",
    )
    replies = RepliesField(
        label="What the client answers",
        required=False,
        help_text="As 1=answer, one a line, by the number of the question.",
    )
    step_version = forms.IntegerField(
        required=False, min_value=0, max_value=LARGEST_VERSION, widget=forms.HiddenInput
    )

    aliases = {"answers": "answer", "number": "step", "domain": "domains", "reply": "replies"}

    #: What others answered, asked ahead of the step, outside of any transaction.
    asked: list[Figure] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.is_bound and self.data.get("domains"):
            offer_domains(self)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        needs_reason = (StepAction.SKIP, StepAction.REOPEN)
        if values.get("action") in needs_reason and not (values.get("reason") or "").strip():
            self.add_error("reason", "Give the reason.")
        return values

    def renew(self, version: int) -> None:
        """After a conflict: what was typed stays, but for the step as it is now."""
        super().renew(version)
        step = self.cleaned_data.get("step") or ""
        rows = PlaybookRunStep.objects.filter(run__incident=self.incident, run__ended_at=None)
        playbook = self.cleaned_data.get("playbook")
        rows = rows.filter(run__playbook=playbook) if playbook else rows
        row = next((row for row in rows if step in (str(row.number), row.key)), None)
        if row is not None and isinstance(self.data, QueryDict):
            self.data["step_version"] = str(row.version)

    def doing(self) -> Doing:
        """What a valid form asks for."""
        data = self.cleaned_data
        return Doing(
            action=data["action"] or StepAction.DONE,
            step=data["step"],
            playbook=data["playbook"].slug if data["playbook"] else "",
            answers=data["answer"] or [],
            note=data["note"],
            reason=data["reason"],
            evidence=data["evidence"],
            figures=data["counts"] or {},
            domains=data["domains"],
            asked=self.asked,
            client=data["client"],
            replies=data["replies"] or {},
            version=data["step_version"],
        )
