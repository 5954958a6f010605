"""What django-q runs; every task may run twice, late or never without harm."""

from django.utils import timezone

from monitoring.models import Beat
from monitoring.models.beat import CANARY


def tick() -> None:
    """Once a minute: prove that the task cluster is alive (rule K11)."""
    Beat.record(CANARY, at=timezone.now())
