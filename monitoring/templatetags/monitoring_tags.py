"""Marks of monitors and checklists: shape first, then the word, colour last.

``{% load monitoring_tags %}``::

    {% monitor_state status.state %}           icon and word
    {% monitor_state status.state word=False %}  the icon, the word for screen readers only
    {% bars row.bars %}                        30 days as an inline picture with its words
    {% outcome item.outcome %}                 Pass, Fail, Not applicable, To do
    {% short_ago instant %}                    2 min ago; the exact time is its title
    {% age_at measured_at answered_at %}       2 min: how old a figure was when it was used
    {{ figure|plain_number }}                  11.8, 1,240
    {{ cells|below:table.head }}               each cell of a row with the head of its column
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django import template
from django.template import Context
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from incidents.templatetags.incident_tags import STATE_ICONS, exact, icon, span, state
from monitoring.bars import Bars
from monitoring.enums import Outcome, State

register = template.Library()

MARKS: Mapping[str, str] = {
    State.NEW: "na",
    State.OK: "ok",
    State.TOO_FEW: "na",
    State.UNKNOWN: "none",
    State.WARNING: "warn",
    State.NO_DATA: "bad",
    State.FAILING: "bad",
}
OUTCOME_MARKS: Mapping[str, str] = {
    Outcome.PENDING: "due",
    Outcome.PASS: "ok",
    Outcome.FAIL: "bad",
    Outcome.NOT_APPLICABLE: "na",
}


@register.simple_tag
def monitor_state(value: str, word: bool = True) -> SafeString:
    """Return how a monitor stands; what is unknown has a mark of its own (rule K7)."""
    known = State(value)
    if word:
        return state(MARKS[known], known.label)
    return format_html(
        '<span class="state is-{}">{}<span class="visually-hidden">{}</span></span>',
        MARKS[known],
        icon(STATE_ICONS[MARKS[known]]),
        known.label,
    )


@register.simple_tag
def outcome(value: str) -> SafeString:
    """Return the answer to an item of a checklist."""
    known = Outcome(value)
    return state(OUTCOME_MARKS[known], known.label)


@register.simple_tag
def bars(chart: Bars) -> SafeString:
    """Return a chart as an inline picture; its words are its label (no colour is needed)."""
    drawn = format_html_join(
        "",
        '<rect class="bar-{}" x="{}" y="{}" width="{}" height="{}"/>{}',
        (
            (
                bar.kind,
                bar.x,
                bar.y,
                bar.width,
                bar.height,
                ""
                if bar.cap_y is None
                else format_html(
                    '<rect class="bar-cap" x="{}" y="{}" width="{}" height="2"/>',
                    bar.x,
                    bar.cap_y,
                    bar.width,
                ),
            )
            for bar in chart.bars
        ),
    )
    line = (
        ""
        if chart.limit_y is None
        else format_html(
            '<line class="bar-limit" x1="0" x2="{}" y1="{}" y2="{}"/>',
            chart.width,
            chart.limit_y,
            chart.limit_y,
        )
    )
    return format_html(
        '<svg class="bars" width="{}" height="{}" viewBox="0 0 {} {}" role="img"'
        ' aria-label="{}">{}{}</svg>',
        chart.width,
        chart.height,
        chart.width,
        chart.height,
        chart.label,
        drawn,
        line,
    )


@register.simple_tag(takes_context=True)
def short_ago(context: Context, instant: datetime) -> SafeString:
    """Return how long ago an instant is; the exact time with its zone is its title."""
    return format_html(
        '<time datetime="{}" title="{}" data-ago="{}">{} ago</time>',
        instant.isoformat(),
        exact(instant),
        instant.isoformat(),
        span(max(timedelta(0), context["now"] - instant)),
    )


@register.simple_tag
def age_at(measured_at: datetime, used_at: datetime | None) -> str:
    """Return how old a figure was when an item was answered by it."""
    return span(max(timedelta(0), (used_at or measured_at) - measured_at))


@register.filter
def plain_number(value: float | None) -> str:
    """Return a figure without needless decimals: 11.8, 0, 1,240; nothing for None."""
    if value is None:
        return ""
    text = f"{value:,.1f}"
    return text.removesuffix(".0")


@register.filter
def below(cells: Sequence[object], head: Sequence[object]) -> list[tuple[object, object]]:
    """Return the cells of a row, each with the word at the head of its column."""
    words = [*head, *[""] * (len(cells) - len(head))]
    return list(zip(words, cells, strict=False))
