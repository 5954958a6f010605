"""Everybody at once: two engines, and `deliver` from cron beside them, after all of them died."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from notifications.delivery import PACE
from tests.faults.conftest import sized
from tests.faults.engines import Engine
from tests.faults.feeding import CHANNELS
from tests.faults.ledger import Ledger
from tests.faults.places import Place
from tests.faults.servers import receivers
from tests.faults.verdict import as_table, judge
from tests.places import ROOT, wait_for

pytestmark = pytest.mark.fault


@contextmanager
def cron(place: Place) -> Iterator[list[str]]:
    """`deliver` again and again, as cron does it, only sooner; what it said each time."""
    said: list[str] = []
    stop = threading.Event()

    def repeat() -> None:
        while not stop.is_set():
            done = subprocess.run(
                [sys.executable, "manage.py", "deliver", "--json"],
                cwd=ROOT,
                env=place.environ,
                capture_output=True,
                text=True,
                check=False,
            )
            said.append(done.stdout.strip() if done.returncode == 0 else done.stderr)

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield said
    finally:
        stop.set()
        thread.join()


def test_two_engines_and_cron_after_all_were_killed(
    place: Place, say: Callable[[str], None]
) -> None:
    messages, kills = sized(300, 3000), sized(2, 8)
    ledger, began = Ledger(), time.monotonic()
    with receivers(place, ledger, CHANNELS):
        place.run("-m", "tests.faults.feeding", json.dumps({"count": messages}))
        engines = [Engine(place), Engine(place)]
        try:
            with cron(place) as said:
                for number in range(kills):
                    for engine in engines:
                        engine.start()
                    share = messages * (number + 1) // (kills + 2)
                    assert wait_for(lambda share=share: len(ledger) >= share, 120)  # type: ignore[misc]
                    for engine in engines:
                        engine.kill()
                for engine in engines:
                    engine.start()
                assert wait_for(lambda: not place.unsettled(), sized(60, 240)), place.states()
            assert all(engine.stop() == 0 for engine in engines)
        finally:
            for engine in engines:
                engine.end()
    verdicts = judge(place.rows(), ledger)
    sent_by_cron = sum(json.loads(line)["sent"] for line in said)
    title = f"{messages} messages, two engines killed together {kills} times, cron sent"
    say(as_table(f"{title} {sent_by_cron}, {time.monotonic() - began:.0f} s", verdicts))
    assert sent_by_cron > 0
    assert all(verdict.is_sound for verdict in verdicts.values()), verdicts
    # A dead sender leaves one group of mails in doubt, not the whole batch that it had claimed.
    assert place.states()["uncertain"] <= 2 * kills * PACE.group
