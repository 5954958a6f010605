"""The table that `make bench` prints."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Row:
    """One figure against what is asked of it; ``is_most``: it must not be more than that."""

    what: str
    measured: float
    must: float
    stretch: float | None = None
    unit: str = "×"
    is_most: bool = False
    detail: str = ""

    @property
    def verdict(self) -> str:
        if not self._reaches(self.must):
            return "MISSED"
        return "stretch" if self.stretch is not None and self._reaches(self.stretch) else "met"

    def _reaches(self, limit: float) -> bool:
        return self.measured <= limit if self.is_most else self.measured >= limit

    def cells(self) -> list[str]:
        sign = "≤" if self.is_most else "≥"
        stretch = "" if self.stretch is None else f"{sign} {self.stretch:g} {self.unit}"
        return [
            self.what,
            f"{self.measured:.2f} {self.unit}",
            f"{sign} {self.must:g} {self.unit}",
            stretch,
            self.verdict,
            self.detail,
        ]


HEADINGS = ["what", "measured", "must", "stretch", "", "seen"]


def print_table(title: str, rows: Iterable[Row]) -> None:
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    say(f"\n{title}\n")
    for line in lines:
        say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def ratio(figures: Iterable[float], yardsticks: Iterable[float]) -> float:
    """The median of the ratios, round by round."""
    return median(one / other for one, other in zip(figures, yardsticks, strict=True))
