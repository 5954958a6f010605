"""The running playbooks of an incident, laid out for their panel (rules P1 to P7)."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.urls import reverse

from incidents.case import Case
from incidents.enums import DeadlineKind, FixKind, StepKind, StepState
from incidents.errors import ConflictError, WorkflowError
from incidents.forms.playbooks import PlaybookForm, RunStepForm
from incidents.models import (
    Client,
    ClientAnswer,
    Deadline,
    FixRecord,
    Playbook,
    PlaybookRunStep,
)
from incidents.playbooks.figures import ASKABLE
from incidents.playbooks.progress import Branch, RunView, StepView, offering_steps
from incidents.playbooks.questions import answers_of
from incidents.transitions import Step
from incidents.views.refusals import Mend, mend_links
from incidents.views.run_figures import (
    KeptFigure,
    LivePanel,
    has_live_part,
    kept_at,
    kept_figures,
)

#: The form of every step is the same; its fields are told apart by the step's number in the table.
AUTO_ID = "step-{}-%s"


@dataclass(frozen=True, slots=True)
class Refused:
    """A form that was refused: it is shown again with what was typed."""

    run_step_id: int
    form: RunStepForm
    error: WorkflowError | None = None

    @property
    def is_conflict(self) -> bool:
        return isinstance(self.error, ConflictError)


@dataclass(slots=True)
class StepPanel:
    """One step with all that its row says.

    ``form`` is None for a reader who may not work on it. ``why`` says why a step is closed.
    """

    view: StepView
    url: str
    form: RunStepForm | None = None
    why: str = ""
    deadline: Deadline | None = None
    untold: Sequence[str] = ()
    refused: Refused | None = None
    mends: Sequence[Mend] = ()
    #: None: not read for this page; they are fetched by themselves.
    live: LivePanel | None = None

    #: P6: what clients said to its questions, whom they are asked of, and whether by mail.
    client_answers: Sequence[ClientAnswer] = ()
    clients: Sequence[Client] = ()
    may_mail: bool = False

    @property
    def questions(self) -> list[tuple[int, str, str]]:
        """Number, question and what is typed so far."""
        typed = self.form.data if self.form and self.form.is_bound else {}
        return [
            (number, text, str(typed.get(f"replies-{number}", "")))
            for number, text in enumerate(self.step.questions, start=1)
        ]

    @property
    def typed_client(self) -> str:
        """The client chosen in a form that was refused."""
        return str(self.form.data.get("client", "")) if self.form and self.form.is_bound else ""

    @property
    def step(self) -> PlaybookRunStep:
        return self.view.step

    @property
    def is_gate(self) -> bool:
        return self.step.kind == StepKind.GATE

    @property
    def is_prohibition(self) -> bool:
        return self.step.kind == StepKind.PROHIBITION

    @property
    def is_shut(self) -> bool:
        """It does not apply: folded, with the reason."""
        return self.step.state == StepState.NOT_APPLICABLE

    @property
    def is_asked(self) -> bool:
        """The step itself has to be asked whether it applies."""
        return (
            self.view.is_asked_here and self.view.branch == Branch.UNDECIDED and self.step.is_open
        )

    @property
    def answers(self) -> list[tuple[str, str, bool]]:
        """Branch, label and whether it is chosen: as typed, else as it stands."""
        bound = self.form is not None and self.form.is_bound
        chosen = self.form["answer"].value() if self.form and bound else self.step.chosen
        return [
            (answer["branch"], answer["label"], answer["branch"] in (chosen or []))
            for answer in self.step.answers
        ]

    @property
    def answered(self) -> str:
        """The answer in words."""
        return answer_of(self.step)

    @property
    def counts(self) -> list[tuple[str, str, str]]:
        """Name, label and number: as typed, else as it stands."""
        typed = self.form.data if self.form and self.form.is_bound else {}
        return [
            (
                count["name"],
                count["label"],
                str(typed.get(f"counts-{count['name']}", self.step.figures.get(count["name"], ""))),
            )
            for count in self.step.counts
        ]

    @property
    def can_skip(self) -> bool:
        return not self.is_gate and not self.is_prohibition and self.step.is_open

    @property
    def can_reopen(self) -> bool:
        """A gate closes by itself; what an answer closed is opened by that answer."""
        return not self.step.is_open and not self.is_gate and not self.step.is_by_branch

    @property
    def has_live_part(self) -> bool:
        """Whether something is looked up for it while it is open."""
        return has_live_part(self.view)

    @property
    def can_ask(self) -> bool:
        return self.step.reading in ASKABLE and not self.is_gate

    @property
    def kept_at(self) -> dt.datetime | None:
        return kept_at(self.step.figure)

    @property
    def kept(self) -> list[KeptFigure]:
        """The figures as they were when somebody asked, or when it was done."""
        return kept_figures(self.step.figure)


@dataclass(slots=True)
class RunPanel:
    """One playbook of the incident."""

    view: RunView
    url: str
    detach_url: str
    steps: list[StepPanel]

    @property
    def is_standing(self) -> bool:
        return self.view.run.is_standing


@dataclass(slots=True)
class PlaybookPanels:
    """Everything in the playbook's corner of the page."""

    runs: list[RunPanel]
    ended: list[RunPanel]
    attach_url: str = ""
    #: Offered at once where none is attached.
    attach_form: PlaybookForm | None = None
    choices: Sequence[Playbook] = ()
    #: W5: the gate before production, shown while a playbook runs.
    fixes: Sequence[FixRecord] = ()
    shows_fix_gate: bool = False
    #: The page of the playbooks alone, with the live figures in it; and what fills them in here.
    url: str = ""
    live_url: str = ""
    said: str = ""


def lay_out_runs(
    case: Case,
    *,
    may: Iterable[Step],
    refused: Refused | None = None,
    live: Mapping[int, LivePanel] | None = None,
) -> PlaybookPanels:
    """The standing playbooks first, those taken off below, to read.

    ``live`` is what was looked up beside the steps; without it the page fetches it by itself.
    """
    may = set(may)
    panels = [_run_panel(case, view, may=may, refused=refused) for view in case.runs]
    for panel in (one for run in panels for one in run.steps):
        panel.live = (live or {}).get(panel.step.pk)
    standing = [panel for panel in panels if panel.is_standing]
    ref = case.incident.ref
    attach = reverse("incidents:step", args=[ref, Step.PLAYBOOK]) if Step.PLAYBOOK in may else ""
    is_offered = bool(attach) and not standing
    return PlaybookPanels(
        runs=standing,
        ended=[panel for panel in panels if not panel.is_standing],
        attach_url=attach,
        attach_form=PlaybookForm(incident=case.incident) if is_offered else None,
        choices=list(Playbook.objects.filter(is_active=True)) if is_offered else (),
        fixes=[fix for fix in case.fixes if fix.kind != FixKind.CONTAINMENT],
        shows_fix_gate=bool(standing) and case.incident.is_open,
        url=reverse("incidents:runs", args=[ref]),
        live_url=(
            reverse("incidents:runs-live", args=[ref])
            if any(one.has_live_part for panel in standing for one in panel.steps)
            else ""
        ),
    )


def answer_of(step: PlaybookRunStep) -> str:
    """The labels of the answers chosen."""
    return ", ".join(answer["label"] for answer in step.answers if answer["branch"] in step.chosen)


def _run_panel(case: Case, view: RunView, *, may: set[Step], refused: Refused | None) -> RunPanel:
    ref, run = case.incident.ref, view.run
    detach = reverse("incidents:step", args=[ref, Step.PLAYBOOK])
    can_work = run.is_standing and Step.STEP in may
    rows = [one.step for one in view.steps]
    return RunPanel(
        view=view,
        url=reverse("incidents:playbook-detail", args=[run.playbook.slug]),
        detach_url=(
            f"{detach}?action=detach&playbook={run.playbook.slug}"
            if run.is_standing and Step.PLAYBOOK in may
            else ""
        ),
        steps=[
            _step_panel(
                case, one, rows, can_work=can_work, may_mail=Step.DRAFT in may, refused=refused
            )
            for one in view.steps
        ],
    )


def _step_panel(
    case: Case,
    view: StepView,
    rows: Sequence[PlaybookRunStep],
    *,
    can_work: bool,
    may_mail: bool,
    refused: Refused | None,
) -> StepPanel:
    step, incident = view.step, case.incident
    mine = refused if refused is not None and refused.run_step_id == step.pk else None
    deadlines = [
        row
        for row in case.deadlines
        if row.kind == DeadlineKind.PLAYBOOK and row.run_step_id == step.pk
    ]
    owes = step.kind == StepKind.NOTIFY and step.due_after is not None and step.is_open
    return StepPanel(
        view=view,
        url=reverse("incidents:run-step", args=[incident.ref, step.pk]),
        form=_form_of(case, step, mine) if can_work else None,
        why=_why(view, rows),
        deadline=next(iter(deadlines), None),
        untold=[str(row.client) for row in case.untold] if owes else (),
        refused=mine,
        mends=mend_links(incident, mine.error.missing) if mine and mine.error else (),
        client_answers=answers_of(step),
        clients=[row.client for row in case.affected] if step.questions else (),
        may_mail=may_mail,
    )


def _form_of(case: Case, step: PlaybookRunStep, refused: Refused | None) -> RunStepForm:
    if refused is not None:
        return refused.form
    return RunStepForm(
        incident=case.incident,
        auto_id=AUTO_ID.format(step.pk),
        initial={
            "step_version": step.version,
            "note": step.note,
            "evidence": step.evidence,
        },
    )


def _why(view: StepView, rows: Sequence[PlaybookRunStep]) -> str:
    """Why a step waits or does not apply, in words."""
    step = view.step
    if view.waits_for is not None and step.is_open:
        return f"opens when step {view.waits_for} is answered"
    if step.state != StepState.NOT_APPLICABLE:
        return ""
    answered = [
        f"step {one.number} was answered “{answer_of(one)}”"
        for one in offering_steps(step, rows)
        if one.state == StepState.DONE
    ]
    return " and ".join(answered) if step.is_by_branch else ""
