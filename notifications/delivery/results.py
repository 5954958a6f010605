"""What came of one try, as the changes it makes to the message."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from notifications.channels.base import DeliveryError
from notifications.enums import REPEATED_WHEN_UNCLEAR, AttemptOutcome, MessageState
from notifications.models import DeliveryAttempt, Message
from notifications.pace import Pace
from notifications.redaction import redact


@dataclass
class Result:
    """One message after its try, its new values already set, still to be written.

    `tried` and `token` are the attempt and the lease it was made with. Without an outcome it
    was not tried after all.
    """

    message: Message
    tried: int
    token: str | None
    started_at: datetime
    ended_at: datetime
    outcome: AttemptOutcome | None = None
    answer: str = ""

    def attempt(self) -> DeliveryAttempt:
        """The line of the log that says so."""
        assert self.outcome is not None
        return DeliveryAttempt(
            message=self.message,
            number=self.tried,
            started_at=self.started_at,
            ended_at=self.ended_at,
            outcome=self.outcome,
            answer=self.answer,
        )

    @property
    def report_name(self) -> str:
        """Under which name of the DeliveryReport it counts."""
        if self.outcome is None:
            return "released"
        if self.message.state != MessageState.PENDING:
            return self.message.state
        return "repeated" if self.outcome == AttemptOutcome.UNCERTAIN else "retried"


def untried(message: Message, *, now: datetime) -> Result:
    """Given back as it was; the attempt that was counted did not take place."""
    result = _result(message, now, now)
    message.attempts -= 1
    _free(message, MessageState.PENDING)
    return result


def accepted(message: Message, answer: str, *, started_at: datetime, now: datetime) -> Result:
    """The other side took it; the channel may have left its receipt on the message."""
    result = _result(message, started_at, now, AttemptOutcome.SENT, redact(answer))
    message.sent_at = now
    message.last_error = ""
    if message.receipt:
        message.receipt = redact(message.receipt, limit=200)
    _free(message, MessageState.SENT)
    return result


def failed(
    message: Message, error: DeliveryError, *, started_at: datetime, now: datetime, pace: Pace
) -> Result:
    """It did not go, or nobody knows.

    Unclear: a mail waits for a person; other channels look first, or say that it is a repeat.
    Refused for good, or tried often enough: dead. Otherwise tried again later.
    """
    text = redact(str(error))
    result = _result(message, started_at, now, _outcome(error), text)
    message.last_error = text
    is_last = error.counts and message.attempts >= pace.max_attempts
    may_repeat = message.channel in REPEATED_WHEN_UNCLEAR
    if error.ambiguous and may_repeat:
        message.repeats += 1
    if error.ambiguous and not may_repeat:
        _free(message, MessageState.UNCERTAIN)
    elif error.permanent or is_last:
        _free(message, MessageState.DEAD)
    else:
        message.next_attempt_at = now + timedelta(seconds=_wait(message, error, pace))
        message.attempts -= 0 if error.counts else 1
        _free(message, MessageState.PENDING)
    return result


def backoff(attempts: int, *, cap: float, pace: Pace) -> float:
    """Seconds: a random share of a span that doubles with each attempt."""
    # The exponent is bounded so that a huge number of attempts cannot overflow the float.
    span = min(cap, pace.backoff_step * 2 ** min(attempts - 1, 30))
    return random.uniform(0, span)  # noqa: S311


def _wait(message: Message, error: DeliveryError, pace: Pace) -> float:
    """Never before the other side asked for; a channel at fault is paused as a whole."""
    asked = error.retry_after or 0
    if error.channel_down and not error.counts:
        return asked
    return max(asked, backoff(message.attempts, cap=pace.longest_wait(message), pace=pace))


def _outcome(error: DeliveryError) -> AttemptOutcome:
    if error.ambiguous:
        return AttemptOutcome.UNCERTAIN
    return AttemptOutcome.REFUSED if error.permanent else AttemptOutcome.DEFERRED


def _result(
    message: Message,
    started_at: datetime,
    now: datetime,
    outcome: AttemptOutcome | None = None,
    answer: str = "",
) -> Result:
    return Result(message, message.attempts, message.lease_token, started_at, now, outcome, answer)


def _free(message: Message, state: MessageState) -> None:
    message.state = state
    message.lease_token = message.lease_expires_at = message.sending_since = None
