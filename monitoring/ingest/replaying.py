"""Taking in what the disk kept while the database was away."""

import datetime as dt

from monitoring.ingest.pings import replay_ping
from monitoring.ingest.samples import replay_metrics
from monitoring.ingest.spool import Replay, replay_kept

REPLAYS: dict[str, Replay] = {"ping": replay_ping, "metrics": replay_metrics}


def replay_spool(*, now: dt.datetime) -> int:
    """Take in everything that is kept, exactly once; returns how many things that were.

    Raises OperationalError while the database is still away.
    """
    return replay_kept(REPLAYS, now=now)
