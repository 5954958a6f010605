"""Which period an instant belongs to: pure functions, in the agency's zone."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.checklists.periods import (
    Plan,
    current_start,
    due_of,
    next_start,
    opening_of,
    period_start,
    previous_start,
    starts_between,
)
from monitoring.models import Period

BERLIN = ZoneInfo("Europe/Berlin")


def make_plan(period: str = Period.DAILY, hour: str = "07:00", **fields: object) -> Plan:
    defaults = {"due_hours": 11, "zone": BERLIN, "country": "DE"}
    return Plan(period=period, opens_at=dt.time.fromisoformat(hour), **(defaults | fields))


def local(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


@pytest.mark.parametrize(
    ("period", "hour", "at", "start"),
    [
        ("daily", "07:00", "2026-03-10 06:59:59", "2026-03-09"),
        ("daily", "07:00", "2026-03-10 07:00:00", "2026-03-10"),
        ("daily", "07:00", "2026-03-10 23:59:59", "2026-03-10"),
        ("crm_review", "18:00", "2026-03-10 17:59:59", "2026-03-09"),
        ("crm_review", "18:00", "2026-03-10 18:00:00", "2026-03-10"),
        # Monday is the 9th.
        ("weekly", "09:00", "2026-03-09 08:59:59", "2026-03-02"),
        ("weekly", "09:00", "2026-03-09 09:00:00", "2026-03-09"),
        ("weekly", "09:00", "2026-03-15 23:59:59", "2026-03-09"),
        # The first of March is a Sunday, New Year a holiday, 1 to 3 May holiday and weekend.
        ("monthly", "09:00", "2026-03-02 08:59:59", "2026-02-01"),
        ("monthly", "09:00", "2026-03-02 09:00:00", "2026-03-01"),
        ("monthly", "09:00", "2026-01-02 08:59:59", "2025-12-01"),
        ("monthly", "09:00", "2026-01-02 09:00:00", "2026-01-01"),
        ("monthly", "09:00", "2026-05-04 08:59:59", "2026-04-01"),
        ("monthly", "09:00", "2026-05-04 09:00:00", "2026-05-01"),
    ],
)
def test_an_instant_belongs_to_the_last_period_that_opened_K8(period, hour, at, start):
    assert current_start(make_plan(period, hour), at=local(at)) == day(start)


def test_without_a_country_only_weekends_are_off_K8():
    plan = make_plan("monthly", "09:00", country="")
    assert opening_of(plan, day("2026-01-01")) == local("2026-01-01 09:00")


@pytest.mark.parametrize("hour", ["00:00", "02:00", "02:30", "02:59:59", "03:00", "07:00"])
@pytest.mark.parametrize("night", ["2026-03-29", "2026-10-25"])
def test_each_day_opens_once_in_both_summer_time_nights_K8(night, hour):
    """A look every minute over three days finds three openings, one after the other."""
    plan = make_plan(hour=hour)
    begin = dt.datetime.combine(day(night) - dt.timedelta(days=1), dt.time(), BERLIN)
    begin = begin.astimezone(dt.UTC)
    looks = [begin + dt.timedelta(minutes=minute) for minute in range(3 * 24 * 60 + 60)]
    starts = [current_start(plan, at=look) for look in looks]
    assert starts == sorted(starts)
    assert {day(night) + dt.timedelta(days=offset) for offset in (-1, 0, 1)} <= set(starts)
    firsts = [opening_of(plan, start) for start in sorted(set(starts))]
    assert len(set(firsts)) == len(firsts)


def test_due_is_a_time_on_the_wall_in_both_nights_K8():
    for night in ("2026-03-29", "2026-10-25"):
        plan = make_plan("crm_review", "18:00", due_hours=15)
        eve = day(night) - dt.timedelta(days=1)
        assert due_of(plan, opening_of(plan, eve)) == local(f"{night} 09:00")


def test_periods_between_two_are_named_oldest_first():
    assert list(starts_between("daily", day("2026-02-27"), day("2026-03-02"))) == [
        day("2026-02-28"),
        day("2026-03-01"),
    ]
    assert list(starts_between("weekly", day("2026-02-23"), day("2026-03-09"))) == [
        day("2026-03-02")
    ]
    assert list(starts_between("monthly", day("2025-12-01"), day("2026-03-01"))) == [
        day("2026-01-01"),
        day("2026-02-01"),
    ]


@given(
    period=st.sampled_from(Period.values),
    at=st.datetimes(dt.datetime(2001, 1, 1), dt.datetime(2190, 1, 1), timezones=st.just(dt.UTC)),
    opens_at=st.times(),
)
def test_every_instant_has_exactly_one_period_K8(period, at, opens_at):
    plan = make_plan(period, opens_at.isoformat())
    start = current_start(plan, at=at)
    assert period_start(period, start) == start
    assert opening_of(plan, start) <= at < opening_of(plan, next_start(period, start))
    assert previous_start(period, next_start(period, start)) == start
