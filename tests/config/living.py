"""A system whose other parts live: what the worker processes write, without the processes."""

from datetime import datetime

from django_q.models import Schedule

from config.schedules import write_schedules
from monitoring.models import Audit, Beat
from monitoring.models.beat import CANARY, ENGINE


def keep_all_well(*, at: datetime) -> None:
    """Fresh beats, an audit that passed, and schedules on time."""
    for name in (ENGINE, CANARY):
        Beat.record(name, at=at)
    Audit.objects.update_or_create(pk=Audit.ONLY, defaults={"next_at": at, "finished_at": at})
    write_schedules()
    Schedule.objects.update(next_run=at)
