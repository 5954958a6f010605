"""Databases of one's own for each run, migrated once."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.places import Place, copy_of, migrated_database, postgres_server

IS_FULL = os.environ.get("FAULTS") == "full"


def sized(small: int, full: int) -> int:
    """A figure of the run: `FAULTS=full` takes the large one."""
    return full if IS_FULL else small


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with migrated_database(tmp_path_factory.mktemp("empty"), postgres_server()) as url:
        yield url


@pytest.fixture
def place(empty_database: str, tmp_path: Path) -> Iterator[Place]:
    with copy_of(empty_database, tmp_path, postgres_server()) as place:
        yield place


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Figures go to the log of the run, whether it passes or fails."""

    def write(text: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{text}\n")

    return write
