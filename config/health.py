"""Whether the process lives (`/healthz`) and whether the house is in order (`/readyz`).

Rule K11: the watcher is watched. Both are open to everybody and tell nothing private.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.migrations.exceptions import BadMigrationError, NodeNotFoundError
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Max
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_q.models import Schedule

from config.schedules import TICK, TICK_FUNCTION
from monitoring.checklists.opening import plan_of
from monitoring.checklists.periods import current_start
from monitoring.ingest import spool
from monitoring.models import Audit, AuditFinding, Beat, Checklist, MonitorStatus, Sample, Signal
from monitoring.models.beat import CANARY, ENGINE
from notifications.models import Message

#: The engine beats every few seconds, the canary with each task, at least once a minute.
BEAT_LIMITS = {ENGINE: timedelta(seconds=60), CANARY: timedelta(seconds=120)}
BEAT_WORDS = {ENGINE: "the engine", CANARY: "the task cluster"}
SCHEDULE_LIMIT = timedelta(minutes=3)
CHECKLIST_LIMIT = timedelta(minutes=10)
#: The auditor looks every five minutes; two looks in a row were missed then.
AUDIT_LIMIT = timedelta(minutes=12)
#: The engine judges what came in every few seconds.
JUDGING_LIMIT = timedelta(minutes=2)


@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 while this process and its database answer, else 503."""
    is_alive = database_answers()
    body = {
        "status": "ok" if is_alive else "failing",
        "database": "ok" if is_alive else "no answer",
    }
    return JsonResponse(body, status=200 if is_alive else 503)


@login_not_required
@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when nothing is wrong, else 503 with the reasons."""
    reasons = problems(now=timezone.now())
    body = {"status": "failing" if reasons else "ok", "reasons": reasons}
    return JsonResponse(body, status=503 if reasons else 200)


def database_answers() -> bool:
    """Whether the database answers the smallest question."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def problems(*, now: datetime) -> list[str]:
    """Everything that keeps the program from doing its duty, in words; empty is healthy."""
    try:
        if not migrations_are_done():
            return ["The database is behind the program: run manage.py migrate."]
        return [reason for check in CHECKS for reason in check(now)]
    except DatabaseError:
        return ["The database does not answer."]


def migrations_are_done() -> bool:
    """Whether every migration of the program has run on this database."""
    try:
        executor = MigrationExecutor(connection)
    except (BadMigrationError, NodeNotFoundError):
        return False
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def late_beats(now: datetime) -> Iterator[str]:
    """Our own processes that were not seen at work for too long."""
    for name, limit in BEAT_LIMITS.items():
        age = Beat.age(name, now=now)
        words = BEAT_WORDS[name]
        if age is None:
            yield f"No sign of life from {words} yet: is the worker running?"
        elif age > limit:
            yield f"No sign of life from {words} for {int(age.total_seconds())} seconds."


def _late_schedule(now: datetime) -> Iterator[str]:
    ticks = Schedule.objects.filter(name=TICK, func=TICK_FUNCTION)
    due_at = ticks.values_list("next_run", flat=True).first()
    if due_at is None:
        yield "The schedule is missing: run manage.py setup_schedules."
    elif now - due_at > SCHEDULE_LIMIT:
        yield f"The schedule is {int((now - due_at).total_seconds() // 60)} minutes late."


def _unopened_checklists(now: datetime) -> Iterator[str]:
    """K8: a run exists exactly once per period; after ten minutes none was too few."""
    for checklist in Checklist.objects.filter(is_active=True).annotate(
        last=Max("runs__period_start")
    ):
        start = current_start(plan_of(checklist), at=now - CHECKLIST_LIMIT)
        if checklist.last is None or checklist.last < start:
            yield f"The checklist “{checklist.title}” of {start.isoformat()} was not opened."


def _unjudged_signals(now: datetime) -> Iterator[str]:
    """What broke is counted apart; a monitor that is switched off may wait."""
    sound = {"monitor__is_active": True, "monitor__status__failed_at__isnull": True}
    since = now - JUDGING_LIMIT
    signals = Signal.objects.fresh().filter(at__lt=since, **sound)
    samples = Sample.objects.fresh().filter(received_at__lt=since, **sound)
    if signals.exists() or samples.exists():
        yield "What monitors received has waited for more than two minutes to be judged."


def _quarantined_monitors(now: datetime) -> Iterator[str]:
    broken = MonitorStatus.objects.filter(failed_at__isnull=False, monitor__is_active=True)
    if count := broken.count():
        noun = "monitor" if count == 1 else "monitors"
        yield f"{count} {noun} cannot be judged; the log says why."


def _kept_on_disk(now: datetime) -> Iterator[str]:
    # Their names begin with when they were kept, in nanoseconds.
    limit = f"{int((now - JUDGING_LIMIT).timestamp() * 1e9):020d}"
    if count := sum(path.name < limit for path in spool.waiting()):
        noun = "thing" if count == 1 else "things"
        yield f"{count} {noun} sent by machines waited on disk for more than two minutes."


def _stalled_messages(now: datetime) -> Iterator[str]:
    if count := Message.objects.stalled(at=now).count():
        noun = "message is" if count == 1 else "messages are"
        yield f"{count} {noun} unsent for more than two minutes."


def _late_audit(now: datetime) -> Iterator[str]:
    finished_at = Audit.objects.values_list("finished_at", flat=True).first()
    if finished_at is None:
        yield "No audit has run yet: is the worker running?"
    elif now - finished_at > AUDIT_LIMIT:
        yield f"The last audit was {int((now - finished_at).total_seconds() // 60)} minutes ago."


def _found_by_audit(now: datetime) -> Iterator[str]:
    """What the auditor found and nobody asks at every request."""
    yield from AuditFinding.objects.filter(is_live=False).values_list("text", flat=True)


#: What the auditor asks too; readiness asks it at every request.
LIVE_CHECKS: tuple[Callable[[datetime], Iterator[str]], ...] = (
    late_beats,
    _late_schedule,
    _unopened_checklists,
    _unjudged_signals,
    _quarantined_monitors,
    _kept_on_disk,
    _stalled_messages,
)
CHECKS = (*LIVE_CHECKS, _late_audit, _found_by_audit)
