"""All tables of the outbox at once, for a new database; an older one takes the steps replaced."""

import django.db.models.deletion
import simple_history.models
from django.conf import settings
from django.db import migrations, models

from notifications.operations import CreateModels


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ('notifications', '0001_initial'),
        ('notifications', '0002_delivery'),
    ]

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        CreateModels(
            models=[
                migrations.CreateModel(
                    name='EmailTemplate',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('name', models.SlugField(unique=True)),
                        ('title', models.CharField(max_length=100)),
                        ('subject', models.CharField(max_length=300)),
                        ('body', models.TextField(max_length=20000)),
                    ],
                    options={
                        'ordering': ['name'],
                    },
                ),
                migrations.CreateModel(
                    name='HistoricalEmailTemplate',
                    fields=[
                        ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                        ('name', models.SlugField()),
                        ('title', models.CharField(max_length=100)),
                        ('subject', models.CharField(max_length=300)),
                        ('body', models.TextField(max_length=20000)),
                        ('history_id', models.AutoField(primary_key=True, serialize=False)),
                        ('history_date', models.DateTimeField(db_index=True)),
                        ('history_change_reason', models.CharField(max_length=100, null=True)),
                        ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                        ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'verbose_name': 'historical email template',
                        'verbose_name_plural': 'historical email templates',
                        'ordering': ('-history_date', '-history_id'),
                        'get_latest_by': ('history_date', 'history_id'),
                    },
                    bases=(simple_history.models.HistoricalChanges, models.Model),
                ),
                migrations.CreateModel(
                    name='Message',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('key', models.CharField(max_length=300)),
                        ('channel', models.CharField(choices=[('email', 'E-mail'), ('telegram', 'Telegram'), ('hubspot', 'HubSpot')], max_length=20)),
                        ('recipient', models.CharField(max_length=254)),
                        ('subject', models.CharField(blank=True, max_length=500)),
                        ('text', models.TextField()),
                        ('html', models.TextField(blank=True)),
                        ('reply_to', models.CharField(blank=True, max_length=320)),
                        ('lane', models.CharField(max_length=400)),
                        ('reference', models.CharField(blank=True, max_length=40)),
                        ('thread', models.CharField(blank=True, max_length=200)),
                        ('message_id', models.CharField(max_length=200)),
                        ('references', models.CharField(blank=True, max_length=200)),
                        ('urgency', models.PositiveSmallIntegerField(choices=[(0, 'Low'), (1, 'Normal'), (2, 'High'), (3, 'Immediate')], default=1)),
                        ('state', models.CharField(choices=[('pending', 'Waiting'), ('leased', 'Picked up'), ('sending', 'Being sent'), ('sent', 'Delivered'), ('uncertain', 'Uncertain'), ('dead', 'Failed'), ('cancelled', 'Cancelled'), ('held', 'Held'), ('dismissed', 'Set aside')], default='pending', max_length=20)),
                        ('attempts', models.PositiveIntegerField(default=0)),
                        ('due_at', models.DateTimeField()),
                        ('next_attempt_at', models.DateTimeField()),
                        ('lease_token', models.CharField(blank=True, max_length=32, null=True)),
                        ('lease_expires_at', models.DateTimeField(blank=True, null=True)),
                        ('sending_since', models.DateTimeField(blank=True, null=True)),
                        ('sent_at', models.DateTimeField(blank=True, null=True)),
                        ('last_error', models.TextField(blank=True)),
                        ('handlers_pending', models.BooleanField(default=False)),
                        ('created_at', models.DateTimeField()),
                        ('is_demo', models.BooleanField(default=False)),
                        ('is_delay_told', models.BooleanField(default=False)),
                        ('receipt', models.CharField(blank=True, max_length=200)),
                        ('repeats', models.PositiveSmallIntegerField(default=0)),
                        ('replaces', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='replacements', to='notifications.message')),
                    ],
                    options={
                        'ordering': ['-id'],
                        'indexes': [models.Index(condition=models.Q(('state__in', ('pending', 'leased', 'sending'))), fields=['lane', 'id'], name='message_lane_order'), models.Index(condition=models.Q(('handlers_pending', True)), fields=['next_attempt_at'], name='message_handlers_pending'), models.Index(models.F('channel'), models.OrderBy(models.F('urgency'), descending=True), models.F('next_attempt_at'), models.F('id'), condition=models.Q(('state', 'pending')), name='message_claim'), models.Index(condition=models.Q(('state__in', ('pending', 'leased', 'sending', 'held', 'uncertain', 'dead'))), fields=['state', 'due_at'], name='message_unsettled'), models.Index(fields=['recipient', 'created_at'], name='message_recent'), models.Index(fields=['reference'], name='message_reference'), models.Index(condition=models.Q(('thread', ''), _negated=True), fields=['thread'], name='message_thread'), models.Index(condition=models.Q(('replaces__isnull', False)), fields=['replaces'], name='message_replaces')],
                        'constraints': [models.UniqueConstraint(fields=('key',), name='message_key'), models.UniqueConstraint(fields=('message_id',), name='message_message_id'), models.CheckConstraint(condition=models.Q(('channel__in', ['email', 'telegram', 'hubspot'])), name='message_channel_known'), models.CheckConstraint(condition=models.Q(models.Q(('lease_expires_at__isnull', False), ('lease_token__isnull', False), ('state__in', ('leased', 'sending'))), models.Q(models.Q(('state__in', ('leased', 'sending')), _negated=True), ('lease_expires_at__isnull', True), ('lease_token__isnull', True)), _connector='OR'), name='message_lease_exactly_when_held'), models.CheckConstraint(condition=models.Q(models.Q(('sending_since__isnull', False), ('state', 'sending')), models.Q(models.Q(('state', 'sending'), _negated=True), ('sending_since__isnull', True)), _connector='OR'), name='message_sending_since_exactly_when_sending'), models.CheckConstraint(condition=models.Q(models.Q(('sent_at__isnull', False), ('state', 'sent')), models.Q(models.Q(('state', 'sent'), _negated=True), ('sent_at__isnull', True)), _connector='OR'), name='message_sent_at_exactly_when_sent'), models.UniqueConstraint(condition=models.Q(('state__in', ('leased', 'sending'))), fields=('lane',), name='message_one_sender_per_lane'), models.CheckConstraint(condition=models.Q(('state__in', ['pending', 'leased', 'sending', 'sent', 'uncertain', 'dead', 'cancelled', 'held', 'dismissed'])), name='message_state_known')],
                    },
                ),
                migrations.CreateModel(
                    name='DeliveryAttempt',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('message', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='delivery_attempts', to='notifications.message')),
                        ('number', models.PositiveIntegerField()),
                        ('started_at', models.DateTimeField()),
                        ('ended_at', models.DateTimeField(blank=True, null=True)),
                        ('outcome', models.CharField(choices=[('sent', 'Accepted'), ('deferred', 'Deferred, tried again by itself'), ('refused', 'Refused for good'), ('uncertain', 'No answer after sending'), ('confirmed', 'A person confirmed that it arrived'), ('requeued', 'A person asked to send it again'), ('held', 'Held after a restore'), ('released', 'A person let it leave'), ('cancelled', 'A person cancelled it'), ('dismissed', 'A person set it aside')], max_length=20)),
                        ('answer', models.TextField(blank=True)),
                        ('by', models.CharField(blank=True, max_length=150)),
                    ],
                    options={
                        'ordering': ['id'],
                        'constraints': [models.CheckConstraint(condition=models.Q(('outcome__in', ['sent', 'deferred', 'refused', 'uncertain', 'confirmed', 'requeued', 'held', 'released', 'cancelled', 'dismissed'])), name='attempt_outcome_known')],
                    },
                ),
                migrations.CreateModel(
                    name='ChannelPause',
                    fields=[
                        ('channel', models.CharField(choices=[('email', 'E-mail'), ('telegram', 'Telegram'), ('hubspot', 'HubSpot')], max_length=20, primary_key=True, serialize=False)),
                        ('reason', models.TextField()),
                        ('since', models.DateTimeField()),
                        ('until', models.DateTimeField()),
                        ('needs_a_person', models.BooleanField(default=False)),
                        ('tries', models.PositiveIntegerField(default=1)),
                        ('is_told', models.BooleanField(default=False)),
                    ],
                    options={
                        'ordering': ['channel'],
                        'constraints': [models.CheckConstraint(condition=models.Q(('channel__in', ['email', 'telegram', 'hubspot'])), name='pause_channel_known')],
                    },
                ),
            ],
        ),
    ]
