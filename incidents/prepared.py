"""Queries that Django writes once per process and sends again with other values.

Django takes far longer to put a large statement together than a database takes to answer it:
most of home's time went into that. ``@prepared`` keeps what was written.
"""

import copy
import datetime as dt
import functools
import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime

P = ParamSpec("P")
Row = TypeVar("Row")
Value = int | str | dt.datetime
VALUES = (int, str, dt.datetime)

#: Stand-ins for values lie far from anything that a query itself would say.
FIRST_NUMBERS = (800_000_010, 1_900_000_041)
FIRST_INSTANT = dt.datetime(1801, 1, 1, tzinfo=dt.UTC)


def prepared(build: "Callable[P, QuerySet[Any, Row]]") -> Callable[P, list[Row]]:
    """Make of a function that builds a query one that reads its rows.

    Arguments are given by name. A whole number, a text and an instant are values: they must
    reach the statement as they are, an instant also shifted by a fixed time. A set of keys is
    for ``__in``. Any other argument (None, a bool, a member of an enumeration) belongs to the
    query's shape: the function may branch on it, and each shape is written for itself.

    The query may depend on nothing else, and always asks the database; TypeError at its first
    use tells of one that does otherwise.
    """
    plans: dict[Hashable, _Plan] = {}

    @functools.wraps(build)
    def read(*args: P.args, **kwargs: P.kwargs) -> list[Row]:
        if args:
            raise TypeError(f"{build.__qualname__} takes its arguments by name")
        arguments = {
            name: _padded(value) if isinstance(value, set) else value
            for name, value in kwargs.items()
        }
        shape = tuple(_shape(name, value) for name, value in arguments.items())
        plan = plans.get(shape)
        if plan is None:
            plan = plans[shape] = _Plan(build, arguments)
        return plan.read(arguments)

    return read


def _padded(keys: set[int]) -> tuple[int, ...]:
    """A few lengths instead of every one; 0 is no row's key."""
    length = 1 << max(len(keys) - 1, 0).bit_length()
    return (*sorted(keys), *[0] * (length - len(keys)))


def _shape(name: str, value: Any) -> Hashable:
    if isinstance(value, tuple):
        return name, len(value)
    return name if type(value) in VALUES else (name, value, type(value))


class _Plan:
    """One query, written. Threads share it; each reads over its own connection."""

    def __init__(
        self, build: Callable[..., QuerySet[Any, Any]], arguments: Mapping[str, Any]
    ) -> None:
        # Written with two sets of stand-ins: what differs between the two are the values.
        marks, others = (_Marks(arguments, is_other=is_other) for is_other in (False, True))
        self._rows, twin = build(**marks.arguments), build(**others.arguments)
        self._compiler = self._rows.query.get_compiler(using=self._rows.db)
        try:
            self._sql, params = self._compiler.as_sql()
            sql, twins = twin.query.get_compiler(using=twin.db).as_sql()
        except EmptyResultSet:
            raise TypeError(f"{build.__qualname__} never asks the database") from None
        if sql != self._sql:
            raise TypeError(f"{build.__qualname__} branches on a value")
        self._params = [
            mine if mine == other else _slot(mine, other, marks, others, build.__qualname__)
            for mine, other in zip(params, twins, strict=True)
        ]
        self._reading = threading.local()
        self._rows.query.get_compiler = lambda *_, **__: self._reading.compiler  # type: ignore[method-assign]

    def read(self, arguments: Mapping[str, Any]) -> list[Any]:
        compiler = copy.copy(self._compiler)
        compiler.connection = connections[self._rows.db]
        params = tuple(
            one.fill(arguments, compiler.connection) if isinstance(one, _Slot) else one
            for one in self._params
        )
        compiler.as_sql = lambda *_, **__: (self._sql, params)
        self._reading.compiler = compiler
        return list(self._rows.all())


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where a value goes: ``like`` is what stood there, ``shift`` what is added to an instant."""

    place: "_Place"
    like: Any
    shift: dt.timedelta = dt.timedelta()

    def fill(self, arguments: Mapping[str, Any], connection: Any) -> Any:
        name, index = self.place
        value = arguments[name] if index is None else arguments[name][index]
        if isinstance(value, dt.datetime):
            return connection.ops.adapt_datetimefield_value(value + self.shift)
        # PostgreSQL's whole numbers are of a type that says their size.
        return type(self.like)(value)


#: The name of an argument; of one key of a set also its number.
_Place = tuple[str, int | None]


class _Marks:
    """The arguments with a stand-in for every value."""

    def __init__(self, arguments: Mapping[str, Any], *, is_other: bool) -> None:
        self.at: dict[_Place, Any] = {}
        self._is_other = is_other
        self.arguments = {name: self._marked(name, value) for name, value in arguments.items()}

    def _marked(self, name: str, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(self._mark((name, index), key) for index, key in enumerate(value))
        return self._mark((name, None), value) if type(value) in VALUES else value

    def _mark(self, place: _Place, value: Any) -> Any:
        number = len(self.at)
        mark: Any = FIRST_NUMBERS[self._is_other] + number
        if isinstance(value, dt.datetime):
            # The hours between both stand-ins tell one instant from another.
            mark = FIRST_INSTANT + dt.timedelta(hours=self._is_other * (number + 1))
        self.at[place] = f"{mark}" if isinstance(value, str) else mark
        return self.at[place]


def _slot(mine: Any, other: Any, marks: _Marks, others: _Marks, where: str) -> _Slot:
    for place, mark in marks.at.items():
        if not isinstance(mark, dt.datetime):
            if (mine, other) == (mark, others.at[place]):
                return _Slot(place, mine)
        elif (shift := _instant(mine) - mark) == _instant(other) - others.at[place]:
            return _Slot(place, mine, shift)
    raise TypeError(f"{where} makes {mine!r} of a value")


def _instant(param: Any) -> dt.datetime:
    """What an adapted instant says; SQLite takes texts in UTC."""
    found = parse_datetime(param) if isinstance(param, str) else param
    if not isinstance(found, dt.datetime):
        return dt.datetime.max.replace(tzinfo=dt.UTC)
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
