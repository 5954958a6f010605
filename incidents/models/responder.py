"""The people of the agency and who stands in for whom."""

import datetime as dt
import zoneinfo
from collections.abc import Iterable

from django.conf import settings
from django.db import models
from simple_history.models import HistoricalRecords

from incidents.enums import Rank, Role
from incidents.models.client import validate_time_zone
from notifications.enums import Channel


def first_present(ranked: Iterable["Responder"], *, at: dt.datetime) -> "Responder | None":
    """The first who is not away; the very first where all are."""
    people = list(ranked)
    present = [person for person in people if not person.is_away(at=at)]
    return next(iter(present or people), None)


class ResponderQuerySet(models.QuerySet["Responder"]):
    def present(self, *, at: dt.datetime) -> "ResponderQuerySet":
        return self.filter(
            models.Q(away_until__isnull=True) | models.Q(away_until__lte=at), is_active=True
        )

    def on_duty(self, role: str, *, at: dt.datetime) -> "Responder | None":
        """Who acts for a role: the primary, the backup while the primary is away.

        When both are away the primary is returned: a duty is never nobody's.
        """
        # "primary" sorts after "backup".
        return first_present(self.filter(role=role, is_active=True).order_by("-rank"), at=at)

    def backup_of(self, role: str) -> "Responder | None":
        return self.filter(role=role, rank=Rank.BACKUP, is_active=True).first()


class Responder(models.Model):
    name = models.CharField(max_length=80)
    role = models.CharField(max_length=14, choices=Role)
    rank = models.CharField(max_length=8, choices=Rank, default=Rank.PRIMARY)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="responders",
        help_text="The account with which this person signs in.",
    )
    email = models.EmailField(blank=True)
    telegram_chat = models.CharField("Telegram chat id", max_length=40, blank=True)
    channel = models.CharField(
        max_length=10,
        choices=[(Channel.EMAIL.value, "E-mail"), (Channel.TELEGRAM.value, "Telegram")],
        default=Channel.EMAIL.value,
        help_text="How this person is told; the other one is the fallback.",
    )
    time_zone = models.CharField(
        max_length=64, default="Europe/Berlin", validators=[validate_time_zone]
    )
    away_until = models.DateTimeField(
        null=True, blank=True, help_text="Until then the backup stands in."
    )
    is_active = models.BooleanField(default=True)
    is_demo = models.BooleanField(default=False, editable=False)

    history = HistoricalRecords()
    objects = ResponderQuerySet.as_manager()

    class Meta:
        ordering = ["role", "-rank", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["role", "rank"],
                condition=models.Q(is_active=True),
                name="responder_one_per_role_and_rank",
            ),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="responder_role"),
            models.CheckConstraint(condition=models.Q(rank__in=Rank.values), name="responder_rank"),
        ]

    def __str__(self) -> str:
        return self.name

    def is_away(self, *, at: dt.datetime) -> bool:
        return self.away_until is not None and self.away_until > at

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.time_zone)
