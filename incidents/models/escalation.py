"""The escalation matrix and what was raised by it (rules E1 to E10, C8)."""

import datetime as dt

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from simple_history.models import HistoricalRecords

from incidents.enums import EscalationCode, SeenVia
from incidents.models.client import Client
from incidents.models.incident import Incident, Viewer
from incidents.models.responder import Responder
from notifications.enums import Channel
from notifications.models import Message

#: So much later than it was due, an escalation says that it is late.
LATE_AFTER = dt.timedelta(minutes=5)


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
    email_roles = models.JSONField(
        default=list, blank=True, help_text="Roles that get an e-mail in any case."
    )
    fires_after = models.DurationField(
        null=True,
        blank=True,
        help_text="From the detection; for rules fired by a clock.",
    )
    fires_every = models.DurationField(
        null=True, blank=True, help_text="Again after each of these, until the fix is confirmed."
    )
    ring_every = models.DurationField(
        null=True, blank=True, help_text="Repeated so often until somebody says “seen”."
    )
    rings_to_target = models.PositiveSmallIntegerField(default=0)
    rings_to_backup = models.PositiveSmallIntegerField(
        default=0, help_text="After the rings to the person themselves."
    )
    is_active = models.BooleanField(default=True)

    history = HistoricalRecords()

    class Meta:
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(fires_every__isnull=True)
                | Q(fires_every__gt=dt.timedelta(0), fires_after__isnull=False),
                name="escalation_rule_every_after",
            ),
            models.CheckConstraint(
                condition=Q(ring_every__isnull=True)
                | Q(ring_every__gt=dt.timedelta(0), rings_to_target__gt=0),
                name="escalation_rule_rings",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.situation}"

    @property
    def rings(self) -> int:
        """How often an escalation rings in all, the first message included (rule E9)."""
        return self.rings_to_target + self.rings_to_backup if self.ring_every else 0


class EscalationQuerySet(models.QuerySet["Escalation"]):
    def unseen(self) -> "EscalationQuerySet":
        return self.filter(acknowledged_at__isnull=True)

    def unheard(self) -> "EscalationQuerySet":
        """Raised, but nobody could be told: an alarm on every page (rule E10)."""
        return self.unseen().filter(is_undeliverable=True)

    def newest_of_each(self) -> "EscalationQuerySet":
        """Of a rule that repeats only the last one: it says what the earlier ones said (E5)."""
        later = Escalation.objects.filter(
            rule=OuterRef("rule"),
            rule__fires_every__isnull=False,
            subject=OuterRef("subject"),
            pk__gt=OuterRef("pk"),
        )
        return self.exclude(Exists(later))

    def to_ring(self, *, at: dt.datetime) -> "EscalationQuerySet":
        """Whose next ring is due (rule E9)."""
        return self.unseen().filter(next_ring_at__lte=at)

    def visible_to(self, user: Viewer) -> "EscalationQuerySet":
        """Those on a client alone, and those of incidents the reader may see (rule W11)."""
        seen = Incident.objects.visible_to(user).order_by().values("pk")
        return self.filter(Q(incident__isnull=True) | Q(incident__in=seen))


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
    quote = models.TextField("their words", max_length=5_000, blank=True)
    amount = models.CharField(max_length=60, blank=True, help_text="In dispute (E3).")
    due_at = models.DateTimeField(
        null=True, blank=True, help_text="When it should have been raised, by the clock (E5, E6)."
    )
    raised_at = models.DateTimeField()
    raised_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=150, blank=True)
    acknowledged_via = models.CharField(max_length=10, choices=SeenVia, blank=True)
    acknowledgement_note = models.CharField(max_length=500, blank=True)
    reached_by = models.CharField(
        max_length=150, blank=True, help_text="Who phoned, where nobody could be reached otherwise."
    )
    ring_count = models.PositiveSmallIntegerField(default=0, editable=False)
    next_ring_at = models.DateTimeField(null=True, blank=True, editable=False)
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
            models.CheckConstraint(
                condition=Q(acknowledged_at__isnull=True) | Q(next_ring_at__isnull=True),
                name="escalation_seen_rings_no_more",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_ring_at"],
                condition=Q(next_ring_at__isnull=False),
                name="escalation_ring",
            ),
            models.Index(
                fields=["-raised_at", "-id"],
                condition=Q(acknowledged_at__isnull=True),
                name="escalation_unseen",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} for {self.subject}"

    @property
    def reference(self) -> str:
        """The incident's reference; a client alone is a detail, so it is a number then."""
        return self.incident.ref if self.incident else f"Escalation {self.pk}"

    @property
    def is_late(self) -> bool:
        return self.due_at is not None and self.raised_at - self.due_at > LATE_AFTER


class DueEscalation(models.Model):
    """The next moment at which a rule fires by the clock for an incident (rules E5, E6).

    Planned from the facts, so there is at most one per incident and rule; the sweep reads one
    range of ``due_at``.
    """

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="due_escalations")
    rule = models.ForeignKey(EscalationRule, on_delete=models.CASCADE, related_name="due")
    occurrence = models.PositiveIntegerField(help_text="E5: its period; E6: one per relapse.")
    due_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["due_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["incident", "rule"], name="due_escalation_once"),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} number {self.occurrence} for {self.incident_id}"


class EscalationNotice(models.Model):
    """One message of an escalation to one person; the outbox row carries the delivery.

    Several escalations that were missed together share one message (rule N1).
    """

    escalation = models.ForeignKey(Escalation, on_delete=models.CASCADE, related_name="notices")
    responder = models.ForeignKey(Responder, on_delete=models.PROTECT, related_name="+")
    message = models.ForeignKey(
        Message, on_delete=models.PROTECT, related_name="escalation_notices"
    )
    channel = models.CharField(max_length=20, choices=Channel)
    number = models.PositiveSmallIntegerField(default=1, help_text="Which ring it is.")
    is_ring = models.BooleanField(
        default=False, help_text="Taken back when somebody has seen it (rule E9)."
    )

    class Meta:
        ordering = ["escalation", "number", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["escalation", "responder", "number", "channel"],
                name="escalation_notice_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.escalation} to {self.responder}"
