"""Pings of jobs, as Healthchecks clients send them (rule K1)."""

import datetime as dt
import re
import time
import uuid
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from monitoring.enums import Kind, SignalKind
from monitoring.ingest import spool
from monitoring.ingest.answers import RefusalError
from monitoring.ingest.patience import AWAY, PATIENCE, patience

UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
EXIT_STATUS = re.compile(r"[0-9]{1,3}", re.ASCII)
ACTIONS = {
    "": SignalKind.SUCCESS,
    "start": SignalKind.START,
    "fail": SignalKind.FAIL,
    "log": SignalKind.LOG,
}

# One statement finds the job and writes the signal; no row of the monitor is touched.
INSERT = f"""
INSERT INTO monitoring_signal
    (monitor_id, kind, at, run_id, exit_status, indicator, detail, body, is_fresh)
SELECT m.id, %s, %s, %s, %s, '', '', %s, TRUE
FROM monitoring_monitor m WHERE m.ping_id = %s AND m.kind = '{Kind.HEARTBEAT.value}'
"""  # noqa: S608 - a constant of ours
#: For a ping that may be stored already: it is known by its monitor, kind, microsecond and body.
INSERT_ONCE = f"""{INSERT} AND NOT EXISTS (
    SELECT 1 FROM monitoring_signal s WHERE s.monitor_id = m.id AND s.kind = %s AND s.at = %s
    AND (s.body = %s OR (s.body IS NULL AND %s))
)"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Ping:
    """One sign of life of a job; ``at`` is when it was received."""

    ping_id: uuid.UUID
    kind: str
    at: dt.datetime
    exit_status: int | None = None
    run_id: uuid.UUID | None = None
    body: bytes = b""


def read_ping(ping_id: str, action: str, rid: str | None, *, body: bytes, now: dt.datetime) -> Ping:
    """What an address says. Raises RefusalError (400).

    ``action`` is empty, ``start``, ``fail``, ``log`` or an exit status: 0 is a success, any
    other up to 255 a failure.
    """
    exit_status = None
    kind = ACTIONS.get(action)
    if kind is None:
        exit_status = int(action) if EXIT_STATUS.fullmatch(action) else 256
        if exit_status > 255:
            raise RefusalError(
                400, "After the id comes nothing, start, fail, log or a number to 255."
            )
        kind = SignalKind.FAIL if exit_status else SignalKind.SUCCESS
    run_id = None if rid is None else _uuid(rid, "rid")
    return Ping(_uuid(ping_id, "The id of a ping"), kind.value, now, exit_status, run_id, body)


def take_ping(ping: Ping) -> bool:
    """Store a ping, in the database or, while that is away, on disk; False: no such job.

    A paused monitor takes pings as well, as Healthchecks does. Raises RefusalError (503) when the
    disk takes nothing either.
    """
    started = time.monotonic()
    try:
        with patience() as database:
            return _store(database, INSERT, _values(ping, database))
    except AWAY:
        if not connection.in_atomic_block:
            connection.close()
    if time.monotonic() - started < PATIENCE / 2 and not connection.in_atomic_block:
        # A connection that had died meanwhile; whether it took the ping is not known.
        try:
            with patience(PATIENCE / 2):
                return store_once(ping)
        except AWAY:
            connection.close()
    spool.keep("ping", _as_data(ping), body=ping.body)
    return True


def store_once(ping: Ping) -> bool:
    """Store a ping unless it is there; whether a row was written."""
    values = _values(ping, connection)
    kind, at, *_ = values
    return _store(connection, INSERT_ONCE, [*values, kind, at, ping.body, not ping.body])


def replay_ping(data: dict[str, Any], body: bytes) -> None:
    """Take in what the disk kept; a second time changes nothing."""
    run_id = data["run_id"]
    store_once(
        Ping(
            uuid.UUID(data["ping_id"]),
            SignalKind(data["kind"]).value,
            dt.datetime.fromisoformat(data["at"]),
            data["exit_status"],
            uuid.UUID(run_id) if run_id else None,
            body,
        )
    )


def _store(database: BaseDatabaseWrapper, sql: str, values: list[Any]) -> bool:
    with database.cursor() as cursor:
        cursor.execute(sql, values)
        return bool(cursor.rowcount)


def _values(ping: Ping, database: BaseDatabaseWrapper) -> list[Any]:
    is_native = database.features.has_native_uuid_field
    return [
        ping.kind,
        database.ops.adapt_datetimefield_value(ping.at),
        ping.run_id if is_native or ping.run_id is None else ping.run_id.hex,
        ping.exit_status,
        ping.body or None,
        ping.ping_id if is_native else ping.ping_id.hex,
    ]


def _as_data(ping: Ping) -> dict[str, Any]:
    return {
        "ping_id": str(ping.ping_id),
        "kind": ping.kind,
        "at": ping.at.isoformat(),
        "exit_status": ping.exit_status,
        "run_id": str(ping.run_id) if ping.run_id else None,
    }


def _uuid(text: str, what: str) -> uuid.UUID:
    if not UUID_TEXT.fullmatch(text):
        raise RefusalError(
            400, f"{what} must be a UUID such as 5f0c7c3e-1d2b-4c55-9c5f-5b8a1f0f6a11."
        )
    return uuid.UUID(text)
