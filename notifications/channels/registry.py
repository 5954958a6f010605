"""The channels, and which of them this installation can use."""

from collections.abc import Callable

from django.conf import settings

from notifications.channels.base import ChannelSession
from notifications.channels.email import EmailSession
from notifications.channels.hubspot import HubSpotSession
from notifications.channels.telegram import TelegramSession
from notifications.enums import Channel

CHANNELS: dict[str, Callable[[], ChannelSession]] = {
    Channel.EMAIL.value: EmailSession,
    Channel.TELEGRAM.value: TelegramSession,
    Channel.HUBSPOT.value: HubSpotSession,
}
#: Without these a channel cannot be queued to.
_NEEDED = {
    Channel.TELEGRAM.value: "TELEGRAM_BOT_TOKEN",
    Channel.HUBSPOT.value: "HUBSPOT_TOKEN",
}


def usable_channels() -> list[str]:
    """The channels that are set up, e-mail always among them."""
    return [name for name in CHANNELS if name not in _NEEDED or getattr(settings, _NEEDED[name])]
