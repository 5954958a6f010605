"""The database goes away under load and comes back: the engine goes on by itself, soon."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster, own_cluster
from tests.faults.conftest import IS_FULL, sized
from tests.faults.disk import SmallDisk, small_disk
from tests.faults.engines import AS_IT_IS, SHORT_PACE, Engine
from tests.faults.feeding import CHANNELS
from tests.faults.ledger import Ledger
from tests.faults.places import Place, copy_of, migrated_database, number_of, postgres_server
from tests.faults.servers import receivers
from tests.faults.verdict import as_table, judge
from tests.places import ROOT, wait_for

pytestmark = pytest.mark.fault

RECOVERED_WITHIN = 15
on_postgres = pytest.mark.skipif(not postgres_server(), reason="a cluster is PostgreSQL's")


@dataclass
class Load:
    """Messages that are queued one by one, as fast as the database takes them."""

    place: Place

    def __enter__(self) -> "Load":
        feed = {"count": 10**6, "pause": 0.005, "incidents": 500}
        self.output = (self.place.folder / "queued").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.feeding", json.dumps(feed)],
            cwd=ROOT,
            env=self.place.environ,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.output.close()

    def queued(self) -> list[int]:
        """What was committed by the word of the database; what it says otherwise must be keys."""
        lines = (self.place.folder / "queued").read_text().split()
        return [number_of(line) for line in lines]


@dataclass
class Run:
    """An engine under load; faults are put into it."""

    place: Place
    ledger: Ledger
    engine: Engine
    load: Load

    def __post_init__(self) -> None:
        self.recovered: list[float] = []
        self.flows()

    def flows(self) -> None:
        """Wait until messages leave."""
        seen = len(self.ledger)
        assert wait_for(lambda: len(self.ledger) > seen + 20, 60), self.engine.log.read_text()[
            -3000:
        ]

    @contextmanager
    def fault(self) -> Iterator[None]:
        """Ends when the fault ends; then the time is taken until a message that was queued after
        that is accepted."""
        yield
        ended, queued = time.monotonic(), len(self.load.queued())
        assert wait_for(lambda: self._accepted_from(queued) is not None, 90), self.said()
        at = self._accepted_from(queued)
        assert at is not None
        self.recovered.append(at - ended)

    def _accepted_from(self, number: int) -> float | None:
        arrivals = self.ledger.arrivals
        return next((arrival.at for arrival in arrivals if arrival.number >= number), None)

    def said(self) -> str:
        return self.engine.log.read_text()[-3000:]

    def end(self, say: Callable[[str], None], title: str) -> None:
        """Let it drain, and hold the table against the ledger."""
        queued = self.load.queued()
        assert wait_for(lambda: not self.place.unsettled(), sized(60, 300)), self.place.states()
        verdicts = judge(self.place.rows(), self.ledger)
        times = ", ".join(f"{seconds:.1f}" for seconds in self.recovered)
        say(as_table(f"{title}: going on after {times} s", verdicts))
        assert self.engine.is_running
        assert self.engine.kills == 0
        assert set(queued) <= {row.number for row in self.place.rows()}
        assert all(verdict.is_sound for verdict in verdicts.values()), verdicts
        assert max(self.recovered) < RECOVERED_WITHIN


@contextmanager
def running(place: Place) -> Iterator[Run]:
    ledger = Ledger()
    engine = Engine(place, command=AS_IT_IS if IS_FULL else SHORT_PACE)
    with receivers(place, ledger, CHANNELS):
        try:
            engine.start()
            with Load(place) as load:
                run = Run(place, ledger, engine, load)
                yield run
        finally:
            engine.end()


@on_postgres
def test_postgres_restarted_four_times_under_load(
    tmp_path: Path, say: Callable[[str], None]
) -> None:
    with own_cluster() as cluster, place_on(cluster, tmp_path) as place, running(place) as run:
        for _ in range(4):
            with run.fault():
                cluster.restart_at_once()
            run.flows()
        run.load.stop()
        run.end(say, "PostgreSQL restarted four times")


@on_postgres
def test_postgres_away_for_a_while(tmp_path: Path, say: Callable[[str], None]) -> None:
    with own_cluster() as cluster, place_on(cluster, tmp_path) as place, running(place) as run:
        with run.fault():
            cluster.stop_at_once()
            time.sleep(sized(8, 60))
            cluster.start()
        run.flows()
        run.load.stop()
        run.end(say, f"PostgreSQL away for {sized(8, 60)} s")


def test_write_lock_held_by_another_process(place: Place, say: Callable[[str], None]) -> None:
    seconds = sized(8, 30)
    with running(place) as run:
        with run.fault(), place.written_by_nobody_else():
            time.sleep(seconds)
        run.flows()
        run.load.stop()
        run.end(say, f"write lock held for {seconds} s")


def test_full_disk(tmp_path: Path, say: Callable[[str], None]) -> None:
    with (
        small_disk(96) as disk,
        place_on_disk(disk, tmp_path) as (place, mend),
        running(place) as run,
    ):
        with run.fault():
            disk.fill()
            time.sleep(sized(8, 30))
            disk.free()
            mend()
        run.flows()
        run.load.stop()
        run.end(say, f"disk full for {sized(8, 30)} s")


@contextmanager
def place_on(cluster: Cluster, folder: Path) -> Iterator[Place]:
    with (
        migrated_database(folder, cluster.url) as empty,
        copy_of(empty, folder, cluster.url) as place,
    ):
        yield place


@contextmanager
def place_on_disk(disk: SmallDisk, folder: Path) -> Iterator[tuple[Place, Callable[[], None]]]:
    """A database on that disk, and what an init system would do when its server had to give up."""
    if not postgres_server():
        with migrated_database(folder, "") as empty, copy_of(empty, disk.folder, "") as place:
            yield Place(place.url, folder), lambda: None
        return
    with own_cluster(disk.folder) as cluster, place_on(cluster, folder) as place:
        yield place, lambda: None if cluster.is_running else cluster.start()
