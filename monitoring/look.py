"""One look at one monitor: its locked status, and what the look writes when it is done."""

import datetime as dt
from dataclasses import dataclass, field

from monitoring.enums import STATES_BY_WEIGHT, Kind, State
from monitoring.judging import Verdict
from monitoring.limits import Limits
from monitoring.models import DayFigure, Monitor, MonitorStatus, StateChange

WEIGHT = {state: weight for weight, state in enumerate(STATES_BY_WEIGHT)}
#: Everything but ``probe_at``, which the probes set beside the evaluation.
SAVED_FIELDS = [
    column.name
    for column in MonitorStatus._meta.concrete_fields
    if column.name not in ("monitor", "probe_at")
]


@dataclass(slots=True)
class Look:
    """The status is changed in memory; ``save`` writes it with its history."""

    status: MonitorStatus
    limits: Limits
    now: dt.datetime
    changes: list[StateChange] = field(default_factory=list)
    days: dict[dt.date, DayFigure] = field(default_factory=dict)
    opened: int = 0

    @property
    def monitor(self) -> Monitor:
        return self.status.monitor

    def take(self, verdict: Verdict, *, at: dt.datetime, is_measured: bool = True) -> None:
        """Take a damped verdict over; a change of state is kept with its time.

        The figure counts for its day, unless it was measured before (``is_measured`` off).
        """
        status = self.status
        before = status.state
        status.value = verdict.value
        status.value_text = verdict.value_text[:80]
        status.limit_text = verdict.limit_text[:80]
        status.reason = " ".join(verdict.reason.split())[:200]
        status.sample_size = verdict.sample_size
        if before != verdict.state:
            status.state, status.since = verdict.state, at
            self.changes.append(
                StateChange(
                    monitor_id=status.pk,
                    at=at,
                    before=before,
                    after=verdict.state,
                    value_text=status.value_text,
                    reason=status.reason,
                )
            )
        self._note_day(at, status.value if is_measured else None)

    def save(self) -> None:
        """Write the status, its changes of state and the worst of each day touched."""
        self.status.failed_at = None
        self.status.save(update_fields=SAVED_FIELDS)
        StateChange.objects.bulk_create(self.changes)
        for figure in self.days.values():
            figure.save()

    def _note_day(self, at: dt.datetime, value: float | None) -> None:
        """Keep the worst state and figure of a day (UTC)."""
        day, status = at.astimezone(dt.UTC).date(), self.status
        figure = self.days.get(day) or DayFigure.objects.filter(monitor=status.pk, day=day).first()
        if figure is None:
            figure = DayFigure(monitor_id=status.pk, day=day, state=status.state)
            self.days[day] = figure
        if WEIGHT[State(status.state)] > WEIGHT[State(figure.state)]:
            figure.state = status.state
            self.days[day] = figure
        if value is not None and self._is_worse(value, figure.value):
            figure.value = value
            self.days[day] = figure

    def _is_worse(self, value: float, kept: float | None) -> bool:
        if kept is None:
            return True
        return value < kept if self.monitor.kind == Kind.CREDITS else value > kept
