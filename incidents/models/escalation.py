"""The escalation matrix and what was raised by it (rules E1 to E10, C8)."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from incidents.enums import EscalationCode
from incidents.models.client import Client
from incidents.models.incident import Incident
from incidents.models.responder import Responder
from notifications.models import Message


class EscalationRule(models.Model):
    """One row of the SOP's matrix, editable data."""

    code = models.CharField(max_length=4, choices=EscalationCode, primary_key=True)
    situation = models.CharField(max_length=120)
    to_roles = models.JSONField(default=list, help_text="Roles told, in order.")
    method = models.CharField(max_length=120)
    is_immediate = models.BooleanField(default=False)
    is_raised_by_person = models.BooleanField(default=False)
    has_email_summary = models.BooleanField(default=False)
    is_ours = models.BooleanField(
        default=False, help_text="A rule of ours where the SOP's matrix is silent."
    )

    history = HistoricalRecords()

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return f"{self.code} {self.situation}"


class EscalationQuerySet(models.QuerySet["Escalation"]):
    def unseen(self) -> "EscalationQuerySet":
        return self.filter(acknowledged_at__isnull=True)

    def unheard(self) -> "EscalationQuerySet":
        """Raised, but nobody could be told: an alarm on every page (rule E10)."""
        return self.unseen().filter(is_undeliverable=True)


class Escalation(models.Model):
    """One situation raised once: unique by rule, subject and occurrence (rule E8).

    ``subject`` is text (``incident:12``, ``incident:12:client:3``, ``client:3``) because NULLs
    never collide in a unique constraint.
    """

    rule = models.ForeignKey(EscalationRule, on_delete=models.PROTECT, related_name="escalations")
    incident = models.ForeignKey(
        Incident, null=True, blank=True, on_delete=models.CASCADE, related_name="escalations"
    )
    client = models.ForeignKey(
        Client, null=True, blank=True, on_delete=models.PROTECT, related_name="escalations"
    )
    subject = models.CharField(max_length=80)
    occurrence = models.CharField(max_length=80, default="1")
    summary = models.TextField(max_length=5_000)
    raised_at = models.DateTimeField()
    raised_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=150, blank=True)
    acknowledgement_note = models.CharField(max_length=500, blank=True)
    is_undeliverable = models.BooleanField(default=False)
    is_demo = models.BooleanField(default=False, editable=False)

    objects = EscalationQuerySet.as_manager()

    class Meta:
        ordering = ["-raised_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "subject", "occurrence"], name="escalation_once"
            ),
            models.CheckConstraint(
                condition=Q(incident__isnull=False) | Q(client__isnull=False),
                name="escalation_has_subject",
            ),
            models.CheckConstraint(
                condition=Q(acknowledged_at__isnull=True) | ~Q(acknowledged_by=""),
                name="escalation_seen_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} for {self.subject}"


class EscalationNotice(models.Model):
    """One message of an escalation to one person; the outbox row carries the delivery."""

    escalation = models.ForeignKey(Escalation, on_delete=models.CASCADE, related_name="notices")
    responder = models.ForeignKey(Responder, on_delete=models.PROTECT, related_name="+")
    message = models.OneToOneField(Message, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveSmallIntegerField(default=1)

    class Meta:
        ordering = ["escalation", "number", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["escalation", "responder", "number"], name="escalation_notice_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.escalation} to {self.responder}"
