"""How far a running playbook is, which of its branches are open, and what comes next (P2)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.db.models import QuerySet, TextChoices

from incidents.enums import StepState
from incidents.models import Incident, PlaybookRun, PlaybookRunStep
from incidents.models.playbook import StepFields
from incidents.prepared import prepared

OneStep = TypeVar("OneStep", bound=StepFields)

#: What the list of incidents needs of a step.
LISTED_FIELDS = ("run", "number", "text", "state", "branch", "answers", "chosen")


class Branch(TextChoices):
    """Whether a step's condition holds."""

    OPEN = "open", "Applies"
    UNDECIDED = "undecided", "Not decided yet"
    CLOSED = "closed", "Does not apply"


@dataclass(frozen=True, slots=True)
class StepView:
    """One step as a reader meets it.

    ``is_asked_here``: no earlier answer decides its branch, so the step itself is asked whether
    it applies. ``waits_for`` is the number of the question that decides it.
    """

    step: PlaybookRunStep
    branch: Branch
    is_asked_here: bool = False
    waits_for: int | None = None
    is_next: bool = False

    @property
    def is_workable(self) -> bool:
        """Open, and nothing has to be answered elsewhere first."""
        return self.step.is_open and self.waits_for is None


@dataclass(frozen=True, slots=True)
class RunView:
    """One playbook of an incident with all its steps."""

    run: PlaybookRun
    steps: tuple[StepView, ...]

    @property
    def applicable(self) -> int:
        """Steps that count: all but those that do not apply."""
        return sum(view.step.state != StepState.NOT_APPLICABLE for view in self.steps)

    @property
    def settled(self) -> int:
        """Steps done, skipped or acknowledged."""
        open_or_out = (StepState.OPEN, StepState.NOT_APPLICABLE)
        return sum(view.step.state not in open_or_out for view in self.steps)

    @property
    def is_complete(self) -> bool:
        return self.settled == self.applicable

    @property
    def next_step(self) -> StepView | None:
        """The first step to work on; None where nothing is left."""
        return next((view for view in self.steps if view.is_next), None)

    @property
    def summary(self) -> str:
        return f"{self.settled} of {self.applicable} done"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the playbooks of one incident are, for lists."""

    settled: int = 0
    applicable: int = 0
    next_text: str = ""

    @property
    def summary(self) -> str:
        return f"{self.settled} of {self.applicable} done"


def offering_steps(step: StepFields, steps: Iterable[OneStep]) -> list[OneStep]:
    """The earlier steps whose answers may open this one's branch."""
    if not step.branch:
        return []
    return [
        one for one in steps if one.number < step.number and step.branch in one.offered_branches
    ]


def branch_of(step: PlaybookRunStep, steps: Iterable[PlaybookRunStep]) -> StepView:
    """Whether the condition of a step holds, and who has to say so where nobody has yet.

    A question that was skipped decides nothing: the steps behind it are asked themselves.
    """
    if not step.branch:
        return StepView(step, Branch.OPEN)
    offering = offering_steps(step, steps)
    if any(step.branch in one.chosen for one in offering if one.state == StepState.DONE):
        return StepView(step, Branch.OPEN)
    waiting = next((one for one in offering if one.is_open), None)
    if waiting is not None:
        return StepView(step, Branch.UNDECIDED, waits_for=waiting.number)
    if offering and all(one.state != StepState.SKIPPED for one in offering):
        return StepView(step, Branch.CLOSED)
    return StepView(step, _own_word(step), is_asked_here=True)


def view_run(run: PlaybookRun, steps: Sequence[PlaybookRunStep]) -> RunView:
    """The run with each step's branch; only a standing run has a next step."""
    views = [branch_of(step, steps) for step in steps]
    first = next((view for view in views if view.is_workable), None) if run.is_standing else None
    return RunView(
        run,
        tuple(
            StepView(view.step, view.branch, view.is_asked_here, view.waits_for, view is first)
            for view in views
        ),
    )


def view_runs(incident: Incident) -> list[RunView]:
    """Every playbook of an incident in one statement; those taken off come last."""
    runs: dict[PlaybookRun, list[PlaybookRunStep]] = defaultdict(list)
    for row in _steps(incident=incident.pk):
        runs[row.run].append(row)
    views = [view_run(run, steps) for run, steps in runs.items()]
    return sorted(views, key=lambda view: not view.run.is_standing)


@prepared
def _steps(*, incident: int) -> QuerySet[PlaybookRunStep]:
    rows = PlaybookRunStep.objects.filter(run__incident=incident)
    return rows.select_related("run__playbook").order_by("run__attached_at", "run", "number")


def progress_of(incident_ids: Iterable[int]) -> dict[int, Progress]:
    """How far each incident's standing playbooks are, in one statement; for lists.

    Incidents without a playbook are left out.
    """
    rows = (
        PlaybookRunStep.objects.filter(run__incident__in=list(incident_ids), run__ended_at=None)
        .select_related("run")
        .only(*LISTED_FIELDS, "run__incident", "run__ended_at", "run__title")
        .order_by("run__attached_at", "run", "number")
    )
    steps: dict[PlaybookRun, list[PlaybookRunStep]] = defaultdict(list)
    for row in rows:
        steps[row.run].append(row)
    found: dict[int, list[RunView]] = defaultdict(list)
    for run, some in steps.items():
        found[run.incident_id].append(view_run(run, some))
    return {incident: _sum(views) for incident, views in found.items()}


def _own_word(step: PlaybookRunStep) -> Branch:
    """What was said at the step itself."""
    if step.state == StepState.NOT_APPLICABLE:
        return Branch.CLOSED
    is_said = step.branch in step.chosen or step.state == StepState.DONE
    return Branch.OPEN if is_said else Branch.UNDECIDED


def _sum(views: Sequence[RunView]) -> Progress:
    nexts = [view.next_step for view in views if view.next_step]
    return Progress(
        settled=sum(view.settled for view in views),
        applicable=sum(view.applicable for view in views),
        next_text=nexts[0].step.text if nexts else "",
    )
