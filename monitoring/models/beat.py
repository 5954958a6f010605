"""Signs of life of our own processes (rule K11)."""

import datetime as dt

from django.db import models

#: Names of the beats: the engine's loop, and the canary that passes through django-q.
ENGINE = "engine"
CANARY = "canary"


class Beat(models.Model):
    """The last time a process of ours was seen at work."""

    name = models.CharField(max_length=20, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%Y-%m-%d %H:%M:%S}"

    @classmethod
    def record(cls, name: str, *, at: dt.datetime) -> None:
        cls.objects.update_or_create(name=name, defaults={"at": at})

    @classmethod
    def age(cls, name: str, *, now: dt.datetime) -> dt.timedelta | None:
        """Time since the last beat, or None where there never was one."""
        at = cls.objects.filter(name=name).values_list("at", flat=True).first()
        return None if at is None else now - at
