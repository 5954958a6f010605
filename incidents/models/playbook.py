"""The playbooks of the SOP as data (rule P1)."""

from django.db import models
from simple_history.models import HistoricalRecords

from incidents.enums import Level, StepKind


class Playbook(models.Model):
    slug = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=120)
    applies_to = models.CharField(max_length=200, blank=True)
    forces_level = models.PositiveSmallIntegerField(
        choices=Level,
        null=True,
        blank=True,
        help_text="The severity this playbook's incidents always have (rule P5).",
    )
    is_active = models.BooleanField(default=True)

    history = HistoricalRecords()

    class Meta:
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title


class PlaybookStep(models.Model):
    playbook = models.ForeignKey(Playbook, on_delete=models.CASCADE, related_name="steps")
    number = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=12, choices=StepKind, default=StepKind.ACTION)
    text = models.TextField(help_text="Word for word from the SOP where it is the SOP's.")
    condition = models.CharField(
        max_length=120, blank=True, help_text="The branch it belongs to: “if provider outage”."
    )
    reading = models.CharField(
        max_length=60, blank=True, help_text="The live figure or check behind the step."
    )

    history = HistoricalRecords()

    class Meta:
        ordering = ["playbook", "number"]
        constraints = [
            models.UniqueConstraint(fields=["playbook", "number"], name="playbook_step_number"),
        ]

    def __str__(self) -> str:
        return f"{self.playbook} {self.number}"
