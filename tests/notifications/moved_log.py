"""A handler for RECIPIENT_MOVED_HANDLERS that remembers."""

seen: list[tuple[str, str, str]] = []


def remember(channel: str, old: str, new: str) -> None:
    seen.append((str(channel), old, new))
