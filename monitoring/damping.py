"""Damping a monitor that flaps: N failures in a row before it fails, N successes before it is
green (rule K6). Counted per signal, never per look.
"""

from monitoring.enums import State
from monitoring.limits import Limits
from monitoring.models import MonitorStatus


def count_failure(status: MonitorStatus, limits: Limits, *, times: int = 1) -> State:
    """Count failures in a row; the state they lead to."""
    status.failures_in_row += times
    status.successes_in_row = 0
    is_failing = status.failures_in_row >= limits.failures_needed
    return State.FAILING if is_failing or status.state == State.FAILING else State.WARNING


def count_success(status: MonitorStatus, limits: Limits, *, times: int = 1) -> State:
    """Count successes in a row; what was bad stays so until there are enough of them."""
    status.successes_in_row += times
    status.failures_in_row = 0
    if status.successes_in_row >= limits.successes_needed or _was_well(status):
        return State.OK
    return State.FAILING if status.state == State.FAILING else State.WARNING


def damp(status: MonitorStatus, judged: str, limits: Limits, *, signals: int) -> State:
    """The state that a judged one leads to, after so many new signals.

    Time alone may turn a verdict, as samples leave the window; that counts once. What is not
    known counts neither way, and a warning ends both rows.
    """
    if judged == State.FAILING:
        times = signals or int(not status.failures_in_row)
        return count_failure(status, limits, times=times)
    if judged == State.OK:
        times = signals or int(not status.successes_in_row)
        return count_success(status, limits, times=times)
    if judged == State.WARNING:
        status.failures_in_row = status.successes_in_row = 0
    return State(judged)


def _was_well(status: MonitorStatus) -> bool:
    """Nothing bad stands against it since it was last green."""
    unjudged = (State.TOO_FEW, State.UNKNOWN)
    is_unjudged = status.state in unjudged and not status.is_raised
    return status.state in (State.OK, State.NEW) or is_unjudged
