"""The time-critical loop: monitors, clocks, then the outbox, every few seconds.

Truth is in the tables, so two copies may run, and a copy that dies loses nothing. Each part has
a try of its own: one that fails is logged and stops nobody.
"""

import logging
import signal
import threading
from collections.abc import Callable
from types import FrameType

from django.db import close_old_connections, connection
from django.utils import timezone

from incidents.form_tokens import forget_old_tokens
from incidents.sweeping import sweep
from monitoring.evaluation import evaluate_due
from monitoring.ingest.replaying import replay_spool
from monitoring.models import Beat
from monitoring.models.beat import ENGINE
from notifications.delivery import deliver_due

logger = logging.getLogger(__name__)

#: Seconds between two looks of each part.
CLOCKS_PERIOD = 5.0
OUTBOX_PERIOD = 1.0
MONITORS_AT_ONCE = 200


def take_in_kept() -> None:
    """Take in pings and figures that came while the database was away."""
    replay_spool(now=timezone.now())


def watch_monitors() -> None:
    """Judge what is new or due; no more at once than leaves the clocks their turn."""
    evaluate_due(now=timezone.now(), limit=MONITORS_AT_ONCE)


def watch_clocks() -> None:
    """Write what is due, and forget the tokens of old form posts."""
    now = timezone.now()
    sweep(now=now)
    forget_old_tokens(now=now)


def empty_outbox() -> None:
    """Deliver until nothing is due, so that a burst does not wait for the next cycle."""
    while deliver_due().sent:
        pass


def beat() -> None:
    """Say that the engine lives (rule K11)."""
    Beat.record(ENGINE, at=timezone.now())


def run_cycle() -> int:
    """Run every part once; returns how many of them failed."""
    return sum(
        not _succeeds(part)
        for part in (take_in_kept, watch_monitors, watch_clocks, empty_outbox, beat)
    )


def run_until_stopped() -> None:
    """Cycle until SIGTERM or SIGINT; what is running is finished first.

    The outbox has a thread of its own: a mail server that drips may hold it for most of a
    minute, and no clock waits for that.
    """
    stop = threading.Event()

    def request_stop(signum: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, request_stop)
    signal.signal(signal.SIGINT, request_stop)
    outbox = threading.Thread(
        target=_repeat, args=(stop, OUTBOX_PERIOD, [empty_outbox]), name="outbox"
    )
    outbox.start()
    _repeat(stop, CLOCKS_PERIOD, [take_in_kept, watch_monitors, watch_clocks, beat])
    outbox.join()


def _repeat(stop: threading.Event, period: float, parts: list[Callable[[], None]]) -> None:
    while not stop.is_set():
        for part in parts:
            _succeeds(part)
        stop.wait(period)
    connection.close()


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
