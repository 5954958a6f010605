"""The channels that can deliver. One without an entry here cannot be queued to."""

from collections.abc import Callable

from notifications.channels.base import ChannelSession
from notifications.channels.email import EmailSession
from notifications.enums import Channel

CHANNELS: dict[str, Callable[[], ChannelSession]] = {
    Channel.EMAIL.value: EmailSession,
}
