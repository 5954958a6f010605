"""Instants as people type them on the command line."""

from argparse import ArgumentTypeError
from datetime import datetime

from django.utils import timezone
from django.utils.dateparse import parse_datetime


def instant(text: str) -> datetime:
    """An ISO instant; without an offset it is in the agency's zone.

    Raises ArgumentTypeError, so that it serves as the ``type`` of an argument.
    """
    try:
        parsed = parse_datetime(text)
    except ValueError:
        parsed = None
    if parsed is None:
        raise ArgumentTypeError(f"{text!r} is not an ISO instant such as 2026-01-05T10:00:00Z")
    return timezone.make_aware(parsed) if timezone.is_naive(parsed) else parsed
