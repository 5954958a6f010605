from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from monitoring.ingest.patience import PATIENCE, patience

FULL, NORMAL = 2, 1
USUAL_MILLISECONDS = 60_000

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's own settings"),
]


def ask(setting: str) -> int:
    """As any statement of ours finds it."""
    with connection.cursor() as cursor:
        return int(cursor.execute(f"PRAGMA {setting}").fetchone()[0])


def look(setting: str) -> int:
    """As it is, without a statement that Django knows of."""
    return int(connection.connection.execute(f"PRAGMA {setting}").fetchone()[0])


@pytest.fixture(autouse=True)
def durable() -> Iterator[None]:
    """As in production; the tests' own database never waits for the disk."""
    usual = ask("synchronous")
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA synchronous = {FULL}")
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA synchronous = {usual}")
    assert ask("synchronous") == usual


def test_only_what_changes_no_incident_may_trail_the_disk() -> None:
    with patience():
        assert ask("synchronous") == NORMAL
    assert ask("synchronous") == FULL
    with patience(is_log=True):
        assert ask("synchronous") == FULL


def test_the_next_request_of_a_machine_finds_the_settings_of_the_last() -> None:
    with patience():
        pass
    raw = connection.connection
    with patience():
        assert connection.connection is raw
        assert (look("synchronous"), look("busy_timeout")) == (NORMAL, 1000 * PATIENCE)
    with patience(PATIENCE / 2):
        assert (look("synchronous"), look("busy_timeout")) == (NORMAL, 500 * PATIENCE)
    with patience(is_log=True):
        assert (look("synchronous"), look("busy_timeout")) == (FULL, 1000 * PATIENCE)


def test_a_transaction_of_anybody_else_begins_with_the_usual_settings() -> None:
    with patience():
        assert ask("synchronous") == NORMAL
    with transaction.atomic():
        assert (look("synchronous"), look("busy_timeout")) == (FULL, USUAL_MILLISECONDS)
        with patience():
            assert (look("synchronous"), look("busy_timeout")) == (FULL, 1000 * PATIENCE)
        assert ask("busy_timeout") == USUAL_MILLISECONDS
    assert not connection.execute_wrappers


def test_what_breaks_inside_leaves_the_usual_settings_too() -> None:
    with pytest.raises(ValueError, match="broken"), patience():
        raise ValueError("broken")
    assert (ask("synchronous"), ask("busy_timeout")) == (FULL, USUAL_MILLISECONDS)


def test_a_wrapper_that_somebody_adds_for_a_while_stays_in_its_place() -> None:
    seen = []

    def note(execute, sql, params, many, context):
        seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        with patience():
            ask("synchronous")
        assert ask("synchronous") == FULL
    ask("synchronous")
    assert len(seen) == 2
    assert not connection.execute_wrappers


def test_a_connection_opened_anew_begins_with_its_own_settings() -> None:
    with patience():
        pass
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA synchronous = {FULL}")
    assert ask("busy_timeout") == USUAL_MILLISECONDS
    with patience():
        connection.close()
    with patience():
        assert look("busy_timeout") == 1000 * PATIENCE
    assert ask("busy_timeout") == USUAL_MILLISECONDS
