"""Home: what must happen next, by when, by whom (the first question of every screen)."""

import datetime as dt
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Exists, F, Max, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from config.context import Shell
from config.health import BEAT_LIMITS
from incidents.actors import Actor, actor_for
from incidents.counts import CountOf, capped
from incidents.digests import digest_duties
from incidents.enums import DeadlineKind, Status
from incidents.models import (
    ClientDigest,
    Deadline,
    Escalation,
    Incident,
    MailDraft,
    TimelineEntry,
)
from incidents.obligations import Obligation, by_urgency, obligations_of
from incidents.prepared import prepared
from incidents.rows import incident_rows, listed
from incidents.stamps import is_unchanged, stamped
from monitoring.models import Beat
from monitoring.models.beat import CANARY, ENGINE
from monitoring.panels import home_panels, home_stamp, run_duties
from notifications.models import ChannelPause, Message

#: As many open incidents as one look takes in; the list has all of them.
SHOWN_OPEN = 30
LAST_CLOSED = 5
#: Without a beat for so long the worker counts as silent (rule K11).
SILENT_AFTER = dt.timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Tally:
    """One figure of the band, linked to what it counts."""

    count: int
    word: str
    url: str
    is_late: bool = False

    @property
    def figure(self) -> str:
        return capped(self.count)


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The next deadline of the signed-in person, what they owe, and what is open."""
    now, user = timezone.now(), request.user
    assert isinstance(user, User)
    is_everyones = request.GET.get("who") == "everyone"
    is_poll = "HX-Polling" in request.headers
    stamp = _stamp(user, is_everyones, now=now) if is_poll else ""
    if is_poll and is_unchanged(request, stamp):
        return stamped(HttpResponse(status=HTTPStatus.NOT_MODIFIED), stamp)
    context = _context(request, user, actor_for(user), is_everyones, now=now)
    template = "incidents/_home_live.html" if is_poll else "incidents/home.html"
    return stamped(render(request, template, context), stamp)


def _context(
    request: HttpRequest, user: User, by: Actor, is_everyones: bool, *, now: dt.datetime
) -> dict[str, Any]:
    shell = Shell(request, user, now=now)
    shown = _duties(user, by, is_everyones, now=now)
    if shell.has_digests:
        updates = digest_duties(user, now=now, is_everyones=is_everyones)
        shown = sorted([*shown, *updates], key=by_urgency)
    duties = [duty for duty in shown if duty.holder_user == user.pk] if is_everyones else shown
    rows = incident_rows(_open(user=user.pk, sees_all=by.sees_all))
    tallies = _tallies(user, by, shell, now=now)
    return {
        "now": now,
        "shell": shell,
        "duties": shown,
        "next_duty": _next_of(duties),
        "is_everyones": is_everyones,
        "rows": rows[:SHOWN_OPEN],
        "has_more": len(rows) > SHOWN_OPEN,
        "open_count": capped(tallies[0].count),
        "tallies": tallies[1:],
        "is_calm": not rows and not duties,
        "last_closed": [] if rows else _last_closed(user=user.pk, sees_all=by.sees_all),
        "beat_limit": SILENT_AFTER,
        "watch": home_panels(now=now),
        "poll_url": request.get_full_path(),
    }


def _duties(user: User, by: Actor, is_everyones: bool, *, now: dt.datetime) -> list[Obligation]:
    """What is owed on incidents and on checklists, the most urgent first."""
    owed = obligations_of(by, now=now, is_everyones=is_everyones)
    runs = run_duties(user, now=now, is_everyones=is_everyones)
    return sorted([*owed, *runs], key=by_urgency)


def _next_of(duties: list[Obligation]) -> Obligation | None:
    """The next deadline, or where no clock runs the first duty without one.

    A late checklist never takes the band from a clock that runs on an incident.
    """
    clocks = [duty for duty in duties if duty.incident and duty.deadline]
    is_run_first = bool(duties) and duties[0].incident is None and not duties[0].is_immediate
    return next(iter(clocks if clocks and is_run_first else duties), None)


@prepared
def _open(*, user: int, sees_all: bool) -> QuerySet[Incident]:
    """Open incidents, what nobody has triaged first, then the most severe."""
    rows = Incident.objects.seen_by(user, sees_all=sees_all).open()
    return listed(rows.order_by(F("severity").asc(nulls_first=True), "-id"))[: SHOWN_OPEN + 1]


@prepared
def _last_closed(*, user: int, sees_all: bool) -> QuerySet[Incident]:
    rows = Incident.objects.seen_by(user, sees_all=sees_all).filter(status=Status.CLOSED)
    return rows.select_related("severity").order_by("-closed_at")[:LAST_CLOSED]


@prepared
def _counts(*, user: int, sees_all: bool, end_of_day: dt.datetime) -> QuerySet[User, Any]:
    visible = Incident.objects.seen_by(user, sees_all=sees_all)
    is_open = visible.open()
    drafts = MailDraft.objects.filter(incident__in=is_open, finished_at__isnull=True)
    promises = Deadline.objects.running().filter(
        incident__in=is_open, kind=DeadlineKind.PROMISE, due_at__lte=end_of_day
    )
    return (
        User.objects.filter(pk=user)
        .order_by()
        .annotate(
            opened=CountOf(is_open),
            breached=CountOf(is_open.breached()),
            untriaged=CountOf(visible.untriaged()),
            drafts=CountOf(drafts),
            updates=CountOf(promises),
        )
        .values("opened", "breached", "untriaged", "drafts", "updates")
    )


def _tallies(user: User, by: Actor, shell: Shell, *, now: dt.datetime) -> list[Tally]:
    """Open, breached, untriaged, unsent drafts, updates due today, alarms: one query."""
    end_of_day = timezone.localtime(now).replace(hour=23, minute=59, second=59)
    [figures] = _counts(user=user.pk, sees_all=by.sees_all, end_of_day=end_of_day)
    listed = reverse("incidents:list")
    return [
        Tally(figures["opened"], "open", f"{listed}?status=open"),
        Tally(
            figures["breached"],
            "breached",
            f"{listed}?status=open&breach=yes",
            is_late=figures["breached"] > 0,
        ),
        Tally(figures["untriaged"], "untriaged", f"{listed}?status=detected"),
        Tally(
            figures["drafts"],
            f"unsent draft{'s' if figures['drafts'] != 1 else ''}",
            f"{listed}?status=open&waiting=draft",
        ),
        Tally(
            figures["updates"],
            f"update{'s' if figures['updates'] != 1 else ''} due today",
            f"{listed}?status=open&waiting=update",
        ),
        Tally(
            shell.alarm_count,
            f"alarm{'s' if shell.alarm_count != 1 else ''}",
            reverse("incidents:escalations" if shell.unheard_count else "incidents:hold-list"),
            is_late=shell.alarm_count > 0,
        ),
    ]


def _stamp(user: User, is_everyones: bool, *, now: dt.datetime) -> str:
    """What the page depends on, in one query: the newest entry, message and escalation, how the
    monitors and checklists stand, and whether the worker is alive, both halves of it. Everything
    that happens to an incident writes an entry."""
    entries = TimelineEntry.objects.order_by("-pk").values("pk")[:1]
    messages = Message.objects.order_by("-pk").values("pk")[:1]
    seen = Escalation.objects.order_by().values("is_demo").annotate(at=Max("acknowledged_at"))
    drafts = MailDraft.objects.order_by("-updated_at").values("updated_at")[:1]
    digests = ClientDigest.objects.order_by("-updated_at").values("updated_at")[:1]
    pauses = ChannelPause.objects.order_by("-since").values("since")[:1]
    watched = {name: Subquery(rows) for name, rows in home_stamp().items()}
    facts = (
        User.objects.filter(pk=user.pk)
        .annotate(
            **watched,
            entry=Subquery(entries),
            message=Subquery(messages),
            seen_at=Subquery(seen.order_by("-at").values("at")[:1]),
            draft=Subquery(drafts),
            digest=Subquery(digests),
            paused=Subquery(pauses),
            is_alive=Exists(Beat.objects.filter(name=ENGINE, at__gt=now - SILENT_AFTER)),
            has_tasks=Exists(Beat.objects.filter(name=CANARY, at__gt=now - BEAT_LIMITS[CANARY])),
        )
        .values_list(
            "entry",
            "message",
            "seen_at",
            "draft",
            "digest",
            "paused",
            "is_alive",
            "has_tasks",
            *watched,
        )
        .first()
    )
    day = timezone.localtime(now).date()
    return f"home:{user.pk}:{is_everyones}:{day}:{facts}"
