"""`serve` as a person sees it: one command, three children, one Ctrl-C."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.db import connection

from config import supervisor as supervising
from config.supervisor import Child, ChildPlan, Supervisor
from tests.places import (
    ROOT,
    children_of,
    copy_test_database,
    find_child,
    is_alive,
    wait_for,
)


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def environ(tmp_path: Path, free_port: int) -> dict[str, str]:
    """A place of its own with an empty database."""
    return {
        "PATH": os.environ["PATH"],
        "ENV_FILE": "tests/none.env",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'serve.sqlite3'}",
        "PORT": str(free_port),
    }


@pytest.fixture(scope="module")
def migrated_file(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Path:
    """A SQLite file with all tables; on PostgreSQL it has to be migrated."""
    path = tmp_path_factory.mktemp("migrated") / "serve.sqlite3"
    if connection.vendor == "sqlite":
        copy_test_database(path)
        return path
    environ = {"PATH": os.environ["PATH"], "ENV_FILE": "tests/none.env"}
    done = manage(
        "migrate", "--verbosity", "0", environ=environ | {"DATABASE_URL": f"sqlite:///{path}"}
    )
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def migrated(environ: dict[str, str], migrated_file: Path, tmp_path: Path) -> dict[str, str]:
    """The same place with its tables."""
    shutil.copy(migrated_file, tmp_path / "serve.sqlite3")
    return environ


def manage(*arguments: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture
def served(migrated: dict[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with (tmp_path / "serve.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--web-workers", "1"],
            cwd=ROOT,
            env=migrated,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )
        yield process
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)


@pytest.mark.fault
@pytest.mark.django_db
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_starts_three_children_and_stops_them_all(
    served: subprocess.Popen[str], free_port: int, tmp_path: Path, number: signal.Signals
) -> None:
    assert wait_for(lambda: answers(free_port)), (tmp_path / "serve.log").read_text()
    assert wait_for(lambda: len(children_of(served.pid)) == 3)
    assert wait_for(lambda: children_of(find_child(served.pid, "run_tasks") or 0) != [])
    family = [pid for child in children_of(served.pid) for pid in [child, *children_of(child)]]
    served.send_signal(number)
    assert served.wait(timeout=60) == 0, (tmp_path / "serve.log").read_text()
    assert not [pid for pid in family if is_alive(pid)]
    assert not answers(free_port)
    assert (tmp_path / "serve.log").read_text().startswith("Starting on http://127.0.0.1:")


@pytest.mark.fault
@pytest.mark.django_db
def test_serve_brings_a_killed_child_back(
    served: subprocess.Popen[str], free_port: int, tmp_path: Path
) -> None:
    assert wait_for(lambda: answers(free_port)), (tmp_path / "serve.log").read_text()
    web = find_child(served.pid, "granian")
    assert web is not None
    os.kill(web, signal.SIGKILL)
    assert wait_for(lambda: "starting again" in (tmp_path / "serve.log").read_text())
    # Its orphans went with it, so whoever answers now is the new one.
    assert wait_for(lambda: answers(free_port)), (tmp_path / "serve.log").read_text()


def test_serve_without_tables_says_so_in_one_line(environ: dict[str, str]) -> None:
    result = manage("serve", environ=environ)
    assert result.returncode == 1
    assert result.stderr == (
        "CommandError: The database is behind the program: run manage.py migrate.\n"
    )


@pytest.mark.slow
@pytest.mark.django_db
def test_serve_on_a_taken_port_says_so_in_one_line(
    migrated: dict[str, str], free_port: int
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port))
        other.listen()
        result = manage("serve", environ=migrated)
    assert result.returncode == 1
    assert result.stderr.startswith(f"CommandError: Cannot listen on 127.0.0.1:{free_port}")
    assert result.stderr.count("\n") == 1


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@pytest.mark.parametrize(
    ("age", "words"),
    [(timedelta(seconds=99), "no sign of life for 99 s"), (timedelta.max, "no sign of life yet")],
)
def test_child_with_an_old_sign_of_life_is_killed_and_started_again_K11(
    monkeypatch: pytest.MonkeyPatch, age: timedelta, words: str
) -> None:
    monkeypatch.setattr(supervising, "SILENCE_GRACE", 0.0)
    output = StringIO()
    plan = ChildPlan(
        "tasks", python("import time; time.sleep(60)"), "canary", timedelta(milliseconds=10)
    )
    supervisor = Supervisor([plan], beat_age=lambda _name: age, output=output)
    (child,) = supervisor.children
    child.start()
    time.sleep(0.05)
    supervisor.next_beat_look = 0
    supervisor._look_after_children()
    assert not child.is_running()
    supervisor._look_after_children()
    assert f"{words}; killing it" in output.getvalue()
    assert "starting again in 1 s" in output.getvalue()


def test_child_whose_sign_of_life_was_only_late_is_left_alone_K11() -> None:
    """After an outage of the database everything is late at the first look."""
    ages = [timedelta(hours=1), timedelta(0), timedelta(hours=1), None]
    plan = ChildPlan(
        "engine", python("import time; time.sleep(60)"), "engine", timedelta(milliseconds=10)
    )
    supervisor = Supervisor([plan], beat_age=lambda _name: ages.pop(0), output=StringIO())
    (child,) = supervisor.children
    child.start()
    time.sleep(0.05)
    silent = []
    for _ in range(4):
        supervisor.next_beat_look = 0
        supervisor._look_after_children()
        silent.append(child.silent_since > 0)
    assert silent == [True, False, True, False]
    assert child.is_running()
    child.kill_all()


def test_child_that_just_started_is_given_time_K11() -> None:
    plan = ChildPlan("tasks", python("import time; time.sleep(60)"), "canary")
    supervisor = Supervisor([plan], beat_age=lambda _name: timedelta(hours=9), output=StringIO())
    (child,) = supervisor.children
    child.start()
    supervisor.next_beat_look = 0
    supervisor._look_after_children()
    assert child.is_running()
    child.kill_all()


def test_child_that_keeps_dying_is_started_ever_more_slowly() -> None:
    output = StringIO()
    plan = ChildPlan("engine", python("raise SystemExit(3)"))
    supervisor = Supervisor([plan], beat_age=lambda _name: None, output=output)
    (child,) = supervisor.children
    for _ in range(3):
        child.start_again_at = 0.0
        child.start()
        assert child.process is not None
        child.process.wait()
        supervisor._look_after_children()
    child.finish_output()
    pauses = re.findall(r"ended with status 3; starting again in (\d+) s", output.getvalue())
    assert pauses == ["1", "2", "4"]


def test_stop_reaches_the_leader_and_a_second_one_kills() -> None:
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up'); time.sleep(60)"
    output = StringIO()
    supervisor = Supervisor(
        [ChildPlan("tasks", python(stubborn))], beat_age=lambda _name: None, output=output
    )
    (child,) = supervisor.children
    child.start()
    assert wait_for(lambda: "up" in output.getvalue())
    supervisor.stop_requests = 2
    assert supervisor._stop() == 1
    assert not child.is_running()


def test_child_ends_with_its_parent() -> None:
    """However the parent ends: a killed `serve` leaves nobody who holds its port."""
    parent = subprocess.Popen(
        python(
            "import sys; from config.supervisor import *;"
            "child = Child(ChildPlan('web', [sys.executable, '-c', 'import time; time.sleep(60)']),"
            " sys.stdout, 3); child.start(); print(child.process.pid, flush=True); time.sleep(60)"
        ),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_alive(child)
        parent.kill()
        assert wait_for(lambda: not is_alive(child))


def test_lines_of_a_child_carry_its_name() -> None:
    output = StringIO()
    child = Child(ChildPlan("web", python("print('one'); print('two')")), output, 6)
    child.start()
    assert child.process is not None
    child.process.wait()
    child.finish_output()
    assert output.getvalue() == "web    | one\nweb    | two\n"
