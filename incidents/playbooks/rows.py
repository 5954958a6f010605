"""A step as a row of a TOML file, and back: the shipped playbooks and those of others alike."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from incidents.errors import WorkflowError
from incidents.models.playbook import STEP_FIELDS, StepFields

#: How the files name the time after which a step is due; the number is whole minutes.
DUE = "due_after_minutes"
#: What a value must be; everything else is text.
TYPES: dict[str, type] = {
    "answers": list,
    "is_multiple": bool,
    "parameters": dict,
    "due_only_below": int,
    "questions": list,
    "counts": list,
    DUE: int,
}
NAMES = tuple(DUE if name == "due_after" else name for name in STEP_FIELDS if name != "number")


def fields_of(row: Mapping[str, Any], *, number: int) -> dict[str, Any]:
    """The fields of a step from one ``[[step]]`` of a file.

    Raises WorkflowError for an unknown name or a value of the wrong type; what the values mean is
    judged by ``definition``.
    """
    unknown = sorted(set(row) - set(NAMES))
    if unknown:
        raise WorkflowError(
            f"Step {number} has an unknown part “{unknown[0]}”. Known: {', '.join(NAMES)}."
        )
    for name, value in row.items():
        wanted = TYPES.get(name, str)
        is_flag = isinstance(value, bool) and wanted is int
        if not isinstance(value, wanted) or is_flag:
            word = {list: "a list", bool: "true or false", dict: "a table", int: "a number"}
            raise WorkflowError(
                f"Step {number}: {name} must be {word.get(wanted, 'a text')}, not {value!r}."
            )
    fields = {name: value for name, value in row.items() if name != DUE}
    if DUE in row:
        try:
            fields["due_after"] = dt.timedelta(minutes=row[DUE])
        except OverflowError as error:
            raise WorkflowError(f"Step {number}: {DUE} is far too long.") from error
    return {"number": number, **fields}


def row_of(step: StepFields) -> dict[str, Any]:
    """One ``[[step]]`` of a file: only what is set, in the order in which the fields stand."""
    row: dict[str, Any] = {}
    for name in STEP_FIELDS:
        value = getattr(step, name)
        if name == "number" or value is None or value in ("", False, [], {}):
            continue
        if name == "due_after":
            row[DUE] = int(value.total_seconds() // 60)
        else:
            row[name] = value
    return row
