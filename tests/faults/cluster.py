"""A PostgreSQL of one's own, to be stopped and started at will."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.servers import free_port

DEBIAN = Path("/usr/lib/postgresql")
#: Small files, so that a disk of some dozen megabytes holds a cluster.
SMALL_LOG = ["--wal-segsize=1"]
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_wal_size": "8MB",
    "min_wal_size": "2MB",
    "shared_buffers": "32MB",
}


@dataclass(frozen=True)
class Cluster:
    """A server that listens on loopback and keeps its files in `data`."""

    programs: Path
    data: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        self._control("start")

    def stop_at_once(self) -> None:
        """No goodbye to anybody: as after a crash, it recovers when it starts."""
        self._control("stop", "-m", "immediate")

    def restart_at_once(self) -> None:
        self.stop_at_once()
        self.start()

    @property
    def is_running(self) -> bool:
        return self._run("pg_ctl", "-D", str(self.data), "status").returncode == 0

    def make(self) -> None:
        """Write the files of an empty cluster."""
        options = ["-D", str(self.data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        done = self._run("initdb", *options, *SMALL_LOG)
        assert done.returncode == 0, done.stdout
        lines = [f"{name} = '{value}'\n" for name, value in SETTINGS.items()]
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.writelines([f"port = {self.port}\n", *lines])

    def _control(self, *words: str) -> None:
        options = ["-D", str(self.data), "-w", "-t", "60", "-l", str(self.data / "server.log")]
        done = self._run("pg_ctl", *options, *words)
        assert done.returncode == 0, f"{done.stdout}{self._last_words()}"

    def _last_words(self) -> str:
        log = self.data / "server.log"
        return log.read_text()[-2000:] if log.exists() else ""

    def _run(self, program: str, *options: str) -> "subprocess.CompletedProcess[str]":
        # PostgreSQL refuses to run as root. Its output goes to a file: the server inherits it.
        command = [str(self.programs / program), *options]
        account = "postgres" if os.geteuid() == 0 else None
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                command,
                cwd="/",
                stdout=output,
                stderr=subprocess.STDOUT,
                user=account,
                group=account,
                check=False,
            )
            output.seek(0)
            return subprocess.CompletedProcess(command, done.returncode, output.read(), "")


def postgres_programs() -> Path:
    """Where initdb and pg_ctl are; the test is skipped where they are not."""
    found = shutil.which("pg_ctl")
    places = [Path(found).parent] if found else []
    places += sorted(DEBIAN.glob("*/bin"), reverse=True)
    for place in places:
        if (place / "initdb").exists():
            return place
    pytest.skip("PostgreSQL's own programs (initdb, pg_ctl) are not installed")


@contextmanager
def own_cluster(parent: Path | None = None) -> Iterator[Cluster]:
    """A running cluster below `parent` (a folder that everybody may enter), gone afterwards."""
    programs = postgres_programs()
    folder = Path(tempfile.mkdtemp(prefix="faults-pg-", dir=parent))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    cluster = Cluster(programs, folder / "data", free_port())
    try:
        cluster.make()
        cluster.start()
        yield cluster
    finally:
        if cluster.is_running:
            cluster.stop_at_once()
        shutil.rmtree(folder, ignore_errors=True)
