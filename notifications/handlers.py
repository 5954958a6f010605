"""Calling those above who want to hear of a message, by dotted path in settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from django.conf import settings
from django.utils.module_loading import import_string

from notifications.models import Message

Handler = Callable[..., None]
#: From the primary keys of messages, those that a handler has something to do with.
Finder = Callable[[Sequence[int]], Iterable[int]]

_FINDERS: dict[Handler, Finder] = {}


def only_for(find: Finder) -> Callable[[Handler], Handler]:
    """Spare a handler of settled messages those that do not concern it.

    `find` asks once for many messages, where the handler would ask for each.
    """

    def note(handler: Handler) -> Handler:
        _FINDERS[handler] = find
        return handler

    return note


def concerned(ids: Sequence[int]) -> set[int]:
    """Those of the messages that any handler has something to do with."""
    found: set[int] = set()
    for handler in _handlers():
        find = _FINDERS.get(handler)
        if find is None:
            return set(ids)
        found.update(find(ids))
    return found


def call_settled(message: Message, *, now: datetime) -> None:
    """Tell the floors above that a message is sent, uncertain, dead or cancelled.

    Each handler is `handler(message, *, now)`, and takes its turn in the caller's transaction.
    """
    for handler in _handlers():
        handler(message, now=now)


def _handlers() -> list[Handler]:
    return [import_string(path) for path in settings.MESSAGE_SETTLED_HANDLERS]
