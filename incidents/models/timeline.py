"""The append-only record of an incident (rule W9)."""

import datetime as dt

from django.conf import settings
from django.db import models

from incidents.enums import EntryKind, Origin
from incidents.models.client import Client
from incidents.models.incident import Incident
from notifications.models import Message

#: An entry put in this much after it happened is marked as added later.
ADDED_LATER_AFTER = dt.timedelta(minutes=2)


class TimelineEntry(models.Model):
    """One line of the story. Database triggers refuse UPDATE and DELETE (demo rows exempt)."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="timeline")
    at = models.DateTimeField(help_text="When it happened.")
    recorded_at = models.DateTimeField(help_text="When it was written down.")
    kind = models.CharField(max_length=14, choices=EntryKind)
    origin = models.CharField(max_length=12, choices=Origin)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="timeline_entries",
    )
    actor_name = models.CharField(max_length=150, blank=True)
    stands_in_for = models.CharField(
        max_length=14, blank=True, help_text="The role this person stood in for (rule A1)."
    )
    text = models.TextField()
    data = models.JSONField(default=dict, blank=True)
    client = models.ForeignKey(
        Client, null=True, blank=True, on_delete=models.PROTECT, related_name="timeline"
    )
    message = models.ForeignKey(
        Message, null=True, blank=True, on_delete=models.PROTECT, related_name="timeline"
    )
    is_demo = models.BooleanField(default=False, editable=False)

    class Meta:
        ordering = ["at", "id"]
        verbose_name_plural = "timeline entries"
        indexes = [models.Index(fields=["incident", "at", "id"], name="timeline_of_incident")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.get_kind_display()}"

    @property
    def is_added_later(self) -> bool:
        return self.recorded_at - self.at > ADDED_LATER_AFTER

    @property
    def is_by_person(self) -> bool:
        return self.origin != Origin.SYSTEM
