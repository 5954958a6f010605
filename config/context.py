"""What every page shows around its own content: ``shell`` and ``now``."""

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib.auth.models import User
from django.db.models import OuterRef, Subquery
from django.db.models.functions import JSONObject
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from config.health import BEAT_LIMITS
from incidents.actors import Actor
from incidents.counts import CountOf
from incidents.enums import Origin
from incidents.holding import deadlines_held
from incidents.middleware import remember_zone
from incidents.models import Escalation, Incident, Responder
from incidents.obligations import Term
from incidents.permissions import may
from incidents.transitions import Step
from monitoring.models import Beat
from monitoring.models.beat import CANARY, ENGINE
from notifications.models import Message

BEATS = (ENGINE, CANARY)
#: Escalations named one by one in the strip above a page; more are summed up.
SHOWN_ALARMS = 3


@dataclass(frozen=True, slots=True)
class Alarm:
    text: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class NextIncident:
    """As much of the incident as the link to it needs."""

    ref: str


@dataclass(frozen=True, slots=True)
class NextDeadline(Term):
    """The reader's next deadline, for the top bar."""

    incident: NextIncident = NextIncident("")


class Shell:
    """The frame of a page: read on first use, in one query while all is well."""

    def __init__(self, request: HttpRequest, user: User, *, now: dt.datetime) -> None:
        self._request = request
        self._user = user
        self._now = now
        self.shortcuts_off = request.COOKIES.get("shortcuts") == "off"

    @cached_property
    def _rows(self) -> list[dict[str, Any]]:
        """One row for each group of the account, all with the same figures."""
        user, now = self._user, self._now
        people = Responder.objects.filter(user=OuterRef("pk"), is_active=True)
        beats, canary = (Beat.objects.filter(name=name).values("at")[:1] for name in BEATS)
        deadline = deadlines_held(user, now=now).values(
            data=JSONObject(
                ref="incident__ref",
                started_at="started_at",
                due_at="due_at",
                is_provisional="is_provisional",
            )
        )
        rows = (
            User.objects.filter(pk=user.pk)
            .order_by()
            .annotate(
                beat_at=Subquery(beats),
                canary_at=Subquery(canary),
                waiting=CountOf(Message.objects.waiting()),
                failed=CountOf(Message.objects.failed()),
                uncertain=CountOf(Message.objects.uncertain()),
                unheard=CountOf(Escalation.objects.unheard()),
                own_zone=Subquery(people.values("time_zone")[:1]),
                deadline=Subquery(deadline[:1]),
            )
            .values(
                "groups__name",
                "beat_at",
                "canary_at",
                "waiting",
                "failed",
                "uncertain",
                "unheard",
                "own_zone",
                "deadline",
            )
        )
        found: list[dict[str, Any]] = [dict(row) for row in rows]
        if found:
            remember_zone(self._request, found[0]["own_zone"] or "")
        return found or [dict.fromkeys(("waiting", "failed", "uncertain", "unheard"), 0)]

    @property
    def worker_age_seconds(self) -> int | None:
        """Seconds since the engine's last beat; None where it never ran (rule K11)."""
        beat_at = self._rows[0].get("beat_at")
        return None if beat_at is None else max(0, int((self._now - beat_at).total_seconds()))

    @property
    def tasks_silent_seconds(self) -> int | None:
        """Seconds since the task cluster's last sign of life, once that is late (rule K11).

        None also where it never ran: checklists and probes may be left to cron.
        """
        canary_at = self._rows[0].get("canary_at")
        if canary_at is None or self._now - canary_at <= BEAT_LIMITS[CANARY]:
            return None
        return int((self._now - canary_at).total_seconds())

    @property
    def outbox(self) -> dict[str, int]:
        return {name: self._rows[0][name] for name in ("waiting", "failed", "uncertain")}

    @cached_property
    def alarms(self) -> list[Alarm]:
        """Escalations that nobody can receive (rule E10); private ones without their name."""
        count = self._rows[0]["unheard"]
        if not count:
            return []
        visible = Incident.objects.visible_to(self._user)
        rows = Escalation.objects.unheard().select_related("rule", "incident", "client")
        named = [_alarm(row) for row in rows.filter(incident__in=visible)[:SHOWN_ALARMS]]
        rest = count - len(named)
        if rest > 0:
            more = " more" if named else ""
            text = f"{rest}{more} escalation{'s' if rest > 1 else ''} reached nobody."
            named.append(Alarm(text, reverse("incidents:outbox")))
        return named

    @property
    def alarm_count(self) -> int:
        return int(self._rows[0]["unheard"])

    @cached_property
    def next_deadline(self) -> NextDeadline | None:
        data = self._rows[0].get("deadline")
        if not data:
            return None
        return NextDeadline(
            started_at=_instant(data["started_at"]),
            due_at=_instant(data["due_at"]),
            is_provisional=bool(data["is_provisional"]),
            incident=NextIncident(data["ref"]),
        )

    @property
    def zone(self) -> str:
        return timezone.get_current_timezone_name()

    @cached_property
    def actor(self) -> Actor:
        """The reader, without asking the database again."""
        roles = frozenset(row["groups__name"] for row in self._rows if row.get("groups__name"))
        name = self._user.get_full_name() or self._user.get_username()
        return Actor(name=name, origin=Origin.HUMAN, user=self._user, roles=roles)

    @property
    def may_assign(self) -> bool:
        return may(Step.ASSIGN, by=self.actor, now=self._now)


def shell(request: HttpRequest) -> dict[str, Any]:
    """``now``, and ``shell`` for somebody who is signed in."""
    now = timezone.now()
    user = getattr(request, "user", None)
    if not isinstance(user, User) and not getattr(user, "is_authenticated", False):
        return {"now": now, "shell": None}
    return {"now": now, "shell": Shell(request, request.user, now=now)}  # type: ignore[arg-type]


def _alarm(escalation: Escalation) -> Alarm:
    incident = escalation.incident
    where = f" for {incident.ref}" if incident else ""
    url = incident.get_absolute_url() if incident else ""
    text = f"{escalation.rule.code} {escalation.rule.situation}{where} reached nobody."
    return Alarm(text, url)


def _instant(text: str) -> dt.datetime:
    """An instant out of the database's JSON; SQLite writes UTC without saying so."""
    instant = parse_datetime(text)
    if instant is None:
        raise ValueError(f"not an instant: {text!r}")
    return instant if instant.tzinfo else instant.replace(tzinfo=dt.UTC)
