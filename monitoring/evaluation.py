"""The evaluation: judges every monitor that has something new, or whose time has come.

It is incremental: what came in is marked fresh, what changes by time alone has its instant in
``check_at``, so an idle call reads a few empty index ranges however many monitors there are.
Run twice, late or beside another it comes to the same: each status is locked, what was read is
marked exactly once, and one monitor that breaks stops nobody.
"""

import datetime as dt
import logging
from dataclasses import dataclass, replace

from django.db import OperationalError, transaction

from incidents.enums import Level
from monitoring.damping import damp
from monitoring.enums import Kind, State
from monitoring.figures import Intake, figures_at, take_in
from monitoring.heartbeats import follow_job
from monitoring.judging import Verdict, judge, next_change, raised_to
from monitoring.limits import Limits, limits_of
from monitoring.look import Look
from monitoring.models import Monitor, MonitorStatus, Sample, Signal
from monitoring.raising import end_settled, follow_state, is_only_channel, silenced_until
from monitoring.sending_holds import follow_holds

logger = logging.getLogger(__name__)

#: A monitor whose evaluation broke is left alone for so long.
QUARANTINE = dt.timedelta(minutes=10)
#: What fails is looked at again so soon: people may have resolved its incident meanwhile.
FAILING_AGAIN = dt.timedelta(minutes=5)
#: The age of a sync is a figure that grows by itself.
AGE_AGAIN = dt.timedelta(hours=1)
#: The new day's looks are spread over so many seconds.
DAY_SPREAD = 3_600


@dataclass(slots=True)
class EvaluationReport:
    """What one call judged and wrote; ``broken`` are monitors that could not be judged."""

    judged: int = 0
    changed: int = 0
    opened: int = 0
    broken: int = 0

    def __str__(self) -> str:
        return (
            f"{self.judged} monitors judged, {self.changed} changes of state, "
            f"{self.opened} incidents opened, {self.broken} broken"
        )


def evaluate_due(*, now: dt.datetime, limit: int | None = 1000) -> EvaluationReport:
    """Judge what has fresh signals or is due by ``now``, at most ``limit`` monitors.

    Raises OperationalError while the database is away. A monitor that breaks for a reason of
    its own is logged, marked (``failed_at``) and left alone for ten minutes.
    """
    report = EvaluationReport()
    end_settled(now=now)
    for pk in _due_monitors(now=now, limit=limit):
        try:
            with transaction.atomic():
                _evaluate(pk, report, now=now)
        except Exception as error:
            report.broken += 1
            logger.exception("monitor could not be judged", extra={"monitor": pk})
            if not _is_passing(error):
                _quarantine(pk, now=now)
    return report


def _due_monitors(*, now: dt.datetime, limit: int | None) -> list[int]:
    """Due by time, asked for by somebody who edited it, or with something new; in one query."""
    statuses = MonitorStatus.objects.order_by()
    calm = {"at__lte": now, "monitor__status__failed_at__isnull": True}
    due = statuses.filter(check_at__lte=now).values_list("monitor_id")
    asked = statuses.filter(check_at__isnull=True, monitor__is_active=True)
    signals = Signal.objects.order_by().fresh().filter(**calm)
    samples = Sample.objects.order_by().fresh().filter(**calm)
    found = due.union(*(rows.values_list("monitor_id") for rows in (asked, signals, samples)))
    # Sorted here: asked to do so, SQLite walks through every status instead of the index.
    return sorted(pk for (pk,) in found[:limit])


def _evaluate(pk: int, report: EvaluationReport, *, now: dt.datetime) -> None:
    """One look at one monitor, in the caller's transaction; nothing where another has it."""
    status = _lock(pk, now=now)
    if status is None:
        return
    look = Look(status, _limits(status.monitor), now)
    intake = take_in(look)
    is_due = status.check_at is None or status.check_at <= now
    if not (is_due or intake.instants or intake.signals):
        return  # Another evaluation was faster.
    if not status.monitor.is_active:
        # Taken in but not judged; looked at again when something comes or it is resumed.
        status.check_at = None
        moments = [status.last_signal_at, *(signal.at for signal in intake.signals)]
        status.last_signal_at = max(filter(None, moments), default=None)
    elif status.monitor.kind == Kind.HEARTBEAT:
        follow_job(look, intake.signals)
    else:
        _follow_figures(look, intake)
    if status.monitor.is_active:
        _set_check(look, has_more=intake.has_more)
    look.save()
    report.judged += 1
    report.changed += len(look.changes)
    report.opened += look.opened


def _lock(pk: int, *, now: dt.datetime) -> MonitorStatus | None:
    rows = MonitorStatus.objects.select_related("monitor")
    status = rows.select_for_update(of=("self",), skip_locked=True).filter(pk=pk).first()
    if status is None and not MonitorStatus.objects.filter(pk=pk).exists():
        # Written past ``add_monitor``: it shall be watched all the same, from the next look on.
        MonitorStatus.objects.get_or_create(monitor_id=pk, defaults={"since": now})
    return status


def _limits(monitor: Monitor) -> Limits:
    """The monitor's limits, where the kind itself asks for something else than the figures.

    The age of a sync cannot flap, and a provider is asked at least twice in its window.
    """
    limits = limits_of(monitor)
    if monitor.kind == Kind.SYNC:
        return replace(limits, failures_needed=1)
    if monitor.kind == Kind.STATUS:
        twice = 2 * dt.timedelta(seconds=monitor.probe_seconds)
        return replace(limits, window=max(limits.window, twice))
    return limits


def _follow_figures(look: Look, intake: Intake) -> None:
    """Judge the figures now, damp the verdict, and follow what it means.

    Where N in a row count, each of the last N signals is judged at its own time first.
    """
    status, limits, now = look.status, look.limits, look.now
    is_waiting = status.state == State.NEW and not intake.instants
    if is_waiting and now < status.since + limits.window:
        status.check_at = status.since + limits.window
        look.take(Verdict(State.NEW, value_text="no signal yet"), at=now)
        return
    needed = max(limits.failures_needed, limits.successes_needed)
    if needed > 1:
        for instant in intake.instants[-needed:]:
            judged, _ = _judge(look, instant)
            damped = damp(status, judged.state, limits, signals=1)
            look.take(replace(judged, state=damped), at=instant)
    judged, changes_at = _judge(look, now)
    is_new = needed == 1 and bool(intake.instants)
    verdict = _damped(look, judged, signals=int(is_new))
    look.take(verdict, at=now, is_measured=bool(intake.instants) or look.monitor.kind == Kind.SYNC)
    status.check_at = changes_at
    follow_state(look, verdict, at=now)
    follow_holds(look)


def _judge(look: Look, at: dt.datetime) -> tuple[Verdict, dt.datetime | None]:
    """The verdict at an instant, and when it may change without a signal."""
    kind = look.monitor.kind
    figures, leaves_at = figures_at(look, at)
    verdict = judge(kind, figures, look.limits, now=at)
    if verdict.opens and kind == Kind.BOUNCE_RATE and is_only_channel(look.monitor):
        verdict = raised_to(verdict, Level.SEV1, "It is the client's only channel")
    moments = [leaves_at, next_change(kind, figures, look.limits, now=at)]
    return verdict, min(filter(None, moments), default=None)


def _damped(look: Look, judged: Verdict, *, signals: int) -> Verdict:
    """The verdict that counts: the damped state, and an incident only where it stayed bad."""
    status, limits = look.status, look.limits
    state = damp(status, judged.state, limits, signals=signals)
    if state == judged.state:
        return replace(judged, opens=judged.opens and state in (State.FAILING, State.NO_DATA))
    row = f"{status.successes_in_row} of {limits.successes_needed} good in a row."
    if judged.state == State.FAILING:
        row = f"{status.failures_in_row} of {limits.failures_needed} bad in a row."
    return replace(judged, state=state, opens=False, reason=f"{row} {judged.reason}")


def _set_check(look: Look, *, has_more: bool) -> None:
    """The next instant at which something may change, or somebody may have changed something."""
    status, now = look.status, look.now
    midnight = now.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    new_day = midnight + dt.timedelta(days=1, seconds=status.pk % DAY_SPREAD)
    moments = [new_day, *filter(None, [status.check_at])]
    if look.monitor.kind == Kind.SYNC:
        moments.append(now + AGE_AGAIN)
    may_open = status.state == State.NO_DATA and look.monitor.kind == Kind.SYNC
    if status.state == State.FAILING or may_open:
        moments.append(now + FAILING_AGAIN)
        silent_until = None if status.is_raised else silenced_until(look, at=now)
        moments += filter(None, [silent_until])
    status.check_at = now if has_more else min(moments)


def _is_passing(error: Exception) -> bool:
    """Somebody else held a row for too long: the next cycle tries again."""
    return isinstance(error, OperationalError) and "lock" in str(error).lower()


def _quarantine(pk: int, *, now: dt.datetime) -> None:
    """Raises OperationalError where it is the database that is away, not the monitor's fault."""
    MonitorStatus.objects.filter(pk=pk).update(failed_at=now, check_at=now + QUARANTINE)
