"""Badges, clocks and times of the pages: shape first, then the word, colour last.

``{% load incident_tags %}``. ``now`` is the aware instant of the page, always in the context;
a tag takes it from there unless told ``now=``. No mark needs a style attribute or a script.

Marks (each returns safe HTML)::

    {% icon "envelope" %}                      heroicons micro, hidden from screen readers
    {% icon "check-circle" class="ico-ok" %}   extra classes
    {% sev incident.level %}                   1 to 4; None: "Not triaged"
    {% sev incident.level word=True %}         with Critical, High, Medium, Low
    {% status incident.status %}               word and six pips
    {% status incident.status sub="Devin" %}   with the owner below
    {% plan client.tier %}
    {% state "ok" "Pass" %}                    ok | bad | warn | none | na | due

Clocks; a deadline is anything with started_at, due_at, stopped_at, breached_at, voided_at and
is_provisional (and perhaps a kind: passing a window or a planned fix is no lateness)::

    {% clock deadline %}                       dial, "6 min left", "13:16 CET"
    {% clock deadline prefix="due" %}          "due 13:16 CET"; also "promised"
    {% clock deadline note="merged" %}         says why, after the exact time
    {% clock None empty="after triage" %}      the faint words where no clock runs
    {% fuse deadline %}                        bar with ticks at 50 and 80 %
    {% hero_time deadline %}                   the page's largest figure, ticking
    {% used deadline %}                        "9 of 15 min used"
    {{ deadline|clock_state:now }}             the class: is-run, is-half (50 %), is-near (80 %),
                                               is-late, is-done, is-stop

Times; every one prints its zone (the current one: the agency's)::

    {{ instant|at:now }}                       13:16 CET | Wed 12:41 CET | 2 March 12:41 CET
    {{ instant|at }}                           Tue 10 March 12:41 CET
    {{ instant|exact }}                        Tue 10 March 2026 12:52:40 CET
    {% at_in instant client.time_zone %}       as the client reads it: 13:00 GMT
    {{ instant|ago:now }}                      29 min ago (12:41 CET)
    {{ duration|span }}                        42 s | 6 min | 3 h 42 min | 2 d 3 h
    {{ duration|limit }}                       15 min | 4 h | 72 h | 7 days, as the SOP says limits
    {% here "incidents:list" %}                aria-current of a link in a menu
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from django import template
from django.template import Context
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from heroicons.templatetags.heroicons import heroicon_micro

from incidents.enums import REMINDER_KINDS, Status

register = template.Library()

SEVERITY_WORDS: Mapping[int, str] = {1: "Critical", 2: "High", 3: "Medium", 4: "Low"}
STATUS_ORDER = (
    Status.DETECTED,
    Status.TRIAGED,
    Status.INVESTIGATING,
    Status.MONITORING,
    Status.RESOLVED,
    Status.CLOSED,
)
STATE_ICONS: Mapping[str, str] = {
    "ok": "check-circle",
    "bad": "x-circle",
    "warn": "exclamation-triangle",
    "none": "question-mark-circle",
    "na": "minus-circle",
    "due": "clock",
}
HALF, NEAR = 50, 80
#: Weekday names stay unambiguous only within three days on either side.
WEEKDAY_REACH_DAYS = 3
MINUTE, HOUR, DAY = 60, 3600, 86400


class Clocked(Protocol):
    """What a clock is drawn from; the model Deadline fits, and so does any row like it."""

    started_at: datetime
    due_at: datetime
    stopped_at: datetime | None
    breached_at: datetime | None
    voided_at: datetime | None
    is_provisional: bool


@dataclass(frozen=True)
class Face:
    """What a clock shows: its classes, the main words, the words before and after the time."""

    classes: str
    main: str
    before: str
    instant: datetime
    after: str = ""
    icon: str = ""


# Icons and badges


@lru_cache(maxsize=256)
def _drawn_icon(name: str, classes: str) -> SafeString:
    attributes = {"class": classes, "aria-hidden": "true", "focusable": "false"}
    return SafeString(heroicon_micro(name, size=16, **attributes))


@register.simple_tag
def icon(name: str, **attributes: str) -> SafeString:
    """Return the micro heroicon `name`, decorative; ``class=`` adds classes to ``ico``."""
    return _drawn_icon(str(name), f"ico {attributes.get('class', '')}".strip())


@register.simple_tag
def sev(level: int | None, word: bool = False) -> SafeString:
    """Return the badge of a severity level; None is an incident nobody triaged (SOP step 2)."""
    if level is None:
        return format_html(
            '<span class="sev sev-0">{}Not triaged</span>', icon("question-mark-circle")
        )
    level = int(level)
    bars = format_html_join(
        "",
        '<rect x="{}" y="{}" width="3" height="{}" class="{}"/>',
        ((4 * i, 9 - 3 * i, 3 + 3 * i, "on" if i < 5 - level else "off") for i in range(4)),
    )
    name = SEVERITY_WORDS.get(level, "")
    return format_html(
        '<span class="sev sev-{}"><svg class="sev-bars" width="15" height="12"'
        ' viewBox="0 0 15 12" aria-hidden="true">{}</svg>SEV-{}{}</span>',
        level,
        bars,
        level,
        format_html(' <span class="sev-word">{}</span>', name) if word else "",
    )


@register.simple_tag
def status(value: str, sub: object = "") -> SafeString:
    """Return the status word above its six pips, `sub` (often the owner) beside them."""
    known = Status(value)
    present = STATUS_ORDER.index(known) if known in STATUS_ORDER else -1
    pips = format_html_join(
        "",
        '<rect x="{}" y="{}" width="4" height="{}" class="{}"/>',
        (
            (6 * i, 0 if i == present else 2, 6 if i == present else 2, _on_off(i, present))
            for i in range(len(STATUS_ORDER))
        ),
    )
    return format_html(
        '<span class="status"><span class="status-word">{}</span><span class="status-sub">'
        '<svg class="pips" width="34" height="6" viewBox="0 0 34 6" aria-hidden="true">{}</svg>'
        "{}</span></span>",
        known.label,
        pips,
        sub,
    )


def _on_off(position: int, present: int) -> str:
    return "on" if position <= present else "off"


@register.simple_tag
def plan(tier: str) -> SafeString:
    """Return the client's tier; Premium carries a diamond."""
    return format_html('<span class="plan plan-{}">{}</span>', tier, str(tier).capitalize())


@register.simple_tag
def state(kind: str, word: object = "") -> SafeString:
    """Return an outcome as icon and word; `kind` is ok, bad, warn, none, na or due."""
    return format_html('<span class="state is-{}">{}{}</span>', kind, icon(STATE_ICONS[kind]), word)


# Clocks


def used_percent(deadline: Clocked, *, now: datetime) -> int:
    """Return how much of the deadline's time is used, 0 to 100; a zero length counts as used."""
    length = (deadline.due_at - deadline.started_at).total_seconds()
    if length <= 0:
        return 100
    gone = (now - deadline.started_at).total_seconds() / length * 100
    return int(max(0, min(100, gone)))


@register.filter
def clock_state(deadline: Clocked, now: datetime) -> str:
    """Return the class of a clock's state; a deadline met late keeps ``is-late`` (rule C1)."""
    if deadline.voided_at:
        return "is-stop"
    if deadline.stopped_at:
        return "is-late" if deadline.stopped_at > deadline.due_at else "is-done"
    if _is_reminder(deadline):
        return "is-done" if now >= deadline.due_at else "is-run"
    if now >= deadline.due_at:
        return "is-late"
    percent = used_percent(deadline, now=now)
    if percent >= NEAR:
        return "is-near"
    return "is-half" if percent >= HALF else "is-run"


def _is_reminder(deadline: Clocked) -> bool:
    return getattr(deadline, "kind", None) in REMINDER_KINDS


def _is_ticking(deadline: Clocked) -> bool:
    return deadline.stopped_at is None and deadline.voided_at is None


def _face(deadline: Clocked, *, now: datetime, prefix: str) -> Face:
    """Read the clock: void, met, met late, late, or running, in this order."""
    classes, due = clock_state(deadline, now), deadline.due_at
    if deadline.voided_at:
        return Face(classes, "stopped", "", deadline.voided_at, icon="minus")
    if deadline.stopped_at and classes == "is-late":
        late = f"{span(deadline.stopped_at - due)} late"
        return Face("is-late", late, "done", deadline.stopped_at, icon="exclamation-circle")
    if deadline.stopped_at:
        took = f"in {span(deadline.stopped_at - deadline.started_at)}"
        return Face("is-done", took, "", deadline.stopped_at, icon="check-circle")
    if classes == "is-done":
        return Face(classes, "passed", "", due, icon="check-circle")
    after = ", ".join(_marks(deadline, is_late=classes == "is-late"))
    if deadline.is_provisional:
        classes += " is-prov"
    if now >= due:
        return Face(classes, f"{span(now - due)} late", "was", due, after, "exclamation-circle")
    return Face(classes, f"{span(due - now)} left", prefix, due, after)


def _marks(deadline: Clocked, *, is_late: bool) -> list[str]:
    marks = ["provisional"] if deadline.is_provisional else []
    # A later due time (severity lowered) does not erase a breach that was recorded.
    if deadline.breached_at and not is_late:
        marks.append("breached before")
    return marks


def _dial(percent: int) -> SafeString:
    return format_html(
        '<svg class="dial" width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">'
        '<circle class="dial-rim" cx="8" cy="8" r="6.75"/><circle class="dial-pie" cx="8" cy="8"'
        ' r="2.75" pathLength="100" stroke-dasharray="{} 100" transform="rotate(-90 8 8)"/></svg>',
        percent,
    )


def _ticks(deadline: Clocked, **more: str) -> SafeString:
    """Return the attributes from which the browser keeps a running clock going."""
    if not _is_ticking(deadline):
        return SafeString("")
    if _is_reminder(deadline):
        more["reminder"] = ""
    pairs = {"started": deadline.started_at.isoformat(), "due": deadline.due_at.isoformat(), **more}
    return format_html_join("", ' data-{}="{}"', pairs.items())


@register.simple_tag(takes_context=True)
def clock(
    context: Context,
    deadline: Clocked | None,
    now: datetime | None = None,
    prefix: str = "",
    note: str = "",
    empty: str = "No time limit",
) -> SafeString:
    """Return a deadline as dial, time left or late, and the exact time with its zone (rule C4)."""
    if not deadline:
        return format_html('<span class="faint">{}</span>', empty)
    now = now or context["now"]
    face = _face(deadline, now=now, prefix=prefix)
    exact_time = at(face.instant, now)
    after = ", ".join(filter(None, (face.after, note)))
    tail = f"{exact_time}, {after}" if after else exact_time
    return format_html(
        '<span class="clock {}"{}>{}<span class="clock-main">{}</span>'
        '<time class="clock-exact" datetime="{}" title="{}">{}</time></span>',
        face.classes,
        _ticks(deadline, clock=tail),
        _drawn_icon(face.icon, "ico dial") if face.icon else _dial(used_percent(deadline, now=now)),
        face.main,
        face.instant.isoformat(),
        exact(face.instant),
        f"{face.before} {tail}".strip(),
    )


@register.simple_tag(takes_context=True)
def fuse(context: Context, deadline: Clocked, now: datetime | None = None) -> SafeString:
    """Return a deadline's bar, ticked at 50 and 80 %, hatched when late."""
    now = now or context["now"]
    end = deadline.voided_at or deadline.stopped_at or now
    return format_html(
        '<svg class="fuse {}"{} width="100%" height="10" aria-hidden="true">'
        '<rect class="fuse-track" y="3" width="100%" height="4"/>'
        '<rect class="fuse-used" y="3" width="{}%" height="4"/>'
        '<line class="fuse-tick" x1="50%" x2="50%" y1="0" y2="10"/>'
        '<line class="fuse-tick" x1="80%" x2="80%" y1="0" y2="10"/></svg>',
        clock_state(deadline, now),
        _ticks(deadline, fuse=""),
        used_percent(deadline, now=end),
    )


@register.simple_tag(takes_context=True)
def hero_time(context: Context, deadline: Clocked, now: datetime | None = None) -> SafeString:
    """Return the time left or late as large figures with small units; it ticks in the browser."""
    now = now or context["now"]
    is_late = now >= deadline.due_at
    parts = _two_parts(abs(int((deadline.due_at - now).total_seconds())))
    if is_late:
        parts[-1] = (parts[-1][0], f"{parts[-1][1]} late")
    return format_html(
        '<time datetime="{}"{}>{}</time>',
        deadline.due_at.isoformat(),
        _ticks(deadline, hero=""),
        format_html_join("", "{}<small>{}</small>", parts),
    )


def _two_parts(seconds: int) -> list[tuple[str, str]]:
    """Split seconds into the two largest units that tell something."""
    if seconds < MINUTE:
        return [(str(seconds), "s")]
    if seconds < HOUR:
        return [(str(seconds // MINUTE), "min"), (f"{seconds % MINUTE:02d}", "s")]
    if seconds < DAY:
        return [(str(seconds // HOUR), "h"), (f"{seconds % HOUR // MINUTE:02d}", "min")]
    return [(str(seconds // DAY), "d"), (str(seconds % DAY // HOUR), "h")]


@register.simple_tag(takes_context=True)
def used(context: Context, deadline: Clocked, now: datetime | None = None) -> str:
    """Return "9 of 15 min used": minutes up to two hours, hours up to a week, then days."""
    now = now or context["now"]
    length = deadline.due_at - deadline.started_at
    unit, seconds = "d", DAY
    if length <= timedelta(hours=2):
        unit, seconds = "min", MINUTE
    elif length <= timedelta(days=7):
        unit, seconds = "h", HOUR
    gone = max(0, int((now - deadline.started_at).total_seconds() // seconds))
    return f"{gone} of {int(length.total_seconds() // seconds)} {unit} used"


# Times


def _zone_name(local: datetime) -> str:
    """Return the zone's abbreviation; zones without one ("-03") read as an offset from UTC."""
    name = local.tzname() or "UTC"
    return f"UTC{name}" if name[0] in "+-" else name


def _short(instant: datetime, *, now: datetime | None, zone: tzinfo | None = None) -> str:
    local = timezone.localtime(instant, zone)
    clock_time = f"{local:%H:%M} {_zone_name(local)}"
    if now is None:
        return f"{local:%a} {local.day} {local:%B} {clock_time}"
    today = timezone.localtime(now, zone)
    days = abs((local.date() - today.date()).days)
    if days == 0:
        return clock_time
    if days <= WEEKDAY_REACH_DAYS:
        return f"{local:%a} {clock_time}"
    year = f" {local.year}" if local.year != today.year else ""
    return f"{local.day} {local:%B}{year} {clock_time}"


@register.filter
def at(instant: datetime | None, now: datetime | None = None) -> str:
    """Return an instant in the current zone, as short as `now` allows; nothing for None."""
    return _short(instant, now=now) if instant else ""


@register.simple_tag(takes_context=True)
def at_in(
    context: Context, instant: datetime | None, zone: str | tzinfo, now: datetime | None = None
) -> str:
    """Return an instant as somebody in `zone` (a name or tzinfo) reads it."""
    if not instant:
        return ""
    place = ZoneInfo(zone) if isinstance(zone, str) else zone
    return _short(instant, now=now or context["now"], zone=place)


@register.filter
def exact(instant: datetime | None) -> str:
    """Return an instant in full, to the second, with its zone."""
    if not instant:
        return ""
    local = timezone.localtime(instant)
    return f"{local:%a} {local.day} {local:%B %Y %H:%M:%S} {_zone_name(local)}"


@register.filter
def ago(instant: datetime | None, now: datetime) -> SafeString:
    """Return how long ago (or in how long) an instant is, with the exact time in brackets."""
    if not instant:
        return SafeString("")
    past = now >= instant
    words = f"{span(now - instant)} ago" if past else f"in {span(instant - now)}"
    return format_html(
        '<time datetime="{}" title="{}"><span data-ago="{}">{}</span> ({})</time>',
        instant.isoformat(),
        exact(instant),
        instant.isoformat(),
        words,
        at(instant, now),
    )


@register.filter
def span(duration: timedelta | float | None) -> str:
    """Return a duration (timedelta or seconds), rounded down, in at most two units."""
    if duration is None:
        return ""
    total = duration.total_seconds() if isinstance(duration, timedelta) else float(duration)
    seconds = max(0, int(total))
    if seconds < HOUR:
        return f"{seconds // MINUTE} min" if seconds >= MINUTE else f"{seconds} s"
    (first, unit), (second, lesser) = _two_parts(seconds)
    return f"{first} {unit}" if int(second) == 0 else f"{first} {unit} {second} {lesser}"


@register.filter
def limit(duration: timedelta | None) -> str:
    """Return a limit as the SOP writes it: minutes, hours up to four days, then days."""
    if duration is None:
        return ""
    seconds = int(duration.total_seconds())
    if seconds < HOUR:
        return f"{seconds // MINUTE} min"
    if seconds > 4 * DAY and seconds % DAY == 0:
        return f"{seconds // DAY} days"
    return f"{seconds // HOUR} h" if seconds % HOUR == 0 else span(duration)


# Menus


@register.simple_tag(takes_context=True)
def here(context: Context, url_name: str) -> SafeString:
    """Return aria-current for a menu link: the page itself, or the section it belongs to."""
    request: Any = context.get("request")
    if request is None:
        return SafeString("")
    address = reverse(url_name)
    if request.path == address:
        return SafeString(' aria-current="page"')
    is_section = address != "/" and request.path.startswith(address)
    return SafeString(' aria-current="true"' if is_section else "")
