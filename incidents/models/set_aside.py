"""What the sweep could not write and set aside, so that it stops nobody."""

import datetime as dt

from django.db import models
from django.db.models import Q

from incidents.enums import SweepPart


class SetAsideQuerySet(models.QuerySet["SetAside"]):
    def resting(self, part: str, *, at: dt.datetime) -> "SetAsideQuerySet":
        """Not to be tried again yet."""
        return self.filter(part=part, next_try_at__gt=at)

    def ripe(self, part: str, *, at: dt.datetime) -> "SetAsideQuerySet":
        """To be tried again now."""
        return self.filter(part=part, next_try_at__lte=at)


class SetAside(models.Model):
    """A due row that failed: what, why, since when, and when it is tried again.

    It is there exactly as long as the trouble: the first success takes it away.
    """

    part = models.CharField(max_length=12, choices=SweepPart)
    row = models.BigIntegerField(help_text="The primary key of the row that was due.")
    what = models.CharField(max_length=200, help_text="In words.")
    error = models.TextField()
    since = models.DateTimeField()
    tries = models.PositiveIntegerField(default=1)
    next_try_at = models.DateTimeField()

    objects = SetAsideQuerySet.as_manager()

    class Meta:
        ordering = ["-since", "-id"]
        verbose_name_plural = "set aside"
        constraints = [
            models.CheckConstraint(condition=Q(part__in=SweepPart.values), name="set_aside_part"),
            models.CheckConstraint(condition=Q(tries__gte=1), name="set_aside_was_tried"),
            models.UniqueConstraint(fields=["part", "row"], name="set_aside_once"),
        ]

    def __str__(self) -> str:
        return self.what
