"""The time-critical loop: clocks, then the outbox, every few seconds.

Truth is in the tables, so two copies may run, and a copy that dies loses nothing. Each part has
a try of its own: one that fails is logged and stops nobody.
"""

import datetime as dt
import logging
import signal
import threading
from collections.abc import Callable
from types import FrameType

from django.db import close_old_connections, connection
from django.utils import timezone

from incidents.deadlines import sweep
from incidents.models import FormToken
from monitoring.models import Beat
from monitoring.models.beat import ENGINE
from notifications.delivery import deliver_due

logger = logging.getLogger(__name__)

#: Between two looks at the outbox; clocks are swept every fifth time.
OUTBOX_PERIOD = dt.timedelta(seconds=1)
CLOCKS_EVERY = 5
TOKENS_KEPT_FOR = dt.timedelta(days=2)


def watch_clocks() -> None:
    """Write what is due, and forget the tokens of old form posts."""
    now = timezone.now()
    sweep(now=now)
    FormToken.objects.filter(used_at__lt=now - TOKENS_KEPT_FOR).delete()


def empty_outbox() -> None:
    """Deliver until nothing is due, so that a burst does not wait for the next cycle."""
    while deliver_due(now=None).claimed:
        pass


def beat() -> None:
    """Say that the engine lives (rule K11)."""
    Beat.record(ENGINE, at=timezone.now())


def run_cycle(*, with_clocks: bool = True) -> int:
    """Run every part once; returns how many of them failed."""
    parts: list[Callable[[], None]] = [empty_outbox, beat]
    if with_clocks:
        parts.insert(0, watch_clocks)
    return sum(not _succeeds(part) for part in parts)


def run_until_stopped() -> None:
    """Cycle until SIGTERM or SIGINT; a running cycle is finished first."""
    stop = threading.Event()

    def request_stop(signum: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, request_stop)
    signal.signal(signal.SIGINT, request_stop)
    turn = 0
    while not stop.is_set():
        run_cycle(with_clocks=turn % CLOCKS_EVERY == 0)
        turn += 1
        stop.wait(OUTBOX_PERIOD.total_seconds())


def _succeeds(part: Callable[[], None]) -> bool:
    try:
        part()
    except Exception:
        logger.exception("a part of the engine failed", extra={"part": part.__name__})
        # A broken connection is dropped here, so that the next cycle opens a new one.
        connection.close()
        return False
    close_old_connections()
    return True
