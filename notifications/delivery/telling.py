"""Telling the floors above: settled, late, still to be told."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.module_loading import import_string

from notifications.enums import UNSETTLED
from notifications.handlers import call_settled, concerned
from notifications.models import STALLED_AFTER, ChannelPause, Message

logger = logging.getLogger(__name__)

_AT_ONCE = 50


def tell_pending(*, now: datetime, again_after: float, among: Sequence[int] | None = None) -> int:
    """Tell of messages whose record says that the floors above do not know yet.

    A record is committed with that mark, so that a death in between delays the telling and
    loses nothing; here each is told in a transaction of its own, that of the mark's removal.
    Where a handler fails, the message is told again after `again_after` seconds. Returns how
    many failed. A sender asks for the messages ``among`` those of its own batch.
    """
    pending = Message.objects.filter(handlers_pending=True, next_attempt_at__lte=now)
    if among is not None:
        pending = pending.filter(pk__in=among)
    failed = last = 0
    while ids := list(_next_ids(pending.filter(pk__gt=last))):
        last = ids[-1]
        to_tell = concerned(ids)
        _concern_nobody(set(ids) - to_tell)
        for pk in ids:
            if pk in to_tell:
                failed += not _told(pk, now=now, again_after=again_after)
    return failed


def tell_delays(*, now: datetime) -> int:
    """Call MESSAGE_DELAYED_HANDLERS once for each message that is late (E10).

    Late is two minutes after it was due, and at once where the channel refuses our login:
    then waiting is no use, and another channel may carry it.
    """
    if not settings.MESSAGE_DELAYED_HANDLERS:
        return 0
    shut = ChannelPause.objects.filter(needs_a_person=True).values_list("channel", flat=True)
    late = Message.objects.filter(
        Q(due_at__lt=now - STALLED_AFTER) | Q(due_at__lte=now, channel__in=list(shut)),
        state__in=UNSETTLED,
        is_delay_told=False,
    )
    told = 0
    for pk in list(late.order_by("-urgency", "id").values_list("pk", flat=True)[:_AT_ONCE]):
        with transaction.atomic(durable=True):
            message = late.filter(pk=pk).select_for_update(skip_locked=True).first()
            if message is not None:
                told += _is_delay_told(message, now=now)
    return told


def _next_ids(messages: QuerySet[Message]) -> QuerySet[Message, int]:
    return messages.order_by("id").values_list("pk", flat=True)[:_AT_ONCE]


def _concern_nobody(ids: set[int]) -> None:
    """Take the mark off, except where somebody else holds it: two would wait for each other."""
    with transaction.atomic():
        rows = Message.objects.filter(pk__in=ids).order_by()
        free = rows.select_for_update(skip_locked=True).values_list("pk", flat=True)
        Message.objects.filter(pk__in=list(free)).update(handlers_pending=False)


def _told(pk: int, *, now: datetime, again_after: float) -> bool:
    """Call the handlers, unless another engine is about to; false when one of them fails."""
    rows = Message.objects.filter(pk=pk, handlers_pending=True, next_attempt_at__lte=now)
    with transaction.atomic(durable=True):
        message = rows.select_for_update(skip_locked=True).first()
        if message is None:
            return True
        try:
            with transaction.atomic():
                call_settled(message, now=now)
        except Exception:
            logger.exception("Message %s: a handler failed and will be called again", pk)
            rows.update(next_attempt_at=now + timedelta(seconds=again_after))
            return False
        rows.update(handlers_pending=False)
    return True


def _is_delay_told(message: Message, *, now: datetime) -> bool:
    """Told or not, it counts as told: a handler that always fails must not hold up the rest."""
    Message.objects.filter(pk=message.pk).update(is_delay_told=True)
    try:
        with transaction.atomic():
            for path in settings.MESSAGE_DELAYED_HANDLERS:
                import_string(path)(message, now=now)
    except Exception:
        logger.exception("Message %s: a handler of its delay failed", message.pk)
        return False
    return True
