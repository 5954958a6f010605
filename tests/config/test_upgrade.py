"""A database that an older version filled comes up with all its data.

A new database takes shorter migrations than an older one; both must end at the same tables.
"""

import re
from collections import Counter
from collections.abc import Iterator

import pytest
from django.db import connection

from tests.config.databases import Place, database, load_older, suite

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

#: What the program changes by itself when it comes up.
OUR_OWN = {"django_migrations", "django_content_type", "auth_permission", "sqlite_sequence"}
#: Attached playbooks became runs with steps of their own.
BECAME_RUNS = "incidents_incident_playbooks"
#: Steps of the SOP's playbooks gained the figure that stands beside them.
GAINED = {("incidents_playbookstep", "reading")}


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[Place]:
    """As that version left it."""
    with database(tmp_path_factory.mktemp("older")) as place:
        load_older(place)
        yield place


@pytest.fixture(scope="module")
def upgraded(older: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The same, brought up by the program of today."""
    with database(tmp_path_factory.mktemp("upgraded"), like=older) as place:
        place.done("migrate", "--verbosity", "0")
        yield place


def columns(place: Place) -> dict[str, set[str]]:
    """The columns of each table, by name."""
    if connection.vendor == "sqlite":
        sql = """SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c
            WHERE m.type = 'table'"""
    else:
        sql = """SELECT table_name, column_name FROM information_schema.columns
            WHERE table_schema = 'public'"""
    found: dict[str, set[str]] = {}
    for table, column in place.query(sql):
        found.setdefault(table, set()).add(column)
    return found


def schema(place: Place) -> Counter[str]:
    """Tables, constraints, indexes and triggers, but not the order of columns."""
    if connection.vendor == "sqlite":
        rows = place.query("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return Counter(
            f"{name}: {part.strip(' ()')}" for name, sql in rows for part in sql.split(",")
        )
    found = (
        row
        for what in (
            """table_name, column_name, data_type, character_maximum_length, is_nullable,
                column_default, is_identity FROM information_schema.columns
                WHERE table_schema = 'public'""",
            """conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
                WHERE connamespace = 'public'::regnamespace""",
            "tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'",
            "pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
        )
        for row in place.query(f"SELECT {what}")
    )
    # A dump that was loaded says the same with other casts.
    return Counter(
        re.sub(r"::(character varying|text)(\[\])?|[() ]", "", repr(row)) for row in found
    )


def test_every_row_is_still_there(older: Place, upgraded: Place) -> None:
    before, after = columns(older), columns(upgraded)
    assert set(before) - set(after) == {BECAME_RUNS}
    for table in sorted(before.keys() & after.keys() - OUR_OWN):
        kept = sorted(name for name in before[table] & after[table] if (table, name) not in GAINED)
        names = ", ".join(f'"{name}"' for name in kept)
        sql = f'SELECT {names} FROM "{table}"'
        rows = Counter(map(repr, older.query(sql)))
        assert rows == Counter(map(repr, upgraded.query(sql))), table


def test_attached_playbooks_became_runs(older: Place, upgraded: Place) -> None:
    links = older.query(f"SELECT incident_id, playbook_id FROM {BECAME_RUNS} ORDER BY 1, 2")
    runs = "SELECT incident_id, playbook_id FROM incidents_playbookrun ORDER BY 1, 2"
    assert len(links) == 5
    assert upgraded.query(runs) == links
    sql = """SELECT number, text FROM incidents_playbookstep WHERE playbook_id =
        (SELECT playbook_id FROM incidents_playbookrun ORDER BY id LIMIT 1) ORDER BY number"""
    copies = """SELECT number, text FROM incidents_playbookrunstep WHERE run_id =
        (SELECT min(id) FROM incidents_playbookrun) ORDER BY number"""
    assert upgraded.query(copies) == upgraded.query(sql) != []


def test_an_older_database_gets_the_tables_of_a_new_one(upgraded: Place) -> None:
    assert schema(upgraded) == schema(suite())
    assert upgraded.migrations() == suite().migrations()
