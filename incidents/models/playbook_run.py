"""A playbook at work in an incident: its own copy of the steps, and what became of each (P2)."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from incidents.enums import RunHow, StepKind, StepState
from incidents.models.incident import Incident
from incidents.models.playbook import Playbook, StepFields


class PlaybookRunQuerySet(models.QuerySet["PlaybookRun"]):
    def standing(self) -> "PlaybookRunQuerySet":
        """Attached and not taken off again."""
        return self.filter(ended_at__isnull=True)


class PlaybookRun(models.Model):
    """One playbook on one incident. Taken off, it stays readable; put on again, it goes on."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="runs")
    playbook = models.ForeignKey(Playbook, on_delete=models.PROTECT, related_name="runs")
    title = models.CharField(max_length=120, help_text="The playbook's title at that time.")
    attached_at = models.DateTimeField()
    attached_by_name = models.CharField(max_length=150)
    how = models.CharField(max_length=10, choices=RunHow)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by_name = models.CharField(max_length=150, blank=True)
    end_reason = models.TextField(blank=True, max_length=2_000)

    objects = PlaybookRunQuerySet.as_manager()

    class Meta:
        ordering = ["attached_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "playbook"], name="playbook_run_once_per_incident"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_by_name="", end_reason="")
                | (Q(ended_at__isnull=False) & ~Q(ended_by_name="") & ~Q(end_reason="")),
                name="playbook_run_end_has_reason",
            ),
            models.CheckConstraint(condition=Q(how__in=RunHow.values), name="playbook_run_how"),
        ]

    def __str__(self) -> str:
        return f"{self.title} on {self.incident.ref}"

    @property
    def is_standing(self) -> bool:
        return self.ended_at is None


class PlaybookRunStep(StepFields):
    """One step as it was when the playbook was attached, and who did what about it."""

    run = models.ForeignKey(PlaybookRun, on_delete=models.CASCADE, related_name="steps")
    state = models.CharField(max_length=14, choices=StepState, default=StepState.OPEN)
    chosen = models.JSONField(
        default=list, blank=True, help_text="The branches its answer opened; empty: not answered."
    )
    is_by_branch = models.BooleanField(
        default=False, help_text="Not applicable because an earlier answer closed its branch."
    )
    at = models.DateTimeField(null=True, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="playbook_steps",
    )
    by_name = models.CharField(max_length=150, blank=True)
    note = models.TextField(blank=True, max_length=5_000)
    reason = models.TextField(blank=True, max_length=2_000)
    evidence = models.TextField(blank=True, max_length=5_000, help_text="A link or a text.")
    figure = models.JSONField(
        default=dict, blank=True, help_text="The reading as it was: name, value, limit, age, time."
    )
    figures = models.JSONField(
        default=dict, blank=True, help_text="The numbers written down: name and number (rule P7)."
    )
    version = models.PositiveIntegerField(
        default=1, editable=False, help_text="Raised by every change; a stale form is refused."
    )

    class Meta:
        ordering = ["run", "number"]
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="run_step_number"),
            models.UniqueConstraint(fields=["run", "key"], name="run_step_key"),
            models.CheckConstraint(condition=Q(state__in=StepState.values), name="run_step_state"),
            models.CheckConstraint(
                condition=Q(state=StepState.OPEN, at__isnull=True, by_name="")
                | (~Q(state=StepState.OPEN) & Q(at__isnull=False) & ~Q(by_name="")),
                name="run_step_settled_has_who",
            ),
            models.CheckConstraint(
                condition=~Q(state=StepState.SKIPPED) | ~Q(reason=""),
                name="run_step_skipped_has_reason",
            ),
            models.CheckConstraint(
                condition=~Q(kind=StepKind.PROHIBITION)
                | Q(state__in=[StepState.OPEN, StepState.ACKNOWLEDGED]),
                name="run_step_prohibition_never_done",
            ),
            models.CheckConstraint(
                condition=~Q(state=StepState.ACKNOWLEDGED) | Q(kind=StepKind.PROHIBITION),
                name="run_step_only_prohibition_acknowledged",
            ),
            models.CheckConstraint(
                condition=Q(is_by_branch=False) | Q(state=StepState.NOT_APPLICABLE),
                name="run_step_by_branch_not_applicable",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run} {self.number}"

    @property
    def is_open(self) -> bool:
        return self.state == StepState.OPEN
