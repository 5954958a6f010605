"""What a client answered to the clarifying questions of a playbook (rule P6)."""

from django.db import models
from django.db.models import Q

from incidents.models.client import Client
from incidents.models.playbook_run import PlaybookRunStep


class ClientAnswer(models.Model):
    """The newest answer to one question; what it said before stays on the timeline."""

    run_step = models.ForeignKey(
        PlaybookRunStep, on_delete=models.CASCADE, related_name="client_answers"
    )
    client = models.ForeignKey(
        Client,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="clarifying_answers",
        help_text="Who answered; empty where the incident names no client.",
    )
    number = models.PositiveSmallIntegerField(help_text="Of the question, from 1.")
    question = models.CharField(max_length=300)
    text = models.TextField(max_length=5_000)
    at = models.DateTimeField()
    by_name = models.CharField(max_length=150, help_text="Who wrote it down.")

    class Meta:
        ordering = ["run_step", "number", "client"]
        constraints = [
            models.UniqueConstraint(
                fields=["run_step", "number", "client"],
                condition=Q(client__isnull=False),
                name="client_answer_one_per_client",
            ),
            models.UniqueConstraint(
                fields=["run_step", "number"],
                condition=Q(client__isnull=True),
                name="client_answer_one_without_client",
            ),
            models.CheckConstraint(condition=~Q(text=""), name="client_answer_says_something"),
            models.CheckConstraint(condition=Q(number__gte=1), name="client_answer_number"),
        ]

    def __str__(self) -> str:
        return f"{self.client or 'Client'} on question {self.number} of {self.run_step}"
