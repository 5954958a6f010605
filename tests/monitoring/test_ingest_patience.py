import pytest
from django.db import connection

from monitoring.ingest.patience import patience

FULL, NORMAL = 2, 1

pytestmark = pytest.mark.django_db(transaction=True)


def synchronous() -> int:
    return int(connection.connection.execute("PRAGMA synchronous").fetchone()[0])


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's own setting")
def test_only_what_changes_no_incident_may_trail_the_disk() -> None:
    connection.ensure_connection()
    usual = synchronous()
    connection.connection.execute(f"PRAGMA synchronous = {FULL}")
    try:
        with patience():
            assert synchronous() == NORMAL
        assert synchronous() == FULL
        with patience(is_log=True):
            assert synchronous() == FULL
    finally:
        connection.connection.execute(f"PRAGMA synchronous = {usual}")
