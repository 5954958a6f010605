"""An incident as Markdown or JSON (rule W9), a list of incidents as CSV.

The Markdown is what the SOP calls the log in workspace memory. Text that people typed is escaped,
so that it cannot pass for a heading, a table row, a link or HTML; in CSV it cannot pass for a
formula.
"""

import csv
import datetime as dt
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from incidents.enums import Origin
from incidents.models import Deadline, Incident, TimelineEntry
from incidents.serialization import full_data, iso

CSV_COLUMNS = (
    "Reference",
    "Title",
    "Status",
    "Severity",
    "Source",
    "Clients",
    "Systems",
    "Coordinator",
    "Technical owner",
    "Communications owner",
    "Detected at",
    "Acknowledge due",
    "Acknowledged at",
    "Acknowledge breached",
    "Resolve due",
    "Fix confirmed at",
    "Resolve breached",
    "Resolved at",
    "Closed at",
)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_INLINE = re.compile(r"([\\`*\[\]<>|&~]|(?<!\w)_|_(?!\w))")
_LINE_START = re.compile(r"^(\s*)([#=+-]|\d+(?=[.)](?:\s|$)))", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Export:
    """A format of one incident."""

    name: str
    suffix: str
    content_type: str
    write: Callable[..., str]


def to_json(incident: Incident, *, now: dt.datetime) -> str:
    """The incident as ``show --json`` gives it, indented."""
    return json.dumps(full_data(incident, now=now), indent=2, ensure_ascii=False) + "\n"


def to_markdown(incident: Incident, *, now: dt.datetime) -> str:
    """The incident's facts, clocks, clients, fixes, review and whole timeline.

    Times are in the current zone, printed with each (rule C9).
    """
    parts = [
        [f"# {incident.ref} {escape(incident.title)}"],
        _facts(incident),
        _clocks(incident),
        _clients(incident),
        _fixes(incident),
        _review(incident),
        _timeline(incident),
        [f"Exported {_time(now)}."],
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


EXPORTS = (
    Export("markdown", "md", "text/markdown; charset=utf-8", to_markdown),
    Export("json", "json", "application/json", to_json),
)


def to_csv(incidents: Iterable[Incident]) -> str:
    """A table of incidents for a spreadsheet; give it rows of ``for_serializing``."""
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow(CSV_COLUMNS)
    for incident in incidents:
        writer.writerow([safe_cell(value) for value in _row(incident)])
    return sheet.getvalue()


def safe_cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula: a leading sign gets a quote before it."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def escape(text: str) -> str:
    """Text as Markdown that shows exactly this text."""
    inline = _INLINE.sub(r"\\\1", text)
    return _LINE_START.sub(_escape_start, inline)


def _escape_start(match: re.Match[str]) -> str:
    space, mark = match.groups()
    # "1." would start a list: the dot is escaped, the digits cannot be.
    return f"{space}{mark}\\" if mark.isdigit() else f"{space}\\{mark}"


def _cell(text: str) -> str:
    return "<br>".join(escape(line) for line in text.splitlines() if line.strip())


def _block(text: str) -> str:
    """Paragraph text whose line breaks stay."""
    return "  \n".join(escape(line) for line in text.splitlines())


def _time(instant: dt.datetime | None) -> str:
    if instant is None:
        return ""
    local = timezone.localtime(instant)
    return f"{local:%Y-%m-%d %H:%M:%S %Z}"


def _facts(incident: Incident) -> list[str]:
    severity = incident.severity.code if incident.severity else "not triaged"
    reason = f": {incident.severity_reason}" if incident.severity_reason else ""
    facts = {
        "Status": incident.get_status_display(),
        "Severity": f"{severity}{reason}",
        "Source": incident.get_source_display(),
        "Detected": _time(incident.detected_at),
        "Systems": ", ".join(system.name for system in incident.systems.all()),
        "Side at fault": incident.get_fault_side_display() if incident.fault_side else "",
        "Coordinator": str(incident.coordinator or ""),
        "Resolver": str(incident.technical_owner or ""),
        "Communications": str(incident.communications_owner or ""),
        "Private": "yes" if incident.is_private else "",
    }
    lines = [f"- **{name}**: {_cell(text)}" for name, text in facts.items() if text]
    return [*lines, "", _block(incident.description)] if incident.description else lines


def _clocks(incident: Incident) -> list[str]:
    rows = [
        [
            row.get_kind_display() + (f" ({row.client})" if row.client else ""),
            _time(row.due_at),
            _time(row.stopped_at),
            "breached" if row.is_breached else "",
        ]
        for row in incident.deadlines.counted().select_related("client")
    ]
    return _table("Clocks", ["Deadline", "Due", "Met", "Breach"], rows)


def _clients(incident: Incident) -> list[str]:
    rows = [
        [
            str(row.client),
            row.client.get_tier_display(),
            _way(row.told_at, row.get_told_via_display()),
            _way(row.resolution_told_at, row.get_resolution_told_via_display()),
            row.get_hubspot_state_display(),
        ]
        for row in incident.affected.select_related("client")
    ]
    return _table("Clients", ["Client", "Tier", "Notified", "Resolution", "HubSpot"], rows)


def _way(at: dt.datetime | None, via: str) -> str:
    return f"{_time(at)}, {via.lower()}" if at else ""


def _fixes(incident: Incident) -> list[str]:
    lines: list[str] = []
    for fix in incident.fixes.all():
        lines += ["", f"### {fix.get_kind_display()}, {_time(fix.at)}, {escape(fix.by_name)}", ""]
        parts = {
            "What broke": fix.broke,
            "Cause": fix.cause,
            "What was done": fix.done,
            "Tested": fix.tested_what,
            "Where": fix.tested_where,
            "Result": fix.test_result,
        }
        lines += [f"- **{name}**: {_cell(text)}" for name, text in parts.items() if text]
    return ["## Fixes", *lines] if lines else []


def _review(incident: Incident) -> list[str]:
    review = getattr(incident, "review", None)
    if review is None:
        return []
    state = "" if review.completed_at else " (draft)"
    lines = [f"## Post-incident entry{state}"]
    for name, text in (
        ("Timeline of events", review.timeline),
        ("Root cause", review.root_cause),
        ("Resolution", review.resolution),
    ):
        lines += ["", f"### {name}", "", _block(text)]
    lines += ["", "### Prevention measures", ""]
    lines += [
        f"- {_cell(measure.text)} ({escape(str(measure.owner))}, "
        + (f"done {measure.done_on})" if measure.done_on else f"due {measure.due_on})")
        for measure in review.measures.select_related("owner")
    ]
    return lines


def _timeline(incident: Incident) -> list[str]:
    rows = [
        [_time(entry.at), _who(entry), entry.get_kind_display(), _words(entry)]
        for entry in incident.timeline.select_related("client")
    ]
    return _table("Timeline", ["Time", "Who", "What", "Text"], rows)


def _who(entry: TimelineEntry) -> str:
    """People, command line and system are told apart (W9)."""
    if entry.origin == Origin.SYSTEM:
        return "system"
    who = entry.actor_name
    if entry.stands_in_for:
        who += f", standing in for {entry.stands_in_for}"
    return f"{who} (command line)" if entry.origin == Origin.COMMAND_LINE else who


def _words(entry: TimelineEntry) -> str:
    late = f"(added later, {_time(entry.recorded_at)}) " if entry.is_added_later else ""
    return f"{late}{entry.text}"


def _table(title: str, heads: list[str], rows: list[list[str]]) -> list[str]:
    if not rows:
        return []
    lines = [f"## {title}", "", _line(heads), _line(["---"] * len(heads))]
    return lines + [_line([_cell(cell) for cell in row]) for row in rows]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _row(incident: Incident) -> Iterator[Any]:
    clocks: dict[str, Deadline] = {
        row.kind: row for row in getattr(incident, "standing_deadlines", [])
    }
    acknowledge, resolve = clocks.get("acknowledge"), clocks.get("resolve")
    yield from (incident.ref, incident.title, incident.get_status_display())
    yield incident.severity.code if incident.severity else ""
    yield incident.get_source_display()
    yield "; ".join(row.client.name for row in incident.affected.all())
    yield "; ".join(system.name for system in incident.systems.all())
    yield from (incident.coordinator, incident.technical_owner, incident.communications_owner)
    yield iso(incident.detected_at)
    for clock in (acknowledge, resolve):
        yield iso(clock.due_at) if clock else ""
        yield iso(clock.stopped_at) if clock else ""
        yield "yes" if clock and clock.is_breached else ""
    yield from (iso(incident.resolved_at), iso(incident.closed_at))
