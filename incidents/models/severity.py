"""The four severities and the clocks they set, as data (rules S1 to S7)."""

import datetime as dt

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from simple_history.models import HistoricalRecords

from incidents.enums import Communication, Level


class Severity(models.Model):
    level = models.PositiveSmallIntegerField(choices=Level, primary_key=True)
    name = models.CharField(max_length=20)
    title = models.CharField(max_length=60)
    definition = models.TextField()
    examples = models.TextField(blank=True)
    acknowledge_within = models.DurationField()
    resolve_within = models.DurationField()
    stability_window = models.DurationField(help_text="From the confirmed fix to Resolved.")
    communication = models.CharField(max_length=12, choices=Communication)
    notice_within = models.DurationField(
        null=True, blank=True, help_text="From triage to the client's notice, beside the limit."
    )
    update_cadence = models.DurationField(
        null=True, blank=True, help_text="Default time to the next promised update."
    )
    workaround_stops_resolve = models.BooleanField(default=False)
    follow_up_within = models.DurationField(
        null=True, blank=True, help_text="From a recorded workaround to its follow-up."
    )
    review_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Post-incident entry due; empty: none required."
    )
    review_in_working_days = models.BooleanField(default=False)
    postmortem_to_premium = models.BooleanField(default=False)

    history = HistoricalRecords()

    class Meta:
        ordering = ["level"]
        verbose_name_plural = "severities"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(level__in=Level.values), name="severity_level_1_to_4"
            ),
            models.CheckConstraint(
                condition=models.Q(acknowledge_within__lte=models.F("resolve_within")),
                name="severity_acknowledge_before_resolve",
            ),
        ]

    def __str__(self) -> str:
        return f"SEV-{self.level} {self.name}"

    @property
    def code(self) -> str:
        return f"SEV-{self.level}"

    @property
    def notifies_clients(self) -> bool:
        """Whether acknowledging means that every affected client was told (rule C3)."""
        return self.communication in (Communication.IMMEDIATE, Communication.SAME_DAY)


class Policy(models.Model):
    """The few numbers of ours that belong to no severity; one row, editable in the admin."""

    untriaged_backup_after = models.DurationField(
        default=dt.timedelta(minutes=15), help_text="Then the orchestrator's backup is told (N2)."
    )
    untriaged_founder_after = models.DurationField(
        default=dt.timedelta(minutes=30), help_text="Then the founder is informed (N2)."
    )
    half_warning_percent = models.PositiveSmallIntegerField(
        default=50, validators=[MinValueValidator(1), MaxValueValidator(99)]
    )
    near_warning_percent = models.PositiveSmallIntegerField(
        default=80, validators=[MinValueValidator(1), MaxValueValidator(99)]
    )
    same_day_minimum = models.DurationField(
        default=dt.timedelta(hours=1), help_text="“Same day” is never sooner after detection (C7)."
    )
    flood_limit = models.PositiveSmallIntegerField(
        default=6, help_text="More warnings than this to one person in ten minutes become a digest."
    )

    history = HistoricalRecords()

    class Meta:
        verbose_name_plural = "policy"
        constraints = [
            models.CheckConstraint(condition=models.Q(pk=1), name="policy_single_row"),
            models.CheckConstraint(
                condition=models.Q(half_warning_percent__lt=models.F("near_warning_percent")),
                name="policy_half_before_near",
            ),
            models.CheckConstraint(
                condition=models.Q(untriaged_backup_after__lt=models.F("untriaged_founder_after")),
                name="policy_backup_before_founder",
            ),
        ]

    def __str__(self) -> str:
        return "Policy"

    @classmethod
    def current(cls) -> "Policy":
        """The stored policy, or its defaults before ``load_sop`` ran."""
        return cls.objects.filter(pk=1).first() or cls(pk=1)
