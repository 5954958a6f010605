"""Storing posted figures: one statement for a batch.

What a token and the named monitors are is remembered from one request to the next, and the
statement itself checks that it still holds: the token is usable, each monitor is of that name and
kind. Where it does not, everything is read anew. So a request costs one statement, and a token
that is revoked is refused at once.
"""

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from monitoring.enums import Kind, Scope
from monitoring.ingest import spool
from monitoring.ingest.answers import RefusalError, unavailable
from monitoring.ingest.metrics import (
    Figure,
    Judged,
    KnownMonitor,
    check_scope,
    judge_items,
    slugs_of,
)
from monitoring.ingest.patience import AWAY, patience
from monitoring.ingest.tokens import (
    Machine,
    check_machine,
    load_machine,
    note_use,
    read_credentials,
)
from monitoring.models import Monitor

COLUMNS = "monitor_id, at, total, bad, value, is_ok, detail, received_at, is_fresh"
ON_CONFLICT = """ON CONFLICT (monitor_id, at) DO UPDATE SET
    total = excluded.total, bad = excluded.bad, value = excluded.value, is_ok = excluded.is_ok,
    detail = excluded.detail, received_at = excluded.received_at, is_fresh = TRUE"""
#: What comes late from the disk gives way to what was received after it.
UNLESS_NEWER = "WHERE monitoring_sample.received_at <= excluded.received_at"
IS_SAME = "m.slug = i.slug AND m.kind = i.kind"
STILL_HOLDS = """EXISTS (SELECT 1 FROM monitoring_ingesttoken t WHERE t.id = %s
    AND t.digest = %s AND t.scopes = %s AND t.revoked_at IS NULL
    AND (t.expires_at IS NULL OR t.expires_at > %s))"""
#: What a batch is read from: a JSON list of objects with these fields.
FIELDS = {
    "id": "bigint",
    "slug": "text",
    "kind": "text",
    "at": "timestamptz",
    "total": "bigint",
    "bad": "bigint",
    "value": "float8",
    "is_ok": "bool",
    "detail": "text",
}
RECORD = ", ".join(f"{name} {kind}" for name, kind in FIELDS.items())
PARTS = ", ".join(f"json_extract(value, '$.{name}') AS {name}" for name in FIELDS)
SOURCES = {
    "postgresql": f"json_to_recordset(%s) AS i({RECORD})",
    "sqlite": f"(SELECT {PARTS} FROM json_each(%s)) AS i",  # noqa: S608 - ours alone
}

#: How many names and tokens a process remembers.
MOST_REMEMBERED = 10_000
_monitors: dict[str, KnownMonitor] = {}
_machines: dict[str, Machine] = {}


def take_metrics(header: str, items: list[Any], *, now: dt.datetime) -> Judged:
    """Authenticate, judge and store a batch.

    While the database is away, a batch of a token and of monitors that are remembered is kept on
    disk. Raises RefusalError: 401, 403, or 503 where nothing could be taken.
    """
    key, digest = read_credentials(header)
    try:
        with patience() as database:
            return _take(database, key, digest, items, now=now)
    except AWAY:
        if connection.in_atomic_block:
            raise
        connection.close()
    return _keep(key, digest, items, now=now)


def replay_metrics(data: dict[str, Any], body: bytes) -> None:
    """Take in what the disk kept; a second time changes nothing, and newer figures stay."""
    received_at = dt.datetime.fromisoformat(data["received_at"])
    figures = []
    for pk, slug, kind, at, *rest in data["figures"]:
        monitor = KnownMonitor(pk, slug, Kind(kind).value, False)
        figures.append(Figure(monitor, dt.datetime.fromisoformat(at), *rest))
    store_figures(connection, figures, machine=None, now=received_at)


def store_figures(
    database: BaseDatabaseWrapper,
    figures: Iterable[Figure],
    *,
    machine: Machine | None,
    now: dt.datetime,
) -> int:
    """Insert or replace, in the order of the keys; returns how many were written.

    Those whose monitor is no longer what it was, or all if the token is not, are left out.
    Without a machine it is a replay.
    """
    rows = [(*figure.monitor[:3], *figure[1:]) for figure in sorted(figures, key=_order)]
    if len(rows) < 2:
        return _store_one(database, rows[0], machine, now) if rows else 0
    return _store_many(database, rows, machine, now)


def forget() -> None:
    """Read tokens and monitors anew, the next time somebody posts."""
    _monitors.clear()
    _machines.clear()


def _take(
    database: BaseDatabaseWrapper, key: str, digest: str, items: list[Any], *, now: dt.datetime
) -> Judged:
    for is_fresh in (False, True, True):
        machine = _machine(key, digest, now=now, is_fresh=is_fresh)
        check_scope(items, machine=machine)
        known = _known(slugs_of(items), is_fresh=is_fresh)
        judged = judge_items(items, known, machine=machine, now=now)
        if judged.is_doubtful and not is_fresh:
            continue
        written = store_figures(database, judged.figures.values(), machine=machine, now=now)
        # With nothing to store, nothing has checked what is remembered of the token.
        if written == len(judged.figures) and (is_fresh or judged.figures):
            note_use(machine, now=now)
            return judged
    raise unavailable("Monitors changed meanwhile. Send it again.")


def _machine(key: str, digest: str, *, now: dt.datetime, is_fresh: bool) -> Machine:
    """Raises RefusalError, never from memory."""
    remembered = None if is_fresh else _machines.get(key)
    if remembered is not None:
        with suppress(RefusalError):
            return check_machine(remembered, digest, needs=Scope.METRICS, now=now)
    _machines.pop(key, None)
    machine = check_machine(load_machine(key), digest, needs=Scope.METRICS, now=now)
    if len(_machines) >= MOST_REMEMBERED:
        _machines.clear()
    _machines[key] = machine
    return machine


def _known(slugs: set[str], *, is_fresh: bool) -> Mapping[str, KnownMonitor]:
    """The monitors of those names; one query where they are not all remembered."""
    if is_fresh or not slugs <= _monitors.keys():
        rows = Monitor.objects.filter(slug__in=slugs).order_by()
        found = rows.values_list("pk", "slug", "kind", "allowance")
        for slug in slugs:
            _monitors.pop(slug, None)
        if len(_monitors) >= MOST_REMEMBERED:
            _monitors.clear()
        for pk, slug, kind, allowance in found:
            _monitors[slug] = KnownMonitor(pk, slug, kind, allowance is not None)
    return _monitors


def _keep(key: str, digest: str, items: list[Any], *, now: dt.datetime) -> Judged:
    remembered = _machines.get(key)
    if remembered is None or not slugs_of(items) <= _monitors.keys():
        raise unavailable()
    machine = check_machine(remembered, digest, needs=Scope.METRICS, now=now)
    check_scope(items, machine=machine)
    judged = judge_items(items, _monitors, machine=machine, now=now)
    if judged.figures:
        figures = [
            [*figure.monitor[:3], figure.at.isoformat(), *figure[2:]]
            for figure in judged.figures.values()
        ]
        spool.keep("metrics", {"received_at": now.isoformat(), "figures": figures})
    return judged


def _order(figure: Figure) -> tuple[int, dt.datetime]:
    """Two batches that take their locks in the same order never wait for each other in a ring."""
    return figure.monitor.pk, figure.at


def _store_one(
    database: BaseDatabaseWrapper, row: tuple[Any, ...], machine: Machine | None, now: dt.datetime
) -> int:
    """The usual case, without making a table of it first."""
    pk, slug, kind, at, *figures = row
    adapt = database.ops.adapt_datetimefield_value
    received_at = adapt(now)
    adapted_at = received_at if at is now else adapt(at)
    where, values = _condition(machine, received_at)
    sql = f"""INSERT INTO monitoring_sample ({COLUMNS})
SELECT m.id, %s, %s, %s, %s, %s, %s, %s, TRUE FROM monitoring_monitor m
WHERE m.id = %s AND m.slug = %s AND m.kind = %s AND {where}
{_conflict(machine)}"""  # noqa: S608 - ours alone
    with database.cursor() as cursor:
        cursor.execute(sql, [adapted_at, *figures, received_at, pk, slug, kind, *values])
        return int(cursor.rowcount)


def _store_many(
    database: BaseDatabaseWrapper,
    rows: list[tuple[Any, ...]],
    machine: Machine | None,
    now: dt.datetime,
) -> int:
    """In one statement: one text is half the work of a list of parameters, or an array for each
    column, and SQLite lets go of Python's lock once instead of once a row."""
    adapt = database.ops.adapt_datetimefield_value
    received_at = adapt(now)
    where, values = _condition(machine, received_at)
    sql = f"""INSERT INTO monitoring_sample ({COLUMNS})
        SELECT m.id, i.at, i.total, i.bad, i.value, i.is_ok, i.detail, %s, TRUE
        FROM {SOURCES[database.vendor]}
        JOIN monitoring_monitor m ON m.id = i.id AND {IS_SAME}
        WHERE {where} ORDER BY m.id, i.at {_conflict(machine)}"""  # noqa: S608 - ours alone
    items = [dict(zip(FIELDS, row, strict=True)) for row in rows]
    text = json.dumps(items, default=lambda at: str(adapt(at)))
    with database.cursor() as cursor:
        cursor.execute(sql, [received_at, text, *values])
        return int(cursor.rowcount)


def _condition(machine: Machine | None, received_at: Any) -> tuple[str, list[Any]]:
    if machine is None:
        return "TRUE", []
    return STILL_HOLDS, [machine.pk, machine.digest, machine.scopes_text, received_at]


def _conflict(machine: Machine | None) -> str:
    return ON_CONFLICT if machine else f"{ON_CONFLICT} {UNLESS_NEWER}"
