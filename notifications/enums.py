"""Channels, message states and their named groups. A leaf: imports nothing of ours."""

from django.db import models


class Channel(models.TextChoices):
    EMAIL = "email", "E-mail"
    TELEGRAM = "telegram", "Telegram"
    HUBSPOT = "hubspot", "HubSpot"


class Urgency(models.IntegerChoices):
    """Among messages that are due, the higher one is sent first."""

    LOW = 0, "Low"
    NORMAL = 1, "Normal"
    HIGH = 2, "High"
    IMMEDIATE = 3, "Immediate"


class MessageState(models.TextChoices):
    PENDING = "pending", "Waiting"
    LEASED = "leased", "Picked up"
    SENDING = "sending", "Being sent"
    SENT = "sent", "Delivered"
    UNCERTAIN = "uncertain", "Uncertain"
    DEAD = "dead", "Failed"
    CANCELLED = "cancelled", "Cancelled"


HELD_BY_A_SENDER = (MessageState.LEASED, MessageState.SENDING)
UNSETTLED = (MessageState.PENDING, *HELD_BY_A_SENDER)
SETTLED = (
    MessageState.SENT,
    MessageState.UNCERTAIN,
    MessageState.DEAD,
    MessageState.CANCELLED,
)


class AttemptOutcome(models.TextChoices):
    STARTED = "started", "Started"
    SENT = "sent", "Accepted"
    DEFERRED = "deferred", "Deferred, tried again by itself"
    REFUSED = "refused", "Refused for good"
    UNCERTAIN = "uncertain", "No answer after sending"
    CONFIRMED = "confirmed", "A person confirmed that it arrived"
    REQUEUED = "requeued", "A person asked to send it again"
