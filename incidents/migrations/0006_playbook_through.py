"""The old table of attached playbooks goes; runs are the way from incidents to playbooks."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("incidents", "0005_playbook_data")]
    operations = [
        migrations.AddConstraint(
            model_name="playbookstep",
            constraint=models.UniqueConstraint(
                fields=["playbook", "key"], name="playbook_step_key"
            ),
        ),
        # Django cannot put a model between two others by altering the field.
        migrations.RemoveField(model_name="incident", name="playbooks"),
        migrations.AddField(
            model_name="incident",
            name="playbooks",
            field=models.ManyToManyField(
                blank=True,
                related_name="incidents",
                through="incidents.PlaybookRun",
                to="incidents.playbook",
            ),
        ),
    ]
