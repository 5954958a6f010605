"""What every channel offers to the delivery, and how it says that a message did not go."""

from typing import Protocol

from notifications.models import Message
from notifications.redaction import redact


class DeliveryError(Exception):
    """A message was not delivered, or nobody knows.

    permanent: the same message will never be accepted. retry_after: seconds the other side
    asked for. ambiguous: it may have been delivered. channel_down: the channel is at fault,
    not the message, so others need not be tried now. counts: false gives the attempt back.
    needs_a_person: a login or token was refused, which waiting does not mend.
    None of the flags: try again later.
    """

    def __init__(
        self,
        text: str,
        *,
        permanent: bool = False,
        retry_after: float | None = None,
        ambiguous: bool = False,
        channel_down: bool = False,
        counts: bool = True,
        needs_a_person: bool = False,
    ) -> None:
        # Some answers repeat what they were asked, token and all.
        super().__init__(redact(text))
        self.permanent = permanent
        self.retry_after = retry_after
        self.ambiguous = ambiguous
        self.channel_down = channel_down
        self.counts = counts
        self.needs_a_person = needs_a_person


class ChannelSession(Protocol):
    """One batch over one channel; keeps its connection open between messages."""

    def send(self, message: Message, *, seconds: float) -> str:
        """Deliver within `seconds` of wall time; the other side's answer, or DeliveryError.

        Where the other side gives what it took an id, `message.receipt` is that afterwards.
        """
        ...

    def close(self) -> None: ...
