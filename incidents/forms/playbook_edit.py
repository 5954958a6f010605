"""A playbook and its steps as one form: written, moved, walked through (rule P1)."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.text import slugify

from incidents.enums import Level, ReadingKind, StepEffect, StepKind
from incidents.forms.base import LineField, TextField
from incidents.forms.records import LinesField, RecordForm
from incidents.models import Playbook, PlaybookStep
from incidents.playbooks.definition import LONGEST_DUE_DAYS, MOST_STEPS, problems_of

PREFIX = "steps"
COUNT = f"{PREFIX}-count"
NOTHING = "(opens nothing)"
NO_CHOICE = [("", "none")]


class PairsField(LinesField):
    """``name = label``, one a line; a list of tables for the step."""

    def __init__(self, *, name: str, **kwargs: Any) -> None:
        self.pair_name = name
        super().__init__(longest=10, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, list) and all(isinstance(row, dict) for row in value):
            return "\n".join(self._line(row) for row in value)
        return super().prepare_value(value)

    def clean(self, value: Any) -> list[Any]:
        return [self._row(line) for line in super().clean(value)]

    def _line(self, row: Mapping[str, Any]) -> str:
        tail = f" {NOTHING}" if row.get("opens_nothing") else ""
        return f"{row.get(self.pair_name, '')} = {row.get('label', '')}{tail}"

    def _row(self, line: str) -> dict[str, Any]:
        name, sign, label = line.partition("=")
        if not sign or not name.strip() or not label.strip():
            raise ValidationError(f"Write “short-name = label”, not “{line[:80]}”.")
        row: dict[str, Any] = {self.pair_name: name.strip(), "label": label.strip()}
        if self.pair_name == "branch" and label.strip().endswith(NOTHING):
            row |= {"label": label.strip().removesuffix(NOTHING).strip(), "opens_nothing": True}
        return row


class StepRowForm(forms.Form):
    """One step. What it is called in runs and files (``key``) stays when it is moved."""

    key = forms.CharField(required=False, widget=forms.HiddenInput)
    text = TextField(label="Text", required=False, max_length=5_000, rows=2)
    kind = forms.ChoiceField(label="Kind", choices=StepKind.choices, initial=StepKind.ACTION)
    reading = forms.ChoiceField(
        label="Live figure behind it", required=False, choices=NO_CHOICE + ReadingKind.choices
    )
    effect = forms.ChoiceField(
        label="What doing it brings about",
        required=False,
        choices=[("", "nothing else"), *StepEffect.choices],
    )
    condition = LineField(
        label="Condition, in words", required=False, help_text="“if provider outage”"
    )
    branch = LineField(
        label="Opens with the answer",
        required=False,
        help_text="The short name of an earlier answer, or of this step's own question.",
    )
    question = LineField(label="Question", required=False)
    answers = PairsField(
        name="branch",
        label="Answers",
        required=False,
        rows=2,
        help_text=f"One a line: short-name = label. Add “{NOTHING}” where no step follows.",
    )
    is_multiple = forms.BooleanField(label="Several answers may be chosen", required=False)
    counts = PairsField(
        name="name",
        label="Numbers to write down",
        required=False,
        rows=2,
        help_text="One a line: name = label.",
    )
    questions = LinesField(
        label="Questions for the client", required=False, rows=2, help_text="One a line."
    )
    due_minutes = forms.IntegerField(
        label="Due so many minutes after detection",
        required=False,
        min_value=0,
        max_value=LONGEST_DUE_DAYS * 24 * 60,
        help_text="Empty: no obligation. 0: at once.",
    )
    due_only_below = forms.TypedChoiceField(
        label="Due only below",
        required=False,
        choices=[("", "at every severity"), *Level.choices],
        coerce=int,
        empty_value=None,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        kwargs.setdefault("use_required_attribute", False)
        super().__init__(*args, **kwargs)
        #: What the definition says of this step; shown beside it.
        self.problems: list[str] = []

    @property
    def has_more(self) -> bool:
        """Whether anything stands in the folded part."""
        names = ("reading", "effect", "counts", "questions", "due_minutes", "due_only_below")
        return any(self[name].value() not in (None, "", []) for name in names)

    @property
    def has_branching(self) -> bool:
        names = ("condition", "branch", "question", "answers")
        return any(self[name].value() not in (None, "", []) for name in names)

    def step(self, number: int, keys: set[str], parameters: Mapping[str, Any]) -> PlaybookStep:
        """The step of a valid row; ``keys`` are those taken so far."""
        data = self.cleaned_data
        minutes = data["due_minutes"]
        names = ("text", "kind", "reading", "effect", "condition", "branch", "question")
        key = data["key"] or _free_key(data["text"], keys)
        keys.add(key)
        return PlaybookStep(
            number=number,
            key=key,
            due_after=None if minutes is None else dt.timedelta(minutes=minutes),
            parameters=parameters.get(key, {}),
            **{name: data[name] for name in names},
            **{name: data[name] for name in ("answers", "is_multiple", "counts", "questions")},
            due_only_below=data["due_only_below"],
        )


class PlaybookEditForm(RecordForm):
    """The playbook with its rows of steps; ``problems`` of the definition stand beside the rows."""

    title = LineField(max_length=120)
    applies_to = LineField(max_length=200, required=False, label="Applies to")

    class Meta:
        model = Playbook
        fields = ["title", "applies_to", "forces_level", "is_active"]
        labels = {"forces_level": "Severity it always has", "is_active": "In use"}
        help_texts = {
            "forces_level": "",
            "is_active": "Out of use it is attached nowhere any more; runs under way go on.",
        }

    def __init__(
        self, data: QueryDict | None = None, *, rows: Sequence[dict[str, Any]] = (), **kwargs: Any
    ) -> None:
        super().__init__(data, **kwargs)
        forced = self.fields["forces_level"]
        assert isinstance(forced, forms.ChoiceField)
        forced.choices = [("", "judged at triage"), *Level.choices]
        self.steps: list[PlaybookStep] = []
        if data is not None:
            self.rows = [StepRowForm(data, prefix=_prefix(n)) for n in range(_count(data))]
        else:
            self.rows = [StepRowForm(initial=row, prefix=_prefix(n)) for n, row in enumerate(rows)]

    def is_valid(self) -> bool:
        """The head, every row, and what the steps say together."""
        if not (super().is_valid() and self._are_rows_valid()):
            return False
        self.steps = self._read_steps()
        for problem in problems_of(self.steps):
            if 0 < problem.number <= len(self.rows):
                self.rows[problem.number - 1].problems.append(problem.text)
            self.add_error(None, str(problem))
        return not self.errors

    def readable_steps(self) -> list[PlaybookStep]:
        """The steps for the preview; none while a row cannot be read."""
        return self._read_steps() if self._are_rows_valid() else []

    def _are_rows_valid(self) -> bool:
        """Every row is judged, also behind one that is wrong."""
        judged = [row.is_valid() for row in self.rows]
        return all(judged)

    def _read_steps(self) -> list[PlaybookStep]:
        keys = {row.cleaned_data["key"] for row in self.rows} - {""}
        stored = self.instance.steps.all() if self.instance.pk else []
        kept = {step.key: step.parameters for step in stored}
        return [row.step(number, keys, kept) for number, row in enumerate(self.rows, start=1)]


def rows_of(steps: Sequence[PlaybookStep]) -> list[dict[str, Any]]:
    """What the rows of these steps show before anybody typed."""
    names = [name for name in StepRowForm.base_fields if name != "due_minutes"]
    return [
        {name: getattr(step, name) for name in names}
        | {
            "due_minutes": None
            if step.due_after is None
            else int(step.due_after.total_seconds() // 60)
        }
        for step in steps
    ]


def rearranged(data: QueryDict, what: str) -> list[dict[str, Any]]:
    """The rows as typed, after ``up-2``, ``down-2``, ``remove-2`` (counted from 1) or ``add``."""
    rows = [
        {name: data.get(f"{_prefix(n)}-{name}", "") for name in StepRowForm.base_fields}
        for n in range(_count(data))
    ]
    action, _, text = what.partition("-")
    place = int(text) - 1 if text.isascii() and text.isdigit() and len(text) < 4 else -1
    if action == "add" and len(rows) < MOST_STEPS:
        rows.append({"kind": StepKind.ACTION})
    elif action == "remove" and 0 <= place < len(rows):
        rows.pop(place)
    elif action == "up" and 0 < place < len(rows):
        rows.insert(place - 1, rows.pop(place))
    elif action == "down" and 0 <= place < len(rows) - 1:
        rows.insert(place + 1, rows.pop(place))
    return rows


def _prefix(number: int) -> str:
    return f"{PREFIX}-{number}"


def _count(data: QueryDict) -> int:
    text = data.get(COUNT, "0")
    return min(int(text), MOST_STEPS + 1) if text.isascii() and text.isdigit() else 0


def _free_key(text: str, taken: set[str]) -> str:
    base = slugify(text)[:50].strip("-") or "step"
    key, number = base, 2
    while key in taken:
        key, number = f"{base}-{number}", number + 1
    return key
