"""Handlers for MESSAGE_SETTLED_HANDLERS in tests: one that remembers, one that fails."""

from datetime import datetime

from notifications.models import Message

seen: list[tuple[str, str, datetime]] = []


def remember(message: Message, *, now: datetime) -> None:
    seen.append((message.key, message.state, now))


def fail(message: Message, *, now: datetime) -> None:
    raise RuntimeError("The floor above is out of order.")
