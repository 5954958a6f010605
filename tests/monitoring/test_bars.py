"""The 30 days of a monitor as bars: shape says what colour does."""

import datetime as dt

import pytest

from monitoring.bars import Day, days_until, draw_bars
from monitoring.enums import State
from monitoring.models import DayFigure

TODAY = dt.date(2026, 3, 10)


def days(*figures: tuple[State | None, float | None]) -> list[Day]:
    return [
        Day(TODAY - dt.timedelta(days=back), *figure)
        for back, figure in enumerate(reversed(figures))
    ][::-1]


def test_days_without_a_figure_are_there() -> None:
    figure = DayFigure(day=TODAY, state=State.FAILING, value=11.8)
    found = days_until(TODAY, {TODAY: figure})
    assert len(found) == 30
    assert (found[0].day, found[0].state) == (dt.date(2026, 2, 9), None)
    assert found[-1] == Day(TODAY, State.FAILING, 11.8)


def test_bad_days_are_taller_and_capped_and_silent_ones_hollow() -> None:
    chart = draw_bars(
        days((State.OK, 1), (State.FAILING, 11.8), (State.NO_DATA, None), (None, None)),
        name="go.halden.example",
        width=180,
        height=28,
        limit=2,
    )
    good, bad, silent, blank = chart.bars
    assert [bar.kind for bar in chart.bars] == ["ok", "bad", "none", "none"]
    assert bad.height > good.height
    assert (good.cap_y, blank.cap_y) == (None, None)
    assert bad.cap_y is not None
    assert bad.cap_y < bad.y
    assert silent.cap_y is not None
    assert chart.limit_y is not None
    assert good.y > chart.limit_y > bad.y
    assert chart.label == (
        "go.halden.example, 4 days: 1 failed, 1 without data, 1 before its first figure"
    )


@pytest.mark.parametrize("value", [None, 0.0, 1e300, 0.0001])
@pytest.mark.parametrize("limit", [None, 0.0, 2.0])
def test_bars_stay_inside_the_chart(value: float | None, limit: float | None) -> None:
    for state in (*State, None):
        chart = draw_bars(days((state, value)) * 30, name="x", width=150, height=22, limit=limit)
        for bar in chart.bars:
            assert 0 <= bar.y <= bar.y + bar.height <= 22.2
            assert bar.cap_y is None or bar.cap_y >= 0
        assert chart.limit_y is None or 0 <= chart.limit_y <= 22
    assert draw_bars([], name="x", width=150, height=22).bars == []
