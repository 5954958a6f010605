"""The task cluster, and the sign of life that comes out at its far end (rule K11)."""

import logging
from typing import Any

from django.db import DatabaseError, connection
from django.utils import timezone
from django_q.cluster import Cluster
from django_q.signals import post_execute
from django_q.tasks import async_task

from config.schedules import TICK_FUNCTION
from monitoring.models import Beat
from monitoring.models.beat import CANARY

logger = logging.getLogger(__name__)


def run_cluster() -> None:
    """Run django-q until SIGTERM or SIGINT.

    The first tick goes in at once: the schedule is looked at after half a minute only, and until
    then nobody knows whether anything comes through.
    """
    post_execute.connect(beat_canary, dispatch_uid="canary")
    async_task(TICK_FUNCTION)
    # What is forked from here must not share it.
    connection.close()
    Cluster().start()


def beat_canary(sender: object, task: dict[str, Any], **kwargs: Any) -> None:
    """Say that a task went all the way: fetched, run, recorded, taken from the queue.

    `tick` makes sure that there is one a minute. A cluster that works through a long queue
    beats with each task, however late the tick is. Called where results are recorded, in a
    process that freezes apart from the workers.
    """
    try:
        Beat.record(CANARY, at=timezone.now())
    except DatabaseError:
        logger.exception("the canary could not be recorded")
