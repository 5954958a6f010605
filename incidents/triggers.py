"""Database triggers that make the timeline append-only on SQLite and PostgreSQL (rule W9).

Rows of demonstration incidents are exempt, so that ``clear_demo`` can remove them.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "incidents_timelineentry"
MESSAGE = "The timeline is append-only."

SQLITE = [
    f"""CREATE TRIGGER IF NOT EXISTS timeline_no_{verb.lower()} BEFORE {verb} ON {TABLE}
    WHEN OLD.is_demo = 0 BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"""
    for verb in ("UPDATE", "DELETE")
]
POSTGRESQL = [
    f"""CREATE OR REPLACE FUNCTION timeline_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.is_demo THEN
            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
            RETURN NEW;
        END IF;
        RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'integrity_constraint_violation';
    END $$""",
    f"DROP TRIGGER IF EXISTS timeline_append_only ON {TABLE}",
    f"""CREATE TRIGGER timeline_append_only BEFORE UPDATE OR DELETE ON {TABLE}
    FOR EACH ROW EXECUTE FUNCTION timeline_refuse()""",
]
REMOVE = {
    "sqlite": [f"DROP TRIGGER IF EXISTS timeline_no_{verb}" for verb in ("update", "delete")],
    "postgresql": [f"DROP TRIGGER IF EXISTS timeline_append_only ON {TABLE}"],
}


def install(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers in place; harmless when they are there."""
    _run(connection, SQLITE if connection.vendor == "sqlite" else POSTGRESQL)


def remove(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers away: for the reverse migration and for emptying a test database."""
    _run(connection, REMOVE[connection.vendor])


def _run(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
