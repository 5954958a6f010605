"""A small table that is kept beside an item."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Table:
    """Every cell is a text or a number, so that it can be kept as JSON."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str | int, ...], ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "head": list(self.head),
            "rows": [list(row) for row in self.rows],
        }
