"""SOP step 7: the post-incident entry with its prevention measures."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone

from incidents.enums import Origin
from incidents.forms.base import DayField, FlagField, PersonField, StepForm, TextField
from incidents.models import Incident, PreventionMeasure
from incidents.workflow import Measure

FEWEST_ROWS, MOST_ROWS = 3, 30
PREFIX = "measures"
LINE_FORMAT = "text | owner | 2026-03-20 [| done 2026-03-12]"


class MeasureForm(forms.Form):
    """One prevention measure; a saved one whose text is emptied is taken off."""

    text = TextField(label="What will be changed", required=False, max_length=2_000, rows=1)
    owner = PersonField(label="Owner", required=False, empty_label="Choose")
    due_on = DayField(label="Due", required=False)
    done_on = DayField(label="Done on", required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if (data.get("text") or "").strip():
            for name in ("owner", "due_on"):
                if name not in self.errors and not data.get(name):
                    self.add_error(name, "A measure needs an owner and a due date.")
        elif not self.initial and "text" not in self.errors and data.get("due_on"):
            self.add_error("text", "Say what is to be done.")
        return data

    @property
    def measure(self) -> Measure | None:
        """The measure of a valid row, None where it says nothing."""
        data = self.cleaned_data
        if not data.get("text", "").strip():
            return None
        return Measure(data["text"].strip(), data["owner"], data["due_on"], data["done_on"])


MeasureFormSet = forms.formset_factory(
    MeasureForm, extra=1, min_num=0, max_num=MOST_ROWS, absolute_max=MOST_ROWS
)


class MeasuresField(forms.Field):
    """Measures as lines, for the command line: ``text | owner | due [| done day]``."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> list[Measure]:
        return [_read_line(line) for line in value or []]


class ReviewForm(StepForm):
    """Rule W8: timeline of events, root cause, resolution, and at least one measure.

    On a page the measures are ``rows``; the command line gives ``measure`` lines instead.
    """

    timeline = TextField(label="Timeline of events", required=False, max_length=20_000, rows=8)
    root_cause = TextField(label="Root cause", required=False, max_length=10_000, rows=4)
    resolution = TextField(label="Resolution", required=False, max_length=10_000, rows=4)
    measure = MeasuresField(required=False, help_text=LINE_FORMAT)
    complete = FlagField(
        label="The entry is complete",
        initial=True,
        help_text="Left unticked, it is saved and stays a draft.",
    )

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, row_count: int = FEWEST_ROWS, **kwargs: Any
    ) -> None:
        super().__init__(data, **kwargs)
        is_posted = data is not None and f"{PREFIX}-TOTAL_FORMS" in data
        known = self.initial.get("rows", [])
        self.rows = MeasureFormSet(
            data if is_posted else None,
            prefix=PREFIX,
            initial=known,
            form_kwargs={"label_suffix": "", "use_required_attribute": False},
        )
        if not is_posted:
            self.rows.extra = max(1, row_count - len(known))

    def first_values(self) -> dict[str, Any]:
        values = super().first_values()
        if self.incident is None:
            return values
        review = getattr(self.incident, "review", None)
        if review is None:
            return values | {"timeline": story_of(self.incident), **_last_fix(self.incident)}
        parts = ("timeline", "root_cause", "resolution")
        return values | {
            **{part: getattr(review, part) for part in parts},
            "rows": [_row_of(measure) for measure in review.measures.select_related("owner")],
        }

    def fill_in(self, data: QueryDict) -> None:
        """Keep what the entry says already; it is completed unless told otherwise."""
        review = getattr(self.incident, "review", None)
        data.setdefault("complete", "yes")
        if review is None:
            return
        for part in ("timeline", "root_cause", "resolution"):
            data.setdefault(part, getattr(review, part))
        if "measure" not in data:
            lines = [_line_of(measure) for measure in review.measures.select_related("owner")]
            data.setlist("measure", lines)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.rows.is_bound and not self.rows.is_valid():
            raise ValidationError("A prevention measure needs its text, owner and due date.")
        return data

    @property
    def measures(self) -> list[Measure]:
        """Every measure of a valid form."""
        rows = [row.measure for row in self.rows] if self.rows.is_bound else []
        return [measure for measure in rows if measure] + self.cleaned_data["measure"]

    def with_another_row(self) -> "ReviewForm":
        """The same text, not judged yet, with one more empty row."""
        typed: dict[str, Any] = {name: self.data.get(name, "") for name in self.fields}
        rows = [
            {name: row[name].data for name in row.fields} for row in self.rows if row["text"].data
        ]
        typed |= {"rows": rows, "complete": bool(self.data.get("complete"))}
        count = min(len(self.rows) + 1, MOST_ROWS)
        return ReviewForm(incident=self.incident, initial=typed, row_count=count)


def story_of(incident: Incident) -> str:
    """The timeline of events to begin with: what people wrote down, in the reader's zone."""
    lines = []
    for entry in incident.timeline.exclude(origin=Origin.SYSTEM):
        at = timezone.localtime(entry.at)
        lines.append(
            f"{at:%d %b %H:%M %Z} {entry.actor_name}, {entry.get_kind_display()}: "
            f"{' '.join(entry.text.split())}"
        )
    return "\n".join(lines)[:20_000]


def _last_fix(incident: Incident) -> dict[str, str]:
    fix = incident.fixes.exclude(cause="").last()
    return {"root_cause": fix.cause, "resolution": fix.done} if fix else {}


def _row_of(measure: PreventionMeasure) -> dict[str, Any]:
    return {
        "text": measure.text,
        "owner": measure.owner,
        "due_on": measure.due_on,
        "done_on": measure.done_on,
    }


def _line_of(measure: PreventionMeasure) -> str:
    line = f"{measure.text} | {measure.owner_id} | {measure.due_on}"
    return f"{line} | done {measure.done_on}" if measure.done_on else line


def _read_line(line: str) -> Measure:
    parts = [part.strip() for part in str(line).split("|")]
    done_on = ""
    if parts[-1].casefold().startswith("done"):
        done_on = parts.pop()[len("done") :].strip()
    if len(parts) < 3 or not "|".join(parts[:-2]).strip():
        raise ValidationError(f"Write a measure as: {LINE_FORMAT}", code="invalid")
    text = " | ".join(parts[:-2])
    values = {"text": text, "owner": parts[-2], "due_on": parts[-1], "done_on": done_on}
    form = MeasureForm(values)
    if not form.is_valid() or form.measure is None:
        problems = [problem for problems in form.errors.values() for problem in problems]
        raise ValidationError([str(problem) for problem in problems], code="invalid")
    return form.measure
