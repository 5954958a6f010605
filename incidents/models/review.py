"""The post-incident entry and what will be changed (SOP step 7, rule W8)."""

from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from incidents.models.incident import Incident
from incidents.models.responder import Responder


class Review(models.Model):
    """Draft until complete: timeline, root cause, resolution and one prevention measure."""

    incident = models.OneToOneField(Incident, on_delete=models.CASCADE, related_name="review")
    timeline = models.TextField(blank=True, max_length=20_000)
    root_cause = models.TextField(blank=True, max_length=10_000)
    resolution = models.TextField(blank=True, max_length=10_000)
    completed_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField()
    updated_by = models.CharField(max_length=150)

    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(completed_at__isnull=True)
                | (~Q(timeline="") & ~Q(root_cause="") & ~Q(resolution="")),
                name="review_complete_has_parts",
            ),
        ]

    def __str__(self) -> str:
        return f"Post-incident entry of {self.incident.ref}"

    def missing_parts(self) -> list[str]:
        """What keeps the entry from being complete, in the SOP's words."""
        parts = {
            "timeline of events": self.timeline,
            "root cause": self.root_cause,
            "resolution": self.resolution,
        }
        missing = [name for name, text in parts.items() if not text.strip()]
        if not self.measures.exists():
            missing.append("at least one prevention measure with owner and due date")
        return missing


class PreventionMeasure(models.Model):
    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="measures")
    text = models.TextField(max_length=2_000)
    owner = models.ForeignKey(Responder, on_delete=models.PROTECT, related_name="measures")
    due_on = models.DateField()
    done_on = models.DateField(null=True, blank=True)

    history = HistoricalRecords()

    class Meta:
        ordering = ["due_on", "id"]
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="measure_has_text"),
        ]

    def __str__(self) -> str:
        return self.text[:60]
