"""Live figures from the floor above, asked for by key (rule W6 and the playbooks).

A provider is a callable named by dotted path in ``settings.READING_PROVIDERS``; it takes
``(key, now=…)`` and returns a Reading, or None where the key is not its own. An unknown figure is
said to be unknown, never taken for good. ``READING_PROBES`` ask the outside at once, with a limit
in seconds of wall time; ``DOMAIN_FINDERS`` know which sending domains an incident is about.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.utils.module_loading import import_string

from incidents.models import Incident, SendingDomain


@dataclass(frozen=True, slots=True)
class Reading:
    """One live figure. ``is_good`` is None where it is unknown."""

    name: str
    is_good: bool | None
    value: str = ""
    threshold: str = ""
    age: dt.timedelta | None = None
    detail: str = ""


def read(key: str, *, now: dt.datetime) -> Reading | None:
    """The first provider's answer to a key, or None where nobody knows the key."""
    for path in settings.READING_PROVIDERS:
        reading: Reading | None = import_string(path)(key, now=now)
        if reading is not None:
            return reading
    return None


def ask(key: str, *, seconds: float, now: dt.datetime) -> Reading | None:
    """Ask the outside now, for at most so many seconds, and keep the answer as a probe does.

    None where nobody can ask about the key. Takes long: never inside a transaction.
    """
    for path in settings.READING_PROBES:
        reading: Reading | None = import_string(path)(key, seconds=seconds, now=now)
        if reading is not None:
            return reading
    return None


def domains_behind(incident: Incident) -> list[SendingDomain]:
    """The sending domains whose figures raised the incident, each once."""
    found: list[SendingDomain] = []
    for path in settings.DOMAIN_FINDERS:
        domains: Iterable[SendingDomain] = import_string(path)(incident)
        found += [domain for domain in domains if domain not in found]
    return found


def monitor_blocking_verify(incident: Incident, *, now: dt.datetime) -> str:
    """The name of the monitor that raised the incident and is not green, else an empty text."""
    reading = read(f"incident:{incident.ref}:monitor", now=now)
    if reading is None or reading.is_good:
        return ""
    return reading.name
