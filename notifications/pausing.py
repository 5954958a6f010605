"""Pausing a channel that is at fault itself, and letting it try again."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from notifications.channels.base import DeliveryError
from notifications.models import STALLED_AFTER, ChannelPause
from notifications.pace import Pace
from notifications.redaction import redact

logger = logging.getLogger(__name__)


def pause_channel(channel: str, error: DeliveryError, *, now: datetime, pace: Pace) -> None:
    """Nobody knocks at the channel for a moment, whichever engine they belong to.

    A refused login is tried again after one minute, then two, four … fifteen: more often
    could lock the account.
    """
    with transaction.atomic(durable=True):
        known = ChannelPause.objects.select_for_update().filter(pk=channel).first()
        tries = known.tries + 1 if known else 1
        seconds = max(_pause_seconds(error, tries, pace), error.retry_after or 0)
        pause, _ = ChannelPause.objects.update_or_create(
            channel=channel,
            defaults={
                "reason": redact(str(error)),
                "until": now + timedelta(seconds=seconds),
                "needs_a_person": error.needs_a_person,
                "tries": tries,
            },
            create_defaults={
                "reason": redact(str(error)),
                "since": now,
                "until": now + timedelta(seconds=seconds),
                "needs_a_person": error.needs_a_person,
            },
        )
        _tell_once(pause, now=now)
    logger.error("The %s channel is paused until %s", channel, pause.until.isoformat())


def lift_pause(channel: str) -> None:
    """A message got through: the channel works again."""
    if ChannelPause.objects.filter(pk=channel).delete()[0]:
        logger.warning("The %s channel works again", channel)


def resume_channel(channel: str, *, by: object, now: datetime) -> bool:
    """A person says that the cause is mended: the next message tries it at once.

    False when it was not paused. If it is refused again, the pause comes back.
    """
    was_paused = bool(ChannelPause.objects.filter(pk=channel).delete()[0])
    if was_paused:
        logger.warning("%s let the %s channel try again at %s", by, channel, now.isoformat())
    return was_paused


def try_paused_again(*, now: datetime) -> int:
    """Let each paused channel try with its next message: after a start, with new settings."""
    return ChannelPause.objects.in_force(at=now).update(until=now)


def _pause_seconds(error: DeliveryError, tries: int, pace: Pace) -> float:
    if error.needs_a_person:
        # The exponent is bounded, or a channel shut for years would overflow the float.
        return min(pace.pause_cap, pace.pause_without_login * 2.0 ** min(tries - 1, 30))
    return pace.pause_without_connection


def _tell_once(pause: ChannelPause, *, now: datetime) -> None:
    """Call CHANNEL_PAUSED_HANDLERS once it is an alarm; a failing one is called at the next try."""
    is_alarm = pause.needs_a_person or pause.since < now - STALLED_AFTER
    if pause.is_told or not is_alarm:
        return
    try:
        with transaction.atomic():
            for path in settings.CHANNEL_PAUSED_HANDLERS:
                import_string(path)(pause, now=now)
    except Exception:
        logger.exception("A handler of the %s channel's pause failed", pause.channel)
        return
    pause.is_told = True
    pause.save(update_fields=["is_told"])
