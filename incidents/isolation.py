"""One bad row stops nobody: what fails is found, set aside, told once and tried again."""

import datetime as dt
import logging
from collections.abc import Callable, Sequence

from django.db import InterfaceError, OperationalError, transaction

from incidents import staff
from incidents.enums import Role
from incidents.models import Responder, SetAside
from notifications.enums import Urgency
from notifications.redaction import redact

logger = logging.getLogger(__name__)

FIRST_PAUSE = dt.timedelta(minutes=1)
LONGEST_PAUSE = dt.timedelta(hours=1)
#: The database is away, or another transaction was in the way: no row's fault.
NOBODYS_FAULT = (InterfaceError, OperationalError)
#: Looking for bad rows one by one is slow; after so many the next sweep goes on.
MOST_AT_ONCE = 50
#: As many as a message names one by one.
MOST_NAMED = 10

WHAT_TO_DO = (
    "What was due here could not be written. It is tried again by itself; until then, look after "
    "it by hand."
)

#: Writes the rows of these keys in one transaction.
Work = Callable[[Sequence[int]], None]


def run_isolated(
    part: str,
    keys: Sequence[int],
    work: Work,
    *,
    chunk: int,
    describe: Callable[[int], str],
    now: dt.datetime,
) -> int:
    """Do the work chunk by chunk; returns how many rows failed and were set aside.

    A chunk that fails is done again in halves, down to the rows that fail alone. Those rest for
    a time that grows with every try. What was set aside and succeeds, or is due no more, is put
    back. Raises what is no row's fault, such as a database that is away.
    """
    ripe = dict(SetAside.objects.ripe(part, at=now).values_list("row", "tries"))
    failed: dict[int, Exception] = {}
    for start in range(0, len(keys), chunk):
        if len(failed) < MOST_AT_ONCE:
            _halve(list(keys[start : start + chunk]), work, failed)
    if ripe and len(failed) < MOST_AT_ONCE:
        SetAside.objects.filter(part=part, row__in=ripe.keys() - failed.keys()).delete()
    fresh = []
    for key, error in failed.items():
        row = _set_aside(part, key, describe(key), error, tries=ripe.get(key, 0) + 1, now=now)
        if row.tries == 1:
            fresh.append(row)
    if fresh:
        _tell(fresh, now=now)
    return len(failed)


def _halve(keys: list[int], work: Work, failed: dict[int, Exception]) -> None:
    try:
        with transaction.atomic():
            work(keys)
    except NOBODYS_FAULT:
        raise
    except Exception as error:
        if len(keys) == 1:
            failed[keys[0]] = error
            return
        half = len(keys) // 2
        _halve(keys[:half], work, failed)
        if len(failed) < MOST_AT_ONCE:
            _halve(keys[half:], work, failed)


def _set_aside(
    part: str, key: int, what: str, error: Exception, *, tries: int, now: dt.datetime
) -> SetAside:
    reason = redact(f"{type(error).__name__}: {error}")
    logger.error(
        "set aside: %s: %s", what, reason, extra={"part": part, "row": key, "tries": tries}
    )
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(tries - 1, 10))
    row, _ = SetAside.objects.update_or_create(
        part=part,
        row=key,
        defaults={"what": what[:200], "error": reason, "tries": tries, "next_try_at": now + pause},
        create_defaults={
            "what": what[:200],
            "error": reason,
            "since": now,
            "next_try_at": now + pause,
        },
    )
    return row


def _tell(rows: list[SetAside], *, now: dt.datetime) -> None:
    """Tell the orchestrator once of what was set aside now; the page's alarm stands anyway."""
    names = [f"{row.what}: {row.error}" for row in rows[:MOST_NAMED]]
    if len(rows) > MOST_NAMED:
        names.append(f"and {len(rows) - MOST_NAMED} more.")
    first = rows[0]
    try:
        with transaction.atomic():
            staff.tell(
                Responder.objects.on_duty(Role.ORCHESTRATOR, at=now),
                event=f"set-aside:{first.part}:{first.row}:{first.since:%Y%m%dT%H%M%S}",
                subject=f"Not written by the clocks: {len(rows)}",
                lines=[WHAT_TO_DO, *names],
                now=now,
                urgency=Urgency.HIGH,
            )
    except NOBODYS_FAULT:
        raise
    except Exception:
        # The orchestrator's own address may be what is wrong.
        logger.exception("nobody could be told of what was set aside")
