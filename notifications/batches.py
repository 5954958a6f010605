"""Many rows in one statement: for what is written by the thousand.

Signals and ``save`` are passed over, so it is for models that have none. On PostgreSQL the rows
travel as one JSON text, half the work of a parameter for each value; SQLite takes parameters
faster than JSON, as many as it allows at once.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.db import connection, models

Row = TypeVar("Row", bound=models.Model)


def insert_new(rows: Sequence[Row], *, unique: Sequence[str]) -> list[Row]:
    """Insert the rows whose ``unique`` fields are not there yet, in the order given.

    Returns those that were inserted, with their primary keys; the others are left as they are.
    A row that breaks any other constraint fails the statement.
    """
    if not rows:
        return []
    model = type(rows[0])
    fields = _written_fields(model)
    keys = [field for field in fields if field.name in unique]
    names, key_names = _names(fields), _names(keys)

    def sql(source: str) -> str:
        return f"""INSERT INTO {_table(model)} ({names}) SELECT {names} FROM {source}
            WHERE TRUE ON CONFLICT ({key_names}) DO NOTHING
            RETURNING {_name(_key_of(model))}, {key_names}"""  # noqa: S608 - ours alone

    found = _execute(sql, fields, _values(rows, fields))
    written = {tuple(key): pk for pk, *key in found}
    inserted = []
    for row in rows:
        pk = written.pop(tuple(getattr(row, field.attname) for field in keys), None)
        if pk is not None:
            row.pk = pk
            row._state.adding = False  # noqa: SLF001 - as bulk_create does
            inserted.append(row)
    return inserted


def insert_all(rows: Sequence[models.Model]) -> None:
    """Insert all rows in the order given; they do not learn their primary keys."""
    if rows:
        model = type(rows[0])
        fields = _written_fields(model)
        _insert(model, fields, _values(rows, fields))


def insert_values(model: type[models.Model], rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows in the order given: values by attribute (``client_id``), all of the same ones.

    For rows that nobody looks at again: making a model of each takes longer than writing it.
    """
    if rows:
        fields = [field for field in _written_fields(model) if field.attname in rows[0]]
        _insert(model, fields, [[row[field.attname] for field in fields] for row in rows])


def update_rows(rows: Sequence[models.Model], names: Sequence[str]) -> None:
    """Write the named fields of stored rows."""
    if not rows:
        return
    model = type(rows[0])
    key, table = _key_of(model), _table(model)
    changed = [field for field in _written_fields(model) if field.name in names]
    settings = ", ".join(f"{_name(field)} = i.{_name(field)}" for field in changed)

    def sql(source: str) -> str:
        return f"""UPDATE {table} SET {settings} FROM {source}
            WHERE {table}.{_name(key)} = i.{_name(key)}"""  # noqa: S608 - ours alone

    _execute(sql, [key, *changed], _values(rows, [key, *changed]))


def source_of(columns: dict[str, str]) -> str:
    """``i``: a table of those columns and types, read from one JSON parameter."""
    if connection.vendor == "postgresql":
        record = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        return f"json_to_recordset(%s) AS i({record})"
    parts = ", ".join(
        f"json_extract(value, '$.{name.strip(chr(34))}') AS {name}" for name in columns
    )
    return f"(SELECT {parts} FROM json_each(%s)) AS i"  # noqa: S608 - ours alone


def _insert(
    model: type[models.Model], fields: list[models.Field[Any, Any]], values: list[list[Any]]
) -> None:
    names = _names(fields)

    def sql(source: str) -> str:
        return f"""INSERT INTO {_table(model)} ({names})
            SELECT {names} FROM {source}"""  # noqa: S608 - ours alone

    _execute(sql, fields, values)


def _execute(
    sql: Callable[[str], str], fields: list[models.Field[Any, Any]], values: list[list[Any]]
) -> list[tuple[Any, ...]]:
    """Run a statement that reads ``values`` as the table ``i``; returns what it returns."""
    found: list[tuple[Any, ...]] = []
    with connection.cursor() as cursor:
        for source, parameters in _parts(fields, values):
            cursor.execute(sql(source), parameters)
            found += cursor.fetchall() if cursor.description else []
    return found


def _parts(
    fields: list[models.Field[Any, Any]], values: list[list[Any]]
) -> list[tuple[str, list[Any]]]:
    """The table ``i`` and its parameters; on SQLite several, where there are too many values."""
    adapter = _Adapter()
    if connection.vendor == "postgresql":
        names = [str(field.column) for field in fields]
        items = [dict(zip(names, row, strict=True)) for row in values]
        source = source_of({_name(field): _type(field) for field in fields})
        return [(source, [json.dumps(items, default=adapter)])]
    connection.ensure_connection()
    limit = connection.connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
    size = max(1, limit // len(fields))
    return [
        (
            _parameters_as_table(fields, len(values[start : start + size])),
            [_for_sqlite(value, adapter) for row in values[start : start + size] for value in row],
        )
        for start in range(0, len(values), size)
    ]


def _parameters_as_table(fields: list[models.Field[Any, Any]], count: int) -> str:
    row = f"({', '.join(['%s'] * len(fields))})"
    names = ", ".join(
        f"column{number} AS {_name(field)}" for number, field in enumerate(fields, start=1)
    )
    rows = ", ".join([row] * count)
    return f"(SELECT {names} FROM (VALUES {rows})) AS i"  # noqa: S608 - ours alone


def _for_sqlite(value: Any, adapter: _Adapter) -> Any:
    if isinstance(value, datetime):
        return adapter(value)
    return json.dumps(value) if isinstance(value, dict | list) else value


def _written_fields(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    return [field for field in model._meta.concrete_fields if not field.primary_key]


def _values(rows: Sequence[models.Model], fields: list[models.Field[Any, Any]]) -> list[list[Any]]:
    names = [field.attname for field in fields]
    return [[getattr(row, name) for name in names] for row in rows]


def _key_of(model: type[models.Model]) -> models.Field[Any, Any]:
    if model._meta.pk is None:
        raise ValueError(f"{model._meta.label} has no primary key.")
    return model._meta.pk


def _table(model: type[models.Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _names(fields: list[models.Field[Any, Any]]) -> str:
    return ", ".join(_name(field) for field in fields)


def _name(field: models.Field[Any, Any]) -> str:
    # Columns such as "references" are words of SQL.
    return connection.ops.quote_name(str(field.column))


def _type(field: models.Field[Any, Any]) -> str:
    kind = field.rel_db_type(connection) if field.primary_key else field.db_type(connection)
    # Without a length: the table itself refuses what is too long, where a cast would cut it.
    return str(kind).partition("(")[0]


class _Adapter:
    """Writes instants as the database does; most of a batch are the same few."""

    def __init__(self) -> None:
        self._known: dict[datetime, str] = {}

    def __call__(self, value: object) -> str:
        if not isinstance(value, datetime):
            raise TypeError(f"{type(value).__name__} has no place in such a row.")
        if value not in self._known:
            self._known[value] = str(connection.ops.adapt_datetimefield_value(value))
        return self._known[value]
