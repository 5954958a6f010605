"""Following a job run by run: on time, failed, missed, or started and never finished (rule K5).

What came in and what did not come in is taken in the order of time, so the outcome is the same
whether the evaluation looks every few seconds or once after hours.
"""

import datetime as dt
from dataclasses import dataclass, field

from incidents import staff
from monitoring.damping import count_failure, count_success
from monitoring.enums import SignalKind, State
from monitoring.judging import Verdict
from monitoring.look import Look
from monitoring.models import Signal
from monitoring.raising import follow_state
from monitoring.schedule import expected_after, skip_past

ENDS = (SignalKind.SUCCESS, SignalKind.FAIL, SignalKind.MISSED)
#: After a long silence so many missed runs are written down one by one; the others are counted.
MISSES_WRITTEN = 50
#: A run's end is matched with a start that is no older.
LONGEST_RUN = dt.timedelta(days=7)


@dataclass(slots=True)
class Job:
    """One look at a job; ``timed`` are the ends whose run time was found."""

    look: Look
    grace: dt.timedelta
    timed: list[Signal] = field(default_factory=list)


def follow_job(look: Look, signals: list[Signal]) -> None:
    """Take new signals and the time until now, in their order.

    1. Find out until when a run must be heard of, where that is not known or may have changed.
    2. Before each signal, count the runs whose time passed without one; then the signal.
    3. Count what was missed from there until now.
    """
    job = Job(look, dt.timedelta(seconds=look.monitor.grace_seconds))
    _expect(job)
    for signal in signals:
        _pass_time(job, until=signal.at)
        _take(job, signal)
    _pass_time(job, until=look.now)
    Signal.objects.bulk_update(job.timed, ["run_seconds"])
    verdict = _verdict(job, look.status.state, look.status.reason)
    look.take(verdict, at=look.now, is_measured=False)
    follow_state(look, verdict, at=look.now)
    look.status.check_at = look.status.due_at


def _expect(job: Job) -> None:
    """Set the time from which a run counts as missed.

    A new or resumed job is expected from then on; after an edit (``check_at`` is empty) the
    schedule counts from the last run, but nothing that lies before the edit is held against it.
    """
    look, status = job.look, job.look.status
    if status.due_at is None:
        status.due_at = _deadline_after(job, status.since)
        if status.state == State.NEW:
            status.last_start_at = None
            return
    elif status.check_at is not None or status.due_at <= look.now:
        return
    if status.last_start_at is not None:
        status.due_at = max(status.last_start_at + job.grace, look.now)
        return
    ended_at = _last_end(job, until=look.now)
    status.due_at = _deadline_after(job, ended_at or status.since)
    if status.due_at <= look.now:
        status.due_at = _deadline_after(job, look.now)


def _pass_time(job: Job, *, until: dt.datetime) -> None:
    """Count each run whose time passed, a long row of them at once."""
    status = job.look.status
    for _ in range(MISSES_WRITTEN):
        if status.due_at is None or status.due_at > until:
            return
        _fail_silently(job, status.due_at)
    if status.due_at is not None and status.due_at <= until:
        following, skipped = skip_past(
            job.look.monitor, status.due_at - job.grace, until=until - job.grace
        )
        status.due_at = following + job.grace
        _settle(
            job,
            count_failure(status, job.look.limits, times=skipped),
            at=until,
            reason=f"{status.reason} Nothing since.",
        )


def _fail_silently(job: Job, deadline: dt.datetime) -> None:
    """A run was not heard of in time, or did not end in time."""
    look, status = job.look, job.look.status
    expected = deadline - job.grace
    started_at, status.last_start_at = status.last_start_at, None
    status.due_at = _deadline_after(job, expected)
    status.last_run_seconds = None
    if started_at:
        kind, at = SignalKind.FAIL, deadline
        text = f"Started {staff.agency_time(started_at)} and did not end in time."
    else:
        kind, at = SignalKind.MISSED, expected
        text = f"No run was heard of that was due {staff.agency_time(expected)}."
    row = Signal(monitor=look.monitor, kind=kind, at=at, detail=text, is_fresh=False)
    # The same run is missed once, whoever looks and however often.
    Signal.objects.bulk_create([row], ignore_conflicts=True)
    _settle(job, count_failure(status, look.limits), at=deadline, reason=text)


def _take(job: Job, signal: Signal) -> None:
    status = job.look.status
    if signal.kind not in (SignalKind.START, SignalKind.SUCCESS, SignalKind.FAIL):
        return
    is_late = status.last_signal_at is not None and signal.at < status.last_signal_at
    if is_late:
        # It was held up on its way; newer ones have told how the job stands.
        return
    status.last_signal_at = signal.at
    if signal.kind == SignalKind.START:
        _take_start(job, signal)
    else:
        _take_end(job, signal)


def _take_start(job: Job, signal: Signal) -> None:
    """A run that started must end within the grace; of overlapping runs the newest is timed.

    A job that starts over and over without an end is caught when its next run is due.
    """
    status = job.look.status
    deadline = signal.at + job.grace
    if status.last_start_at is not None:
        first = _first_open_start(job, signal) or status.last_start_at
        deadline = min(deadline, _deadline_after(job, first))
    status.last_start_at, status.due_at = signal.at, deadline


def _take_end(job: Job, signal: Signal) -> None:
    look, status = job.look, job.look.status
    is_good = signal.kind == SignalKind.SUCCESS and not signal.exit_status
    started_at = _start_of(job, signal)
    status.last_run_seconds = None
    if started_at:
        signal.run_seconds = (signal.at - started_at).total_seconds()
        status.last_run_seconds = signal.run_seconds
        job.timed.append(signal)
    status.due_at = _deadline_after(job, signal.at)
    is_older_run = is_good and signal.run_id and started_at != status.last_start_at
    if status.last_start_at and is_older_run:
        status.due_at = min(status.due_at, status.last_start_at + job.grace)
    else:
        status.last_start_at = None
    if is_good:
        status.last_success_at = signal.at
        _settle(job, count_success(status, look.limits), at=signal.at, reason=signal.detail)
        return
    text = "The job reported a failure."
    if signal.exit_status:
        text = f"The job ended with exit status {signal.exit_status}."
    _settle(job, count_failure(status, look.limits), at=signal.at, reason=text)


def _settle(job: Job, state: State, *, at: dt.datetime, reason: str) -> None:
    verdict = _verdict(job, state, reason)
    job.look.take(verdict, at=at)
    follow_state(job.look, verdict, at=at)


def _verdict(job: Job, state: str, reason: str) -> Verdict:
    status, limits = job.look.status, job.look.limits
    bad = status.failures_in_row
    text = {State.NEW: "no run yet", State.OK: "on time"}.get(State(state), "")
    if not text:
        text = f"{bad} bad runs in a row" if bad > 1 else "1 bad run" if bad else "recovering"
    is_failing = state == State.FAILING
    return Verdict(
        state,
        value=status.last_run_seconds,
        value_text=text,
        limit_text="every run on time",
        reason=reason,
        opens=is_failing and bad > 0,
        level=limits.level if is_failing else None,
    )


def _deadline_after(job: Job, instant: dt.datetime) -> dt.datetime:
    """From when on the run counts as missed that is due next after an instant."""
    return expected_after(job.look.monitor, instant) + job.grace


def _start_of(job: Job, signal: Signal) -> dt.datetime | None:
    """When the run began that this signal ends: by its run id, else the newest start."""
    if signal.run_id is None:
        return job.look.status.last_start_at
    starts = Signal.objects.filter(
        monitor=job.look.monitor,
        kind=SignalKind.START,
        run_id=signal.run_id,
        at__gte=signal.at - LONGEST_RUN,
        at__lte=signal.at,
    )
    return starts.order_by("-at").values_list("at", flat=True).first()


def _last_end(job: Job, *, until: dt.datetime) -> dt.datetime | None:
    rows = Signal.objects.filter(monitor=job.look.monitor, kind__in=ENDS, at__lte=until)
    return rows.order_by("-at").values_list("at", flat=True).first()


def _first_open_start(job: Job, signal: Signal) -> dt.datetime | None:
    """The first start since a run last ended."""
    rows = Signal.objects.filter(monitor=job.look.monitor, kind=SignalKind.START, at__lte=signal.at)
    ended_at = _last_end(job, until=signal.at)
    if ended_at:
        rows = rows.filter(at__gt=ended_at)
    return rows.order_by("at").values_list("at", flat=True).first()
