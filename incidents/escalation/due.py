"""E5 and E6: escalations that a clock asks for, planned from the facts as deadlines are."""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction

from incidents.actors import SYSTEM
from incidents.enums import UNRESOLVED_STATUSES, EscalationCode, Level, Side, Status
from incidents.escalation.raising import Raising, raise_many
from incidents.models import DueEscalation, Escalation, EscalationRule, Incident
from notifications.batches import update_rows


@dataclass(frozen=True, slots=True)
class ClockRule:
    """When a rule of the matrix applies to an incident, and what it says then."""

    applies: Callable[[Incident], bool]
    says: Callable[[Incident, dt.timedelta], str]


def _is_unfixed(incident: Incident) -> bool:
    return incident.status in UNRESOLVED_STATUSES and incident.verified_at is None


def _is_third_party_outage(incident: Incident) -> bool:
    return _is_unfixed(incident) and incident.fault_side == Side.THIRD_PARTY


def _is_unresolved_sev2(incident: Incident) -> bool:
    return (
        _is_unfixed(incident)
        and incident.status != Status.DETECTED
        and incident.level == Level.SEV2
    )


def _says_outage(incident: Incident, age: dt.timedelta) -> str:
    return (
        f"{incident.ref}: a third party's outage for more than {_hours(age)}, "
        f"no confirmed fix yet: {incident.title}"
    )


def _says_unresolved(incident: Incident, age: dt.timedelta) -> str:
    return f"{incident.ref} is SEV-2 and not resolved in {_hours(age)}: {incident.title}"


#: Which rows of the matrix a clock fires; their times are the rows' own.
CLOCK_RULES: dict[str, ClockRule] = {
    EscalationCode.E5: ClockRule(_is_third_party_outage, _says_outage),
    EscalationCode.E6: ClockRule(_is_unresolved_sev2, _says_unresolved),
}


def sync_escalations(incident: Incident, *, now: dt.datetime) -> None:
    """Make the stored instants those that the facts demand, and raise what is due at once.

    Called with the incident locked, after a step changed it. A period of E5 that passed while
    the rule did not apply was not missed: only the present one counts.
    """
    codes = [code for code, rule in CLOCK_RULES.items() if rule.applies(incident)]
    stale = incident.due_escalations.all()
    if not codes:
        stale.delete()
        return
    planned = []
    for rule in _active(codes):
        occurrence = _next_occurrence(incident, rule, now=now)
        if occurrence is not None:
            due_at = max(now, _due_at(incident, rule, occurrence))
            planned.append(rule.pk)
            DueEscalation.objects.update_or_create(
                incident=incident,
                rule=rule,
                defaults={"occurrence": occurrence, "due_at": due_at},
            )
    stale.exclude(rule__in=planned).delete()
    settle_escalations(incident, now=now)


def replan_rule(rule: EscalationRule, *, now: dt.datetime) -> int:
    """After a row of the matrix was edited: plan it anew for every unresolved incident.

    Returns how many incidents were looked at; one transaction and lock each.
    """
    if rule.pk not in CLOCK_RULES:
        return 0
    keys = list(Incident.objects.unresolved().values_list("pk", flat=True))
    for key in keys:
        with transaction.atomic():
            incident = Incident.objects.select_for_update(of=("self",)).get(pk=key)
            sync_escalations(incident, now=now)
    return len(keys)


def settle_escalations(incident: Incident, *, now: dt.datetime) -> None:
    """Raise what is due for one locked incident: before a step changes it, and after."""
    due = list(incident.due_escalations.filter(due_at__lte=now).select_related("rule"))
    for row in due:
        row.incident = incident
    raise_due(due, now=now)


def raise_due(due: Sequence[DueEscalation], *, now: dt.datetime) -> int:
    """Raise the occurrences of locked rows that are due, and move each row on or away.

    Each period that a stopped system missed is raised once, marked late; those of one incident
    go out as one message (N1). Returns how many were raised.
    """
    raisings, kept, done = [], [], []
    for row in due:
        occurrences = list(_occurrences_due(row, now=now))
        raisings += [_raising(row, number) for number in occurrences]
        is_last = bool(occurrences) and row.rule.fires_every is None
        if is_last or not _still_applies(row):
            done.append(row.pk)
            continue
        row.occurrence += len(occurrences)
        row.due_at = _due_at(row.incident, row.rule, row.occurrence)
        kept.append(row)
    fresh = raise_many(raisings, by=SYSTEM, now=now)
    update_rows(kept, ["occurrence", "due_at"])
    if done:
        DueEscalation.objects.filter(pk__in=done).delete()
    return len(fresh)


def _occurrences_due(row: DueEscalation, *, now: dt.datetime) -> Iterable[int]:
    """By the rule as it is now, which an administrator may have changed since it was planned."""
    if not _still_applies(row):
        return []
    if row.rule.fires_every is None:
        due = _due_at(row.incident, row.rule, row.occurrence) <= now
        return [row.occurrence] if due else []
    return range(row.occurrence, _period(row.incident, row.rule, now=now) + 1)


def _still_applies(row: DueEscalation) -> bool:
    rule = row.rule
    return (
        rule.is_active
        and rule.fires_after is not None
        and CLOCK_RULES[rule.pk].applies(row.incident)
    )


def _raising(row: DueEscalation, occurrence: int) -> Raising:
    incident = row.incident
    due_at = _due_at(incident, row.rule, occurrence)
    return Raising(
        rule=row.rule,
        incident=incident,
        occurrence=str(occurrence),
        summary=CLOCK_RULES[row.rule_id].says(incident, due_at - incident.detected_at),
        # The rule may have begun to apply after that instant: that is not late.
        due_at=max(due_at, row.due_at) if occurrence == row.occurrence else due_at,
    )


def _next_occurrence(incident: Incident, rule: EscalationRule, *, now: dt.datetime) -> int | None:
    """The first occurrence that was not raised yet: the present period's for a rule that repeats
    (E5), one for each relapse otherwise (E6); None where there is none."""
    raised = set(
        Escalation.objects.filter(rule=rule, subject=f"incident:{incident.pk}").values_list(
            "occurrence", flat=True
        )
    )
    if rule.fires_every is None:
        relapses = incident.verifications.filter(relapsed_at__isnull=False).count()
        return None if str(relapses + 1) in raised else relapses + 1
    occurrence = max(1, _period(incident, rule, now=now))
    while str(occurrence) in raised:
        occurrence += 1
    return occurrence


def _period(incident: Incident, rule: EscalationRule, *, now: dt.datetime) -> int:
    """How many periods of a repeating rule have passed; 0 before the first."""
    if rule.fires_after is None or rule.fires_every is None:
        raise ValueError(f"{rule.pk} does not repeat.")
    return (now - incident.detected_at - rule.fires_after) // rule.fires_every + 1


def _due_at(incident: Incident, rule: EscalationRule, occurrence: int) -> dt.datetime:
    first = incident.detected_at + (rule.fires_after or dt.timedelta())
    if rule.fires_every is None:
        return first
    return first + (occurrence - 1) * rule.fires_every


def _active(codes: Iterable[str]) -> list[EscalationRule]:
    rules = EscalationRule.objects.filter(pk__in=codes, is_active=True)
    return list(rules.filter(fires_after__isnull=False))


def _hours(age: dt.timedelta) -> str:
    hours = age // dt.timedelta(hours=1)
    return f"{hours} hour" if hours == 1 else f"{hours} hours"
