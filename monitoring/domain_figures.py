"""Figures of one sending domain: its bounces since an instant, and what the DNS said (P4, K10)."""

import datetime as dt
from dataclasses import replace

from django.db.models import Max, Sum

from incidents import staff
from incidents.readings import Reading
from monitoring.enums import Kind, State, Verdict
from monitoring.judging import Figures, judge_rate
from monitoring.limits import DEFAULTS, Limits, limits_of
from monitoring.models import DomainCheck, Monitor, Sample
from monitoring.probes.domains.blocklists import CHECK as BLOCK_LIST

#: No monitor's own limit lets the gate open above the SOP's two percent.
HIGHEST_LIMIT = DEFAULTS[Kind.BOUNCE_RATE].warn
#: Of a check that is not good so many results are named.
NAMED = 3
MARKS: dict[str, bool | None] = {Verdict.GOOD: True, Verdict.BAD: False, Verdict.UNKNOWN: None}
GOOD_WORDS = {False: "all right", True: "not listed"}


def read_rate_since(domain: str, since: dt.datetime, *, now: dt.datetime) -> Reading:
    """P4: the bounce rate of what was sent later than an instant, within the monitor's window.

    Straight from the samples, whether or not they were judged yet. Good is only a rate under the
    limit from at least the minimum sample; silence, too few and a paused monitor are unknown.
    Of several monitors the worst counts.
    """
    name = f"Bounce rate of {domain}"
    rows = Monitor.objects.active().filter(kind=Kind.BOUNCE_RATE, sending_domain__name=domain)
    readings = [_rate_of(name, one, since, now=now) for one in rows.order_by("name")]
    if not readings:
        return Reading(name, None, value="not watched")
    order: dict[bool | None, int] = {False: 0, None: 1, True: 2}
    return min(readings, key=lambda one: order[one.is_good])


def read_check(domain: str, *, is_of_lists: bool) -> Reading:
    """SPF, DKIM and DMARC, or the block lists, as they were last asked about."""
    what = "Block lists" if is_of_lists else "SPF, DKIM and DMARC"
    name = f"{what} of {domain}"
    check = DomainCheck.objects.filter(domain__name=domain).order_by("-checked_at").first()
    if check is None:
        return Reading(name, None, value="not asked yet")
    return reading_of_check(check, name, is_of_lists=is_of_lists)


def reading_of_check(check: DomainCheck, name: str, *, is_of_lists: bool) -> Reading:
    """One part of a check; the caller adds its age."""
    results = [row for row in check.results if (row["check"] == BLOCK_LIST) == is_of_lists]
    found = {row["verdict"] for row in results}
    verdict = next((one for one in (Verdict.BAD, Verdict.UNKNOWN) if one.value in found), None)
    if not results:
        return Reading(name, None, value="nothing to ask")
    troubles = [row for row in results if row["verdict"] != Verdict.GOOD] or results
    words = [
        f"{row['check']} {row['subject']}".strip() + f": {row['detail']}"
        for row in troubles[:NAMED]
    ]
    more = len(troubles) - NAMED
    return Reading(
        name,
        MARKS[verdict or Verdict.GOOD],
        value=verdict.label.lower() if verdict else GOOD_WORDS[is_of_lists],
        threshold=GOOD_WORDS[is_of_lists],
        detail=" ".join([*words, *([f"And {more} more."] if more > 0 else [])]),
    )


def gate_limits(monitor: Monitor) -> Limits:
    """The monitor's limits, but never laxer than the SOP's."""
    limits = limits_of(monitor)
    return replace(limits, warn=min(limits.warn, HIGHEST_LIMIT))


def sent_since(monitor: Monitor, since: dt.datetime, *, now: dt.datetime) -> int:
    """How many mails a monitor saw leave later than an instant."""
    rows = Sample.objects.within(after=since, until=now).filter(monitor=monitor)
    return int(rows.aggregate(total=Sum("total"))["total"] or 0)


def _rate_of(name: str, monitor: Monitor, since: dt.datetime, *, now: dt.datetime) -> Reading:
    limits = gate_limits(monitor)
    after = max(since, now - limits.window)
    rows = Sample.objects.within(after=after, until=now).filter(monitor=monitor)
    sums = rows.aggregate(total=Sum("total"), bad=Sum("bad"), last=Max("at"))
    verdict = judge_rate(
        Figures(
            created_at=monitor.created_at,
            last_at=sums["last"],
            total=int(sums["total"] or 0),
            bad=int(sums["bad"] or 0),
        ),
        limits,
        now,
    )
    if sums["last"] is None:
        text = f"Nothing was sent since {staff.agency_time(after)}, as far as is known."
        return Reading(name, None, "no data", verdict.limit_text, detail=text)
    is_bad = verdict.state in (State.WARNING, State.FAILING)
    return Reading(
        name,
        is_good=False if is_bad else (True if verdict.state == State.OK else None),
        value=verdict.value_text,
        threshold=verdict.limit_text,
        age=now - sums["last"],
        detail=verdict.reason,
    )
