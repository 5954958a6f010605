"""A hold on sending: a record of ours that a gate releases (rule P4)."""

from django.db import models
from django.db.models import Q

from incidents.enums import ReleaseHow
from incidents.models.client import Client, SendingDomain
from incidents.models.incident import Incident


class HoldQuerySet(models.QuerySet["Hold"]):
    def standing(self) -> "HoldQuerySet":
        return self.filter(released_at__isnull=True)

    def alarming(self) -> "HoldQuerySet":
        """Held, and seen to send more than a test batch (P4)."""
        return self.standing().filter(alarmed_at__isnull=False)


class Hold(models.Model):
    """Nothing is sent for this client from this domain until it is released.

    Each incident that pauses a domain has a hold of its own: it is free when all released it.
    """

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="holds")
    sending_domain = models.ForeignKey(
        SendingDomain, on_delete=models.PROTECT, related_name="holds"
    )
    incident = models.ForeignKey(
        Incident, null=True, blank=True, on_delete=models.PROTECT, related_name="holds"
    )
    placed_at = models.DateTimeField()
    placed_by_name = models.CharField(max_length=150)
    reason = models.TextField(max_length=2_000)
    released_at = models.DateTimeField(null=True, blank=True)
    released_by_name = models.CharField(max_length=150, blank=True)
    released_how = models.CharField(max_length=10, choices=ReleaseHow, blank=True)
    override_reason = models.TextField(blank=True, max_length=2_000)
    sent_while_held = models.PositiveBigIntegerField(
        default=0, help_text="Mails that monitoring saw leave since it was placed."
    )
    alarmed_at = models.DateTimeField(
        null=True, blank=True, help_text="More than a test batch was sent: told once (rule P4)."
    )

    objects = HoldQuerySet.as_manager()

    class Meta:
        ordering = ["placed_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["sending_domain", "incident"],
                condition=Q(released_at__isnull=True),
                name="hold_one_standing_per_incident",
            ),
            models.UniqueConstraint(
                fields=["sending_domain"],
                condition=Q(released_at__isnull=True, incident__isnull=True),
                name="hold_one_standing_without",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="hold_has_reason"),
            models.CheckConstraint(
                condition=Q(released_at__isnull=True, released_by_name="", released_how="")
                | (
                    Q(released_at__isnull=False, released_how__in=ReleaseHow.values)
                    & ~Q(released_by_name="")
                ),
                name="hold_release_has_who",
            ),
            models.CheckConstraint(
                condition=~Q(released_how=ReleaseHow.OVERRIDE) | ~Q(override_reason=""),
                name="hold_override_has_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"Hold on {self.sending_domain}"

    @property
    def is_standing(self) -> bool:
        return self.released_at is None
