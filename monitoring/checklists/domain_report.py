"""The monthly report on the sending domains, against last month (rule K10)."""

import datetime as dt
from dataclasses import dataclass

from incidents.models import SendingDomain
from monitoring.checklists.periods import previous_start
from monitoring.checklists.tables import Table
from monitoring.enums import Verdict
from monitoring.models import DomainCheck, Period

NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True)
class DomainReport:
    value: str
    lines: tuple[str, ...]
    tables: tuple[Table, ...] = ()
    checked_at: dt.datetime | None = None


def report_domains(*, month: dt.date) -> DomainReport:
    """What was found about every sending domain in that month, and in the month before."""
    last = previous_start(Period.MONTHLY, month)
    checks: dict[tuple[int, dt.date], DomainCheck] = {
        (check.domain_id, check.month): check
        for check in DomainCheck.objects.filter(month__in=[month, last])
    }
    known = SendingDomain.objects.filter(client__is_active=True).select_related("client")
    # The demonstration's domains are made up: nobody asks about them.
    domains = [d for d in known if not d.client.is_demo or (d.pk, month) in checks]
    if not domains:
        return DomainReport("No sending domains", ("No sending domain is set up.",))
    present = [checks.get((domain.pk, month)) for domain in domains]
    good = sum(check is not None and check.verdict == Verdict.GOOD for check in present)
    rows = [
        (domain.name, domain.client.name, _word(now), _word(checks.get((domain.pk, last))))
        for domain, now in zip(domains, present, strict=True)
    ]
    found = [
        line
        for domain, now in zip(domains, present, strict=True)
        for line in _trouble(domain, now, checks.get((domain.pk, last)))
    ]
    value = f"{good} of {len(domains)} good"
    moments = [check.checked_at for check in present if check]
    return DomainReport(
        value,
        (value, *found),
        (Table("Sending domains", ("Domain", "Client", "Now", "Last month"), tuple(rows)),),
        min(moments, default=None),
    )


def _word(check: DomainCheck | None) -> str:
    return Verdict(check.verdict).label if check else NOT_ASKED


def _trouble(domain: SendingDomain, now: DomainCheck | None, then: DomainCheck | None) -> list[str]:
    """What is not good, with “new” where last month said otherwise."""
    if now is None:
        return [f"{domain.name}: {NOT_ASKED}"]
    known = {_key(result) for result in (then.results if then else []) if _is_trouble(result)}
    lines = []
    for result in now.results:
        if _is_trouble(result):
            mark = ", new" if then and _key(result) not in known else ""
            about = f"{result.get('check', '')} {result.get('subject', '')}".strip()
            detail = result.get("detail", "").removesuffix(".")
            lines.append(f"{domain.name}: {about}: {detail}{mark}")
    return lines


def _is_trouble(result: dict[str, str]) -> bool:
    return result.get("verdict") != Verdict.GOOD


def _key(result: dict[str, str]) -> tuple[str, str, str]:
    return result.get("check", ""), result.get("subject", ""), result.get("verdict", "")
