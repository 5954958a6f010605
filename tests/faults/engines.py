"""The product's engine as a process of its own, to be frozen and killed from outside.

Run as a module it is the engine itself with short leases, so that a test need not wait a minute
for what a dead engine held: `python -m tests.faults.engines`.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.faults.places import Place
from tests.places import ROOT

#: Seconds, as `notifications.delivery.Pace` wants them to be related.
LEASE, SEND, GRACE = 6.0, 3.0, 3.5
SHORT_PACE = ("-m", "tests.faults.engines")
AS_IT_IS = ("manage.py", "run_engine")


class Engine:
    """One engine; its log says everything that it said, over all its lives."""

    def __init__(self, place: Place, *, command: tuple[str, ...] = SHORT_PACE) -> None:
        self.place = place
        self.command = command
        self.process: subprocess.Popen[bytes] | None = None
        self.kills = 0

    @property
    def log(self) -> Path:
        return self.place.folder / "engine.log"

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, *self.command],
                cwd=ROOT,
                env=self.place.environ,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def freeze(self) -> None:
        """Stopped for certain: the signal alone leaves its threads a moment."""
        self._signal(signal.SIGSTOP)
        while self.is_running and not self._stands_still():
            time.sleep(0.001)

    def _stands_still(self) -> bool:
        assert self.process is not None
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/stat")
        with suppress(OSError):
            return all(task.read_text().rpartition(")")[2].split()[0] in "TZ" for task in tasks)
        return False

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL: no handler, no cleaning up."""
        self._signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
        self.kills += 1

    def stop(self) -> int:
        """Ask it to end, and return how it did."""
        assert self.process is not None
        self._signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            return self.process.wait()

    def end(self) -> None:
        """Whatever it is at, it is gone afterwards."""
        if self.is_running:
            self._signal(signal.SIGKILL)
            assert self.process is not None
            self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, number)


def main() -> None:
    import django

    django.setup()
    from config.engine import run_until_stopped
    from notifications.delivery import Pace

    run_until_stopped(pace=Pace(lease=LEASE, send=SEND, grace=GRACE))


if __name__ == "__main__":
    main()
