"""Which deadlines an incident has, worked out from its facts alone.

Pure functions: facts in, planned deadlines out. Clocks run on wall time from the detection
(rule C1) and never pause (rule C6), so every deadline can be worked out anew after any change;
``incidents.deadlines`` writes the difference to the database.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from zoneinfo import ZoneInfo

import holidays

from incidents.enums import Communication, DeadlineKind, Owner, Status

END_OF_DAY = dt.time(23, 59, 59)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a severity demands (rules S1 to S7)."""

    acknowledge_within: dt.timedelta
    resolve_within: dt.timedelta
    stability_window: dt.timedelta
    communication: str
    notice_within: dt.timedelta | None = None
    workaround_stops_resolve: bool = False
    follow_up_within: dt.timedelta | None = None

    @property
    def notifies_clients(self) -> bool:
        return self.communication in (Communication.IMMEDIATE, Communication.SAME_DAY)


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """What the clocks need to know of one affected client."""

    id: int
    zone: ZoneInfo
    added_at: dt.datetime
    told_at: dt.datetime | None
    is_reporter: bool = False


@dataclass(frozen=True, slots=True)
class DutyFacts:
    """What the clocks need to know of an obligation out of a playbook (rules P3, P5).

    A duty to notify is kept by telling every affected client, any other by doing the step.
    """

    step_id: int
    text: str
    due_after: dt.timedelta
    attached_at: dt.datetime
    only_below: int | None = None
    is_notice: bool = False
    done_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the clocks need to know of one incident.

    ``provisional_terms`` are SEV-1's, in force until triage (rule C2).
    """

    status: str
    detected_at: dt.datetime
    provisional_terms: Terms
    untriaged_limit: dt.timedelta
    same_day_minimum: dt.timedelta
    terms: Terms | None = None
    triaged_at: dt.datetime | None = None
    severe_since: dt.datetime | None = None
    accepted_at: dt.datetime | None = None
    acknowledged_at: dt.datetime | None = None
    workaround_at: dt.datetime | None = None
    verified_at: dt.datetime | None = None
    resolved_at: dt.datetime | None = None
    planned_fix_at: dt.datetime | None = None
    review_due_at: dt.datetime | None = None
    reviewed_at: dt.datetime | None = None
    clients: tuple[ClientFacts, ...] = ()
    level: int | None = None
    duties: tuple[DutyFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """One deadline as it should be."""

    kind: str
    owner: str
    started_at: dt.datetime
    due_at: dt.datetime
    stopped_at: dt.datetime | None = None
    client_id: int | None = None
    is_provisional: bool = False
    run_step_id: int | None = None
    note: str = ""


def acknowledged_moment(facts: Facts) -> dt.datetime | None:
    """When the acknowledge clock stops, or None while it runs (rule C3).

    SEV-1 and SEV-2: the last affected client was told. SEV-3, SEV-4 and before triage: the
    communications owner accepted, and the client who reported it was told.
    """
    notifies = facts.terms is not None and facts.terms.notifies_clients
    if notifies and facts.clients:
        needed = [client.told_at for client in facts.clients]
    else:
        needed = [facts.accepted_at]
        needed += [client.told_at for client in facts.clients if client.is_reporter]
    moments = [moment for moment in needed if moment is not None]
    return max(moments) if len(moments) == len(needed) else None


def same_day_due(
    start: dt.datetime, *, within: dt.timedelta, zone: ZoneInfo, minimum: dt.timedelta
) -> dt.datetime:
    """The earlier of the limit and the client's midnight, but not before the minimum (C7)."""
    tomorrow = start.astimezone(zone).date() + dt.timedelta(days=1)
    midnight = dt.datetime.combine(tomorrow, dt.time.min, zone).astimezone(dt.UTC)
    return max(min(start + within, midnight), start + minimum)


def review_due(
    resolved_at: dt.datetime, *, days: int, in_working_days: bool, zone: ZoneInfo, country: str
) -> dt.datetime:
    """The end of the day, agency zone, that many days after Resolved (rule S5)."""
    day = resolved_at.astimezone(zone).date()
    if in_working_days:
        day = _add_working_days(day, days, country=country)
    else:
        day += dt.timedelta(days=days)
    return dt.datetime.combine(day, END_OF_DAY, zone).astimezone(dt.UTC)


def plan_deadlines(facts: Facts) -> list[Plan]:
    """Every deadline of an incident that follows from its facts.

    Promises to clients are not here: they are made by a mail, not by a fact (rule M6).
    """
    if facts.status == Status.CANCELLED:
        return []
    if facts.terms is None:
        return _before_triage(facts)
    return list(_after_triage(facts, facts.terms))


def _before_triage(facts: Facts) -> list[Plan]:
    start = facts.detected_at
    return [
        Plan(DeadlineKind.TRIAGE, Owner.COORDINATOR, start, start + facts.untriaged_limit),
        Plan(
            DeadlineKind.ACKNOWLEDGE,
            Owner.COMMUNICATIONS,
            start,
            start + facts.provisional_terms.acknowledge_within,
            stopped_at=facts.acknowledged_at,
            is_provisional=True,
        ),
    ]


def _after_triage(facts: Facts, terms: Terms) -> Iterator[Plan]:
    start = facts.detected_at
    workaround_at = facts.workaround_at if terms.workaround_stops_resolve else None
    yield Plan(
        DeadlineKind.ACKNOWLEDGE,
        Owner.COMMUNICATIONS,
        start,
        start + terms.acknowledge_within,
        stopped_at=facts.acknowledged_at,
    )
    yield Plan(
        DeadlineKind.RESOLVE,
        Owner.TECHNICAL,
        start,
        start + terms.resolve_within,
        stopped_at=workaround_at or facts.verified_at,
    )
    for client in facts.clients:
        yield from _notice(facts, terms, client)
    for duty in facts.duties:
        yield from _playbook_duty(facts, terms, duty)
    if workaround_at and terms.follow_up_within:
        yield Plan(
            DeadlineKind.FOLLOW_UP,
            Owner.TECHNICAL,
            workaround_at,
            workaround_at + terms.follow_up_within,
            stopped_at=facts.verified_at,
        )
    if facts.planned_fix_at and terms.communication == Communication.SCHEDULE:
        yield Plan(
            DeadlineKind.PLANNED_FIX,
            Owner.TECHNICAL,
            min(start, facts.planned_fix_at),
            facts.planned_fix_at,
            stopped_at=facts.verified_at,
        )
    if facts.verified_at:
        yield Plan(
            DeadlineKind.WINDOW,
            Owner.COMMUNICATIONS,
            facts.verified_at,
            facts.verified_at + terms.stability_window,
            stopped_at=facts.resolved_at,
        )
    if facts.resolved_at and facts.review_due_at:
        yield Plan(
            DeadlineKind.REVIEW,
            Owner.COORDINATOR,
            facts.resolved_at,
            facts.review_due_at,
            stopped_at=facts.reviewed_at,
        )


def _notice(facts: Facts, terms: Terms, client: ClientFacts) -> Iterator[Plan]:
    """The obligation to tell one client: SEV-1 at once (C3), SEV-2 the same day (C7)."""
    if terms.notice_within is not None:
        start = max(facts.severe_since or facts.detected_at, client.added_at)
        due = start + terms.notice_within
    elif terms.communication == Communication.SAME_DAY:
        added_later = facts.triaged_at is not None and client.added_at > facts.triaged_at
        start = client.added_at if added_later else facts.detected_at
        due = same_day_due(
            start,
            within=terms.acknowledge_within,
            zone=client.zone,
            minimum=facts.same_day_minimum,
        )
    else:
        return
    if client.told_at is not None and client.told_at <= start:
        return
    yield Plan(
        DeadlineKind.NOTICE,
        Owner.COMMUNICATIONS,
        start,
        due,
        stopped_at=client.told_at,
        client_id=client.id,
    )


def _playbook_duty(facts: Facts, terms: Terms, duty: DutyFacts) -> Iterator[Plan]:
    """P3, P5: due so long after detection, but not before it was owed.

    Found late, or owed at once, it is due as soon as SEV-1's “immediate” (C3). SEV-1's own notice
    is the same duty and is not doubled. It falls away when the trouble ends in time.
    """
    is_covered = duty.is_notice and terms.notice_within is not None
    is_too_severe = duty.only_below is not None and (facts.level or 0) <= duty.only_below
    if is_covered or is_too_severe or (duty.is_notice and not facts.clients):
        return
    owed_since = max(duty.attached_at, facts.severe_since or duty.attached_at)
    due = facts.detected_at + duty.due_after
    if due <= owed_since:
        due = owed_since + (facts.provisional_terms.notice_within or dt.timedelta())
    kept_at = _told_moment(facts) if duty.is_notice else duty.done_at
    ended_at = facts.resolved_at or facts.verified_at
    if kept_at is None and ended_at and (facts.resolved_at or ended_at <= due):
        return
    yield Plan(
        DeadlineKind.PLAYBOOK,
        Owner.COMMUNICATIONS if duty.is_notice else Owner.TECHNICAL,
        facts.detected_at,
        due,
        stopped_at=kept_at,
        run_step_id=duty.step_id,
        note=duty.text,
    )


def _told_moment(facts: Facts) -> dt.datetime | None:
    """When the last affected client was told, or None while one was not."""
    moments = [client.told_at for client in facts.clients]
    told = [moment for moment in moments if moment is not None]
    return max(told) if told and len(told) == len(moments) else None


def _add_working_days(day: dt.date, days: int, *, country: str) -> dt.date:
    while days:
        day += dt.timedelta(days=1)
        days -= is_working_day(day, country=country)
    return day


def is_working_day(day: dt.date, *, country: str) -> bool:
    """Monday to Friday, and no public holiday of the country; none where no country is set."""
    return day.weekday() < 5 and day not in _holidays_of(country)


@cache
def _holidays_of(country: str) -> holidays.HolidayBase | frozenset[dt.date]:
    """Public holidays of a country code such as ``DE``; none where no country is set."""
    return holidays.country_holidays(country) if country else frozenset()
