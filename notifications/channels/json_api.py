"""What the channels that speak JSON over HTTP share: one limit, how long to wait, what was said."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from notifications.channels.http import Answer, CallError

#: Nobody is asked to wait longer; a header may hold anything.
_LONGEST_WAIT = 24 * 3600.0


class Stopwatch:
    """The time that all requests for one message have together."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds for the next request, at most HTTP_TIMEOUT. Raises CallError where none are."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise CallError("The time for one message is over.")
        return min(left, float(settings.HTTP_TIMEOUT))


def seconds_to_wait(*said: object) -> float | None:
    """The longest of the waits that the other side asked for; None where it asked for none."""
    waits = [wait for wait in map(_as_seconds, said) if wait is not None]
    return max(waits, default=None)


def json_of(answer: Answer) -> Mapping[str, Any]:
    """The object that an answer carries; empty where it carries something else."""
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _as_seconds(said: object) -> float | None:
    if isinstance(said, bool) or not isinstance(said, int | float | str):
        return None
    try:
        seconds = float(said)
    except ValueError:
        return None
    return min(seconds, _LONGEST_WAIT) if math.isfinite(seconds) and seconds >= 0 else None
