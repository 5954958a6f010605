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
    HELD = "held", "Held"
    DISMISSED = "dismissed", "Set aside"


HELD_BY_A_SENDER = (MessageState.LEASED, MessageState.SENDING)
#: On its way by itself; a held one leaves only when a person says so.
UNSETTLED = (MessageState.PENDING, *HELD_BY_A_SENDER)
#: Waits for what a person decides.
FOR_A_PERSON = (MessageState.HELD, MessageState.UNCERTAIN, MessageState.DEAD)
SETTLED = (
    MessageState.SENT,
    MessageState.UNCERTAIN,
    MessageState.DEAD,
    MessageState.CANCELLED,
    MessageState.DISMISSED,
)
#: Sent again by itself when nobody knows whether it arrived: HubSpot looks for the note first,
#: and a person reads a Telegram message twice rather than never. A mail waits for a person.
REPEATED_WHEN_UNCLEAR = (Channel.TELEGRAM, Channel.HUBSPOT)


class AttemptOutcome(models.TextChoices):
    SENT = "sent", "Accepted"
    DEFERRED = "deferred", "Deferred, tried again by itself"
    REFUSED = "refused", "Refused for good"
    UNCERTAIN = "uncertain", "No answer after sending"
    CONFIRMED = "confirmed", "A person confirmed that it arrived"
    REQUEUED = "requeued", "A person asked to send it again"
    HELD = "held", "Held after a restore"
    RELEASED = "released", "A person let it leave"
    CANCELLED = "cancelled", "A person cancelled it"
    DISMISSED = "dismissed", "A person set it aside"
