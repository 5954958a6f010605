"""Every instant somebody has to meet, kept or late (rules C1 to C8, M6)."""

import datetime as dt

from django.db import models
from django.db.models import F, Q

from incidents.enums import (
    DeadlineKind,
    Owner,
)
from incidents.models.client import Client


class DeadlineQuerySet(models.QuerySet["Deadline"]):
    def running(self) -> "DeadlineQuerySet":
        return self.filter(stopped_at__isnull=True, voided_at__isnull=True)

    def counted(self) -> "DeadlineQuerySet":
        """Deadlines that stand: running, met or late, not voided."""
        return self.filter(voided_at__isnull=True)

    def needing_attention(self, *, at: dt.datetime) -> "DeadlineQuerySet":
        """Running deadlines with a warning or a breach to write by ``at``."""
        return self.running().filter(next_event_at__lte=at)


class Deadline(models.Model):
    """One instant somebody has to meet, kept or late (rules C1 to C8, M6).

    ``next_event_at`` is the next moment at which the sweep must look at the row: half of the
    time used, four fifths used, then due. It is empty once there is nothing left to write.
    """

    incident = models.ForeignKey(
        "incidents.Incident", on_delete=models.CASCADE, related_name="deadlines"
    )
    client = models.ForeignKey(
        Client, null=True, blank=True, on_delete=models.PROTECT, related_name="deadlines"
    )
    run_step = models.ForeignKey(
        "incidents.PlaybookRunStep",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="deadlines",
        help_text="The playbook step that owes it (rule P3).",
    )
    kind = models.CharField(max_length=12, choices=DeadlineKind)
    owner = models.CharField(max_length=14, choices=Owner)
    started_at = models.DateTimeField()
    due_at = models.DateTimeField()
    is_provisional = models.BooleanField(default=False)
    half_warned_at = models.DateTimeField(null=True, blank=True)
    near_warned_at = models.DateTimeField(null=True, blank=True)
    next_event_at = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    breached_at = models.DateTimeField(null=True, blank=True)
    voided_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=200, blank=True)

    objects = DeadlineQuerySet.as_manager()

    class Meta:
        ordering = ["due_at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=DeadlineKind.values), name="deadline_kind"),
            models.CheckConstraint(
                condition=Q(due_at__gte=F("started_at")), name="deadline_due_after_start"
            ),
            models.CheckConstraint(
                condition=Q(stopped_at__isnull=True, voided_at__isnull=True)
                | Q(next_event_at__isnull=True),
                name="deadline_ended_needs_no_sweep",
            ),
            models.UniqueConstraint(
                fields=["incident", "kind"],
                condition=Q(client__isnull=True, voided_at__isnull=True)
                & ~Q(kind__in=[DeadlineKind.CERTAIN_FIX, DeadlineKind.PLAYBOOK]),
                name="deadline_one_per_incident",
            ),
            models.UniqueConstraint(
                fields=["run_step"],
                condition=Q(run_step__isnull=False, voided_at__isnull=True),
                name="deadline_one_per_run_step",
            ),
            models.CheckConstraint(
                condition=Q(kind=DeadlineKind.PLAYBOOK, run_step__isnull=False)
                | (~Q(kind=DeadlineKind.PLAYBOOK) & Q(run_step__isnull=True)),
                name="deadline_playbook_has_step",
            ),
            models.UniqueConstraint(
                fields=["incident", "kind", "client"],
                condition=Q(client__isnull=False, voided_at__isnull=True, stopped_at__isnull=True),
                name="deadline_one_running_per_client",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_event_at"],
                condition=Q(next_event_at__isnull=False),
                name="deadline_sweep",
            ),
            models.Index(
                fields=["due_at"],
                condition=Q(stopped_at__isnull=True, voided_at__isnull=True),
                name="deadline_running",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.incident.ref}, due {self.due_at:%Y-%m-%d %H:%M}"

    def instant_at(self, percent: int) -> dt.datetime:
        """When so much of its time is used."""
        return self.started_at + (self.due_at - self.started_at) * percent / 100

    @property
    def is_running(self) -> bool:
        return self.stopped_at is None and self.voided_at is None

    @property
    def is_breached(self) -> bool:
        return self.breached_at is not None
