"""The scheduled updates that gather the smaller items of a client (rule M9)."""

import datetime as dt

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from incidents.enums import DigestPart, DigestState
from incidents.models.client import Client
from incidents.models.incident import Incident
from notifications.models import Message


class DigestQuerySet(models.QuerySet["ClientDigest"]):
    def prepared(self) -> "DigestQuerySet":
        return self.filter(state=DigestState.PREPARED)

    def delivered(self) -> "DigestQuerySet":
        return self.filter(delivered_at__isnull=False)

    def waiting_for_a_person(self) -> "DigestQuerySet":
        """Prepared ones that do not leave by themselves."""
        by_itself = Q(client__digest_is_automatic=True, fallback_reason="")
        return self.prepared().exclude(by_itself)

    def overdue(self, *, at: dt.datetime, after: dt.timedelta) -> "DigestQuerySet":
        """Prepared ones whose hour passed longer ago than that."""
        return self.prepared().filter(due_at__lt=at - after)


class ClientDigest(models.Model):
    """One scheduled update of one client: prepared, then sent or not.

    ``period`` is the Monday of its week on the client's calendar, so an hour that is doubled or
    left out when the clocks change makes no second one. What it says is gathered anew until it
    is sent; then its items are what the client read.
    """

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="digests")
    period = models.DateField()
    due_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=DigestState, default=DigestState.PREPARED)
    intro = models.TextField("introduction", blank=True, max_length=2_000)
    prepared_at = models.DateTimeField()
    reminded_at = models.DateTimeField(null=True, blank=True)
    fallback_reason = models.CharField(
        max_length=300, blank=True, help_text="Why an automatic one waits for a person."
    )
    skip_reason = models.CharField(max_length=300, blank=True)
    skipped_by = models.CharField(max_length=150, blank=True)
    override_reason = models.TextField(blank=True, max_length=2_000)
    overridden_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    overridden_at = models.DateTimeField(null=True, blank=True)
    overridden_findings = models.JSONField(default=list, blank=True)
    message = models.OneToOneField(
        Message, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    attempt = models.PositiveSmallIntegerField(
        default=0, help_text="Raised by each send, so that an undone one gets a new key."
    )
    sent_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was sent off: what came later is in the next one."
    )
    sent_by = models.CharField(max_length=150, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField()
    updated_by = models.CharField(max_length=150, blank=True)

    objects = DigestQuerySet.as_manager()

    class Meta:
        ordering = ["-period", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["client", "period"], name="digest_one_per_period"),
            models.UniqueConstraint(
                fields=["client"],
                condition=Q(state=DigestState.PREPARED),
                name="digest_one_prepared_per_client",
            ),
            models.CheckConstraint(
                condition=Q(state__in=DigestState.values), name="digest_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state=DigestState.SENT, message__isnull=False, sent_at__isnull=False)
                | (~Q(state=DigestState.SENT) & Q(message__isnull=True, sent_at__isnull=True)),
                name="digest_sent_exactly_with_message",
            ),
            models.CheckConstraint(
                condition=Q(delivered_at__isnull=True) | Q(message__isnull=False),
                name="digest_delivered_has_message",
            ),
            models.CheckConstraint(
                condition=~Q(state=DigestState.SKIPPED) | ~Q(skip_reason=""),
                name="digest_skipped_has_reason",
            ),
            models.CheckConstraint(
                condition=Q(override_reason="") | Q(overridden_by__isnull=False),
                name="digest_overridden_by_somebody",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=Q(state=DigestState.PREPARED),
                name="digest_prepared",
            ),
            models.Index(F("updated_at").desc(), name="digest_latest"),
        ]

    def __str__(self) -> str:
        return f"Scheduled update of {self.client}, week of {self.period.isoformat()}"

    @property
    def is_prepared(self) -> bool:
        return self.state == DigestState.PREPARED


class DigestItem(models.Model):
    """What an update says of one incident: a person's own words before it is sent, everything
    that was said afterwards."""

    digest = models.ForeignKey(ClientDigest, on_delete=models.CASCADE, related_name="items")
    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="digest_items")
    part = models.CharField(max_length=10, choices=DigestPart)
    text = models.CharField(max_length=500)
    is_edited = models.BooleanField(default=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["digest", "incident"], name="digest_item_unique"),
            models.CheckConstraint(
                condition=Q(part__in=DigestPart.values), name="digest_item_part_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.incident.ref} in {self.digest}"
