"""Reputation of the sending domains, kept to compare with last month (rule K10)."""

from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from incidents.models import SendingDomain
from monitoring.enums import ListKind, Verdict


class BlockList(models.Model):
    """A DNS block list that is asked, and whether it still answers as such a list must."""

    zone = models.CharField(max_length=253, unique=True, help_text="Such as bl.example.org.")
    kind = models.CharField(max_length=6, choices=ListKind)
    test_entry = models.CharField(
        max_length=253,
        blank=True,
        help_text="What it always lists; empty: TEST or 127.0.0.2, as RFC 5782 has it.",
    )
    is_active = models.BooleanField(default=True)
    is_dead = models.BooleanField(
        default=False, editable=False, help_text="It failed its own test entries when last asked."
    )
    checked_at = models.DateTimeField(null=True, editable=False)

    history = HistoricalRecords()

    class Meta:
        ordering = ["zone"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=ListKind.values), name="block_list_kind"),
        ]

    def __str__(self) -> str:
        return self.zone


class DomainCheck(models.Model):
    """What was found about one domain, at most once a month kept: the last one wins."""

    domain = models.ForeignKey(SendingDomain, on_delete=models.CASCADE, related_name="checks")
    month = models.DateField(help_text="Its first day.")
    checked_at = models.DateTimeField()
    verdict = models.CharField(max_length=7, choices=Verdict)
    results = models.JSONField(
        default=list, help_text="One {check, subject, verdict, detail} for each question."
    )

    class Meta:
        ordering = ["-month", "domain__name"]
        constraints = [
            models.UniqueConstraint(fields=["domain", "month"], name="domain_check_monthly"),
            models.CheckConstraint(
                condition=Q(verdict__in=Verdict.values), name="domain_check_verdict"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.domain} in {self.month:%Y-%m}"
