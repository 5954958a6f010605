"""Handlers for the handler settings in tests: some that remember, some that fail."""

from datetime import datetime

from notifications.models import ChannelPause, Message

seen: list[tuple[str, str, datetime]] = []
delays: list[tuple[str, datetime]] = []
pauses: list[tuple[str, str, datetime]] = []


def remember(message: Message, *, now: datetime) -> None:
    seen.append((message.key, message.state, now))


def remember_delay(message: Message, *, now: datetime) -> None:
    delays.append((message.key, now))


def remember_pause(pause: ChannelPause, *, now: datetime) -> None:
    pauses.append((pause.channel, pause.reason, now))


def fail(message: Message, *, now: datetime) -> None:
    raise RuntimeError("The floor above is out of order.")


def fail_for_joe(message: Message, *, now: datetime) -> None:
    if message.recipient.startswith("joe"):
        raise RuntimeError("The floor above knows no Joe.")
