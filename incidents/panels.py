"""Panels that a floor above adds to the pages of systems and clients.

A provider is a callable named by dotted path in ``settings.RECORD_PANELS``; it takes
``(record, viewer=…, now=…)`` and returns panels, none for a record that it knows nothing of.
"""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db.models import Model
from django.utils.module_loading import import_string

from incidents.models.incident import Viewer


@dataclass(frozen=True, slots=True)
class Panel:
    """A template that renders a panel; it reads ``panel.context`` and ``now``."""

    template: str
    context: dict[str, Any] = field(default_factory=dict)


def panels_for(record: Model, *, viewer: Viewer, now: dt.datetime) -> list[Panel]:
    """What every provider adds to the page of this record, in their order."""
    found: list[Panel] = []
    for path in settings.RECORD_PANELS:
        found += import_string(path)(record, viewer=viewer, now=now)
    return found
