"""The playbooks of the SOP as data (rule P1)."""

import datetime as dt

from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from incidents.enums import Level, ReadingKind, StepEffect, StepKind


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


class StepFields(models.Model):
    """What a step says and asks: one list of fields for the definition and for its copies.

    A run copies every one of them, so that later edits change nothing in it (rule P2).
    """

    number = models.PositiveSmallIntegerField()
    key = models.SlugField(max_length=60, help_text="Its name in this playbook: “check-status”.")
    kind = models.CharField(max_length=12, choices=StepKind, default=StepKind.ACTION)
    text = models.TextField(help_text="Word for word from the SOP where it is the SOP's.")
    condition = models.CharField(
        max_length=120, blank=True, help_text="When it applies, in words: “if provider outage”."
    )
    branch = models.SlugField(
        max_length=60,
        blank=True,
        help_text="The answer that opens it. Where no earlier step offers that answer, the step "
        "itself is asked whether it applies.",
    )
    question = models.CharField(
        max_length=200, blank=True, help_text="What the person is asked when answers are offered."
    )
    answers = models.JSONField(
        default=list,
        blank=True,
        help_text="A list of branch and label; “opens_nothing” where no step follows from it.",
    )
    is_multiple = models.BooleanField(
        "several answers", default=False, help_text="More than one answer may be true."
    )
    reading = models.CharField(
        max_length=60,
        blank=True,
        choices=ReadingKind,
        help_text="The live figure or check behind the step.",
    )
    parameters = models.JSONField(
        default=dict, blank=True, help_text="What the reading needs to know, as name and value."
    )
    effect = models.CharField(
        max_length=12, blank=True, choices=StepEffect, help_text="What doing it brings about."
    )
    due_after = models.DurationField(
        null=True,
        blank=True,
        help_text="Makes it an obligation, due this long after detection; zero: at once.",
    )
    due_only_below = models.PositiveSmallIntegerField(
        choices=Level,
        null=True,
        blank=True,
        help_text="The obligation holds only below this severity (rule P3).",
    )
    questions = models.JSONField(
        default=list, blank=True, help_text="Questions for the client, as a list (rule P6)."
    )
    counts = models.JSONField(
        default=list,
        blank=True,
        help_text="Numbers to write down when it is done, as a list of name and label (rule P7).",
    )

    class Meta:
        abstract = True

    @property
    def offered_branches(self) -> list[str]:
        """The branches its answers may open, in their order."""
        return [answer["branch"] for answer in self.answers]

    @property
    def says_condition(self) -> bool:
        """Whether its condition has to be said beside the text, which does not say it itself."""
        condition, text = self.condition.lower(), self.text.lower()
        return bool(condition) and condition not in text and not text.startswith("if ")

    @property
    def is_question(self) -> bool:
        """Whether it is done by answering."""
        return bool(self.answers)

    @property
    def is_due_at_once(self) -> bool:
        return self.due_after == dt.timedelta()


class PlaybookStep(StepFields):
    playbook = models.ForeignKey(Playbook, on_delete=models.CASCADE, related_name="steps")

    history = HistoricalRecords()

    class Meta:
        ordering = ["playbook", "number"]
        constraints = [
            models.UniqueConstraint(fields=["playbook", "number"], name="playbook_step_number"),
            models.UniqueConstraint(fields=["playbook", "key"], name="playbook_step_key"),
            models.CheckConstraint(
                condition=Q(due_after__isnull=True) | Q(due_after__gte=dt.timedelta()),
                name="playbook_step_due_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.playbook} {self.number}"


#: What a run copies of each step.
STEP_FIELDS = tuple(field.name for field in StepFields._meta.local_fields)
