"""How our tools do, for the weekly review (SOP: “send limits, reputation score”; rule K8).

A tool is a system of a third party, or whatever a provider's status, calls, bounces, credits or
syncs are watched of. One that nobody watches is named as such and never taken for fine (rule K7).
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone

from incidents.enums import Side
from incidents.models import Hold, SendingDomain, System
from monitoring.checklists.answers import SELECTIONS, Seen, describe_seen, look_at
from monitoring.checklists.tables import Table
from monitoring.enums import Kind, State, Verdict
from monitoring.models import DomainCheck, Monitor

NOT_WATCHED = "not watched"
NOT_ASKED = "not asked"
#: Of one tool so many monitors are quoted, and so many tools and domains are shown.
QUOTED, ROWS_LIMIT = 4, 50


@dataclass(frozen=True, slots=True)
class ToolReport:
    """``monitors`` are those that are not well, the worst first."""

    value: str
    lines: tuple[str, ...]
    tables: tuple[Table, ...]
    monitors: tuple[int, ...]
    measured_at: dt.datetime | None


def report_tools(*, now: dt.datetime) -> ToolReport:
    """Every tool by the worst of its monitors, and every sending domain: five statements.

    A tool is fine when at least one of its monitors is green and none is bad or unknown.
    """
    seen = look_at(SELECTIONS["tool_health"], now=now)
    by_tool: dict[str, list[Seen]] = {}
    for one in seen:
        by_tool.setdefault(_tool_of(one.status.monitor), []).append(one)
    watched = {one.status.monitor.system_id for one in seen}
    present = System.objects.active().filter(side=Side.THIRD_PARTY)
    unwatched = [_named(system) for system in present if system.pk not in watched]
    fine = sum(_is_fine(group) for group in by_tool.values())
    total = len(by_tool) + len(unwatched)
    value = f"{fine} of {total} tools fine" if total else "No tool is watched"
    bad = [one for one in seen if one.is_bad]
    rows = [_row(name, group) for name, group in by_tool.items()]
    rows += [(name, NOT_WATCHED, "no monitor") for name in unwatched]
    tools = Table("Tools", ("Tool", "State", "What says so"), tuple(rows[:ROWS_LIMIT]))
    tables = [*([tools] if total else []), *_domains(seen)]
    lines = [value, *map(describe_seen, bad[:ROWS_LIMIT])]
    lines += [f"{name}: {NOT_WATCHED}" for name in unwatched[:ROWS_LIMIT]]
    moments = [one.status.last_signal_at for one in seen if one.status.last_signal_at]
    return ToolReport(
        value,
        tuple(lines),
        tuple(tables),
        tuple(one.status.pk for one in bad),
        min(moments, default=None),
    )


def _tool_of(monitor: Monitor) -> str:
    """The system that it watches; else what it is about."""
    if monitor.system:
        return _named(monitor.system)
    return monitor.sending_domain.name if monitor.sending_domain else monitor.name


def _named(system: System) -> str:
    """With the vendor, unless the name says it."""
    is_said = system.vendor.lower() in system.name.lower()
    return system.name if is_said else f"{system.name} ({system.vendor})"


def _is_fine(group: list[Seen]) -> bool:
    is_judged = any(one.state == State.OK for one in group)
    return is_judged and not any(one.is_bad for one in group)


def _row(name: str, group: list[Seen]) -> tuple[str, str, str]:
    """The worst first, as ``look_at`` sorts them."""
    quoted = [_quote(one) for one in group[:QUOTED]]
    if len(group) > QUOTED:
        quoted.append(f"and {len(group) - QUOTED} more")
    is_fine = _is_fine(group)
    return name, State.OK.label if is_fine else State(group[0].state).label, "; ".join(quoted)


def _quote(seen: Seen) -> str:
    """“Apollo credits 61 %”; a monitor that is not judged says so, not its last figure."""
    label = State(seen.state).label.lower()
    value = seen.status.value_text if seen.state == seen.status.state else ""
    return f"{seen.status.monitor.name}: {value or label}"


def _domains(seen: Iterable[Seen]) -> list[Table]:
    """Bounces, the last reputation check and whether sending is held, of each client's domains."""
    domains = SendingDomain.objects.filter(client__is_active=True).select_related("client")
    shown = list(domains.order_by("client__name", "name")[:ROWS_LIMIT])
    if not shown:
        return []
    keys = [domain.pk for domain in shown]
    bounces: dict[int | None, str] = {}
    for one in seen:
        if one.status.monitor.kind == Kind.BOUNCE_RATE:
            text = one.status.value_text or State(one.state).label.lower()
            bounces.setdefault(one.status.monitor.sending_domain_id, text)
    checks: dict[int, DomainCheck] = {}
    for check in DomainCheck.objects.filter(domain__in=keys).order_by("-month"):
        checks.setdefault(check.domain_id, check)
    # What is kept beside an item is read by everybody: no word of a private incident (rule W11).
    openly = Q(incident__isnull=True) | Q(incident__is_private=False)
    standing = Hold.objects.standing().filter(openly, sending_domain__in=keys)
    held = set(standing.values_list("sending_domain", flat=True))
    rows = [
        (
            domain.name,
            domain.client.name,
            bounces.get(domain.pk, NOT_WATCHED),
            _reputation(checks.get(domain.pk)),
            "on hold" if domain.pk in held else "free",
        )
        for domain in shown
    ]
    head = ("Domain", "Client", "Bounces", "Reputation", "Sending")
    return [Table("Sending domains", head, tuple(rows))]


def _reputation(check: DomainCheck | None) -> str:
    if check is None:
        return NOT_ASKED
    day = timezone.localdate(check.checked_at, timezone.get_default_timezone())
    return f"{Verdict(check.verdict).label}, {day.day} {day:%B}"
