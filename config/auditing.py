"""The auditor: every five minutes it asks whether everything that is due was done (rule K11).

It only reads what it judges, one query a question. Only an audit without a finding pings the
watchdog outside, so that a program that is dead, or wrong, is missed there.
"""

import datetime as dt
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Max, OuterRef, QuerySet

from config.health import LIVE_CHECKS, late_beats
from incidents import staff
from incidents.digests import clients_without_digest
from incidents.enums import OPEN_STATUSES, REMINDER_KINDS, EscalationCode, Level, Role
from incidents.models import (
    ClientDigest,
    Deadline,
    DueEscalation,
    Escalation,
    EscalationNotice,
    EscalationRule,
    Incident,
    Responder,
    SetAside,
)
from monitoring.models import Audit, AuditFinding
from notifications.channels.http import CallError, call
from notifications.enums import Urgency
from notifications.models import ChannelPause, Message

logger = logging.getLogger(__name__)

PERIOD = dt.timedelta(minutes=5)
#: What is not done so long after it was due counts as forgotten.
PATIENCE = dt.timedelta(minutes=2)
#: A person may be an hour late with a scheduled update, the engine ten minutes with preparing it.
DIGEST_PATIENCE = dt.timedelta(hours=1)
PREPARING_PATIENCE = dt.timedelta(minutes=10)
PING_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that must be none; ``count`` says how many there are, the words name them."""

    key: str
    count: Callable[[dt.datetime], int]
    one: str
    many: str
    is_on_pages: bool = False

    def answer(self, now: dt.datetime) -> str:
        found = self.count(now)
        return "" if not found else f"{found} {self.one if found == 1 else self.many}"


def _unwritten_stages(now: dt.datetime) -> int:
    return Deadline.objects.needing_attention(at=now - PATIENCE).count()


def _breaches_without_escalation(now: dt.datetime) -> int:
    """C8, of running clocks: one that stopped and turns out late calls nobody (C1)."""
    raised = Escalation.objects.filter(
        rule=EscalationCode.BREACH,
        incident=OuterRef("incident"),
        occurrence__startswith=OuterRef("kind"),
    )
    return (
        Deadline.objects.running()
        .filter(Exists(_rule(EscalationCode.BREACH)), ~Exists(raised))
        .filter(breached_at__lt=now - PATIENCE, incident__status__in=OPEN_STATUSES)
        .exclude(kind__in=REMINDER_KINDS)
        .count()
    )


def _clock_escalations_due(now: dt.datetime) -> int:
    return DueEscalation.objects.filter(due_at__lt=now - PATIENCE).count()


def _sev1_without_escalation(now: dt.datetime) -> int:
    raised = Escalation.objects.filter(rule=EscalationCode.E1, incident=OuterRef("pk"))
    return (
        Incident.objects.open()
        .filter(Exists(_rule(EscalationCode.E1)), ~Exists(raised))
        .filter(severity=Level.SEV1, severe_since__lt=now - PATIENCE)
        .count()
    )


def _untold_escalations(now: dt.datetime) -> int:
    notices = EscalationNotice.objects.filter(escalation=OuterRef("pk"))
    waiting = Escalation.objects.unseen().filter(is_undeliverable=False)
    return waiting.filter(~Exists(notices), raised_at__lt=now - PATIENCE).count()


def _unheard_escalations(now: dt.datetime) -> int:
    return Escalation.objects.unheard().count()


def _late_rings(now: dt.datetime) -> int:
    return Escalation.objects.to_ring(at=now - PATIENCE).count()


def _held_messages(now: dt.datetime) -> int:
    return Message.objects.held().count()


def _paused_channels(now: dt.datetime) -> int:
    return ChannelPause.objects.alarming(at=now).count()


def _overdue_digests(now: dt.datetime) -> int:
    return ClientDigest.objects.overdue(at=now, after=DIGEST_PATIENCE).count()


def _unprepared_digests(now: dt.datetime) -> int:
    missing = clients_without_digest(now=now - PREPARING_PATIENCE, ahead=dt.timedelta())
    written = ClientDigest.objects.order_by().filter(client__in=[client for client, _ in missing])
    last = dict(written.values_list("client").annotate(Max("period")))
    # The first update may have been prepared for the week to come: none before it is missing.
    return sum(last.get(client.pk, dt.date.min) < period for client, period in missing)


def _set_aside(now: dt.datetime) -> int:
    return SetAside.objects.count()


QUESTIONS = (
    Question(
        "unwritten_stages",
        _unwritten_stages,
        "warning or breach is not written two minutes after it was due.",
        "warnings or breaches are not written two minutes after they were due.",
    ),
    Question(
        "breaches",
        _breaches_without_escalation,
        "breached deadline has no escalation.",
        "breached deadlines have no escalation.",
    ),
    Question(
        "clock_escalations",
        _clock_escalations_due,
        "escalation is not raised two minutes after it was due.",
        "escalations are not raised two minutes after they were due.",
    ),
    Question(
        "sev1",
        _sev1_without_escalation,
        "SEV-1 incident was not escalated to the founder.",
        "SEV-1 incidents were not escalated to the founder.",
    ),
    Question(
        "untold_escalations",
        _untold_escalations,
        "escalation has no message.",
        "escalations have no message.",
    ),
    Question(
        "unheard_escalations",
        _unheard_escalations,
        "escalation reached nobody.",
        "escalations reached nobody.",
        is_on_pages=True,
    ),
    Question(
        "late_rings",
        _late_rings,
        "escalation was not repeated when it should have been.",
        "escalations were not repeated when they should have been.",
    ),
    Question(
        "held_messages",
        _held_messages,
        "message is held since a restore and waits for a person.",
        "messages are held since a restore and wait for a person.",
        is_on_pages=True,
    ),
    Question(
        "paused_channels",
        _paused_channels,
        "channel is paused and sends nothing; the outbox says why.",
        "channels are paused and send nothing; the outbox says why.",
        is_on_pages=True,
    ),
    Question(
        "overdue_digests",
        _overdue_digests,
        "scheduled update was not sent within an hour of its time.",
        "scheduled updates were not sent within an hour of their time.",
    ),
    Question(
        "unprepared_digests",
        _unprepared_digests,
        "scheduled update that is due was not prepared.",
        "scheduled updates that are due were not prepared.",
    ),
    Question(
        "set_aside",
        _set_aside,
        "due thing could not be written and was set aside; the log says why.",
        "due things could not be written and were set aside; the log says why.",
    ),
)


@dataclass(frozen=True, slots=True)
class Found:
    """One finding of this audit."""

    key: str
    text: str
    is_live: bool = False
    is_on_pages: bool = False


def audit_if_due(*, now: dt.datetime, is_starting: bool = False) -> bool:
    """The engine's part: one audit every five minutes, however many engines ask.

    While an engine starts, the processes beside it do too: nothing is asked before all beat.
    """
    if is_starting and any(late_beats(now)):
        return False
    if not Audit.claim(at=now, period=PERIOD):
        return False
    run_audit(now=now)
    return True


def run_audit(*, now: dt.datetime) -> list[AuditFinding]:
    """Ask every question, keep what was found, tell once, and ping where nothing was found."""
    found = list(_ask(now))
    keep_findings(found, now=now)
    audit = {"finished_at": now} | ({} if found else {"passed_at": now})
    Audit.objects.update_or_create(
        pk=Audit.ONLY, defaults=audit, create_defaults=audit | {"next_at": now + PERIOD}
    )
    if not found:
        ping_watchdog(now=now)
    return list(AuditFinding.objects.all())


def _ask(now: dt.datetime) -> Iterator[Found]:
    """Every question in a try of its own; one that cannot be asked is a finding itself."""
    for check in LIVE_CHECKS:
        name = check.__name__.strip("_")
        text = _answer(name, lambda at, check=check: " ".join(check(at)), now)  # type: ignore[misc]
        if text:
            yield Found(name, text, is_live=True, is_on_pages=name == "late_beats")
    for question in QUESTIONS:
        if text := _answer(question.key, question.answer, now):
            yield Found(question.key, text, is_on_pages=question.is_on_pages)


def _answer(key: str, ask: Callable[[dt.datetime], str], now: dt.datetime) -> str:
    try:
        with transaction.atomic():
            return ask(now)
    except Exception:
        logger.exception("a question of the audit failed", extra={"question": key})
        return f"The audit could not ask its question “{key}”; the log says why."


def keep_findings(found: list[Found], *, now: dt.datetime) -> None:
    """Make the stored findings those of this audit; the orchestrator hears once of a new one."""
    with transaction.atomic():
        known = set(AuditFinding.objects.values_list("key", flat=True))
        for one in found:
            AuditFinding.objects.update_or_create(
                key=one.key,
                defaults={"text": one.text[:500], "seen_at": now},
                create_defaults={
                    "text": one.text[:500],
                    "seen_at": now,
                    "since": now,
                    "is_live": one.is_live,
                    "is_on_pages": one.is_on_pages,
                },
            )
        AuditFinding.objects.exclude(key__in=[one.key for one in found]).delete()
        fresh = [one for one in found if one.key not in known]
        if fresh:
            _tell(fresh, now=now)


def _tell(fresh: list[Found], *, now: dt.datetime) -> None:
    """N1: one message for all that is new, once."""
    keys = ",".join(sorted(one.key for one in fresh))
    staff.tell(
        Responder.objects.on_duty(Role.ORCHESTRATOR, at=now),
        event=f"audit:{now:%Y%m%dT%H%M%S}:{keys}"[:200],
        subject=f"The audit found {len(fresh)} thing{'s' if len(fresh) > 1 else ''} undone",
        lines=[*(f"- {one.text}" for one in fresh), "It is asked again every five minutes."],
        now=now,
        urgency=Urgency.HIGH,
    )


def ping_watchdog(*, now: dt.datetime) -> bool:
    """Say outside that all is well; a failure is logged and shown, never raised.

    The address may hold a secret, so neither the log nor the table has more than its host.
    """
    if not settings.WATCHDOG_PING_URL:
        return False
    try:
        answer = call(settings.WATCHDOG_PING_URL, seconds=PING_SECONDS)
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            raise CallError(f"It answered with status {answer.status}.")
    except CallError as error:
        logger.warning("the watchdog outside was not reached: %s", error)
        Audit.objects.filter(pk=Audit.ONLY).update(ping_error=str(error)[:200])
        return False
    Audit.objects.filter(pk=Audit.ONLY).update(pinged_at=now, ping_error="")
    return True


def _rule(code: str) -> QuerySet[EscalationRule]:
    """A row of the matrix while it is in force; one that is switched off asks for nothing."""
    return EscalationRule.objects.filter(pk=code, is_active=True)
