"""The one schedule that django-q is trusted with."""

from django.db import transaction
from django_q.models import Schedule

TICK = "tick"
TICK_FUNCTION = "monitoring.tasks.tick"


@transaction.atomic
def write_schedules() -> bool:
    """Make sure that `tick`, every minute, is the only schedule; True if that took a change.

    Everything else is decided by our own tables in the agency's zone: django-q's own
    calendar shifts or hangs around the change to summer time.
    """
    wanted = {
        "func": TICK_FUNCTION,
        "schedule_type": Schedule.MINUTES,
        "minutes": 1,
        "repeats": -1,
    }
    kept = Schedule.objects.filter(name=TICK, **wanted).order_by("pk").first()
    removed, _ = Schedule.objects.exclude(pk=kept.pk if kept else None).delete()
    if kept is None:
        Schedule.objects.create(name=TICK, **wanted)
    return kept is None or removed > 0
