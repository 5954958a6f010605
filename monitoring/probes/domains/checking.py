"""The reputation of the sending domains, kept by month (rule K10)."""

import datetime as dt
from collections.abc import Iterable

from checkdmarc.utils import DNS_CACHE
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from incidents.models import SendingDomain
from monitoring.models import BlockList, DomainCheck
from monitoring.probes.domains.blocklists import check_block_lists
from monitoring.probes.domains.dkim import check_dkim
from monitoring.probes.domains.dmarc import check_dmarc
from monitoring.probes.domains.resolving import BoundedResolver
from monitoring.probes.domains.results import Result, verdict_of
from monitoring.probes.domains.spf import check_spf

#: Of wall time, for the records of one domain, and again for the block lists.
RECORDS_SECONDS = 15.0
LISTS_SECONDS = 20.0


def check_domain(
    domain: SendingDomain,
    *,
    now: dt.datetime,
    lists: Iterable[BlockList] | None = None,
    seconds: float | None = None,
) -> DomainCheck:
    """Ask the DNS about one domain and keep the outcome as this month's, in the agency's zone.

    Bad where anything is bad, unknown where nothing is bad and something could not be told.
    Takes at most RECORDS_SECONDS and LISTS_SECONDS together, or ``seconds`` where that is less.
    """
    half = RECORDS_SECONDS + LISTS_SECONDS if seconds is None else seconds / 2
    if lists is None:
        lists = BlockList.objects.filter(is_active=True)
    results = [
        *_check_records(domain, seconds=min(RECORDS_SECONDS, half)),
        *_check_lists(domain, lists, seconds=min(LISTS_SECONDS, half), now=now),
    ]
    check, _ = DomainCheck.objects.update_or_create(
        domain=domain,
        month=_month_of(now),
        defaults={
            "checked_at": now,
            "verdict": verdict_of(results),
            "results": [result.as_data() for result in results],
        },
    )
    return check


def check_domains(*, now: dt.datetime) -> list[DomainCheck]:
    """Ask about every domain of every client, one after the other, even if asked this month."""
    lists = list(BlockList.objects.filter(is_active=True))
    return [check_domain(domain, now=now, lists=lists) for domain in _domains()]


def due_domains(*, now: dt.datetime) -> list[int]:
    """The domains that were not asked about this month, by key: one task each, since many
    domains take longer than a task may."""
    asked = DomainCheck.objects.filter(domain=OuterRef("pk"), month=_month_of(now))
    return list(_domains().exclude(Exists(asked)).values_list("pk", flat=True))


def _domains() -> QuerySet[SendingDomain]:
    """Those of the clients of today; the demonstration's are made up."""
    return SendingDomain.objects.filter(client__is_active=True, client__is_demo=False)


def _month_of(now: dt.datetime) -> dt.date:
    return timezone.localdate(now, timezone.get_default_timezone()).replace(day=1)


def _check_records(domain: SendingDomain, *, seconds: float) -> list[Result]:
    # The parsers keep answers for half an hour, whoever gave them.
    DNS_CACHE.clear()
    resolver = BoundedResolver(seconds=seconds)
    return [
        check_spf(domain.name, resolver),
        *check_dkim(domain.name, domain.dkim_selectors, resolver),
        check_dmarc(domain.name, resolver),
    ]


def _check_lists(
    domain: SendingDomain, lists: Iterable[BlockList], *, seconds: float, now: dt.datetime
) -> list[Result]:
    resolver = BoundedResolver(seconds=seconds)
    return check_block_lists(domain.name, domain.sending_ips, lists, resolver, now=now)
