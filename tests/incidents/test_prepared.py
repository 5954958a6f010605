"""Prepared queries read what Django's own would read, and refuse what they cannot hold."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, connections
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.test.utils import CaptureQueriesContext

from incidents.enums import Role
from incidents.prepared import prepared

pytestmark = pytest.mark.django_db

NOON = dt.datetime(2026, 3, 10, 12, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.fixture
def people() -> list[User]:
    made = [
        User.objects.create(username=name, last_login=NOON - days * DAY)
        for days, name in enumerate(("ada", "bob", "cyd", "dee"))
    ]
    made[1].groups.add(Group.objects.get_or_create(name=Role.FOUNDER)[0])
    return made


def names(rows: list[User]) -> list[str]:
    return sorted(row.username for row in rows)


@prepared
def seen_since(*, since: dt.datetime, name: str | None = None) -> QuerySet[User]:
    """Two shapes: with a name and without; an hour of grace is part of the query."""
    rows = User.objects.filter(last_login__gte=since - dt.timedelta(hours=1))
    return rows if name is None else rows.filter(username=name)


@prepared
def among(*, keys: set[int], besides: int) -> QuerySet[User]:
    return User.objects.filter(Q(pk__in=keys) | Q(pk=besides)).order_by("username")


@prepared
def with_role(*, role: str) -> QuerySet[User, tuple[str, bool]]:
    held = Group.objects.filter(user=OuterRef("pk"), name=role)
    return User.objects.annotate(has=Exists(held)).values_list("username", "has")


def test_the_same_statement_answers_for_other_values(people: list[User]) -> None:
    assert names(seen_since(since=NOON)) == ["ada"]
    assert names(seen_since(since=NOON - DAY)) == ["ada", "bob"]
    # Within the hour that the query itself takes off.
    assert names(seen_since(since=NOON - DAY + dt.timedelta(minutes=59))) == ["ada", "bob"]
    assert names(seen_since(since=NOON - DAY + dt.timedelta(minutes=61))) == ["ada"]


def test_an_instant_of_another_zone_is_the_same_instant(people: list[User]) -> None:
    east = dt.timezone(dt.timedelta(hours=9))
    assert names(seen_since(since=(NOON - DAY).astimezone(east))) == ["ada", "bob"]


def test_none_is_a_shape_of_its_own(people: list[User]) -> None:
    assert names(seen_since(since=NOON - 9 * DAY, name="bob")) == ["bob"]
    assert names(seen_since(since=NOON - 9 * DAY, name=None)) == ["ada", "bob", "cyd", "dee"]
    assert names(seen_since(since=NOON - 9 * DAY, name="eve")) == []
    assert names(seen_since(since=NOON - 9 * DAY, name="' OR 1=1 --")) == []


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
def test_a_set_of_any_size(people: list[User], count: int) -> None:
    keys = {person.pk for person in people[:count]}
    found = among(keys=keys, besides=people[3].pk)
    assert names(found) == sorted({"dee", *(person.username for person in people[:count])})


def test_rows_of_values(people: list[User]) -> None:
    assert dict(with_role(role=Role.FOUNDER)) == dict.fromkeys(("ada", "cyd", "dee"), False) | {
        "bob": True
    }
    assert dict(with_role(role="nobody"))["bob"] is False


def test_every_call_asks_the_database_anew(people: list[User]) -> None:
    keys = {people[0].pk}
    assert names(among(keys=keys, besides=0)) == ["ada"]
    User.objects.filter(pk=people[0].pk).update(username="ann")
    with CaptureQueriesContext(connection) as queries:
        assert names(among(keys=keys, besides=0)) == ["ann"]
    assert len(queries) == 1


def test_rows_are_nobody_elses(people: list[User]) -> None:
    [mine] = among(keys={people[0].pk}, besides=0)
    mine.username = "changed"
    assert names(among(keys={people[0].pk}, besides=0)) == ["ada"]


@pytest.mark.django_db(transaction=True)
def test_threads_share_the_statement_and_not_the_values() -> None:
    @prepared
    def echo(*, number: int) -> QuerySet[Group, int]:
        return Group.objects.filter(pk=number).values_list("pk", flat=True)

    groups = [Group.objects.create(name=f"group {number}").pk for number in range(8)]

    def ask(pk: int) -> list[list[int]]:
        try:
            return [echo(number=pk) for _ in range(50)]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, groups))
    assert answers == [[[pk]] * 50 for pk in groups]


def test_a_query_that_branches_on_a_value_is_refused() -> None:
    @prepared
    def branching(*, number: int) -> QuerySet[User]:
        return User.objects.filter(pk=number) if number % 2 else User.objects.all()

    with pytest.raises(TypeError, match="branches on a value"):
        branching(number=3)


def test_a_query_that_works_a_value_out_is_refused() -> None:
    @prepared
    def squaring(*, number: int) -> QuerySet[User]:
        return User.objects.filter(pk=number // 2)

    @prepared
    def starting(*, name: str) -> QuerySet[User]:
        return User.objects.filter(username__startswith=name)

    @prepared
    def of_the_day(*, at: dt.datetime) -> QuerySet[User]:
        return User.objects.filter(last_login__gte=at.replace(hour=0) + (at.hour * DAY))

    with pytest.raises(TypeError, match="of a value"):
        squaring(number=3)
    with pytest.raises(TypeError, match="of a value"):
        starting(name="a")
    with pytest.raises(TypeError, match="of a value"):
        of_the_day(at=NOON)


def test_a_query_that_asks_nothing_is_refused() -> None:
    @prepared
    def nothing(*, number: int) -> QuerySet[User]:
        return User.objects.none().filter(pk=number)

    with pytest.raises(TypeError, match="never asks"):
        nothing(number=1)


def test_arguments_without_names_are_refused() -> None:
    with pytest.raises(TypeError, match="by name"):
        with_role(Role.FOUNDER)  # type: ignore[misc]
