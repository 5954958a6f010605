"""Live figures from the floor above, asked for by key (rule W6 and the playbooks).

A provider is a callable named by dotted path in ``settings.READING_PROVIDERS``; it takes
``(key, now=…)`` and returns a Reading, or None where the key is not its own. An unknown figure is
said to be unknown, never taken for good.
"""

import datetime as dt
from dataclasses import dataclass

from django.conf import settings
from django.utils.module_loading import import_string

from incidents.models import Incident


@dataclass(frozen=True, slots=True)
class Reading:
    """One live figure. ``is_good`` is None where it is unknown."""

    name: str
    is_good: bool | None
    value: str = ""
    threshold: str = ""
    age: dt.timedelta | None = None


def read(key: str, *, now: dt.datetime) -> Reading | None:
    """The first provider's answer to a key, or None where nobody knows the key."""
    for path in settings.READING_PROVIDERS:
        reading: Reading | None = import_string(path)(key, now=now)
        if reading is not None:
            return reading
    return None


def monitor_blocking_verify(incident: Incident, *, now: dt.datetime) -> str:
    """The name of the monitor that raised the incident and is not green, else an empty text."""
    reading = read(f"incident:{incident.ref}:monitor", now=now)
    if reading is None or reading.is_good:
        return ""
    return reading.name
