"""The sweep over many open incidents: nothing due, a thousand warnings, a thousand breaches."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from statistics import median

from tests.bench.databases import Database
from tests.bench.table import Row, ratio, say
from tests.places import ROOT

#: Open incidents: a tenth of what is asked, and what is asked.
SIZES = (10_000, 100_000)
IDLE_SWEEPS_A_ROUND = 5
#: Deadlines that come due in one go.
DUE = 1000


class Sweeper:
    """A process that sweeps when it is told to, and says how long that took."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.times: dict[str, list[float]] = {}

    def sweep(self, what: str) -> None:
        """``idle``, ``warnings`` or ``breaches``; kept in milliseconds."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("The sweeper has no pipes.")
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("The sweeper has stopped.")
        self.times.setdefault(what, []).append(1000 * float(answer))


def measure(
    databases: Sequence[Database], loader: ProcessPoolExecutor, *, rounds: int, seconds: float
) -> list[Row]:
    """The rows of one kind of database; the smaller one gets a tenth of the incidents."""
    with ExitStack() as stack:
        small, large = (
            stack.enter_context(_sweeper(database, incidents))
            for database, incidents in zip(databases, SIZES, strict=True)
        )
        for number in range(rounds):
            for _ in range(IDLE_SWEEPS_A_ROUND):
                for sweeper in (small, large) if number % 2 == 0 else (large, small):
                    sweeper.sweep("idle")
            large.sweep("warnings")
            large.sweep("breaches")
    idle = large.times["idle"]
    return [
        Row(
            f"sweep over {SIZES[1]:,} open incidents, nothing due",
            median(idle),
            must=20,
            unit="ms",
            is_most=True,
            detail=f"worst {max(idle):.1f} ms",
        ),
        Row(
            f"idle sweep with 10 × the incidents ({SIZES[0]:,} to {SIZES[1]:,})",
            ratio(idle, small.times["idle"]),
            must=1.2,
            stretch=1.1,
            is_most=True,
        ),
        *(_due_row(what, large.times[what]) for what in ("warnings", "breaches")),
    ]


def _due_row(what: str, times: list[float]) -> Row:
    written = {
        "warnings": "entries and messages",
        "breaches": "two entries each, escalations and messages",
    }[what]
    return Row(
        f"sweep with {DUE:,} {what} due",
        median(times),
        must=250,
        unit="ms",
        is_most=True,
        detail=f"with {written} written; worst {max(times):.0f} ms",
    )


@contextmanager
def _sweeper(database: Database, incidents: int) -> Iterator[Sweeper]:
    say(f"  {incidents:,} open incidents")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.sweeper", str(incidents)],
        cwd=ROOT,
        env=database.environ(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise RuntimeError("The sweeper did not start.")
        yield Sweeper(process)
    finally:
        process.terminate()
        process.communicate()
