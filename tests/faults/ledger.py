"""What the other side accepted, in the order in which it did."""

import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

#: Stands in the text of each message, whichever channel carries it.
NUMBER = re.compile(r"Message no\. (\d+)\.")
REPEAT = re.compile(r"\(repeat\)", re.IGNORECASE)


@dataclass(frozen=True)
class Arrival:
    """One message that a server accepted; `at` is on the monotonic clock."""

    number: int
    at: float
    is_marked_repeat: bool


@dataclass
class Ledger:
    """Written by the servers' threads, read by the test. `number` finds a message's number."""

    number: re.Pattern[str] = NUMBER
    arrivals: list[Arrival] = field(default_factory=list)
    counts: Counter[int] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, text: str) -> None:
        """Write down the message whose text this is; others are none of this run's."""
        found = self.number.search(text)
        if found is None:
            return
        arrival = Arrival(int(found[1]), time.monotonic(), bool(REPEAT.search(text)))
        with self._lock:
            self.arrivals.append(arrival)
            self.counts[arrival.number] += 1

    def __len__(self) -> int:
        return len(self.arrivals)
