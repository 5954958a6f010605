"""Gates: what must be good before something is resumed (rules P4, W6, W7).

“Do NOT resume sending until …” is judged for each held domain by the mails sent after its hold
was placed. Unknown is locked. Reading only: ``holds`` places and releases.
"""

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass

from incidents.enums import ReadingKind, StepKind
from incidents.errors import Missing
from incidents.models import Hold, Incident, PlaybookRunStep, SendingDomain
from incidents.models.hold import HoldQuerySet
from incidents.playbooks.figures import Figure, domains_of, figure_from, figures_of
from incidents.playbooks.progress import Branch, branch_of
from incidents.readings import read
from incidents.transitions import Step


@dataclass(frozen=True, slots=True)
class Gate:
    """One figure that holds something back; ``hold`` is None where nothing was put on hold."""

    figure: Figure
    domain: SendingDomain | None = None
    hold: Hold | None = None
    step: PlaybookRunStep | None = None

    @property
    def is_open(self) -> bool:
        return self.figure.is_good is True

    @property
    def reason(self) -> str:
        """“go.x.example: 2.1 %, under 2 % is needed. 21 of 1,000 in the window.”"""
        name = self.domain.name if self.domain else self.figure.name
        need = f", {self.figure.threshold} is needed" if self.figure.threshold else ""
        return f"{name}: {self.figure.value or 'unknown'}{need}. {self.figure.detail}".strip()


def judge_hold(hold: Hold, *, now: dt.datetime) -> Gate:
    """P4: the bounce rate of what was sent after the hold was placed."""
    domain = hold.sending_domain
    return Gate(_rate_since(domain, hold.placed_at, now=now), domain=domain, hold=hold)


def gates_of(incident: Incident, *, now: dt.datetime) -> list[Gate]:
    """Every standing hold of the incident, and every gate of its playbooks that has none.

    A gate on sending without a hold is judged by what was sent since its playbook was attached.
    """
    holds = _standing(incident).select_related("sending_domain__client")
    found = [judge_hold(hold, now=now) for hold in holds]
    for step in open_gates(incident):
        if step.reading != ReadingKind.BOUNCE_RATE:
            unknown = Figure("", step.get_reading_display(), value="unknown")
            figures = figures_of(incident, step, now=now) or [unknown]
            found += [Gate(figure, step=step) for figure in figures]
        elif not found:
            found += _unheld(incident, step, now=now)
    return found


def open_gates(incident: Incident) -> list[PlaybookRunStep]:
    """The gates of standing playbooks that apply and were not opened yet."""
    rows = PlaybookRunStep.objects.filter(run__incident=incident, run__ended_at=None)
    by_run: dict[int, list[PlaybookRunStep]] = defaultdict(list)
    for row in rows.select_related("run__playbook").order_by("run", "number"):
        by_run[row.run_id].append(row)
    return [
        row
        for steps in by_run.values()
        for row in steps
        if row.kind == StepKind.GATE and row.is_open
        if branch_of(row, steps).branch == Branch.OPEN
    ]


def blocking_gates(incident: Incident) -> list[Missing]:
    """P4: Verify and Resolve wait for every hold and every gate."""
    holds = blocking_holds(incident)
    return holds + [
        Missing(f"The gate of “{step.run.title}”: {step.text}", step=Step.RELEASE)
        for step in open_gates(incident)
        if not holds or step.reading != ReadingKind.BOUNCE_RATE
    ]


def blocking_holds(incident: Incident) -> list[Missing]:
    """What of the incident is on hold, each with the way to release it."""
    names = _standing(incident).values_list("sending_domain__name", flat=True)
    return [Missing(f"Sending from {name} is on hold", step=Step.RELEASE) for name in names]


def _standing(incident: Incident) -> HoldQuerySet:
    return Hold.objects.standing().filter(incident=incident)


def _unheld(incident: Incident, step: PlaybookRunStep, *, now: dt.datetime) -> list[Gate]:
    since = step.run.attached_at
    gates = [
        Gate(_rate_since(domain, since, now=now), domain=domain, step=step)
        for domain in domains_of(incident)
    ]
    unknown = Figure("", "Bounce rate", value="no sending domain is known")
    return gates or [Gate(unknown, step=step)]


def _rate_since(domain: SendingDomain, since: dt.datetime, *, now: dt.datetime) -> Figure:
    key = f"domain:{domain.name}:bounce_rate@{since.isoformat()}"
    return figure_from(key, read(key, now=now), now=now)
