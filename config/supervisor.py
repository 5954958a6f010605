"""Keeps the web server, the engine and the task cluster running under one parent.

Each child lives in a session of its own, so that Ctrl-C reaches this parent only, and a
stop goes to the leaders only: a signal to a whole task cluster would cut its running tasks.
It is tethered to this parent, so that it ends even when this parent is killed.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import TextIO

LOOK_EVERY = 0.2
BEATS_EVERY = 5.0
#: After an outage of the database, or of this machine, every sign of life is old at first.
SILENCE_GRACE = 10.0
#: A running task may take this long (Q_CLUSTER timeout) and then some.
STOP_WITHIN = 75.0
STEADY_AFTER = 60.0
LONGEST_PAUSE = 30.0

TETHER = str(Path(__file__).with_name("tether.py"))

#: None while nobody can tell, `timedelta.max` before the first sign of life.
BeatAge = Callable[[str], timedelta | None]


@dataclass(frozen=True)
class ChildPlan:
    """What to run, and the sign of life that it owes us.

    ``beat`` names the sign of life; older than ``beat_limit`` and the child is killed
    and started again, because an idle task worker that was killed freezes its whole
    cluster, which then ignores SIGTERM and still calls itself working. With these figures
    that is noticed and mended within three minutes.
    """

    name: str
    command: Sequence[str]
    beat: str = ""
    beat_limit: timedelta = timedelta(seconds=120)


@dataclass
class Child:
    """One running plan."""

    plan: ChildPlan
    output: TextIO
    width: int
    process: subprocess.Popen[str] | None = None
    started_at: float = 0.0
    start_again_at: float = 0.0
    silent_since: float = 0.0
    deaths: int = 0
    readers: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-S", TETHER, str(os.getpid()), *self.plan.command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
            errors="replace",
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        self.started_at = time.monotonic()
        self.silent_since = 0.0
        reader = threading.Thread(target=self._copy_lines, args=(self.process,), daemon=True)
        reader.start()
        self.readers = [*(old for old in self.readers if old.is_alive()), reader]

    def _copy_lines(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.say(line.rstrip("\n"))

    def say(self, line: str) -> None:
        self.output.write(f"{self.plan.name:<{self.width}} | {line}\n")
        self.output.flush()

    @property
    def uptime(self) -> float:
        return time.monotonic() - self.started_at

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        """SIGTERM to the leader alone."""
        if self.process is not None and self.is_running():
            self.process.terminate()

    def kill_all(self) -> None:
        """SIGKILL to the leader and whatever it left behind."""
        if self.process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def finish_output(self) -> None:
        for reader in self.readers:
            reader.join(timeout=1)


class Supervisor:
    """Runs the plans until it is told to stop.

    1. Start every child.
    2. Start a child that died again, after a pause that doubles with each early death.
    3. Kill and restart a child whose beat is too old.
    4. On SIGINT or SIGTERM ask the leaders to stop; on a second one, kill.
    """

    def __init__(
        self, plans: Sequence[ChildPlan], *, beat_age: BeatAge, output: TextIO = sys.stdout
    ) -> None:
        width = max(len(plan.name) for plan in plans)
        self.children = [Child(plan, output, width) for plan in plans]
        self.beat_age = beat_age
        self.stop_requests = 0
        self.next_beat_look = time.monotonic() + BEATS_EVERY

    def run(self) -> int:
        """Exit status: 0 after a clean stop, 1 when a child had to be killed for it."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        for child in self.children:
            child.start()
        while not self.stop_requests:
            self._look_after_children()
            time.sleep(LOOK_EVERY)
        return self._stop()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.stop_requests += 1

    def _look_after_children(self) -> None:
        for child in self.children:
            self._restart_if_dead(child)
        if time.monotonic() >= self.next_beat_look:
            self.next_beat_look = time.monotonic() + BEATS_EVERY
            for child in self.children:
                self._kill_if_silent(child)

    def _restart_if_dead(self, child: Child) -> None:
        if child.is_running():
            return
        if child.start_again_at:
            if time.monotonic() >= child.start_again_at:
                child.start_again_at = 0.0
                child.start()
            return
        child.kill_all()
        child.deaths = 1 if child.uptime >= STEADY_AFTER else child.deaths + 1
        pause = min(LONGEST_PAUSE, 2.0 ** (child.deaths - 1))
        child.start_again_at = time.monotonic() + pause
        status = child.process.returncode if child.process else "?"
        child.say(f"ended with status {status}; starting again in {pause:.0f} s")

    def _kill_if_silent(self, child: Child) -> None:
        limit = child.plan.beat_limit
        if not child.plan.beat or not child.is_running():
            return
        age = self.beat_age(child.plan.beat)
        if age is None or age <= limit or child.uptime < limit.total_seconds():
            child.silent_since = 0.0
            return
        child.silent_since = child.silent_since or time.monotonic()
        if time.monotonic() - child.silent_since >= SILENCE_GRACE:
            since = "yet" if age == timedelta.max else f"for {age.total_seconds():.0f} s"
            child.say(f"no sign of life {since}; killing it")
            child.kill_all()

    def _stop(self) -> int:
        for child in self.children:
            child.ask_to_stop()
        deadline = time.monotonic() + STOP_WITHIN
        while any(child.is_running() for child in self.children):
            if self.stop_requests > 1 or time.monotonic() > deadline:
                break
            time.sleep(LOOK_EVERY / 2)
        is_forced = any(child.is_running() for child in self.children)
        for child in self.children:
            child.kill_all()
            child.finish_output()
        return 1 if is_forced else 0
