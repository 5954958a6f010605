"""One run of a checklist per period, and the answers to its items (rules K8 and K9)."""

import datetime as dt

from django.db import models
from django.db.models import Q
from django.urls import reverse
from simple_history.models import HistoricalRecords

from incidents.models import Incident, Responder
from monitoring.enums import Outcome, RunState
from monitoring.models.checklist import Checklist


class ChecklistRunQuerySet(models.QuerySet["ChecklistRun"]):
    def open(self) -> "ChecklistRunQuerySet":
        return self.filter(state=RunState.OPEN)

    def overdue(self, *, at: dt.datetime) -> "ChecklistRunQuerySet":
        return self.open().filter(due_at__lte=at)


class ChecklistRun(models.Model):
    """A run exists once per checklist and period, whoever opens it first."""

    checklist = models.ForeignKey(Checklist, on_delete=models.PROTECT, related_name="runs")
    period_start = models.DateField(
        help_text="The day, the Monday or the first of the month, in the agency's time zone."
    )
    state = models.CharField(max_length=6, choices=RunState, default=RunState.OPEN)
    owner = models.ForeignKey(
        Responder, null=True, blank=True, on_delete=models.PROTECT, related_name="checklist_runs"
    )
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True, blank=True)
    completed_by = models.CharField(max_length=150, blank=True)
    version = models.PositiveIntegerField(default=1)
    is_demo = models.BooleanField(default=False, editable=False)

    history = HistoricalRecords()
    objects = ChecklistRunQuerySet.as_manager()

    class Meta:
        ordering = ["-period_start", "checklist"]
        constraints = [
            models.UniqueConstraint(
                fields=["checklist", "period_start"], name="checklist_run_once_a_period"
            ),
            models.CheckConstraint(
                condition=Q(state__in=RunState.values), name="checklist_run_state"
            ),
            models.CheckConstraint(
                condition=(Q(state=RunState.DONE) & Q(completed_at__isnull=False))
                | (~Q(state=RunState.DONE) & Q(completed_at__isnull=True)),
                name="checklist_run_done_has_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(state=RunState.OPEN), name="checklist_run_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.checklist} {self.period_start}"

    def get_absolute_url(self) -> str:
        return reverse("monitoring:run", args=[self.pk])


class RunItem(models.Model):
    """An item as it was when the run was opened: later edits do not rewrite history."""

    run = models.ForeignKey(ChecklistRun, on_delete=models.CASCADE, related_name="items")
    number = models.PositiveSmallIntegerField()
    text = models.TextField()
    is_automatic = models.BooleanField(default=False)
    reading = models.CharField(max_length=60, blank=True)
    outcome = models.CharField(max_length=14, choices=Outcome, default=Outcome.PENDING)
    value = models.CharField(max_length=120, blank=True)
    threshold = models.CharField(max_length=80, blank=True)
    measured_at = models.DateTimeField(null=True, help_text="The signal behind it.")
    prepared = models.JSONField(default=dict, help_text="What the system put together for it.")
    note = models.TextField(blank=True, max_length=5_000)
    evidence = models.TextField(blank=True, max_length=2_000)
    answered_at = models.DateTimeField(null=True)
    answered_by = models.CharField(max_length=150, blank=True)
    incident = models.ForeignKey(
        Incident, null=True, blank=True, on_delete=models.SET_NULL, related_name="run_items"
    )

    history = HistoricalRecords()

    class Meta:
        ordering = ["run", "number"]
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="run_item_number"),
            models.CheckConstraint(
                condition=Q(outcome__in=Outcome.values), name="run_item_outcome"
            ),
            models.CheckConstraint(
                condition=(Q(outcome=Outcome.PENDING) & Q(answered_at__isnull=True))
                | (~Q(outcome=Outcome.PENDING) & Q(answered_at__isnull=False)),
                name="run_item_answer_has_time",
            ),
        ]

    def __str__(self) -> str:
        return self.text
