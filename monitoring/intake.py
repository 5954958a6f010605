"""What a monitor received, read for its page: signals or samples, page by page."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q, QuerySet

from incidents.templatetags.incident_tags import span
from monitoring.enums import Indicator, Kind, SignalKind
from monitoring.models import Monitor, Sample, Signal

PER_PAGE = 20
#: As much of a job's output as one row shows.
SHOWN_BODY = 4_000
LONGEST_NUMBER = 19
SIGNAL_MARKS: dict[str, str] = {
    SignalKind.SUCCESS: "ok",
    SignalKind.START: "na",
    SignalKind.FAIL: "bad",
    SignalKind.LOG: "na",
    SignalKind.MISSED: "bad",
}
INDICATOR_MARKS: dict[str, str] = {
    Indicator.NONE: "ok",
    Indicator.MAINTENANCE: "ok",
    Indicator.MINOR: "warn",
    Indicator.MAJOR: "bad",
    Indicator.CRITICAL: "bad",
}


@dataclass(frozen=True, slots=True)
class IntakeRow:
    """One thing that came in; ``mark`` and ``word`` are its outcome."""

    at: dt.datetime
    mark: str
    word: str
    figure: str = ""
    detail: str = ""
    body: str = ""
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class IntakePage:
    """Newest first; ``older`` continues it, empty at the end."""

    rows: list[IntakeRow] = field(default_factory=list)
    older: str = ""
    is_first: bool = True


def signals_page(monitor: Monitor, *, before: str = "") -> IntakePage:
    """What came in, newest first; ``before`` is a row's number from an earlier page. A number
    that is none, or another monitor's, gives the first page."""
    if monitor.kind in (Kind.HEARTBEAT, Kind.STATUS):
        signals, is_first = _after(monitor.signals.order_by("-at", "-pk"), before)
        return _page(signals, [_of_signal(row) for row in signals[:PER_PAGE]], is_first)
    samples, is_first = _after(monitor.samples.order_by("-at", "-pk"), before)
    return _page(samples, [_of_sample(row) for row in samples[:PER_PAGE]], is_first)


def _after(rows: QuerySet[Any], before: str) -> tuple[list[Any], bool]:
    """One row more than a page holds, and whether this is the first page. Found by the place of
    a row, not by counting, so that a year of pings costs what a day does."""
    is_number = before.isascii() and before.isdecimal() and len(before) < LONGEST_NUMBER
    number = int(before) if is_number else 0
    mark = rows.filter(pk=number).values("at", "pk").first() if number else None
    if mark is not None:
        rows = rows.filter(Q(at__lt=mark["at"]) | Q(at=mark["at"], pk__lt=mark["pk"]))
    return list(rows[: PER_PAGE + 1]), mark is None


def _page(found: list[Any], rows: list[IntakeRow], is_first: bool) -> IntakePage:
    older = str(found[PER_PAGE - 1].pk) if len(found) > PER_PAGE else ""
    return IntakePage(rows, older, is_first)


def _of_signal(signal: Signal) -> IntakeRow:
    is_probe = signal.kind == SignalKind.PROBE
    word = signal.get_indicator_display() if is_probe else signal.get_kind_display()
    mark = (INDICATOR_MARKS if is_probe else SIGNAL_MARKS).get(
        signal.indicator if is_probe else signal.kind, "none"
    )
    parts = []
    if signal.exit_status is not None:
        parts.append(f"exit status {signal.exit_status}")
    if signal.run_seconds is not None:
        parts.append(f"took {span(signal.run_seconds)}")
    text = _readable(signal.body)
    return IntakeRow(
        at=signal.at,
        mark=mark,
        word=word.capitalize() if word else "Unknown",
        figure=", ".join(parts),
        detail=signal.detail,
        body=text[:SHOWN_BODY],
        is_cut=len(text) > SHOWN_BODY,
    )


def _of_sample(sample: Sample) -> IntakeRow:
    if sample.is_ok is not None:
        mark, word = ("ok", "Succeeded") if sample.is_ok else ("bad", "Failed")
        return IntakeRow(sample.at, mark, word, detail=sample.detail)
    figure = "" if sample.value is None else f"{sample.value:,g}"
    if sample.total is not None:
        figure = f"{sample.bad:,} of {sample.total:,}"
    return IntakeRow(sample.at, "na", "Posted", figure=figure, detail=sample.detail)


def _readable(body: bytes | memoryview | None) -> str:
    """A body as text whatever its encoding; what cannot be read becomes a mark."""
    if not body:
        return ""
    text = bytes(body).decode("utf-8", errors="replace")
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\ufffd" for sign in text)
