"""What every page shows around its own content: ``shell`` and ``now``."""

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import JSONObject
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from config.health import BEAT_LIMITS
from incidents.actors import Actor
from incidents.counts import CountOf
from incidents.digests import digests_at_hand
from incidents.enums import Origin, Role
from incidents.escalation import phone_whom
from incidents.holding import deadlines_held
from incidents.middleware import remember_zone
from incidents.models import Escalation, Hold, Incident, Responder
from incidents.obligations import Term
from incidents.permissions import may
from incidents.prepared import prepared
from incidents.transitions import Step
from monitoring.models import Audit, AuditFinding, Beat
from monitoring.models.beat import CANARY, ENGINE
from notifications.models import ChannelPause, Message

BEATS = (ENGINE, CANARY)
#: What is counted for every page.
FIGURES = ("waiting", "failed", "uncertain", "held", "paused", "unheard", "found", "sending_held")
#: Escalations named one by one in the strip above a page; more are summed up.
SHOWN_ALARMS = 3


@dataclass(frozen=True, slots=True)
class Alarm:
    """What is wrong, with the pages that mend it: their words and addresses."""

    text: str
    links: tuple[tuple[str, str], ...] = ()


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
        found = _figures(user=self._user.pk, now=self._now)
        if found:
            remember_zone(self._request, found[0]["own_zone"] or "")
        return found or [dict.fromkeys(FIGURES, 0)]

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

    @cached_property
    def findings(self) -> list[AuditFinding]:
        """What the auditor found and no other alarm on the page says; one more query if any."""
        if not self._rows[0]["found"]:
            return []
        return list(AuditFinding.objects.filter(is_on_pages=False))

    @property
    def has_digests(self) -> bool:
        """Whether a scheduled update waits for somebody (rule M9)."""
        return bool(self._rows[0].get("has_digests"))

    @property
    def audited_at(self) -> dt.datetime | None:
        """When the auditor looked last (rule K11)."""
        at: dt.datetime | None = self._rows[0].get("audited_at")
        return at

    @property
    def outbox(self) -> dict[str, int]:
        return {name: self._rows[0][name] for name in ("waiting", "failed", "uncertain", "held")}

    @cached_property
    def paused_channels(self) -> list[str]:
        """Channels that wait for a person, or have failed for minutes; one more query if any."""
        if not self._rows[0]["paused"]:
            return []
        rows = ChannelPause.objects.alarming(at=self._now)
        return [row.get_channel_display() for row in rows]

    @cached_property
    def alarms(self) -> list[Alarm]:
        """What is wrong on every page: nobody reached (rule E10), sends from a held domain (P4)."""
        return [*self._unheard(), *self._sends_while_held()]

    def _unheard(self) -> list[Alarm]:
        """Escalations that nobody can receive; of a private one only that it is there and whom
        to phone (rule W11)."""
        if not self._rows[0]["unheard"]:
            return []
        unheard = Escalation.objects.unheard()
        visible = unheard.visible_to(self._user).select_related("rule", "incident", "client")
        named = [_alarm(row, now=self._now) for row in visible[:SHOWN_ALARMS]]
        rest = visible.count() - len(named)
        hidden = self._rows[0]["unheard"] - rest - len(named)
        every = ("All escalations", reverse("incidents:escalations"))
        if rest > 0:
            named.append(Alarm(f"{_count(rest, 'more escalation')} reached nobody.", (every,)))
        if hidden > 0:
            who = _whom(Responder.objects.on_duty(Role.FOUNDER, at=self._now))
            named.append(Alarm(f"{_count(hidden, 'private escalation')} reached nobody.{who}"))
        return named

    def _sends_while_held(self) -> list[Alarm]:
        count = self._rows[0]["sending_held"]
        if not count:
            return []
        visible = Incident.objects.visible_to(self._user)
        rows = Hold.objects.alarming().filter(incident__in=visible)
        every = ("All holds", reverse("incidents:hold-list"))
        named = [
            Alarm(
                f"{hold.sent_while_held:,} mails left {hold.sending_domain} although it is on "
                "hold.",
                (every,),
            )
            for hold in rows.select_related("sending_domain")[:SHOWN_ALARMS]
        ]
        rest = count - len(named)
        if rest > 0:
            more = "more domain" if named else "domain"
            text = f"{rest} {more}{'s' if rest > 1 else ''} on hold sent mails."
            named.append(Alarm(text, (every,)))
        return named

    @property
    def unheard_count(self) -> int:
        """Escalations that reached nobody."""
        return int(self._rows[0]["unheard"])

    @property
    def alarm_count(self) -> int:
        return self.unheard_count + int(self._rows[0]["sending_held"])

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


@prepared
def _figures(*, user: int, now: dt.datetime) -> QuerySet[User, Any]:
    """What the frame says of the house and of the reader, a row for each of their groups."""
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
    return (
        User.objects.filter(pk=user)
        .order_by()
        .annotate(
            beat_at=Subquery(beats),
            canary_at=Subquery(canary),
            waiting=CountOf(Message.objects.waiting()),
            failed=CountOf(Message.objects.failed()),
            uncertain=CountOf(Message.objects.uncertain()),
            held=CountOf(Message.objects.held()),
            paused=CountOf(ChannelPause.objects.alarming(at=now)),
            unheard=CountOf(Escalation.objects.unheard()),
            found=CountOf(AuditFinding.objects.filter(is_on_pages=False)),
            audited_at=Subquery(Audit.objects.values("finished_at")[:1]),
            has_digests=Exists(digests_at_hand()),
            sending_held=CountOf(Hold.objects.alarming()),
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
            "held",
            "paused",
            "unheard",
            "found",
            "audited_at",
            "has_digests",
            "sending_held",
            "own_zone",
            "deadline",
        )
    )


def _alarm(escalation: Escalation, *, now: dt.datetime) -> Alarm:
    incident, client = escalation.incident, escalation.client
    subject = incident or client
    name = incident.ref if incident else str(client)
    links = [(f"Open {name}", subject.get_absolute_url())] if subject else []
    links.append(
        ("I have reached them", reverse("incidents:escalation-phone", args=[escalation.pk]))
    )
    who = _whom(*phone_whom(escalation, now=now))
    text = f"{escalation.rule.code} {escalation.rule.situation} for {name} reached nobody.{who}"
    return Alarm(text, tuple(links))


def _whom(*people: Responder | None) -> str:
    """What to do about it: “ Phone Clayton.”"""
    names = " and ".join(person.name for person in people if person)
    return f" Phone {names}." if names else " Nobody is set to be told: phone who decides."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _instant(text: str) -> dt.datetime:
    """An instant out of the database's JSON; SQLite writes UTC without saying so."""
    instant = parse_datetime(text)
    if instant is None:
        raise ValueError(f"not an instant: {text!r}")
    return instant if instant.tzinfo else instant.replace(tzinfo=dt.UTC)
