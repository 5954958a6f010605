"""A playbook as one TOML file: written, read back, compared, imported (rule P1)."""

import json
import math
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.utils import label_for_field

from incidents.actors import Actor
from incidents.errors import Missing, WorkflowError
from incidents.models import Playbook, PlaybookStep
from incidents.models.playbook import STEP_FIELDS
from incidents.playbooks.definition import problems_of
from incidents.playbooks.editing import require_head, save_playbook
from incidents.playbooks.rows import fields_of, row_of

#: The SOP's longest playbook has 2 kB.
MOST_BYTES = 64 * 1024
HEAD = {"slug": str, "title": str, "applies_to": str, "forces_level": int}
STEP_HEADING = re.compile(r"^[ \t]*\[\[[ \t]*step[ \t]*\]\]", re.MULTILINE)
#: Wider than one line of a file: a list is written with one row a line.
LONGEST_LINE = 88


@dataclass(frozen=True, slots=True)
class PlaybookFile:
    """What a sound file says; nothing of it is stored yet."""

    playbook: Playbook
    steps: list[PlaybookStep]

    @property
    def slug(self) -> str:
        return self.playbook.slug


@dataclass(frozen=True, slots=True)
class FileChange:
    """One thing that an import changes; ``before`` is empty for what is new."""

    what: str
    before: str = ""
    after: str = ""


def write_file(playbook: Playbook) -> str:
    """The playbook as TOML. Reading it back gives the same steps."""
    parts = [_lines({name: getattr(playbook, name) for name in HEAD})]
    parts += [f"[[step]]\n{_lines(row_of(step))}" for step in playbook.steps.order_by("number")]
    return "\n".join(parts)


def read_file(data: bytes) -> PlaybookFile:
    """The playbook of a file, checked as a whole.

    Raises WorkflowError that names the line of whatever cannot be read or run.
    """
    text = _decode(data)
    table = _parse(text)
    lines = _step_lines(text)
    rows = table.pop("step", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise WorkflowError("The steps are no [[step]] tables. Write each under “[[step]]”.")
    if len(lines) != len(rows):
        lines = []
    steps = [PlaybookStep(**_fields(row, n, lines)) for n, row in enumerate(rows, start=1)]
    playbook = Playbook(**_head(table))
    require_head(playbook)
    problems = problems_of(steps)
    if problems:
        raise WorkflowError(
            f"The playbook “{playbook.title}” cannot be used as it is.",
            [Missing(f"{_place(one.number, lines)}{one}") for one in problems],
        )
    return PlaybookFile(playbook, steps)


def find_playbook(file: PlaybookFile) -> Playbook | None:
    """The stored playbook that the file is about: the one with its slug."""
    return Playbook.objects.filter(slug=file.slug).first()


def compare(file: PlaybookFile, playbook: Playbook | None) -> list[FileChange]:
    """What an import would change, the steps in their order; empty: nothing."""
    old = list(playbook.steps.order_by("number")) if playbook else []
    return [*_head_changes(file, playbook), *_step_changes(file.steps, old)]


def import_playbook(file: PlaybookFile, *, by: Actor, version: int | None = None) -> Playbook:
    """Store what a file says: a new playbook, or the steps of the one with its slug.

    All or nothing. One that was put out of use stays so. Raises NotAllowedError, ConflictError
    and WorkflowError.
    """
    playbook = find_playbook(file) or Playbook()
    for name in HEAD:
        setattr(playbook, name, getattr(file.playbook, name))
    return save_playbook(playbook, file.steps, by=by, version=version, reason="imported")


def _decode(data: bytes) -> str:
    if len(data) > MOST_BYTES:
        raise WorkflowError(
            f"The file has {len(data):,} bytes; {MOST_BYTES:,} is the most for a playbook."
        )
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise WorkflowError(f"Line {line} is no UTF-8 text. Save the file as UTF-8.") from error


def _parse(text: str) -> dict[str, Any]:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WorkflowError(f"The file is no valid TOML: {error}.") from error
    except (RecursionError, ValueError) as error:
        # Brackets in brackets without end, or a number of thousands of digits.
        raise WorkflowError("The file is no playbook: something in it is far too large.") from error
    for path, value in _values(table):
        if isinstance(value, str) and "\0" in value:
            raise WorkflowError(f"{path} has a sign that no text may have (NUL). Take it out.")
        if isinstance(value, float) and not math.isfinite(value):
            raise WorkflowError(f"{path} is no number that can be compared. Give a finite one.")
    return table


def _values(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every text and number with the names that lead to it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield path or "The file", name
            yield from _values(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for number, inner in enumerate(value, start=1):
            yield from _values(inner, f"{path} {number}")
    else:
        yield path, value


def _head(table: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(table) - set(HEAD))
    if unknown:
        known = ", ".join(HEAD)
        raise WorkflowError(
            f"The file has an unknown part “{unknown[0]}”. Known before the steps: {known}."
        )
    for name, value in table.items():
        if not isinstance(value, HEAD[name]) or isinstance(value, bool):
            word = "a text" if HEAD[name] is str else "a number"
            raise WorkflowError(f"{name} must be {word}, not {value!r}.")
    for name in ("slug", "title"):
        if name not in table:
            raise WorkflowError(f"The file has no {name}. Write it above the first [[step]].")
    return table


def _fields(row: dict[str, Any], number: int, lines: Sequence[int]) -> dict[str, Any]:
    try:
        return fields_of(row, number=number)
    except WorkflowError as error:
        raise WorkflowError(f"{_place(number, lines)}{error.message}") from error


def _step_lines(text: str) -> list[int]:
    """The line of each ``[[step]]``."""
    return [text.count("\n", 0, found.start()) + 1 for found in STEP_HEADING.finditer(text)]


def _place(number: int, lines: Sequence[int]) -> str:
    return f"Line {lines[number - 1]}: " if 0 < number <= len(lines) else ""


def _lines(row: dict[str, Any]) -> str:
    """``name = value`` lines; what is not set is left out."""
    return "".join(
        f"{name} = {_value(value, has_rows=len(name) + 3)}\n"
        for name, value in row.items()
        if value is not None and value != ""
    )


def _value(value: Any, *, has_rows: int = 0) -> str:
    """One value as TOML. A list too long for its line stands below each other."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # JSON escapes as TOML does, but for DEL, which TOML allows in no text.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        inner = [_value(one) for one in value]
        line = f"[{', '.join(inner)}]"
        if has_rows and len(line) + has_rows > LONGEST_LINE:
            return "[\n" + "".join(f"  {one},\n" for one in inner) + "]"
        return line
    if isinstance(value, dict):
        pairs = ", ".join(f"{name} = {_value(inner)}" for name, inner in value.items())
        return f"{{ {pairs} }}"
    return str(value)


def _head_changes(file: PlaybookFile, playbook: Playbook | None) -> Iterator[FileChange]:
    for name in HEAD:
        label = str(label_for_field(name, Playbook)).capitalize()
        before = _shown(getattr(playbook, name)) if playbook else ""
        after = _shown(getattr(file.playbook, name))
        if before != after:
            yield FileChange(label, before, after)


def _step_changes(
    steps: Sequence[PlaybookStep], old: Sequence[PlaybookStep]
) -> Iterator[FileChange]:
    present = {row.key: row for row in old}
    for step in steps:
        row = present.pop(step.key, None)
        what = f"Step {step.number} ({step.key})"
        if row is None:
            yield FileChange(f"{what} is new", after=step.text)
            continue
        for name in STEP_FIELDS:
            before, after = getattr(row, name), getattr(step, name)
            if before != after:
                yield FileChange(f"{what}: {name.replace('_', ' ')}", _shown(before), _shown(after))
    for row in present.values():
        yield FileChange(f"Step {row.number} ({row.key}) goes", before=row.text)


def _shown(value: Any) -> str:
    """A value for people to compare."""
    if value is None or value == "" or value == [] or value == {}:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _value(value) if isinstance(value, list | dict) else str(value)
