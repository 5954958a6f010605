"""Who may post, and the alerts of other monitoring systems."""

import datetime as dt

from django.conf import settings
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from incidents.models import Incident


class IngestTokenQuerySet(models.QuerySet["IngestToken"]):
    def usable(self, *, at: dt.datetime) -> "IngestTokenQuerySet":
        lasting = Q(expires_at__isnull=True) | Q(expires_at__gt=at)
        return self.filter(lasting, revoked_at__isnull=True)


class IngestToken(models.Model):
    """A token of a machine: shown once, stored hashed, scoped, revocable (rule A3).

    It reads ``<key>.<secret>``; ``digest`` is the SHA-256 of the secret in hex.
    """

    key = models.CharField(max_length=16, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    name = models.CharField(max_length=80)
    scopes = models.JSONField(help_text="Such as metrics, metrics:slug, alertmanager, report.")
    created_at = models.DateTimeField(editable=False)
    created_by = models.CharField(max_length=150, blank=True, editable=False)
    created_by_user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_by = models.CharField(max_length=150, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)

    # Without the digest, which is nobody's to read, and without what every post changes.
    history = HistoricalRecords(excluded_fields=["digest", "last_used_at"])
    objects = IngestTokenQuerySet.as_manager()

    class Meta:
        ordering = ["name", "-created_at"]

    def __str__(self) -> str:
        return self.name


class ExternalAlert(models.Model):
    """One alert of Alertmanager: the same fingerprint and start is the same alert, however often
    it is sent."""

    fingerprint = models.CharField(max_length=64)
    starts_at = models.DateTimeField()
    name = models.CharField(max_length=200)
    group_key = models.CharField(max_length=64, help_text="SHA-256 of Alertmanager's group key.")
    labels = models.JSONField(default=dict)
    annotations = models.JSONField(default=dict)
    is_firing = models.BooleanField(default=True)
    ends_at = models.DateTimeField(null=True)
    first_received_at = models.DateTimeField()
    last_received_at = models.DateTimeField()
    incident = models.ForeignKey(
        Incident, null=True, on_delete=models.SET_NULL, related_name="alerts"
    )

    class Meta:
        ordering = ["-starts_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["fingerprint", "starts_at"], name="external_alert_unique"
            ),
        ]
        indexes = [
            models.Index(fields=["group_key"], name="external_alert_group"),
        ]

    def __str__(self) -> str:
        return self.name
