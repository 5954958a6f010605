"""`make bench`. Never fails a build: a figure that misses is said, not raised."""

import argparse
import os
import tempfile
import time
from contextlib import AbstractContextManager
from pathlib import Path

from tests.bench import delivery, ingest, sweep
from tests.bench.databases import Database, postgres_databases, postgres_url, sqlite_databases
from tests.bench.loader import start_loader
from tests.bench.table import print_table, say

SECTIONS = [ingest.measure, delivery.measure, sweep.measure]
#: Jobs (and as many rates), and rows of signals and of samples: as it is, and ten times that.
SIZES = [(100, 100_000), (1_000, 1_000_000)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.5, help="of one turn")
    parser.add_argument("--only", choices=["PostgreSQL", "SQLite"])
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-") as name, start_loader() as loader:
        for title, databases in chosen(options.only, Path(name)):
            say(f"{title}: filling the databases")
            with databases as filled:
                say("  measuring")
                rows = [
                    row
                    for measure in SECTIONS
                    for row in measure(
                        filled, loader, rounds=options.rounds, seconds=options.seconds
                    )
                ]
            print_table(f"{title}, {os.cpu_count()} cores", rows)
            say("")
    say(f"{options.rounds} rounds, {time.monotonic() - began:.0f} s")


def chosen(
    only: str | None, folder: Path
) -> list[tuple[str, AbstractContextManager[list[Database]]]]:
    found: list[tuple[str, AbstractContextManager[list[Database]]]] = []
    if only != "SQLite":
        if server := postgres_url():
            found.append(("PostgreSQL", postgres_databases(server, folder, SIZES)))
        else:
            say("SKIPPED: PostgreSQL does not answer (CI_DATABASE_URL)")
    if only != "PostgreSQL":
        found.append(("SQLite", sqlite_databases(folder, SIZES)))
    return found


if __name__ == "__main__":
    main()
