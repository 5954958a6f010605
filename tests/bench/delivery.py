"""Delivery: the outbox against Django's own kept-open connection, to the same mail server."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from statistics import median

from tests.bench.databases import Database
from tests.bench.table import Row, ratio
from tests.places import ROOT

MAILS = 400


def measure(
    databases: Sequence[Database], loader: ProcessPoolExecutor, *, rounds: int, seconds: float
) -> list[Row]:
    """The row of one kind of database; the rows that it holds besides make no difference."""
    small = databases[0]
    with mail_server() as port:
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.mailing", str(rounds), str(MAILS)],
            cwd=ROOT,
            env=small.environ() | {"EMAIL_URL": f"smtp://127.0.0.1:{port}"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        sys.exit(f"The delivery bench failed:\n{done.stderr}")
    ours, django = zip(*json.loads(done.stdout), strict=True)
    return [
        Row(
            "delivery, mails/s",
            ratio(ours, django),
            must=0.6,
            stretch=0.8,
            detail=f"{median(ours):.0f} against {median(django):.0f}/s over one kept-open"
            " connection; claimed, marked, sent and recorded, handlers called",
        )
    ]


@contextmanager
def mail_server() -> Iterator[int]:
    """A fast one in a process of its own; its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.mail_server"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate()
