"""The time-critical loop: monitors, clocks, then the outbox, every few seconds.

Truth is in the tables, so two copies may run, and a copy that dies loses nothing. Each part has
a try of its own: one that fails is logged and stops nobody.
"""

import gc
import logging
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import FrameType

from django.db import close_old_connections, connection
from django.utils import timezone

from config.auditing import audit_if_due
from incidents.digests import write_due_digests
from incidents.form_tokens import forget_old_tokens
from incidents.sweeping import sweep
from monitoring.evaluation import evaluate_due
from monitoring.ingest.replaying import replay_spool
from monitoring.models import Beat
from monitoring.models.beat import ENGINE
from notifications.delivery import PACE, Pace, deliver_due, empty_channel, tend_outbox
from notifications.enums import Channel
from notifications.pausing import try_paused_again

logger = logging.getLogger(__name__)

Part = Callable[[], object]

#: Seconds between two looks of each part.
CLOCKS_PERIOD = 5.0
OUTBOX_PERIOD = 0.5
TENDING_PERIOD = 2.0
UPKEEP_PERIOD = 5.0
#: So many seconds after its start the engine does not judge whether the others run.
STARTING = 60.0
MONITORS_AT_ONCE = 200
#: One thread each. Two for mail: one hands over while the other waits for its commit.
SENDERS = (Channel.EMAIL, Channel.EMAIL, Channel.TELEGRAM, Channel.HUBSPOT)


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


def write_updates() -> None:
    """Prepare the clients' scheduled updates, and send those that leave by themselves (M9)."""
    write_due_digests(now=timezone.now())


def audit(*, is_starting: bool = False) -> None:
    """Ask every five minutes whether all that is due was done (rule K11)."""
    audit_if_due(now=timezone.now(), is_starting=is_starting)


def empty_outbox() -> None:
    """Deliver until nothing is due, so that a burst does not wait for the next cycle."""
    while deliver_due().sent:
        pass


def let_paused_channels_try() -> None:
    """A refused token may be the right one since this start."""
    try_paused_again(now=timezone.now())


def beat() -> None:
    """Say that the engine lives (rule K11)."""
    Beat.record(ENGINE, at=timezone.now())


def run_cycle() -> int:
    """Run every part once; returns how many of them failed."""
    return sum(
        not _succeeds(part)
        for part in (
            take_in_kept,
            watch_monitors,
            watch_clocks,
            write_updates,
            empty_outbox,
            beat,
            audit,
        )
    )


def run_until_stopped(*, pace: Pace = PACE) -> None:
    """Cycle until SIGTERM or SIGINT; what is running is finished first.

    Each channel has senders of its own: a mail server that drips may hold one for most of a
    minute, and no clock and no Telegram message waits for that.
    """
    stop = threading.Event()

    def request_stop(signum: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, request_stop)
    signal.signal(signal.SIGINT, request_stop)
    # What is loaded by now stays for good: no collection has to look through it again.
    gc.freeze()
    _succeeds(let_paused_channels_try)
    rounds = [_Round("upkeep", UPKEEP_PERIOD, [write_updates, _audit_since_start()])]
    rounds += [_Round("outbox", TENDING_PERIOD, [partial(tend_outbox, pace=pace)])]
    rounds += [
        _Round(
            f"{channel} sender",
            OUTBOX_PERIOD,
            [partial(empty_channel, channel, pace=pace, stop=stop)],
        )
        for channel in SENDERS
    ]
    threads = [
        threading.Thread(target=_repeat, args=(stop, around), name=around.name) for around in rounds
    ]
    for thread in threads:
        thread.start()
    _repeat(
        stop, _Round("clocks", CLOCKS_PERIOD, [take_in_kept, watch_monitors, watch_clocks, beat])
    )
    for thread in threads:
        thread.join()


@dataclass(frozen=True)
class _Round:
    """Parts that run one after another, and again after so many seconds."""

    name: str
    period: float
    parts: Sequence[Part]


def _audit_since_start() -> Part:
    started = time.monotonic()

    def audit_since_start() -> None:
        audit(is_starting=time.monotonic() - started < STARTING)

    return audit_since_start


def _repeat(stop: threading.Event, around: _Round) -> None:
    while not stop.is_set():
        for part in around.parts:
            _succeeds(part)
        stop.wait(around.period)
    connection.close()


def _succeeds(part: Part) -> bool:
    try:
        part()
        close_old_connections()
    except Exception:
        logger.exception("a part of the engine failed", extra={"part": _name_of(part)})
        # A broken connection is dropped here, so that the next cycle opens a new one.
        with suppress(Exception):
            connection.close()
        return False
    return True


def _name_of(part: Part) -> str:
    return str(getattr(part.func if isinstance(part, partial) else part, "__name__", part))
