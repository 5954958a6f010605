"""Many rows in one statement: the same rows as saving them one by one."""

import datetime as dt

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from incidents.enums import EntryKind, Origin
from incidents.models import TimelineEntry
from notifications.batches import insert_all, insert_new, insert_values, update_rows
from notifications.models import Message
from tests.factories import NOW, make_incident, make_message

pytestmark = pytest.mark.django_db


def build(number: int, **fields: object) -> Message:
    values: dict[str, object] = {
        "key": f"key-{number}",
        "channel": "email",
        "recipient": f"r{number}@agency.example",
        "text": "Text",
        "lane": f"lane-{number}",
        "message_id": f"<batch-{number}@agency.example>",
        "due_at": NOW,
        "next_attempt_at": NOW,
        "created_at": NOW,
    }
    return Message(**values | fields)


def test_rows_come_back_as_they_were_given() -> None:
    odd = "“quotes” 'and' \"more\" %s ? \\ \t\n ünï 🙂"
    moment = dt.datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=dt.UTC)
    row = build(1, text=odd, subject=odd, due_at=moment, is_demo=True, references="<a@b>")
    (stored,) = insert_new([row], unique=["key"])
    assert stored is row
    assert not row._state.adding
    found = Message.objects.get(pk=row.pk)
    for field in Message._meta.concrete_fields:
        assert getattr(found, field.attname) == getattr(row, field.attname), field.name


def test_only_what_is_new_is_inserted_in_the_order_given() -> None:
    there = make_message(key="key-5", text="As it was")
    rows = [build(number) for number in range(20)]
    fresh = insert_new(rows, unique=["key"])
    assert [row.key for row in fresh] == [f"key-{number}" for number in range(20) if number != 5]
    assert [row.pk for row in fresh] == sorted(row.pk for row in fresh)
    there.refresh_from_db()
    assert there.text == "As it was"


def test_the_same_key_twice_in_one_batch_is_inserted_once() -> None:
    first, second = build(1), build(1, message_id="<other@agency.example>")
    assert insert_new([first, second], unique=["key"]) == [first]
    assert Message.objects.count() == 1


def test_a_row_that_breaks_another_constraint_fails_the_statement() -> None:
    make_message(message_id="<batch-1@agency.example>")
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_new([build(1), build(2)], unique=["key"])
    assert Message.objects.count() == 1


def test_nothing_is_cut_to_fit() -> None:
    """PostgreSQL refuses what is too long; a cast to the column's type would cut it."""
    row = build(1, subject="x" * 501)
    try:
        with transaction.atomic():
            insert_new([row], unique=["key"])
    except DatabaseError:
        assert not Message.objects.exists()
    else:
        assert Message.objects.get().subject == row.subject


def test_nested_data_survives() -> None:
    incident = make_incident()
    data = {"kind": "resolve", "late": True, "n": 3, "deep": {"list": [1, None, "ä"]}}
    rows = [
        {
            "incident_id": incident.pk,
            "at": NOW,
            "recorded_at": NOW,
            "kind": EntryKind.BREACH,
            "origin": Origin.SYSTEM,
            "actor_name": "",
            "stands_in_for": "",
            "text": f"Entry {number}",
            "data": data if number else {},
            "is_demo": False,
        }
        for number in range(3)
    ]
    insert_values(TimelineEntry, rows)
    found = list(incident.timeline.order_by("id").values_list("text", "data"))
    assert found == [("Entry 0", {}), ("Entry 1", data), ("Entry 2", data)]


def test_all_rows_are_inserted_in_the_order_given() -> None:
    insert_all([build(number) for number in range(20)])
    keys = Message.objects.order_by("id").values_list("key", flat=True)
    assert list(keys) == [f"key-{number}" for number in range(20)]


def test_update_writes_the_named_fields_alone() -> None:
    rows = [make_message() for _ in range(5)]
    for number, row in enumerate(rows):
        row.text, row.subject = f"New {number}", "Not written"
        row.sending_since = None
        row.due_at = NOW + dt.timedelta(minutes=number)
    update_rows(rows[:4], ["text", "due_at", "sending_since"])
    found = list(Message.objects.order_by("id").values_list("text", "subject", "due_at"))
    assert found[:4] == [
        (f"New {number}", "Subject", NOW + dt.timedelta(minutes=number)) for number in range(4)
    ]
    assert found[4] == ("Text.", "Subject", NOW)


def test_nothing_to_do_asks_nothing(django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        assert insert_new([], unique=["key"]) == []
        insert_all([])
        insert_values(TimelineEntry, [])
        update_rows([], ["text"])
