"""Posted figures (rules K1 to K5): each item is judged by the kind of its monitor, and taken
whole or not at all."""

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.utils.dateparse import parse_datetime

from monitoring.enums import RATE_KINDS, VALUE_KINDS, Kind
from monitoring.ingest.answers import RefusalError
from monitoring.ingest.tokens import Machine

MOST_ITEMS = 1_000
#: Counts beyond this are no longer exact in JSON.
MOST_COUNTED = 2**53
MOST_AHEAD = dt.timedelta(minutes=5)
MOST_BEHIND = dt.timedelta(days=30)
DETAIL_LENGTH = 300


class KnownMonitor(NamedTuple):
    """What judging an item needs to know of its monitor."""

    pk: int
    slug: str
    kind: str
    has_allowance: bool


class Figure(NamedTuple):
    """One item that is taken: the columns of a Sample, and which monitor it was taken for."""

    monitor: KnownMonitor
    at: dt.datetime
    total: int | None = None
    bad: int | None = None
    value: float | None = None
    is_ok: bool | None = None
    detail: str = ""


@dataclass(slots=True)
class Judged:
    """A batch after judging: what to store, and why the rest is refused, by index."""

    figures: dict[tuple[int, dt.datetime], Figure] = field(default_factory=dict)
    taken: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)
    #: Refused for a monitor that may be known only to the database.
    is_doubtful: bool = False


class _OddError(Exception):
    """Why an item is not taken."""

    def __init__(self, reason: str, *, is_doubtful: bool = False) -> None:
        super().__init__(reason)
        self.is_doubtful = is_doubtful


def read_items(data: Any) -> list[Any]:
    """One object or a list of them, as a list. Raises RefusalError: 400, or 413 for too many."""
    items = [data] if isinstance(data, dict) else data
    if not isinstance(items, list):
        raise RefusalError(400, "Send one JSON object, or a list of them.")
    if len(items) > MOST_ITEMS:
        raise RefusalError(
            413, f"{len(items)} items are too many. Send at most {MOST_ITEMS} at once."
        )
    return items


def slugs_of(items: Iterable[Any]) -> set[str]:
    """The monitors that a batch names."""
    named = {item.get("monitor") for item in items if isinstance(item, dict) and _has_slug(item)}
    return {slug for slug in named if isinstance(slug, str)}


def check_scope(items: list[Any], *, machine: Machine) -> None:
    """Refuse a batch of which nothing is the token's. Raises RefusalError (403, rule A3)."""
    slugs = slugs_of(items)
    if slugs and not any(machine.may_post_for(slug) for slug in slugs):
        raise RefusalError(403, "This token may not post for the monitors named here.")


def judge_items(
    items: list[Any],
    known: Mapping[str, KnownMonitor],
    *,
    machine: Machine,
    now: dt.datetime,
) -> Judged:
    """Judge each item by itself. For the same monitor and time, the last one wins."""
    judged = Judged()
    for index, item in enumerate(items):
        try:
            figure = _judge(item, known, machine=machine, now=now)
        except _OddError as odd:
            judged.refused.append({"index": index, "reason": str(odd)})
            judged.is_doubtful |= odd.is_doubtful
        else:
            judged.figures[figure.monitor.pk, figure.at] = figure
            judged.taken += 1
    return judged


def _judge(
    item: Any, known: Mapping[str, KnownMonitor], *, machine: Machine, now: dt.datetime
) -> Figure:
    if not isinstance(item, dict):
        raise _OddError("An item must be an object.")
    if not _has_slug(item):
        raise _OddError("monitor is missing: give the slug of a monitor.")
    slug = item["monitor"]
    if not machine.may_post_for(slug):
        raise _OddError(f"This token may not post for “{slug[:80]}”.")
    monitor = known.get(slug)
    if monitor is None:
        raise _OddError(f"There is no monitor “{slug[:80]}”.", is_doubtful=True)
    at = _instant(item.get("at"), now=now)
    detail = _detail(item.get("detail"))
    if monitor.kind in RATE_KINDS:
        total, bad = _counts(item)
        return Figure(monitor, at, total=total, bad=bad, detail=detail)
    if monitor.kind in VALUE_KINDS:
        return Figure(monitor, at, value=_value(item, monitor), detail=detail)
    if monitor.kind == Kind.SYNC:
        is_ok = item.get("ok")
        if not isinstance(is_ok, bool):
            raise _OddError("ok must be true or false.", is_doubtful=True)
        return Figure(monitor, at, is_ok=is_ok, detail=detail)
    if monitor.kind == Kind.HEARTBEAT:
        raise _OddError(f"“{slug}” is a job: it pings, it posts no figures.", is_doubtful=True)
    raise _OddError(f"“{slug}” is a provider's status: a probe asks for it.", is_doubtful=True)


def _has_slug(item: dict[str, Any]) -> bool:
    slug = item.get("monitor")
    return isinstance(slug, str) and bool(slug)


def _instant(text: Any, *, now: dt.datetime) -> dt.datetime:
    """The time of an item in UTC; absent: now."""
    if text is None:
        return now
    at = _parsed(text)
    if at is None:
        raise _OddError("at must be an ISO instant such as 2026-01-05T10:00:00Z.")
    if at.tzinfo is None:
        raise _OddError("at has no offset: add Z, or one such as +01:00.")
    try:
        at = at.astimezone(dt.UTC)
    except OverflowError:
        raise _OddError("at is not a time of this century.") from None
    if at - now > MOST_AHEAD:
        raise _OddError("at lies more than 5 minutes in the future.")
    if now - at > MOST_BEHIND:
        raise _OddError("at lies more than 30 days back.")
    return at


def _parsed(text: Any) -> dt.datetime | None:
    try:
        return parse_datetime(text) if isinstance(text, str) else None
    except (ValueError, OverflowError):
        return None


def _detail(text: Any) -> str:
    if text is None:
        return ""
    if not isinstance(text, str):
        raise _OddError("detail must be text.")
    return text[:DETAIL_LENGTH]


def _counts(item: dict[str, Any]) -> tuple[int, int]:
    total, bad = _count(item, "total"), _count(item, "bad")
    if bad > total:
        raise _OddError("bad is more than total.")
    return total, bad


def _count(item: dict[str, Any], name: str) -> int:
    count = item.get(name)
    if not isinstance(count, int) or isinstance(count, bool):
        raise _OddError(f"{name} must be a whole number.", is_doubtful=True)
    if not 0 <= count < MOST_COUNTED:
        raise _OddError(f"{name} must not be negative, nor {MOST_COUNTED} or more.")
    return count


def _value(item: dict[str, Any], monitor: KnownMonitor) -> float:
    value = item.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _OddError("value must be a number.", is_doubtful=True)
    try:
        value = float(value)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value) or value < 0:
        raise _OddError("value must be finite and not negative.")
    if monitor.kind == Kind.CREDITS and not monitor.has_allowance and value > 100:
        raise _OddError("value is the percentage left, so at most 100.", is_doubtful=True)
    return value
