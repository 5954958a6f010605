"""Asking the outside at once, for a person who waits (rules P3 and P4): see ``incidents.readings``.

The answer is kept as the scheduled probe keeps it, so that the monitors know it too.
"""

import datetime as dt

from django.conf import settings

from incidents.models import SendingDomain, System
from incidents.readings import Reading
from monitoring.domain_figures import reading_of_check
from monitoring.enums import Indicator, Kind, State
from monitoring.judging import STATE_OF
from monitoring.models import Monitor
from monitoring.probes.domains import check_domain
from monitoring.probes.provider import ask_page, probe_provider

DEMO_ANSWER = "It belongs to the demonstration, for which nobody is asked."
#: A status page may have to be asked twice.
CALLS = 2


def ask(key: str, *, seconds: float, now: dt.datetime) -> Reading | None:
    """The answer to a key, within so many seconds; None where nobody can be asked about it."""
    subject, _, rest = key.partition(":")
    name, _, figure = rest.rpartition(":")
    if (subject, figure) == ("system", "status"):
        system = System.objects.filter(slug=name).first()
        return _ask_provider(system, seconds=seconds, now=now) if system else None
    if subject == "domain" and figure in ("authentication", "reputation"):
        domain = SendingDomain.objects.filter(name=name).select_related("client").first()
        is_of_lists = figure == "reputation"
        return _ask_domain(domain, is_of_lists, seconds=seconds, now=now) if domain else None
    return None


def _ask_provider(system: System, *, seconds: float, now: dt.datetime) -> Reading:
    """By its monitor where it has one, which keeps the answer as a signal; else the page alone."""
    title = f"Status page of {system}"
    if system.is_demo:
        return Reading(title, None, value="not asked", detail=DEMO_ANSWER)
    each = min(float(settings.HTTP_TIMEOUT), seconds / CALLS)
    rows = Monitor.objects.active().filter(kind=Kind.STATUS, system=system)
    monitor = rows.select_related("system").order_by("name").first()
    if monitor is not None:
        signal = probe_provider(monitor, now=now, seconds=each)
        indicator, detail = Indicator(signal.indicator), signal.detail
    else:
        found = ask_page(system, seconds=each)
        indicator, detail = found.indicator, found.detail
    state = STATE_OF[indicator]
    return Reading(
        name=title,
        is_good=None if state == State.UNKNOWN else state == State.OK,
        value="no answer" if state == State.UNKNOWN else indicator.label.lower(),
        threshold=Indicator.NONE.label.lower(),
        age=dt.timedelta(),
        detail=detail,
    )


def _ask_domain(
    domain: SendingDomain, is_of_lists: bool, *, seconds: float, now: dt.datetime
) -> Reading:
    what = "Block lists" if is_of_lists else "SPF, DKIM and DMARC"
    title = f"{what} of {domain}"
    if domain.client.is_demo:
        return Reading(title, None, value="not asked", detail=DEMO_ANSWER)
    check = check_domain(domain, now=now, seconds=seconds)
    reading = reading_of_check(check, title, is_of_lists=is_of_lists)
    return Reading(
        name=reading.name,
        is_good=reading.is_good,
        value=reading.value,
        threshold=reading.threshold,
        age=dt.timedelta(),
        detail=reading.detail,
    )
