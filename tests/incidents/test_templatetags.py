from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone

from incidents.enums import DeadlineKind, Status
from incidents.templatetags import incident_tags as tags

BERLIN = ZoneInfo("Europe/Berlin")
#: Tuesday 10 March 2026, winter time.
NOW = datetime(2026, 3, 10, 13, 10, tzinfo=BERLIN)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def agency_zone() -> Iterator[None]:
    with timezone.override(BERLIN):
        yield


@dataclass
class Row:
    """A row as a query might bring it, not the model: the tags ask for no more than this."""

    started_at: datetime
    due_at: datetime
    stopped_at: datetime | None = None
    breached_at: datetime | None = None
    voided_at: datetime | None = None
    is_provisional: bool = False
    kind: str = DeadlineKind.ACKNOWLEDGE


def make_row(used: timedelta, left: timedelta, **fields: Any) -> Row:
    return Row(started_at=NOW - used, due_at=NOW + left, **fields)


def render(source: str, **context: Any) -> str:
    template = Template("{% load incident_tags %}" + source)
    return template.render(Context({"now": NOW, **context}))


# Badges


@pytest.mark.parametrize(("level", "bars"), [(1, 4), (2, 3), (3, 2), (4, 1)])
def test_sev_shows_as_many_bars_as_it_weighs(level: int, bars: int) -> None:
    html = tags.sev(level)
    assert f"SEV-{level}" in html
    assert html.count('class="on"') == bars
    assert html.count('class="off"') == 4 - bars
    assert "sev-word" not in html


def test_sev_adds_its_word() -> None:
    assert '<span class="sev-word">Critical</span>' in tags.sev(1, word=True)


def test_sev_of_untriaged_says_so_without_a_number() -> None:
    html = tags.sev(None)
    assert "Not triaged" in html
    assert "sev-0" in html
    assert "SEV-" not in html


@pytest.mark.parametrize(
    ("value", "on"),
    [
        (Status.DETECTED, 1),
        (Status.TRIAGED, 2),
        (Status.INVESTIGATING, 3),
        (Status.MONITORING, 4),
        (Status.RESOLVED, 5),
        (Status.CLOSED, 6),
        (Status.CANCELLED, 0),
    ],
)
def test_status_marks_the_present_pip(value: Status, on: int) -> None:
    html = tags.status(value)
    assert value.label in html
    assert html.count('class="on"') == on
    assert html.count('height="6" class="on"') == (1 if on else 0)


def test_status_escapes_the_owner() -> None:
    assert "&lt;b&gt;" in tags.status("triaged", sub="<b>")


@pytest.mark.parametrize("kind", sorted(tags.STATE_ICONS))
def test_state_has_icon_and_word(kind: str) -> None:
    html = tags.state(kind, "Word")
    assert f"is-{kind}" in html
    assert "<svg" in html
    assert html.endswith("Word</span>")


def test_plan_is_a_word() -> None:
    assert tags.plan("premium") == '<span class="plan plan-premium">Premium</span>'


def test_icon_is_hidden_from_screen_readers() -> None:
    html = tags.icon("plus", **{"class": "ico-ok"})
    assert 'class="ico ico-ok"' in html
    assert 'aria-hidden="true"' in html
    assert "style=" not in html


# Clocks


@pytest.mark.parametrize(
    ("row", "state"),
    [
        (make_row(18 * MINUTE, 42 * MINUTE), "is-run"),
        (make_row(29 * MINUTE, 31 * MINUTE), "is-run"),
        (make_row(30 * MINUTE, 30 * MINUTE), "is-half"),
        (make_row(47 * MINUTE, 13 * MINUTE), "is-half"),
        (make_row(48 * MINUTE, 12 * MINUTE), "is-near"),
        (make_row(HOUR - timedelta(seconds=1), timedelta(seconds=1)), "is-near"),
        (make_row(HOUR, timedelta(0)), "is-late"),
        (make_row(2 * HOUR, -HOUR), "is-late"),
        (make_row(HOUR, HOUR, stopped_at=NOW - MINUTE), "is-done"),
        (make_row(HOUR, -MINUTE, stopped_at=NOW - MINUTE), "is-done"),
        (make_row(2 * HOUR, -HOUR, stopped_at=NOW), "is-late"),
        (make_row(HOUR, HOUR, voided_at=NOW), "is-stop"),
        (make_row(2 * HOUR, -HOUR, stopped_at=NOW, voided_at=NOW), "is-stop"),
        (make_row(timedelta(0), timedelta(0)), "is-late"),
    ],
)
def test_clock_state_turns_at_50_and_80_percent_and_at_due_C8(row: Row, state: str) -> None:
    assert tags.clock_state(row, NOW) == state


def test_running_clock_tells_time_left_the_exact_time_and_its_zone_C9() -> None:
    html = render("{% clock row prefix='due' %}", row=make_row(9 * MINUTE, 6 * MINUTE))
    assert 'class="clock is-half"' in html
    assert "6 min left" in html
    assert ">due 13:16 CET</time>" in html
    assert 'stroke-dasharray="60 100"' in html
    assert 'data-due="2026-03-10T13:16:00+01:00"' in html
    assert 'title="Tue 10 March 2026 13:16:00 CET"' in html
    assert "style=" not in html


def test_late_clock_says_late_and_when_it_was_due() -> None:
    html = render("{% clock row %}", row=make_row(77 * HOUR, -5 * HOUR - 10 * MINUTE))
    assert "5 h 10 min late" in html
    assert ">was 08:00 CET</time>" in html
    assert "dial-pie" not in html


def test_met_clock_tells_how_long_it_took_and_ticks_no_more() -> None:
    row = make_row(3 * HOUR, HOUR, stopped_at=NOW - 2 * HOUR - 22 * MINUTE)
    html = render("{% clock row %}", row=row)
    assert "is-done" in html
    assert "in 38 min" in html
    assert "10:48 CET" in html
    assert "data-due" not in html


def test_clock_met_late_stays_late_C1() -> None:
    row = make_row(3 * HOUR, -2 * HOUR, stopped_at=NOW - HOUR, breached_at=NOW - 2 * HOUR)
    html = render("{% clock row %}", row=row)
    assert "is-late" in html
    assert "1 h late" in html
    assert "done 12:10 CET" in html
    assert "data-due" not in html


def test_void_clock_gives_its_reason() -> None:
    row = make_row(HOUR, HOUR, voided_at=NOW - 39 * MINUTE)
    html = render("{% clock row note='merged' %}", row=row)
    assert "is-stop" in html
    assert "stopped" in html
    assert "12:31 CET, merged" in html


def test_provisional_clock_is_marked_C2() -> None:
    html = render("{% clock row %}", row=make_row(29 * MINUTE, 31 * MINUTE, is_provisional=True))
    assert "is-run is-prov" in html
    assert "13:41 CET, provisional" in html


def test_recorded_breach_shows_after_the_limit_moved_C5() -> None:
    html = render("{% clock row %}", row=make_row(HOUR, 2 * DAY, breached_at=NOW))
    assert "Thu 13:10 CET, breached before" in html


def test_window_that_passed_is_not_late() -> None:
    row = make_row(25 * HOUR, -HOUR, kind=DeadlineKind.WINDOW)
    html = render("{% clock row %}", row=row)
    assert "is-done" in html
    assert "passed" in html
    assert "late" not in html


def test_window_near_its_end_is_no_warning() -> None:
    row = make_row(23 * HOUR, HOUR, kind=DeadlineKind.WINDOW)
    assert tags.clock_state(row, NOW) == "is-run"


def test_no_clock_shows_the_words_given() -> None:
    assert render("{% clock None empty='after triage' %}") == (
        '<span class="faint">after triage</span>'
    )


def test_clock_takes_another_now() -> None:
    html = render("{% clock row now=later %}", row=make_row(HOUR, HOUR), later=NOW + 50 * MINUTE)
    assert "10 min left" in html


def test_fuse_of_running_and_late() -> None:
    running = render("{% fuse row %}", row=make_row(9 * MINUTE, 6 * MINUTE))
    assert '<rect class="fuse-used" y="3" width="60%"' in running
    late = render("{% fuse row %}", row=make_row(2 * HOUR, -HOUR))
    assert 'class="fuse is-late"' in late
    assert 'width="100%" height="4"' in late


def test_fuse_of_met_deadline_stands_where_it_was_met() -> None:
    html = render("{% fuse row %}", row=make_row(3 * HOUR, HOUR, stopped_at=NOW - 2 * HOUR))
    assert 'class="fuse-used" y="3" width="25%"' in html


@pytest.mark.parametrize(
    ("left", "figures"),
    [
        (timedelta(seconds=42), "42<small>s</small>"),
        (timedelta(minutes=6, seconds=2), "6<small>min</small>02<small>s</small>"),
        (timedelta(hours=3, minutes=4), "3<small>h</small>04<small>min</small>"),
        (timedelta(days=2, hours=3), "2<small>d</small>3<small>h</small>"),
        (-timedelta(hours=5, minutes=10), "5<small>h</small>10<small>min late</small>"),
    ],
)
def test_hero_time_has_two_figures(left: timedelta, figures: str) -> None:
    assert figures in render("{% hero_time row %}", row=make_row(4 * DAY, left))


@pytest.mark.parametrize(
    ("used", "left", "words"),
    [
        (9 * MINUTE, 6 * MINUTE, "9 of 15 min used"),
        (77 * HOUR, -5 * HOUR, "77 of 72 h used"),
        (DAY, 29 * DAY, "1 of 30 d used"),
    ],
)
def test_used_counts_in_the_unit_of_the_limit(used: timedelta, left: timedelta, words: str) -> None:
    assert render("{% used row %}", row=make_row(used, left)) == words


# Times


@pytest.mark.parametrize(
    ("instant", "words"),
    [
        (datetime(2026, 3, 10, 13, 16, tzinfo=BERLIN), "13:16 CET"),
        (datetime(2026, 3, 10, 12, 16, tzinfo=UTC), "13:16 CET"),
        (datetime(2026, 3, 11, 12, 41, tzinfo=BERLIN), "Wed 12:41 CET"),
        (datetime(2026, 3, 7, 8, 42, tzinfo=BERLIN), "Sat 08:42 CET"),
        (datetime(2026, 3, 6, 8, 42, tzinfo=BERLIN), "6 March 08:42 CET"),
        (datetime(2025, 12, 31, 23, 59, tzinfo=BERLIN), "31 December 2025 23:59 CET"),
        (datetime(2026, 4, 1, 9, 0, tzinfo=BERLIN), "1 April 09:00 CEST"),
    ],
)
def test_at_is_as_short_as_it_can_be_C9(instant: datetime, words: str) -> None:
    assert tags.at(instant, NOW) == words


def test_at_tells_the_doubled_hour_apart() -> None:
    now = datetime(2026, 10, 25, 12, 0, tzinfo=BERLIN)
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert tags.at(first, now) == "02:30 CEST"
    assert tags.at(first + HOUR, now) == "02:30 CET"


def test_time_left_over_the_spring_change_is_wall_time_C1() -> None:
    """From 01:30 CET to 03:30 CEST on 29 March one hour passes, not two."""
    now = datetime(2026, 3, 29, 1, 30, tzinfo=BERLIN)
    due = datetime(2026, 3, 29, 3, 30, tzinfo=BERLIN).astimezone(UTC)
    row = Row(started_at=now.astimezone(UTC), due_at=due)
    html = render("{% clock row now=at %}", row=row, at=now.astimezone(UTC))
    assert "1 h left" in html
    assert "03:30 CEST" in html


def test_at_without_now_names_the_day() -> None:
    assert tags.at(NOW) == "Tue 10 March 13:10 CET"


def test_at_in_reads_as_the_client_does_C9() -> None:
    due = datetime(2026, 3, 10, 14, 0, tzinfo=BERLIN)
    assert render("{% at_in due 'Europe/London' %}", due=due) == "13:00 GMT"
    assert render("{% at_in due zone %}", due=due, zone=ZoneInfo("Asia/Tokyo")) == "22:00 JST"


def test_zone_without_a_name_reads_as_offset() -> None:
    assert render("{% at_in due 'America/Sao_Paulo' %}", due=NOW) == "09:10 UTC-03"


def test_exact_is_full() -> None:
    when = datetime(2026, 3, 10, 11, 52, 40, tzinfo=UTC)
    assert tags.exact(when) == "Tue 10 March 2026 12:52:40 CET"


def test_ago_keeps_the_exact_time_beside_it() -> None:
    html = tags.ago(NOW - 29 * MINUTE, NOW)
    assert ">29 min ago</span> (12:41 CET)" in html
    assert ">in 38 min</span> (13:48 CET)" in tags.ago(NOW + 38 * MINUTE, NOW)


def test_missing_times_are_empty() -> None:
    assert tags.at(None, NOW) == tags.exact(None) == tags.ago(None, NOW) == tags.span(None) == ""
    assert render("{% at_in None 'UTC' %}") == tags.limit(None) == ""


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=59.9), "59 s"),
        (MINUTE, "1 min"),
        (3 * HOUR + 42 * MINUTE, "3 h 42 min"),
        (HOUR + 4 * MINUTE, "1 h 04 min"),
        (20 * HOUR, "20 h"),
        (DAY, "1 d"),
        (2 * DAY + 3 * HOUR + 59 * MINUTE, "2 d 3 h"),
        (8, "8 s"),
        (-MINUTE, "0 s"),
    ],
)
def test_span_has_at_most_two_units(duration: timedelta | float, words: str) -> None:
    assert tags.span(duration) == words


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (15 * MINUTE, "15 min"),
        (HOUR, "1 h"),
        (24 * HOUR, "24 h"),
        (72 * HOUR, "72 h"),
        (7 * DAY, "7 days"),
        (90 * MINUTE, "1 h 30 min"),
    ],
)
def test_limit_reads_as_the_sop_writes_it_S1(duration: timedelta, words: str) -> None:
    assert tags.limit(duration) == words


# Menus


@pytest.mark.parametrize(
    ("path", "current"),
    [
        ("/accounts/login/", ' aria-current="page"'),
        ("/accounts/login/more/", ' aria-current="true"'),
        ("/accounts/", ""),
    ],
)
def test_here_marks_page_and_section(path: str, current: str) -> None:
    request = RequestFactory().get(path)
    assert render("{% here 'account_login' %}", request=request) == current


def test_here_is_silent_without_a_request() -> None:
    assert render("{% here 'account_login' %}") == ""
