"""What comes in: pings and answers as signals, figures as samples, rolled up per hour.

Taking something in writes one row here and touches nothing else; ``is_fresh`` hands it to the
evaluation. So a job that pings never waits for somebody who edits its monitor.
"""

import datetime as dt

from django.db import models
from django.db.models import Q

from monitoring.enums import Indicator, SignalKind
from monitoring.models.monitor import Monitor


class SignalQuerySet(models.QuerySet["Signal"]):
    def fresh(self) -> "SignalQuerySet":
        return self.filter(is_fresh=True)


class Signal(models.Model):
    monitor = models.ForeignKey(Monitor, on_delete=models.CASCADE, related_name="signals")
    kind = models.CharField(max_length=8, choices=SignalKind)
    at = models.DateTimeField(help_text="Received; for a missed run, when it was due.")
    run_id = models.UUIDField(null=True, help_text="Ties a start to its end (?rid=).")
    exit_status = models.PositiveSmallIntegerField(null=True)
    run_seconds = models.FloatField(null=True)
    indicator = models.CharField(max_length=12, choices=Indicator, blank=True)
    detail = models.CharField(max_length=300, blank=True)
    body = models.BinaryField(null=True, help_text="At most 100 kB as sent, any encoding.")
    is_fresh = models.BooleanField(default=True)

    objects = SignalQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["monitor", "-at"], name="signal_monitor_at"),
            models.Index(fields=["monitor"], condition=Q(is_fresh=True), name="signal_fresh"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["monitor", "at"],
                condition=Q(kind=SignalKind.MISSED),
                name="signal_missed_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.monitor} {self.kind} at {self.at:%Y-%m-%d %H:%M:%S}"


class SampleQuerySet(models.QuerySet["Sample"]):
    def fresh(self) -> "SampleQuerySet":
        return self.filter(is_fresh=True)

    def within(self, *, after: dt.datetime, until: dt.datetime) -> "SampleQuerySet":
        """Later than the one, not later than the other."""
        return self.filter(at__gt=after, at__lte=until)


class Sample(models.Model):
    """One posted figure; the last one wins for the same monitor and time."""

    monitor = models.ForeignKey(Monitor, on_delete=models.CASCADE, related_name="samples")
    at = models.DateTimeField()
    total = models.BigIntegerField(null=True)
    bad = models.BigIntegerField(null=True)
    value = models.FloatField(null=True)
    is_ok = models.BooleanField(null=True)
    detail = models.CharField(max_length=300, blank=True)
    received_at = models.DateTimeField()
    is_fresh = models.BooleanField(default=True)

    objects = SampleQuerySet.as_manager()

    class Meta:
        ordering = ["-at"]
        indexes = [
            models.Index(fields=["monitor"], condition=Q(is_fresh=True), name="sample_fresh"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["monitor", "at"], name="sample_unique"),
            models.CheckConstraint(
                condition=Q(total__isnull=True, bad__isnull=True)
                | Q(total__gte=models.F("bad"), bad__gte=0),
                name="sample_counts",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.monitor} at {self.at:%Y-%m-%d %H:%M:%S}"


class HourlyFigure(models.Model):
    """The samples of one hour (UTC) summed up, so that a rolling window reads few rows and old
    samples can go."""

    monitor = models.ForeignKey(Monitor, on_delete=models.CASCADE, related_name="hours")
    hour = models.DateTimeField(help_text="Its beginning.")
    samples = models.PositiveIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    bad = models.BigIntegerField(default=0)
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)

    class Meta:
        ordering = ["hour"]
        constraints = [
            models.UniqueConstraint(fields=["monitor", "hour"], name="hourly_figure_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.monitor} in the hour of {self.hour:%Y-%m-%d %H:%M}"
