"""The migration operation that makes many models at once."""

import pytest
from django.db import connection, migrations, models
from django.db.migrations.state import ProjectState

from notifications.operations import CreateModels

pytestmark = pytest.mark.django_db(transaction=True)


def refers_to(name, **options):
    return models.ForeignKey(f"barn.{name}", on_delete=models.CASCADE, **options)


def test_models_that_refer_to_each_other_come_and_go():
    key = ("id", models.BigAutoField(primary_key=True))
    operation = CreateModels(
        models=[
            migrations.CreateModel("Egg", [key, ("hen", refers_to("Hen"))]),
            migrations.CreateModel("Hen", [key, ("egg", refers_to("Egg", null=True))]),
        ]
    )
    before = ProjectState()
    assert before.apps.get_models() == []
    after = before.clone()
    operation.state_forwards("barn", after)
    tables = {"barn_egg", "barn_hen"}
    with connection.schema_editor() as editor:
        operation.database_forwards("barn", editor, before, after)
    assert tables <= set(connection.introspection.table_names())
    hens, eggs = (after.apps.get_model("barn", name).objects for name in ("Hen", "Egg"))
    egg = eggs.create(hen=hens.create())
    assert hens.update(egg=egg) == 1
    with connection.schema_editor() as editor:
        operation.database_backwards("barn", editor, after, before)
    assert not tables & set(connection.introspection.table_names())
    assert operation.describe() == "Create 2 models"
