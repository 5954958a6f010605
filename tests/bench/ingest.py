"""Ingest: a ping, a figure, a hundred figures at once; and the same with ten times the data."""

import itertools
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from statistics import median

from tests.bench.databases import Database, ping_id
from tests.bench.executemany import ExecuteMany
from tests.bench.loader import request
from tests.bench.table import Row, ratio
from tests.bench.targets import BARE, OURS, Measured, Server, Target, run_rounds, serving

BATCH = 100
#: Batches made for one round; more than any round gets through.
BATCHES = 1500
BATCH_CONNECTIONS = 4
MANY_CONNECTIONS = 16
_batch_numbers = itertools.count()

Requests = Callable[[], Sequence[bytes]]


def measure(
    databases: Sequence[Database], loader: ProcessPoolExecutor, *, rounds: int, seconds: float
) -> list[Row]:
    """The rows of one kind of database; ``databases``: the small one, the one of ten times."""
    small, large = databases
    with ExitStack() as stack:
        ours = stack.enter_context(serving(OURS, small))
        bare = stack.enter_context(serving(BARE, small))
        ours_large = stack.enter_context(serving(OURS, large))
        yardstick = "insert" if small.is_sqlite else "update"
        targets = {
            "yardstick": Target(bare, pings(f"/{yardstick}/", small)),
            "insert": Target(bare, pings("/insert/", small)),
            "ping": Target(ours, pings("/ping/", small)),
            "ping, 10 ×": Target(ours_large, pings("/ping/", large)),
            "metric": Target(ours, metrics(small), expected=[202], warm_up=small.monitors),
            "metric, 10 ×": Target(
                ours_large, metrics(large), expected=[202], warm_up=large.monitors
            ),
        }
        run_rounds(list(targets.values()), loader, rounds=rounds, seconds=seconds)
        rows = [
            *_single_rows(targets),
            *_growth_rows(targets),
            *_batch_rows(ours, bare, loader, rounds=rounds, seconds=seconds),
        ]
    return [*rows, *(_crowd_rows(small, loader, rounds, seconds) if small.is_sqlite else [])]


# What is sent ------------------------------------------------------------------------------


def pings(stem: str, database: Database) -> Requests:
    made = [request("GET", f"{stem}{ping_id(n)}") for n in range(1, database.monitors + 1)]
    return lambda: made


def metrics(database: Database) -> Requests:
    first = database.monitors + 1
    made = [
        _post("/ingest/metrics", {"monitor": f"m{n}", "total": 100, "bad": 3}, database)
        for n in range(first, first + database.monitors)
    ]
    return lambda: made


def batches(path: str, database: Database) -> Requests:
    return lambda: [_post(path, items, database) for items in batches_of_items(database)]


def batches_of_items(database: Database) -> list[list[dict[str, object]]]:
    """No two of them have a row in common, however often this is called."""
    first, start = database.monitors + 1, datetime.now(UTC) - timedelta(days=20)
    return [
        [
            {
                "monitor": f"m{first + n}",
                "at": (start + timedelta(milliseconds=number)).isoformat(),
                "total": 100,
                "bad": 3,
            }
            for n in range(BATCH)
        ]
        for number in itertools.islice(_batch_numbers, BATCHES)
    ]


def _post(path: str, data: object, database: Database) -> bytes:
    headers = [f"Authorization: Bearer {database.token}"]
    return request("POST", path, body=json.dumps(data).encode(), headers=headers)


# What it showed ----------------------------------------------------------------------------


def _single_rows(targets: dict[str, Target]) -> list[Row]:
    yardstick, insert = targets["yardstick"], targets["insert"]
    rows = []
    for name in ("ping", "metric"):
        target = targets[name]
        all_in, yardstick_all_in = _with_database(target), _with_database(yardstick)
        rows.append(
            Row(
                f"one {name}, CPU per request",
                ratio(target.cpu, yardstick.cpu),
                must=1.6,
                stretch=1.3,
                is_most=True,
                detail=f"{_us(target.cpu)} against {_us(yardstick.cpu)}; with the database's part"
                f" {ratio(all_in, yardstick_all_in):.2f} ×; against the bare INSERT"
                f" {ratio(target.cpu, insert.cpu):.2f} ×",
            )
        )
        rows.append(
            Row(
                f"one {name}, requests/s",
                ratio(target.rates, yardstick.rates),
                must=0.6,
                stretch=0.75,
                detail=f"{median(target.rates):.0f} against {median(yardstick.rates):.0f}/s;"
                f" against the bare INSERT {ratio(target.rates, insert.rates):.2f} ×",
            )
        )
    return rows


def _growth_rows(targets: dict[str, Target]) -> list[Row]:
    rows = []
    for name in ("ping", "metric"):
        small, large = targets[name], targets[f"{name}, 10 ×"]
        rows.append(
            Row(
                f"one {name} with 10 × the data, CPU per request",
                ratio(_with_database(large), _with_database(small)),
                must=1.2,
                stretch=1.1,
                is_most=True,
                detail=f"with the database's part; without {ratio(large.cpu, small.cpu):.2f} ×",
            )
        )
    return rows


def _batch_rows(
    ours: Server, bare: Server, loader: ProcessPoolExecutor, *, rounds: int, seconds: float
) -> list[Row]:
    database = ours.database
    direct = ExecuteMany(database, lambda: batches_of_items(database))
    over_http = Target(
        bare, batches("/many", database), expected=[202], connections=BATCH_CONNECTIONS
    )
    target = Target(
        ours, batches("/ingest/metrics", database), expected=[202], connections=BATCH_CONNECTIONS
    )
    turns: list[Measured] = [direct, over_http, target]
    run_rounds(turns, loader, rounds=rounds, seconds=seconds)
    return [
        Row(
            "metrics in batches of 100, rows/s",
            ratio(target.rates, direct.rates),
            must=0.5,
            stretch=0.7,
            detail=f"{median(target.rates) * BATCH:.0f} rows/s against a loop of executemany with"
            f" {median(direct.rates) * BATCH:.0f}; against executemany in a bare view"
            f" {ratio(target.rates, over_http.rates):.2f} ×",
        )
    ]


def _crowd_rows(
    database: Database, loader: ProcessPoolExecutor, rounds: int, seconds: float
) -> list[Row]:
    """Pings and figures from many at once, with as many web workers as `serve` has."""
    mixed = [
        sent
        for pair in zip(pings("/ping/", database)(), metrics(database)(), strict=True)
        for sent in pair
    ]
    with serving(OURS, database, workers=2) as server:
        target = Target(server, lambda: mixed, expected=[200, 202], connections=MANY_CONNECTIONS)
        run_rounds([target], loader, rounds=rounds, seconds=2 * seconds)
    waits = [1000 * load.wait_at(0.99) for load in target.loads]
    return [
        Row(
            f"ingest over {MANY_CONNECTIONS} connections, p99",
            median(waits),
            must=50,
            unit="ms",
            is_most=True,
            detail=f"{median(target.rates):.0f} requests/s,"
            f" median {1000 * median(load.wait_at(0.5) for load in target.loads):.1f} ms",
        )
    ]


def _with_database(target: Target) -> list[float]:
    return [sum(parts) for parts in zip(target.cpu, target.database_cpu, strict=True)]


def _us(seconds: Sequence[float]) -> str:
    return f"{1e6 * median(seconds):.0f} µs"
