"""PostgreSQL: room on the pages of incidents.

Every entry, version and clock updates the incident's row, and none of that is indexed: with room
for the new row on its page, no index has to be written.
"""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def leave_room(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute("ALTER TABLE incidents_incident SET (fillfactor = 85)")


def fill(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute("ALTER TABLE incidents_incident RESET (fillfactor)")


class Migration(migrations.Migration):
    dependencies = [("incidents", "0004_playbook_data")]

    operations = [migrations.RunPython(leave_room, fill)]
