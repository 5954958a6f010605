"""Monitors: what is watched, how it stands, and how it stood (rules K1 to K7)."""

import datetime as dt
import uuid

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from simple_history.models import HistoricalRecords

from incidents.models import Client, Incident, Playbook, SendingDomain, Severity, System
from incidents.models.client import validate_time_zone
from monitoring.enums import Kind, Measure, State

PERCENT = [MinValueValidator(0), MaxValueValidator(100)]


class MonitorQuerySet(models.QuerySet["Monitor"]):
    def active(self) -> "MonitorQuerySet":
        return self.filter(is_active=True)

    def silenced(self, *, at: dt.datetime) -> "MonitorQuerySet":
        """Those inside a maintenance window (rule K6)."""
        windows = MaintenanceWindow.objects.running(at=at)
        everywhere = windows.filter(monitor__isnull=True)
        own = windows.filter(monitor=models.OuterRef("pk"))
        return self.filter(models.Exists(everywhere) | models.Exists(own))


class Monitor(models.Model):
    """What is watched and by which limits. An empty limit means the rule's own figure, see
    ``monitoring.limits``. How it stands is kept apart, in MonitorStatus, so that the evaluation
    and somebody who edits never overwrite each other."""

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=80, unique=True)
    kind = models.CharField(max_length=12, choices=Kind)
    measure = models.CharField(max_length=10, choices=Measure, blank=True)
    ping_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    system = models.ForeignKey(
        System, null=True, blank=True, on_delete=models.SET_NULL, related_name="monitors"
    )
    client = models.ForeignKey(
        Client,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="monitors",
        help_text="Whose it is; empty: everybody who depends on the system.",
    )
    sending_domain = models.ForeignKey(
        SendingDomain, null=True, blank=True, on_delete=models.SET_NULL, related_name="monitors"
    )
    playbook = models.ForeignKey(
        Playbook,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="monitors",
        help_text="Empty: the one that fits the kind.",
    )
    severity = models.ForeignKey(
        Severity,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="monitors",
        help_text="Suggested for its incidents; empty: what the rules say.",
    )

    period_seconds = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(60), MaxValueValidator(31_536_000)]
    )
    grace_seconds = models.PositiveIntegerField(
        default=300, validators=[MaxValueValidator(31_536_000)]
    )
    cron = models.CharField(
        "cron expression", max_length=100, blank=True, help_text="Such as “0 2 * * *”."
    )
    time_zone = models.CharField(
        max_length=64, default="UTC", validators=[validate_time_zone], help_text="Of the cron."
    )

    window_seconds = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(60), MaxValueValidator(31_536_000)]
    )
    minimum_sample = models.PositiveIntegerField(null=True, blank=True)
    warn_limit = models.FloatField(null=True, blank=True, validators=[MinValueValidator(0)])
    incident_limit = models.FloatField(null=True, blank=True, validators=[MinValueValidator(0)])
    severe_limit = models.FloatField(null=True, blank=True, validators=[MinValueValidator(0)])
    allowance = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="Credits a period; empty: the posted value is the percentage left.",
    )
    failures_needed = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    successes_needed = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    probe_seconds = models.PositiveIntegerField(
        default=180, validators=[MinValueValidator(60), MaxValueValidator(86_400)]
    )
    page_identity = models.CharField(
        max_length=120,
        blank=True,
        help_text="The id or name that the provider's status page must give itself.",
    )

    is_active = models.BooleanField(default=True)
    is_demo = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(editable=False)

    history = HistoricalRecords()
    objects = MonitorQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="monitor_kind"),
            models.CheckConstraint(
                condition=~Q(kind=Kind.HEARTBEAT)
                | (Q(period_seconds__isnull=False) & Q(cron=""))
                | (Q(period_seconds__isnull=True) & ~Q(cron="")),
                name="monitor_heartbeat_has_one_schedule",
            ),
            models.CheckConstraint(
                condition=(Q(kind=Kind.LEVEL) & Q(measure__in=Measure.values))
                | (~Q(kind=Kind.LEVEL) & Q(measure="")),
                name="monitor_level_has_measure",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("monitoring:detail", args=[self.slug])


class MonitorStatus(models.Model):
    """How a monitor stands now. Written by the evaluation alone."""

    monitor = models.OneToOneField(
        Monitor, on_delete=models.CASCADE, primary_key=True, related_name="status"
    )
    state = models.CharField(max_length=8, choices=State, default=State.NEW)
    since = models.DateTimeField(help_text="In this state since.")
    value = models.FloatField(null=True, help_text="Percent, hours, a count: by kind.")
    value_text = models.CharField(max_length=80, blank=True)
    limit_text = models.CharField(max_length=80, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    sample_size = models.BigIntegerField(null=True)
    last_signal_at = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    last_start_at = models.DateTimeField(null=True)
    last_run_seconds = models.FloatField(null=True)
    due_at = models.DateTimeField(null=True, help_text="A job counts as missed from here on.")
    check_at = models.DateTimeField(
        null=True, help_text="Judged again then, even without a signal; empty: now."
    )
    probe_at = models.DateTimeField(null=True, help_text="The provider is asked again then.")
    failures_in_row = models.PositiveIntegerField(default=0)
    successes_in_row = models.PositiveIntegerField(default=0)
    is_raised = models.BooleanField(
        default=False, help_text="An incident was opened or joined since it was last green."
    )
    suggested_level = models.PositiveSmallIntegerField(null=True)
    failed_at = models.DateTimeField(null=True, help_text="Its evaluation broke; see the log.")

    class Meta:
        verbose_name_plural = "monitor statuses"
        indexes = [
            models.Index(fields=["check_at"], name="monitor_status_check"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=State.values), name="monitor_state"),
        ]

    def __str__(self) -> str:
        return f"{self.monitor}: {self.get_state_display()}"


class StateChange(models.Model):
    """One change of state, for the history of a monitor."""

    monitor = models.ForeignKey(Monitor, on_delete=models.CASCADE, related_name="changes")
    at = models.DateTimeField()
    before = models.CharField(max_length=8, choices=State)
    after = models.CharField(max_length=8, choices=State)
    value_text = models.CharField(max_length=80, blank=True)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["monitor", "-at"], name="state_change_monitor")]

    def __str__(self) -> str:
        return f"{self.monitor}: {self.before} to {self.after}"


class DayFigure(models.Model):
    """The worst of one day (UTC), for the chart of 30 days."""

    monitor = models.ForeignKey(Monitor, on_delete=models.CASCADE, related_name="days")
    day = models.DateField()
    state = models.CharField(max_length=8, choices=State)
    value = models.FloatField(null=True)

    class Meta:
        ordering = ["day"]
        constraints = [
            models.UniqueConstraint(fields=["monitor", "day"], name="day_figure_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.monitor} on {self.day}"


class MaintenanceWindowQuerySet(models.QuerySet["MaintenanceWindow"]):
    def running(self, *, at: dt.datetime) -> "MaintenanceWindowQuerySet":
        return self.filter(starts_at__lte=at, ends_at__gt=at)


class MaintenanceWindow(models.Model):
    """Planned work: no incident is opened, everything is recorded (rule K6)."""

    monitor = models.ForeignKey(
        Monitor,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="maintenance",
        help_text="Empty: every monitor.",
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=200)
    created_by = models.CharField(max_length=150, blank=True, editable=False)

    history = HistoricalRecords()
    objects = MaintenanceWindowQuerySet.as_manager()

    class Meta:
        ordering = ["-starts_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=models.F("starts_at")), name="maintenance_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.monitor or 'every monitor'}: {self.reason}"


class MonitorIncident(models.Model):
    """That a monitor raised or joined an incident; at most one of them is open (rule K6)."""

    monitor = models.ForeignKey(Monitor, on_delete=models.CASCADE, related_name="raised")
    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="monitors")
    opened_at = models.DateTimeField()
    recovered_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(
        null=True, help_text="The incident was resolved or cancelled; the next failure opens anew."
    )

    class Meta:
        ordering = ["-opened_at"]
        constraints = [
            models.UniqueConstraint(fields=["monitor", "incident"], name="monitor_incident_once"),
            models.UniqueConstraint(
                fields=["monitor"],
                condition=Q(ended_at__isnull=True),
                name="monitor_incident_one_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.monitor} in {self.incident.ref}"
