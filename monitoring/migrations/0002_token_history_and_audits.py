import django.db.models.deletion
import simple_history.models
from django.conf import settings
from django.db import migrations, models

from notifications.operations import CreateModels


class Migration(migrations.Migration):

    dependencies = [
        ('monitoring', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='ingesttoken',
            name='revoked_by',
            field=models.CharField(blank=True, editable=False, max_length=150),
        ),
        CreateModels(
            models=[
                migrations.CreateModel(
                    name='HistoricalIngestToken',
                    fields=[
                        ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                        ('key', models.CharField(db_index=True, editable=False, max_length=16)),
                        ('name', models.CharField(max_length=80)),
                        ('scopes', models.JSONField(help_text='Such as metrics, metrics:slug, alertmanager, report.')),
                        ('created_at', models.DateTimeField(editable=False)),
                        ('created_by', models.CharField(blank=True, editable=False, max_length=150)),
                        ('expires_at', models.DateTimeField(blank=True, null=True)),
                        ('revoked_at', models.DateTimeField(blank=True, editable=False, null=True)),
                        ('revoked_by', models.CharField(blank=True, editable=False, max_length=150)),
                        ('history_id', models.AutoField(primary_key=True, serialize=False)),
                        ('history_date', models.DateTimeField(db_index=True)),
                        ('history_change_reason', models.CharField(max_length=100, null=True)),
                        ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                        ('created_by_user', models.ForeignKey(blank=True, db_constraint=False, editable=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'verbose_name': 'historical ingest token',
                        'verbose_name_plural': 'historical ingest tokens',
                        'ordering': ('-history_date', '-history_id'),
                        'get_latest_by': ('history_date', 'history_id'),
                    },
                    bases=(simple_history.models.HistoricalChanges, models.Model),
                ),
                migrations.CreateModel(
                    name='AuditFinding',
                    fields=[
                        ('key', models.CharField(max_length=40, primary_key=True, serialize=False)),
                        ('text', models.CharField(max_length=500)),
                        ('since', models.DateTimeField()),
                        ('seen_at', models.DateTimeField(help_text='The last audit that found it.')),
                        ('is_live', models.BooleanField(default=False, help_text='Readiness asks the same by itself, at every request.')),
                        ('is_on_pages', models.BooleanField(default=False, help_text='Every page has an alarm of its own for it.')),
                    ],
                    options={
                        'ordering': ['since', 'key'],
                    },
                ),
                migrations.CreateModel(
                    name='Audit',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('next_at', models.DateTimeField(help_text='Whoever moves it on does the audit.')),
                        ('finished_at', models.DateTimeField(blank=True, null=True)),
                        ('passed_at', models.DateTimeField(blank=True, null=True)),
                        ('pinged_at', models.DateTimeField(blank=True, help_text='When the outside watchdog was last reached.', null=True)),
                        ('ping_error', models.CharField(blank=True, max_length=200)),
                    ],
                    options={
                        'constraints': [models.CheckConstraint(condition=models.Q(('pk', 1)), name='audit_only_row')],
                    },
                ),
            ],
        ),
    ]
