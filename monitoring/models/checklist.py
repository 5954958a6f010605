"""The monitoring checklists of the SOP as data (rules K8 and K9)."""

from django.db import models
from simple_history.models import HistoricalRecords


class Period(models.TextChoices):
    DAILY = "daily", "Daily"
    WEEKLY = "weekly", "Weekly"
    MONTHLY = "monthly", "Monthly"
    CRM_REVIEW = "crm_review", "CRM review"


class Checklist(models.Model):
    period = models.CharField(max_length=10, choices=Period, primary_key=True)
    title = models.CharField(max_length=80)
    is_active = models.BooleanField(default=True, help_text="Off: no new runs are opened.")
    owner_role = models.CharField(max_length=14)
    opens_at = models.TimeField(help_text="In the agency's time zone.")
    due_hours = models.PositiveSmallIntegerField(
        default=9, help_text="Overdue so many hours after it opened."
    )

    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(period__in=Period.values), name="checklist_period"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class ChecklistItem(models.Model):
    checklist = models.ForeignKey(Checklist, on_delete=models.CASCADE, related_name="items")
    number = models.PositiveSmallIntegerField()
    text = models.TextField(help_text="Word for word from the SOP where it is the SOP's.")
    is_automatic = models.BooleanField(default=False)
    reading = models.CharField(max_length=60, blank=True)

    history = HistoricalRecords()

    class Meta:
        ordering = ["checklist", "number"]
        constraints = [
            models.UniqueConstraint(fields=["checklist", "number"], name="checklist_item_number"),
        ]

    def __str__(self) -> str:
        return self.text
