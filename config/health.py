"""Whether the process lives (`/healthz`) and whether the house is in order (`/readyz`).

Rule K11: the watcher is watched. Both are open to everybody and tell nothing private.
"""

from datetime import datetime, timedelta

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.migrations.exceptions import BadMigrationError, NodeNotFoundError
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from monitoring.models import Beat
from monitoring.models.beat import CANARY, ENGINE
from notifications.models import Message

#: The engine beats every few seconds, the canary once a minute.
BEAT_LIMITS = {ENGINE: timedelta(seconds=60), CANARY: timedelta(seconds=150)}
BEAT_WORDS = {ENGINE: "the engine", CANARY: "the task cluster"}


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
        return [*_late_beats(now), *_stalled_messages(now)]
    except DatabaseError:
        return ["The database does not answer."]


def migrations_are_done() -> bool:
    """Whether every migration of the program has run on this database."""
    try:
        executor = MigrationExecutor(connection)
    except (BadMigrationError, NodeNotFoundError):
        return False
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _late_beats(now: datetime) -> list[str]:
    reasons = []
    for name, limit in BEAT_LIMITS.items():
        age = Beat.age(name, now=now)
        words = BEAT_WORDS[name]
        if age is None:
            reasons.append(f"No sign of life from {words} yet: is the worker running?")
        elif age > limit:
            reasons.append(f"No sign of life from {words} for {int(age.total_seconds())} seconds.")
    return reasons


def _stalled_messages(now: datetime) -> list[str]:
    count = Message.objects.stalled(at=now).count()
    if not count:
        return []
    noun = "message is" if count == 1 else "messages are"
    return [f"{count} {noun} unsent for more than two minutes."]
