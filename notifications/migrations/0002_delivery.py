import django.db.models.deletion
from django.db import migrations, models


def call_the_unfinished_uncertain(apps, schema_editor):
    """An attempt is written when it has ended; one that had only begun never told its end."""
    attempts = apps.get_model("notifications", "DeliveryAttempt").objects
    attempts.filter(outcome="started").update(outcome="uncertain")


class Migration(migrations.Migration):

    dependencies = [
        ('notifications', '0001_initial'),
    ]

    operations = [
        migrations.RunPython(call_the_unfinished_uncertain, migrations.RunPython.noop),
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
        migrations.RemoveConstraint(
            model_name='deliveryattempt',
            name='attempt_outcome_known',
        ),
        migrations.RemoveConstraint(
            model_name='message',
            name='message_state_known',
        ),
        migrations.RemoveIndex(
            model_name='message',
            name='message_claim',
        ),
        migrations.RemoveIndex(
            model_name='message',
            name='message_unsettled',
        ),
        migrations.AddField(
            model_name='message',
            name='is_delay_told',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='message',
            name='receipt',
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name='message',
            name='repeats',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='message',
            name='replaces',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='replacements', to='notifications.message'),
        ),
        migrations.AlterField(
            model_name='deliveryattempt',
            name='outcome',
            field=models.CharField(choices=[('sent', 'Accepted'), ('deferred', 'Deferred, tried again by itself'), ('refused', 'Refused for good'), ('uncertain', 'No answer after sending'), ('confirmed', 'A person confirmed that it arrived'), ('requeued', 'A person asked to send it again'), ('held', 'Held after a restore'), ('released', 'A person let it leave'), ('cancelled', 'A person cancelled it'), ('dismissed', 'A person set it aside')], max_length=20),
        ),
        migrations.AlterField(
            model_name='message',
            name='state',
            field=models.CharField(choices=[('pending', 'Waiting'), ('leased', 'Picked up'), ('sending', 'Being sent'), ('sent', 'Delivered'), ('uncertain', 'Uncertain'), ('dead', 'Failed'), ('cancelled', 'Cancelled'), ('held', 'Held'), ('dismissed', 'Set aside')], default='pending', max_length=20),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(models.F('channel'), models.OrderBy(models.F('urgency'), descending=True), models.F('next_attempt_at'), models.F('id'), condition=models.Q(('state', 'pending')), name='message_claim'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('state__in', ('pending', 'leased', 'sending', 'held', 'uncertain', 'dead'))), fields=['state', 'due_at'], name='message_unsettled'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(fields=['recipient', 'created_at'], name='message_recent'),
        ),
        migrations.AddConstraint(
            model_name='deliveryattempt',
            constraint=models.CheckConstraint(condition=models.Q(('outcome__in', ['sent', 'deferred', 'refused', 'uncertain', 'confirmed', 'requeued', 'held', 'released', 'cancelled', 'dismissed'])), name='attempt_outcome_known'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['pending', 'leased', 'sending', 'sent', 'uncertain', 'dead', 'cancelled', 'held', 'dismissed'])), name='message_state_known'),
        ),
        migrations.AlterField(
            model_name='message',
            name='key',
            field=models.CharField(max_length=300),
        ),
        migrations.AlterField(
            model_name='message',
            name='message_id',
            field=models.CharField(max_length=200),
        ),
        migrations.AlterField(
            model_name='message',
            name='reference',
            field=models.CharField(blank=True, max_length=40),
        ),
        migrations.AlterField(
            model_name='message',
            name='thread',
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(fields=['reference'], name='message_reference'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('thread', ''), _negated=True), fields=['thread'], name='message_thread'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('replaces__isnull', False)), fields=['replaces'], name='message_replaces'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.UniqueConstraint(fields=('key',), name='message_key'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.UniqueConstraint(fields=('message_id',), name='message_message_id'),
        ),
    ]
