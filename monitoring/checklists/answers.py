"""What the monitors answer to an item of a checklist (rules K2 to K5, K7 and K9).

The worst monitor decides. Silence is a failure, too few events to judge is “not applicable” and
says so, and what is unknown is never taken for good.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from incidents import staff
from incidents.enums import Side
from monitoring.checklists.jobs import bad_runs
from monitoring.enums import BAD_STATES, STATES_BY_WEIGHT, Kind, Measure, Outcome, State
from monitoring.models import MonitorStatus

#: How far the evaluation may lag before a state counts as unknown: it runs every few seconds.
STALE_AFTER = dt.timedelta(minutes=10)
#: Of the monitors that are not well, so many are named.
LINES_LIMIT = 20

WEIGHT = {state: weight for weight, state in enumerate(STATES_BY_WEIGHT)}
JUDGED = (State.OK, *BAD_STATES, State.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which monitors a reading asks, and what one of them is called."""

    kinds: tuple[str, ...]
    noun: str
    measure: str = ""
    #: Of the other kinds, those that watch what a third party runs for us.
    takes_third_party: bool = False

    def statuses(self) -> QuerySet[MonitorStatus]:
        wanted = Q(monitor__kind__in=self.kinds)
        if self.takes_third_party:
            wanted |= Q(monitor__system__side=Side.THIRD_PARTY)
        found = MonitorStatus.objects.filter(wanted, monitor__is_active=True)
        return found.filter(monitor__measure=self.measure) if self.measure else found


#: What these watch is a tool, whoever runs it.
TOOL_KINDS = (Kind.STATUS, Kind.BOUNCE_RATE, Kind.ERROR_RATE, Kind.CREDITS, Kind.SYNC)
#: The readings that monitors answer; the others are put together in ``preparing``.
SELECTIONS: dict[str, Selection] = {
    "cron_jobs": Selection((Kind.HEARTBEAT,), "job"),
    "error_rate": Selection((Kind.ERROR_RATE,), "API"),
    "bounce_rate": Selection((Kind.BOUNCE_RATE,), "sending domain"),
    "last_sync": Selection((Kind.SYNC,), "CRM sync"),
    "credits": Selection((Kind.CREDITS,), "credit account"),
    "tool_health": Selection(TOOL_KINDS, "tool", takes_third_party=True),
    "integrations": Selection((Kind.STATUS, Kind.SYNC, Kind.ERROR_RATE), "integration"),
    **{
        f"level:{measure}": Selection((Kind.LEVEL,), f"count of {measure} records", measure)
        for measure in Measure.values
    },
}


@dataclass(frozen=True, slots=True)
class Answer:
    """``monitors`` are the primary keys of those that fail, the worst first."""

    outcome: str
    value: str = ""
    threshold: str = ""
    measured_at: dt.datetime | None = None
    lines: tuple[str, ...] = ()
    monitors: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """One monitor as the checklist sees it; ``failures`` since the last run count for jobs."""

    status: MonitorStatus
    state: str
    reason: str
    failures: int = 0

    @property
    def is_bad(self) -> bool:
        return self.state in BAD_STATES or self.state == State.UNKNOWN or self.failures > 0


def answer_item(reading: str, *, now: dt.datetime, since: dt.datetime | None = None) -> Answer:
    """What the monitors behind a reading say now (rule K7).

    ``since`` is when the last run of this checklist opened: a job that was missed or failed
    after that fails the item even if it is green again (rule K5); None: a day ago. A reading
    that no monitor answers fails: nobody may take it for good.
    """
    selection = SELECTIONS.get(reading)
    if selection is None:
        return Answer(Outcome.FAIL, "No such reading", lines=(f"Nothing answers “{reading}”.",))
    counts_runs = Kind.HEARTBEAT in selection.kinds
    since = since or now - dt.timedelta(days=1)
    failures = bad_runs(since=since, now=now) if counts_runs else {}
    seen = look_at(selection, failures, now=now)
    if not seen:
        return _not_applicable(f"No {selection.noun} is watched", ())
    return _judge_jobs(seen) if counts_runs else _judge(seen)


def look_at(
    selection: Selection, failures: Mapping[int, int] | None = None, *, now: dt.datetime
) -> list[Seen]:
    """The monitors of a selection, the most alarming first: one query. ``failures`` are the bad
    runs of jobs since the last checklist."""
    statuses = selection.statuses().select_related("monitor__system", "monitor__sending_domain")
    counted = failures or {}
    seen = [_look_at(status, counted.get(status.pk, 0), now=now) for status in statuses]
    return sorted(seen, key=_alarm)


def wait_for_looks(readings: Iterable[str]) -> None:
    """Wait until nobody judges the monitors behind these readings, and until the caller's
    transaction ends let nobody: an answer is neither older nor newer than its incident."""
    asked = [SELECTIONS[reading].statuses() for reading in readings if reading in SELECTIONS]
    lock_statuses({pk for rows in asked for pk in rows.values_list("pk", flat=True)})


def lock_statuses(monitors: Collection[int]) -> None:
    """Lock the statuses of these monitors, always in the same order."""
    rows = MonitorStatus.objects.select_for_update().filter(pk__in=monitors).order_by("pk")
    list(rows.values_list("pk"))


def _look_at(status: MonitorStatus, failures: int, *, now: dt.datetime) -> Seen:
    """A monitor whose evaluation broke or stopped is unknown, however green it stood."""
    if status.failed_at is not None:
        return Seen(status, State.UNKNOWN, "It could not be judged; see the log.", failures)
    if status.check_at is not None and status.check_at < now - STALE_AFTER:
        reason = f"Not judged since {staff.agency_time(status.check_at)}."
        return Seen(status, State.UNKNOWN, reason, failures)
    return Seen(status, status.state, status.reason, failures)


def _alarm(seen: Seen) -> tuple[bool, int, float, str]:
    """Sorts the most alarming first; among equals the further value, credits the lower one."""
    value = seen.status.value or 0.0
    further = value if seen.status.monitor.kind == Kind.CREDITS else -value
    return not seen.is_bad, -WEIGHT[State(seen.state)], further, seen.status.monitor.name


def _judge(seen: list[Seen]) -> Answer:
    judged = [one for one in seen if one.state in JUDGED]
    if not judged:
        value = "Too few to judge"
        if all(one.state == State.NEW for one in seen):
            value = "No signal yet"
        return _not_applicable(value, _lines(seen), threshold=seen[0].status.limit_text)
    worst = judged[0]
    bad = [one for one in judged if one.is_bad]
    return Answer(
        Outcome.FAIL if bad else Outcome.PASS,
        value=worst.status.value_text or State(worst.state).label,
        threshold=worst.status.limit_text,
        measured_at=_measured_at(worst.status),
        lines=_lines([worst, *(one for one in seen if one is not worst)]),
        monitors=tuple(one.status.pk for one in bad),
    )


def _judge_jobs(seen: list[Seen]) -> Answer:
    """K5: every run since the last daily checklist was on time, and every job is well now."""
    run = [one for one in seen if one.state != State.NEW or one.failures]
    if not run:
        return _not_applicable("No job has run yet", _lines(seen), threshold="all")
    bad = [one for one in run if one.is_bad]
    return Answer(
        Outcome.FAIL if bad else Outcome.PASS,
        value=f"{len(run) - len(bad)} of {len(run)}",
        threshold="all",
        measured_at=_measured_at(run[0].status) if bad else _latest(run),
        lines=_lines(seen),
        monitors=tuple(one.status.pk for one in bad),
    )


def _not_applicable(value: str, lines: tuple[str, ...], threshold: str = "") -> Answer:
    return Answer(Outcome.NOT_APPLICABLE, value, threshold, lines=lines)


def _measured_at(status: MonitorStatus) -> dt.datetime | None:
    """The signal behind the figure; of a sync its last success, whose age is the figure."""
    if status.monitor.kind == Kind.SYNC and status.last_success_at:
        return status.last_success_at
    return status.last_signal_at


def _latest(seen: Iterable[Seen]) -> dt.datetime | None:
    moments = [one.status.last_signal_at for one in seen if one.status.last_signal_at]
    return max(moments, default=None)


def _lines(seen: list[Seen]) -> tuple[str, ...]:
    """The worst first: every monitor that is not well, and the worst where all are."""
    told = [one for one in seen if one.state != State.OK or one.failures] or seen[:1]
    lines = [describe_seen(one) for one in told[:LINES_LIMIT]]
    if len(told) > LINES_LIMIT:
        lines.append(f"and {len(told) - LINES_LIMIT} more")
    return tuple(lines)


def describe_seen(seen: Seen) -> str:
    """“Apollo: 18 %, Below the limit”: a monitor, its figure and why it is not well."""
    status = seen.status
    parts = [status.value_text or State(seen.state).label]
    if seen.failures:
        runs = "1 run" if seen.failures == 1 else f"{seen.failures} runs"
        parts.append(f"{runs} missed or failed since the last checklist")
    if seen.reason and seen.state != State.OK:
        parts.append(seen.reason.removesuffix("."))
    return f"{status.monitor.name}: {', '.join(dict.fromkeys(parts))}"
