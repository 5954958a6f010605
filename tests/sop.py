"""Reads docs/sop.md, so that tests can hold the data against the SOP's own words."""

import re
from functools import cache
from pathlib import Path

SOP = Path(__file__).parent.parent / "docs" / "sop.md"

#: People of the SOP and the roles the code knows them by.
ROLE_OF = {"Clayton": "founder", "Laura": "legal"}


@cache
def lines_under(heading: str) -> tuple[str, ...]:
    """The lines below a heading up to the next heading or rule, without bold marks."""
    lines = SOP.read_text(encoding="utf-8").splitlines()
    start = lines.index(heading) + 1
    found = []
    for line in lines[start:]:
        if line.startswith("#") or line == "---":
            break
        if line:
            found.append(line.replace("**", ""))
    return tuple(found)


def headings(*, level: int, after: str) -> list[str]:
    """The headings of a level below the heading ``after``, up to the next rule."""
    text = SOP.read_text(encoding="utf-8").split(f"\n{after}\n", 1)[1].split("\n---\n", 1)[0]
    mark = "#" * level
    return [line for line in text.splitlines() if line.startswith(f"{mark} ")]


def numbered(heading: str) -> list[str]:
    """The texts of the numbered lines below a heading, in their order."""
    found = [re.fullmatch(r"(\d+)\. (.+)", line) for line in lines_under(heading)]
    matches = [match for match in found if match]
    assert [int(match[1]) for match in matches] == list(range(1, len(matches) + 1))
    return [match[2] for match in matches]


def boxes(heading: str) -> list[str]:
    """The texts of the check boxes below a heading."""
    return [line.removeprefix("- [ ] ") for line in lines_under(heading) if "[ ]" in line]


def table(heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without its head."""
    rows = [line for line in lines_under(heading) if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def value(heading: str, label: str) -> str:
    """What follows “Label: ” in a paragraph below a heading."""
    [found] = [line for line in lines_under(heading) if line.startswith(f"{label}: ")]
    return found.removeprefix(f"{label}: ")
