"""How patient delivery is, and what one cycle did."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from notifications.enums import Channel, Urgency
from notifications.models import Message


@dataclass(frozen=True)
class Pace:
    """The limits of delivery, in seconds unless said otherwise.

    Half a lease and one send must fit into a lease, and the grace must outlast one send.
    `group` is how many mails are marked as being sent, and recorded, by one commit: a sender
    that is killed leaves that many uncertain at most. Other channels go one by one.
    """

    lease: float = 40
    send: float = 20
    grace: float = 30
    group: int = 8
    max_attempts: int = 20
    backoff_step: float = 5
    backoff_cap: float = 15 * 60
    immediate_cap: float = 30
    pause_without_connection: float = 5
    pause_without_login: float = 60
    pause_cap: float = 15 * 60
    handlers_again: float = 60
    record_patience: float = 120

    def of(self, channel: str) -> Pace:
        """Telegram wakes people: whoever died with such a message is replaced in half the time."""
        if channel != Channel.TELEGRAM:
            return self
        return replace(self, lease=self.lease / 2, send=self.send / 2, grace=self.grace / 2)

    def group_of(self, channel: str) -> int:
        return self.group if channel == Channel.EMAIL else 1

    def longest_wait(self, message: Message) -> float:
        """The most that lies between two tries of this message, unless the other side asks."""
        if message.channel == Channel.TELEGRAM and message.urgency == Urgency.IMMEDIATE:
            return self.immediate_cap
        return self.backoff_cap


PACE = Pace()


@dataclass
class DeliveryReport:
    """What one cycle did, in numbers of messages."""

    claimed: int = 0
    sent: int = 0
    retried: int = 0
    dead: int = 0
    uncertain: int = 0
    released: int = 0
    recovered: int = 0
    repeated: int = 0
    delayed: int = 0
    handlers_failed: int = 0

    def count(self, name: str) -> None:
        setattr(self, name, getattr(self, name) + 1)

    def as_dict(self) -> dict[str, int]:
        return asdict(self)

    def __str__(self) -> str:
        counts = self.as_dict().items()
        return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts)
