"""SOP steps 3 to 6: accepting, investigating, fixing, verifying, resolving."""

from typing import Any

from incidents.enums import FixKind, Level, Side
from incidents.forms.base import InstantField, LineField, StepForm, TextField, WordField
from incidents.workflow import Findings, FixDetails

SHORT_SIDES = {"our": "ours", "us": "ours", "vendor": "third_party"}
NO_SIDE = [("", "Not determined yet")]


def side_field() -> WordField:
    """SOP step 4.2."""
    return WordField(
        label="Side at fault",
        required=False,
        choices=[*NO_SIDE, *Side.choices],
        short=SHORT_SIDES,
        help_text="Our system, the client's system, or a third party?",
    )


class AcknowledgeForm(StepForm):
    """The communications owner accepts; only a SEV-4 has a planned fix (rule C3)."""

    planned_fix_at = InstantField(
        label="Fix planned for",
        required=False,
        help_text="SEV-4 only; empty: the resolve limit.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.incident is not None and self.incident.level != Level.SEV4:
            del self.fields["planned_fix_at"]


class InvestigateForm(StepForm):
    """The SOP's diagnosis; all empty: the investigation starts."""

    logs = TextField(
        label="Logs",
        required=False,
        max_length=5_000,
        help_text="What you checked, what it showed.",
    )
    status_pages = TextField(label="API status pages", required=False, max_length=5_000)
    configuration = TextField(label="Integration configuration", required=False, max_length=5_000)
    found = TextField(label="What you found", required=False, max_length=5_000)
    side = side_field()

    def findings(self) -> Findings:
        data = self.cleaned_data
        return Findings(
            logs=data["logs"],
            status_pages=data["status_pages"],
            configuration=data["configuration"],
            found=data["found"],
            side=data["side"],
        )


class ContainForm(StepForm):
    done = TextField(
        label="What was done to contain it",
        max_length=5_000,
        help_text="Paused, switched to the backup, key revoked. Needs no test evidence.",
    )


class WorkaroundForm(StepForm):
    """What broke, what caused it, what was done, and the test behind it (rules W4, W5)."""

    broke = TextField(label="What broke", max_length=5_000)
    cause = TextField(label="What caused it", max_length=5_000)
    done = TextField(label="What was done", max_length=5_000)
    tested_what = TextField(
        label="What was tested",
        required=False,
        max_length=2_000,
        rows=2,
        help_text="No change to production without a test, or a waiver.",
    )
    tested_where = LineField(label="Where it was tested", required=False, max_length=200)
    test_result = TextField(label="Result of the test", required=False, max_length=2_000, rows=2)
    side = side_field()

    def details(self) -> FixDetails:
        data = self.cleaned_data
        names = ("done", "broke", "cause", "tested_what", "tested_where", "test_result", "side")
        return FixDetails(**{name: data[name] for name in names})


class FixForm(WorkaroundForm):
    """A fix, or guidance that was given to the client, which needs no test."""

    kind = WordField(
        label="What it was",
        choices=[(kind.value, str(kind.label)) for kind in (FixKind.FIX, FixKind.GUIDANCE)],
        initial=FixKind.FIX.value,
        required=False,
    )
    broke = TextField(label="What broke", required=False, max_length=5_000)
    cause = TextField(label="What caused it", required=False, max_length=5_000)

    field_order = ["kind", "broke", "cause", "done"]

    @property
    def is_guidance(self) -> bool:
        return self.cleaned_data["kind"] == FixKind.GUIDANCE


class VerifyForm(StepForm):
    end_to_end = TextField(
        label="End-to-end confirmation",
        max_length=2_000,
        help_text="What went through the whole chain, and when.",
    )
    failure_test = TextField(
        label="Test of the specific failure",
        max_length=2_000,
        help_text="The scenario that failed, tried again.",
    )


class ReasonForm(StepForm):
    """A step that needs nothing but its reason."""

    reason = TextField(label="Reason", max_length=2_000)


class RelapseForm(StepForm):
    reason = TextField(label="What was seen", max_length=2_000)


class ConfirmForm(StepForm):
    """A step that needs nothing but the button."""
