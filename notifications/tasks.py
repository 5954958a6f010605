"""Task entry points: thin, without arguments, harmless when run twice or late."""

from notifications.delivery import deliver_due


def deliver() -> dict[str, int]:
    """One delivery cycle on the live clock."""
    return deliver_due().as_dict()
