"""The live part of running playbooks: figures, gates and what a step would bring about.

Read apart from the page: it costs queries for every domain and monitor, the page may not.
"""

import datetime as dt
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from incidents.actors import Actor
from incidents.enums import ReadingKind, StepEffect, StepKind
from incidents.models import Incident, PlaybookRunStep
from incidents.playbooks.effects import backups_of
from incidents.playbooks.figures import Figure, domains_of, figures_of_steps
from incidents.playbooks.gates import Gate, gates_of
from incidents.playbooks.holds import may_override
from incidents.playbooks.progress import RunView, StepView
from incidents.transitions import Step

PERCENT = re.compile(r"(\d+(?:\.\d+)?) ?%")
NOT_WATCHED = "No monitor watches it: add one, or the gate opens by an override only."
#: The scale of a gate ends at so many times its limit, or at the value.
SCALE = 6


@dataclass(frozen=True, slots=True)
class GateRow:
    """One figure that holds sending back, drawn on a scale with its limit."""

    gate: Gate

    @property
    def name(self) -> str:
        return self.gate.domain.name if self.gate.domain else self.gate.figure.name

    @property
    def scale(self) -> tuple[int, int] | None:
        """How far the value and the limit reach, in percent of the drawing."""
        value, limit = (_percent(text) for text in (self.figure.value, self.figure.threshold))
        if value is None or not limit:
            return None
        end = max(value, limit * SCALE)
        return round(value / end * 100), round(limit / end * 100)

    @property
    def figure(self) -> Figure:
        return self.gate.figure

    @property
    def about(self) -> str:
        """What the figure counts, or why there is none."""
        return self.figure.detail if self.figure.is_watched else NOT_WATCHED


@dataclass(slots=True)
class LivePanel:
    """What is known now beside one open step."""

    step: PlaybookRunStep
    figures: Sequence[Figure] = ()
    gates: Sequence[GateRow] = ()
    holds: Sequence[str] = ()
    backups: Sequence[str] = ()
    may_release: bool = False
    may_override: bool = False
    token: uuid.UUID = field(default_factory=uuid.uuid4)

    @property
    def is_gate(self) -> bool:
        return self.step.kind == StepKind.GATE

    @property
    def is_hold(self) -> bool:
        return self.step.effect == StepEffect.HOLD

    @property
    def is_backup(self) -> bool:
        return self.step.effect == StepEffect.BACKUP

    @property
    def is_open(self) -> bool:
        """Nothing is locked any more."""
        return bool(self.gates) and all(row.gate.is_open for row in self.gates)

    @property
    def needed(self) -> list[str]:
        """What the locked figures must become, each once."""
        locked = (row.figure.threshold for row in self.gates if not row.gate.is_open)
        return list(dict.fromkeys(filter(None, locked)))

    @property
    def open_domains(self) -> list[str]:
        """What can be released now, where not everything can."""
        held = [row for row in self.gates if row.gate.hold and row.gate.is_open]
        return [row.name for row in held]


@dataclass(frozen=True, slots=True)
class KeptFigure:
    """A figure as it was kept on the step."""

    name: str
    value: str
    threshold: str
    detail: str
    mark: str


def has_live_part(view: StepView) -> bool:
    """Whether something is looked up for a step: it is open, and stands on a reading or effect."""
    step = view.step
    return step.is_open and bool(step.reading or step.effect)


def read_live(
    incident: Incident,
    runs: Iterable[RunView],
    *,
    by: Actor,
    may: Iterable[Step],
    now: dt.datetime,
) -> dict[int, LivePanel]:
    """The live part of every open step of the standing playbooks, by the step's id."""
    steps = [
        view.step
        for run in runs
        if run.run.is_standing
        for view in run.steps
        if has_live_part(view)
    ]
    live = {step.pk: LivePanel(step) for step in steps}
    plain = [step for step in steps if step.reading and step.kind != StepKind.GATE]
    for pk, figures in figures_of_steps(incident, plain, now=now).items():
        live[pk].figures = figures
    gates = gates_of(incident, now=now) if any(one.is_gate for one in live.values()) else []
    for one in live.values():
        if one.is_gate:
            one.gates = [GateRow(gate) for gate in gates if _is_of(gate, one.step)]
            one.may_release = Step.RELEASE in may
            one.may_override = one.may_release and may_override(by)
        elif one.is_hold:
            one.holds = [domain.name for domain in domains_of(incident)]
        elif one.is_backup:
            one.backups = backups_of(incident)
    return live


def kept_figures(kept: Mapping[str, Any]) -> list[KeptFigure]:
    """What a step keeps of its figures: each of several, or the one."""
    rows = kept.get("all") or ([kept] if kept else [])
    marks = {True: "ok", False: "bad"}
    return [
        KeptFigure(
            name=str(row.get("name", "")),
            value=str(row.get("value", "")),
            threshold=str(row.get("threshold", "")),
            detail=str(row.get("detail", "")),
            mark=marks.get(row.get("is_good"), "none"),
        )
        for row in rows
    ]


def kept_at(kept: Mapping[str, Any]) -> dt.datetime | None:
    """When the figures that a step keeps were taken."""
    text = str(kept.get("taken_at") or kept.get("at") or "")
    try:
        return dt.datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def _is_of(gate: Gate, step: PlaybookRunStep) -> bool:
    """Holds belong to every gate on sending; another figure to its own step."""
    if gate.step is not None:
        return gate.step.pk == step.pk
    return step.reading == ReadingKind.BOUNCE_RATE


def _percent(text: str) -> float | None:
    found = PERCENT.search(text)
    return float(found[1]) if found else None
