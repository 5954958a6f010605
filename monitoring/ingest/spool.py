"""What the database could not take, kept on disk until it can.

Each thing kept is a file of its own, on the disk before it is answered and renamed into place in
one step. It goes only after the database has it, and taking it in twice changes nothing: so it
is taken in exactly once, whenever this or that process dies.
"""

import base64
import contextlib
import datetime as dt
import fcntl
import json
import logging
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from monitoring.ingest.answers import unavailable
from monitoring.ingest.patience import AWAY

logger = logging.getLogger(__name__)

#: A disk is not filled because a database is away: below this, senders are asked to come back.
LEAST_FREE_BYTES = 200_000_000
#: Files of one transaction.
BATCH = 200

Replay = Callable[[dict[str, Any], bytes], None]


def folder() -> Path:
    return Path(settings.VAR_DIR) / "spool"


def keep(kind: str, data: dict[str, Any], *, body: bytes = b"") -> None:
    """Keep one thing on disk for sure. Raises RefusalError (503) where the disk refuses too."""
    record = {"kind": kind, "data": data, "body": base64.b64encode(body).decode()}
    place = folder()
    name = f"{time.time_ns():020d}-{uuid.uuid4().hex}"
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if shutil.disk_usage(place).free < LEAST_FREE_BYTES:
            raise unavailable("The database is away and the disk is full.")
        _write(place / f"{name}.part", json.dumps(record).encode())
        (place / f"{name}.part").rename(place / f"{name}.json")
        _sync_folder(place)
    except OSError as error:
        logger.exception("the spool takes nothing")
        raise unavailable() from error


def waiting() -> list[Path]:
    """What is kept, the oldest first."""
    return sorted(folder().glob("*.json"))


def replay_kept(replays: dict[str, Replay], *, now: dt.datetime) -> int:
    """Take in what is kept; returns how many things were. While another process is at it: none.

    A file that cannot be read, or that the database refuses, is set aside in ``bad/`` and
    stops nobody. Raises OperationalError while the database is away.
    """
    files = waiting()
    if not files:
        return 0
    taken = 0
    with _alone() as is_alone:
        for start in range(0, len(files) if is_alone else 0, BATCH):
            taken += _replay(files[start : start + BATCH], replays)
    if taken:
        logger.info("took in what the spool had kept", extra={"count": taken})
    return taken


def _replay(files: list[Path], replays: dict[str, Replay]) -> int:
    """One transaction for all; where one of them breaks it, one for each."""
    try:
        with transaction.atomic():
            for path in files:
                _replay_one(path, replays)
    except AWAY:
        raise
    except Exception:
        if len(files) > 1:
            return sum(_replay([path], replays) for path in files)
        _set_aside(files[0])
        return 0
    for path in files:
        path.unlink(missing_ok=True)
    return len(files)


def _replay_one(path: Path, replays: dict[str, Replay]) -> None:
    record = json.loads(path.read_bytes())
    replays[record["kind"]](record["data"], base64.b64decode(record["body"]))


def _set_aside(path: Path) -> None:
    logger.exception("something kept on disk cannot be taken in", extra={"file": path.name})
    bad = folder() / "bad"
    bad.mkdir(mode=0o700, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        path.rename(bad / path.name)


@contextlib.contextmanager
def _alone() -> Iterator[bool]:
    """Whether nobody else on this machine replays."""
    with (folder() / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
