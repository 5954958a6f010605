"""Killing an engine at a chosen point of a message's way.

From outside, without a hook in the product: table and ledger are looked at all the time; where
they show the point the engine is frozen, and killed if they show it still.
"""

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tests.faults.engines import Engine
from tests.faults.ledger import Ledger
from tests.faults.places import Place, number_of

#: Between two looks; a commit takes longer.
PAUSE = 0.001
#: What the kernel holds for a server gets this moment to arrive there.
ON_THE_LINE = 0.03
JUST_NOW = 0.3


class Point(StrEnum):
    CLAIM = "after claim"
    MARK = "after mark"
    SEND = "after send"
    RECORD = "after record"


@dataclass
class Hunter:
    """Kills one engine again and again, each time at the point, on each channel by turns."""

    place: Place
    engine: Engine
    ledger: Ledger
    point: Point

    def run(self, *, kills: int, messages: int) -> None:
        """Spread the kills over the run; the engine is alive afterwards.

        Where everything is delivered before the last kill there are fewer: the caller counts.
        """
        self.engine.start()
        with self.place.connected() as table:
            for number in range(kills):
                self._wait_for_arrivals(messages * number // (kills + 1))
                channels = self._channels_at_work(table)
                if channels and self._kills(channels[number % len(channels)], table):
                    self.engine.start()

    def _channels_at_work(self, table: Any) -> list[str]:
        rows = table.execute(
            "SELECT DISTINCT channel FROM notifications_message WHERE state = 'pending'"
        ).fetchall()
        return sorted(channel for (channel,) in rows)

    def _wait_for_arrivals(self, count: int) -> None:
        while len(self.ledger) < count and self.place.unsettled():
            time.sleep(0.05)

    def _kills(self, channel: str, table: Any) -> bool:
        """False when the channel is empty before the point was seen."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            time.sleep(PAUSE)
            with self._standing_still():
                if self._is_at_point(channel, table) and self._kills_now(channel, table):
                    return True
        return False

    def _kills_now(self, channel: str, table: Any) -> bool:
        self.engine.freeze()
        time.sleep(ON_THE_LINE)
        if self._is_at_point(channel, table):
            self.engine.kill()
            return True
        self.engine.thaw()
        return False

    def _standing_still(self) -> AbstractContextManager[None]:
        """The mark follows the claim at once: on PostgreSQL a lock that is asked for beforehand
        comes between them. SQLite's has no queue, but its commits are slow enough to be seen."""
        if self.point == Point.CLAIM and not self.place.is_sqlite:
            return self.place.written_by_nobody_else()
        return nullcontext()

    def _is_at_point(self, channel: str, table: Any) -> bool:
        if self.point == Point.RECORD:
            return self._has_just_recorded(channel, table)
        held = table.execute(
            "SELECT key, state FROM notifications_message"
            f" WHERE channel = '{channel}' AND state IN ('leased', 'sending')"
        ).fetchall()
        sending = [number_of(key) for key, state in held if state == "sending"]
        has_arrived = any(self.ledger.counts[number] for number in sending)
        match self.point:
            case Point.CLAIM:
                return bool(held) and not sending
            case Point.MARK:
                return bool(sending) and not has_arrived
        return has_arrived

    def _has_just_recorded(self, channel: str, table: Any) -> bool:
        recent = [
            arrival.number
            for arrival in self.ledger.arrivals[-20:]
            if time.monotonic() - arrival.at < JUST_NOW
        ]
        keys = ", ".join(f"'fault-{number}'" for number in recent)
        return bool(recent) and bool(
            table.execute(
                "SELECT 1 FROM notifications_message"
                f" WHERE channel = '{channel}' AND state = 'sent' AND key IN ({keys}) LIMIT 1"
            ).fetchall()
        )
