"""The SOP's severities, people, escalation matrix and playbooks, loaded from ``data/``.

Every loader creates what is missing and touches nothing that is there, so staff's edits stand.
It returns how many rows it created and how many it kept.
"""

import datetime as dt
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models

from incidents.enums import Rank
from incidents.models import (
    EscalationRule,
    Playbook,
    PlaybookStep,
    Policy,
    Responder,
    Severity,
)
from incidents.playbooks.definition import require_sound
from incidents.playbooks.rows import fields_of

DATA = Path(__file__).parent / "data"

Row = Mapping[str, Any]
Counts = dict[str, int]

#: How the data file writes durations: the field, its unit, and its name in the file.
DURATIONS = {
    "acknowledge_hours": ("acknowledge_within", "hours"),
    "resolve_hours": ("resolve_within", "hours"),
    "stability_hours": ("stability_window", "hours"),
    "notice_minutes": ("notice_within", "minutes"),
    "cadence_hours": ("update_cadence", "hours"),
    "follow_up_hours": ("follow_up_within", "hours"),
    "after_hours": ("fires_after", "hours"),
    "every_hours": ("fires_every", "hours"),
    "ring_minutes": ("ring_every", "minutes"),
}
#: What says when a rule of the matrix fires and rings.
TIMING = ("fires_after", "fires_every", "ring_every", "rings_to_target", "rings_to_backup")


def read_data(path: Path) -> dict[str, Any]:
    """The content of one data file."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def create_missing(
    present: models.Manager[Any], rows: Iterable[Row], *, key: tuple[str, ...]
) -> Counts:
    """Create the rows whose key fields no row has yet."""
    counts = {"created": 0, "kept": 0}
    for row in rows:
        found = present.filter(**{name: row[name] for name in key}).exists()
        if not found:
            present.create(**row)
        counts["kept" if found else "created"] += 1
    return counts


def create_missing_lines(lines: models.Manager[Any], rows: Sequence[Row]) -> Counts:
    """Create the numbered lines that a playbook or checklist lacks, in the order of the file.

    A line is there when one has its number or its text: staff may have rewritten the one and
    moved the other.
    """
    numbers = set(lines.values_list("number", flat=True))
    texts = set(lines.values_list("text", flat=True))
    counts = {"created": 0, "kept": 0}
    for number, row in enumerate(rows, start=1):
        found = number in numbers or row["text"] in texts
        if not found:
            lines.create(number=number, **row)
        counts["kept" if found else "created"] += 1
    return counts


def create_missing_steps(playbook: Playbook, rows: Sequence[Row]) -> Counts:
    """Create the steps that a playbook lacks: nothing there has their number, key or text."""
    steps = playbook.steps
    taken = {name: set(steps.values_list(name, flat=True)) for name in ("number", "key", "text")}
    counts = {"created": 0, "kept": 0}
    for row in rows:
        found = any(row[name] in values for name, values in taken.items())
        if not found:
            steps.create(**row)
        counts["kept" if found else "created"] += 1
    return counts


def load_severities() -> Counts:
    """The four levels with their clocks and texts (rules S1 to S7)."""
    rows = read_data(DATA / "severities.toml")["severity"]
    return create_missing(Severity.objects, map(_with_durations, rows), key=("level",))


def load_policy() -> Counts:
    """The one row of numbers that belong to no severity; its defaults stand at the model."""
    return create_missing(Policy.objects, [{"pk": 1}], key=("pk",))


def load_responders() -> Counts:
    """The SOP's people, each primary of a role, without an account or an address.

    A role that has a primary, whatever the name and even if no longer active, is left alone.
    """
    rows = [
        {**row, "rank": Rank.PRIMARY, "time_zone": settings.TIME_ZONE}
        for row in read_data(DATA / "roles.toml")["responder"]
    ]
    return create_missing(Responder.objects, rows, key=("role", "rank"))


def load_matrix() -> Counts:
    """The escalation matrix (rules E1 to E7) and our rule for breached clocks (C8)."""
    rows = [_with_durations(row) for row in read_data(DATA / "matrix.toml")["rule"]]
    for row in rows:
        _give_timing(row)
    return create_missing(EscalationRule.objects, rows, key=("code",))


def load_playbooks() -> Counts:
    """The five playbooks (rule P1)."""
    rows = [
        {name: value for name, value in playbook.items() if name != "steps"}
        for playbook in read_playbooks()
    ]
    return create_missing(Playbook.objects, rows, key=("slug",))


def load_playbook_steps() -> Counts:
    """The steps of the playbooks, one for each numbered line of the SOP (rule P1)."""
    steps = Counter({"created": 0, "kept": 0})
    for data in read_playbooks():
        playbook = Playbook.objects.get(slug=data["slug"])
        steps.update(create_missing_steps(playbook, data["steps"]))
    return dict(steps)


def _give_timing(row: Row) -> None:
    """A rule from before the matrix had times gets the SOP's; a changed one keeps its own.

    A rule that staff do not want is switched off, so that no time at all means none was loaded.
    """
    timing = {name: row[name] for name in TIMING if name in row}
    if "email_roles" in row:
        timing["email_roles"] = row["email_roles"]
    untimed = EscalationRule.objects.filter(
        code=row["code"], fires_after=None, ring_every=None, rings_to_target=0
    )
    rule = untimed.first() if timing else None
    if rule is not None:
        for name, value in timing.items():
            setattr(rule, name, value)
        rule.save(update_fields=list(timing))


def _with_durations(row: Row) -> dict[str, Any]:
    fields = {name: value for name, value in row.items() if name not in DURATIONS}
    for name, (field, unit) in DURATIONS.items():
        if name in row:
            fields[field] = dt.timedelta(**{unit: row[name]})
    return fields


def read_playbooks() -> list[dict[str, Any]]:
    """The playbooks of the data files, their steps as fields. Raises WorkflowError for one that
    makes no sense (rule P1)."""
    found = []
    for path in sorted((DATA / "playbooks").glob("*.toml")):
        data = read_data(path)
        rows = data.pop("step")
        data["steps"] = [fields_of(row, number=n) for n, row in enumerate(rows, start=1)]
        require_sound(data["title"], [PlaybookStep(**fields) for fields in data["steps"]])
        found.append(data)
    return found
