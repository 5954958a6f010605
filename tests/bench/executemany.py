"""The yardstick of batches: nothing but executemany of the same rows, without a web server."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg

from tests.bench.databases import Database

COLUMNS = ("monitor_id", "at", "total", "bad", "detail", "received_at", "is_fresh")
UPSERT = f"""
INSERT INTO bare_sample ({", ".join(COLUMNS)}) VALUES (%s, %s, %s, %s, '', %s, TRUE)
ON CONFLICT (monitor_id, at) DO UPDATE SET total = excluded.total, bad = excluded.bad,
    received_at = excluded.received_at, is_fresh = TRUE
"""

Items = list[dict[str, Any]]


def rows_of(items: Items, received_at: str) -> list[tuple[Any, ...]]:
    """The monitors of the bench are called by their number: no look-up is needed."""
    return [
        (int(item["monitor"][1:]), item["at"], item["total"], item["bad"], received_at)
        for item in items
    ]


@dataclass(slots=True)
class ExecuteMany:
    """Has its turn in a round like a web server has."""

    database: Database
    batches: Callable[[], Sequence[Items]]
    rates: list[float] = field(default_factory=list)

    def run(self, loader: ProcessPoolExecutor, *, seconds: float) -> None:
        received_at = datetime.now(UTC).isoformat(sep=" ")
        rows = [rows_of(items, received_at) for items in self.batches()]
        self.rates.append(loader.submit(repeat, self.database.url, rows, seconds).result())


def repeat(url: str, batches: Sequence[list[tuple[Any, ...]]], seconds: float) -> float:
    """Batches a second, each in a transaction of its own."""
    execute = _on_sqlite(url) if url.startswith("sqlite") else _on_postgres(url)
    done, began = 0, time.perf_counter()
    while done < len(batches) and time.perf_counter() - began < seconds:
        execute(batches[done])
        done += 1
    return done / (time.perf_counter() - began)


def _on_postgres(url: str) -> Callable[[list[tuple[Any, ...]]], None]:
    connection = psycopg.connect(url)

    def execute(rows: list[tuple[Any, ...]]) -> None:
        with connection.cursor() as cursor:
            cursor.executemany(UPSERT, rows)
        connection.commit()

    return execute


def _on_sqlite(url: str) -> Callable[[list[tuple[Any, ...]]], None]:
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), timeout=60)
    connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL")
    statement = UPSERT.replace("%s", "?")

    def execute(rows: list[tuple[Any, ...]]) -> None:
        with connection:
            connection.executemany(statement, rows)

    return execute
