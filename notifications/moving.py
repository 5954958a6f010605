"""An address that the other side has changed: a Telegram group with a new id."""

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from notifications.enums import UNSETTLED, MessageState
from notifications.models import Message


def move_recipient(message: Message, *, to: str) -> None:
    """Send this message, and all that wait for the same recipient, to the new address.

    The floors above hear of it through RECIPIENT_MOVED_HANDLERS, each called as
    ``handler(channel, old, new)`` in the same transaction, so that they use the new address
    from now on. Harmless when done twice. Lanes keep their names: they only keep the order.
    """
    old = message.recipient
    with transaction.atomic():
        Message.objects.filter(
            channel=message.channel, recipient=old, state__in=(*UNSETTLED, MessageState.HELD)
        ).update(recipient=to)
        for path in settings.RECIPIENT_MOVED_HANDLERS:
            import_string(path)(message.channel, old, to)
    message.recipient = to
