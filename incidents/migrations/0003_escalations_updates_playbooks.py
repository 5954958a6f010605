import datetime
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from notifications.operations import CreateModels


def name_the_channels(apps, schema_editor):
    """A notice says by which channel it went; so far only its message did."""
    notices = apps.get_model("incidents", "EscalationNotice").objects
    messages = apps.get_model("notifications", "Message").objects
    of_message = messages.filter(pk=models.OuterRef("message")).values("channel")
    notices.update(channel=models.Subquery(of_message))


class Migration(migrations.Migration):

    dependencies = [
        ('incidents', '0002_timeline_triggers'),
        ('notifications', '0002_delivery'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        CreateModels(
            models=[
                migrations.CreateModel(
                    name='ClientDigest',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('period', models.DateField()),
                        ('due_at', models.DateTimeField()),
                        ('state', models.CharField(choices=[('prepared', 'Waits for Send'), ('sent', 'Sent'), ('skipped', 'Not sent')], default='prepared', max_length=10)),
                        ('intro', models.TextField(blank=True, max_length=2000, verbose_name='introduction')),
                        ('prepared_at', models.DateTimeField()),
                        ('reminded_at', models.DateTimeField(blank=True, null=True)),
                        ('fallback_reason', models.CharField(blank=True, help_text='Why an automatic one waits for a person.', max_length=300)),
                        ('skip_reason', models.CharField(blank=True, max_length=300)),
                        ('skipped_by', models.CharField(blank=True, max_length=150)),
                        ('override_reason', models.TextField(blank=True, max_length=2000)),
                        ('overridden_at', models.DateTimeField(blank=True, null=True)),
                        ('overridden_findings', models.JSONField(blank=True, default=list)),
                        ('attempt', models.PositiveSmallIntegerField(default=0, help_text='Raised by each send, so that an undone one gets a new key.')),
                        ('sent_at', models.DateTimeField(blank=True, help_text='When it was sent off: what came later is in the next one.', null=True)),
                        ('sent_by', models.CharField(blank=True, max_length=150)),
                        ('delivered_at', models.DateTimeField(blank=True, null=True)),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('updated_at', models.DateTimeField()),
                        ('updated_by', models.CharField(blank=True, max_length=150)),
                        ('client', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='digests', to='incidents.client')),
                        ('message', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='notifications.message')),
                        ('overridden_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['-period', '-id'],
                        'indexes': [models.Index(condition=models.Q(('state', 'prepared')), fields=['due_at'], name='digest_prepared'), models.Index(models.OrderBy(models.F('updated_at'), descending=True), name='digest_latest')],
                        'constraints': [models.UniqueConstraint(fields=('client', 'period'), name='digest_one_per_period'), models.UniqueConstraint(condition=models.Q(('state', 'prepared')), fields=('client',), name='digest_one_prepared_per_client'), models.CheckConstraint(condition=models.Q(('state__in', ['prepared', 'sent', 'skipped'])), name='digest_state_known'), models.CheckConstraint(condition=models.Q(models.Q(('message__isnull', False), ('sent_at__isnull', False), ('state', 'sent')), models.Q(models.Q(('state', 'sent'), _negated=True), ('message__isnull', True), ('sent_at__isnull', True)), _connector='OR'), name='digest_sent_exactly_with_message'), models.CheckConstraint(condition=models.Q(('delivered_at__isnull', True), ('message__isnull', False), _connector='OR'), name='digest_delivered_has_message'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'skipped'), _negated=True), models.Q(('skip_reason', ''), _negated=True), _connector='OR'), name='digest_skipped_has_reason'), models.CheckConstraint(condition=models.Q(('override_reason', ''), ('overridden_by__isnull', False), _connector='OR'), name='digest_overridden_by_somebody')],
                    },
                ),
                migrations.CreateModel(
                    name='DigestItem',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('part', models.CharField(choices=[('opened', 'New since your last update'), ('open', 'Still with us'), ('resolved', 'Resolved')], max_length=10)),
                        ('text', models.CharField(max_length=500)),
                        ('is_edited', models.BooleanField(default=False)),
                        ('digest', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='items', to='incidents.clientdigest')),
                        ('incident', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='digest_items', to='incidents.incident')),
                    ],
                    options={
                        'ordering': ['id'],
                        'constraints': [models.UniqueConstraint(fields=('digest', 'incident'), name='digest_item_unique'), models.CheckConstraint(condition=models.Q(('part__in', ['opened', 'open', 'resolved'])), name='digest_item_part_known')],
                    },
                ),
                migrations.CreateModel(
                    name='DueEscalation',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('occurrence', models.PositiveIntegerField(help_text='E5: its period; E6: one per relapse.')),
                        ('due_at', models.DateTimeField(db_index=True)),
                        ('incident', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='due_escalations', to='incidents.incident')),
                        ('rule', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='due', to='incidents.escalationrule')),
                    ],
                    options={
                        'ordering': ['due_at', 'id'],
                        'constraints': [models.UniqueConstraint(fields=('incident', 'rule'), name='due_escalation_once')],
                    },
                ),
                migrations.CreateModel(
                    name='SetAside',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('part', models.CharField(choices=[('deadlines', 'Warnings, reminders and breaches'), ('escalations', 'Escalations by the clock'), ('rings', 'Repeats of escalations')], max_length=12)),
                        ('row', models.BigIntegerField(help_text='The primary key of the row that was due.')),
                        ('what', models.CharField(help_text='In words.', max_length=200)),
                        ('error', models.TextField()),
                        ('since', models.DateTimeField()),
                        ('tries', models.PositiveIntegerField(default=1)),
                        ('next_try_at', models.DateTimeField()),
                    ],
                    options={
                        'verbose_name_plural': 'set aside',
                        'ordering': ['-since', '-id'],
                        'constraints': [models.CheckConstraint(condition=models.Q(('part__in', ['deadlines', 'escalations', 'rings'])), name='set_aside_part'), models.CheckConstraint(condition=models.Q(('tries__gte', 1)), name='set_aside_was_tried'), models.UniqueConstraint(fields=('part', 'row'), name='set_aside_once')],
                    },
                ),
                migrations.CreateModel(
                    name='ClientAnswer',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('number', models.PositiveSmallIntegerField(help_text='Of the question, from 1.')),
                        ('question', models.CharField(max_length=300)),
                        ('text', models.TextField(max_length=5000)),
                        ('at', models.DateTimeField()),
                        ('by_name', models.CharField(help_text='Who wrote it down.', max_length=150)),
                        ('client', models.ForeignKey(blank=True, help_text='Who answered; empty where the incident names no client.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='clarifying_answers', to='incidents.client')),
                        ('run_step', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='client_answers', to='incidents.playbookrunstep')),
                    ],
                    options={
                        'ordering': ['run_step', 'number', 'client'],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('client__isnull', False)), fields=('run_step', 'number', 'client'), name='client_answer_one_per_client'), models.UniqueConstraint(condition=models.Q(('client__isnull', True)), fields=('run_step', 'number'), name='client_answer_one_without_client'), models.CheckConstraint(condition=models.Q(('text', ''), _negated=True), name='client_answer_says_something'), models.CheckConstraint(condition=models.Q(('number__gte', 1)), name='client_answer_number')],
                    },
                ),
                migrations.CreateModel(
                    name='Hold',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('placed_at', models.DateTimeField()),
                        ('placed_by_name', models.CharField(max_length=150)),
                        ('reason', models.TextField(max_length=2000)),
                        ('released_at', models.DateTimeField(blank=True, null=True)),
                        ('released_by_name', models.CharField(blank=True, max_length=150)),
                        ('released_how', models.CharField(blank=True, choices=[('gate', 'The gate was open'), ('override', 'Overridden by name and reason')], max_length=10)),
                        ('override_reason', models.TextField(blank=True, max_length=2000)),
                        ('sent_while_held', models.PositiveBigIntegerField(default=0, help_text='Mails that monitoring saw leave since it was placed.')),
                        ('alarmed_at', models.DateTimeField(blank=True, help_text='More than a test batch was sent: told once (rule P4).', null=True)),
                        ('client', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='holds', to='incidents.client')),
                        ('incident', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='holds', to='incidents.incident')),
                        ('sending_domain', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='holds', to='incidents.sendingdomain')),
                    ],
                    options={
                        'ordering': ['placed_at', 'id'],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('released_at__isnull', True)), fields=('sending_domain', 'incident'), name='hold_one_standing_per_incident'), models.UniqueConstraint(condition=models.Q(('incident__isnull', True), ('released_at__isnull', True)), fields=('sending_domain',), name='hold_one_standing_without'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='hold_has_reason'), models.CheckConstraint(condition=models.Q(models.Q(('released_at__isnull', True), ('released_by_name', ''), ('released_how', '')), models.Q(('released_at__isnull', False), ('released_how__in', ['gate', 'override']), models.Q(('released_by_name', ''), _negated=True)), _connector='OR'), name='hold_release_has_who'), models.CheckConstraint(condition=models.Q(models.Q(('released_how', 'override'), _negated=True), models.Q(('override_reason', ''), _negated=True), _connector='OR'), name='hold_override_has_reason')],
                    },
                ),
                migrations.CreateModel(
                    name='PlaybookRun',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('title', models.CharField(help_text="The playbook's title at that time.", max_length=120)),
                        ('attached_at', models.DateTimeField()),
                        ('attached_by_name', models.CharField(max_length=150)),
                        ('how', models.CharField(choices=[('monitor', 'With the alert'), ('triage', 'At triage'), ('chosen', 'Chosen by a person')], max_length=10)),
                        ('ended_at', models.DateTimeField(blank=True, null=True)),
                        ('ended_by_name', models.CharField(blank=True, max_length=150)),
                        ('end_reason', models.TextField(blank=True, max_length=2000)),
                        ('incident', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='runs', to='incidents.incident')),
                        ('playbook', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='incidents.playbook')),
                    ],
                    options={
                        'ordering': ['attached_at', 'id'],
                        'constraints': [models.UniqueConstraint(fields=('incident', 'playbook'), name='playbook_run_once_per_incident'), models.CheckConstraint(condition=models.Q(models.Q(('end_reason', ''), ('ended_at__isnull', True), ('ended_by_name', '')), models.Q(('ended_at__isnull', False), models.Q(('ended_by_name', ''), _negated=True), models.Q(('end_reason', ''), _negated=True)), _connector='OR'), name='playbook_run_end_has_reason'), models.CheckConstraint(condition=models.Q(('how__in', ['monitor', 'triage', 'chosen'])), name='playbook_run_how')],
                    },
                ),
                migrations.CreateModel(
                    name='PlaybookRunStep',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('number', models.PositiveSmallIntegerField()),
                        ('key', models.SlugField(help_text='Its name in this playbook: “check-status”.', max_length=60)),
                        ('kind', models.CharField(choices=[('check', 'Check'), ('action', 'Action'), ('decision', 'Decision'), ('prohibition', 'Do NOT'), ('notify', 'Notify'), ('gate', 'Gate')], default='action', max_length=12)),
                        ('text', models.TextField(help_text="Word for word from the SOP where it is the SOP's.")),
                        ('condition', models.CharField(blank=True, help_text='When it applies, in words: “if provider outage”.', max_length=120)),
                        ('branch', models.SlugField(blank=True, help_text='The answer that opens it. Where no earlier step offers that answer, the step itself is asked whether it applies.', max_length=60)),
                        ('question', models.CharField(blank=True, help_text='What the person is asked when answers are offered.', max_length=200)),
                        ('answers', models.JSONField(blank=True, default=list, help_text='A list of branch and label; “opens_nothing” where no step follows from it.')),
                        ('is_multiple', models.BooleanField(default=False, help_text='More than one answer may be true.', verbose_name='several answers')),
                        ('reading', models.CharField(blank=True, choices=[('provider_status', "The provider's status page"), ('domain_authentication', 'SPF, DKIM and DMARC of the sending domain'), ('domain_reputation', 'Block lists and reputation of the sending domain'), ('bounce_rate', 'Bounce rate of the sending domain'), ('connection', "State of the integration's connection"), ('last_sync', 'Last successful sync and the gap'), ('error_rate', 'Errors and rate limits of the API')], help_text='The live figure or check behind the step.', max_length=60)),
                        ('parameters', models.JSONField(blank=True, default=dict, help_text='What the reading needs to know, as name and value.')),
                        ('effect', models.CharField(blank=True, choices=[('hold', 'Places a hold on sending'), ('backup', 'Switches to the backup: recorded as containment')], help_text='What doing it brings about.', max_length=12)),
                        ('due_after', models.DurationField(blank=True, help_text='Makes it an obligation, due this long after detection; zero: at once.', null=True)),
                        ('due_only_below', models.PositiveSmallIntegerField(blank=True, choices=[(1, 'SEV-1'), (2, 'SEV-2'), (3, 'SEV-3'), (4, 'SEV-4')], help_text='The obligation holds only below this severity (rule P3).', null=True)),
                        ('questions', models.JSONField(blank=True, default=list, help_text='Questions for the client, as a list (rule P6).')),
                        ('counts', models.JSONField(blank=True, default=list, help_text='Numbers to write down when it is done, as a list of name and label (rule P7).')),
                        ('state', models.CharField(choices=[('open', 'Open'), ('done', 'Done'), ('skipped', 'Skipped'), ('not_applicable', 'Not applicable'), ('acknowledged', 'Acknowledged')], default='open', max_length=14)),
                        ('chosen', models.JSONField(blank=True, default=list, help_text='The branches its answer opened; empty: not answered.')),
                        ('is_by_branch', models.BooleanField(default=False, help_text='Not applicable because an earlier answer closed its branch.')),
                        ('at', models.DateTimeField(blank=True, null=True)),
                        ('by_name', models.CharField(blank=True, max_length=150)),
                        ('note', models.TextField(blank=True, max_length=5000)),
                        ('reason', models.TextField(blank=True, max_length=2000)),
                        ('evidence', models.TextField(blank=True, help_text='A link or a text.', max_length=5000)),
                        ('figure', models.JSONField(blank=True, default=dict, help_text='The reading as it was: name, value, limit, age, time.')),
                        ('figures', models.JSONField(blank=True, default=dict, help_text='The numbers written down: name and number (rule P7).')),
                        ('version', models.PositiveIntegerField(default=1, editable=False, help_text='Raised by every change; a stale form is refused.')),
                        ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='playbook_steps', to=settings.AUTH_USER_MODEL)),
                        ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='steps', to='incidents.playbookrun')),
                    ],
                    options={
                        'ordering': ['run', 'number'],
                        'constraints': [models.UniqueConstraint(fields=('run', 'number'), name='run_step_number'), models.UniqueConstraint(fields=('run', 'key'), name='run_step_key'), models.CheckConstraint(condition=models.Q(('state__in', ['open', 'done', 'skipped', 'not_applicable', 'acknowledged'])), name='run_step_state'), models.CheckConstraint(condition=models.Q(models.Q(('at__isnull', True), ('by_name', ''), ('state', 'open')), models.Q(models.Q(('state', 'open'), _negated=True), ('at__isnull', False), models.Q(('by_name', ''), _negated=True)), _connector='OR'), name='run_step_settled_has_who'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'skipped'), _negated=True), models.Q(('reason', ''), _negated=True), _connector='OR'), name='run_step_skipped_has_reason'), models.CheckConstraint(condition=models.Q(models.Q(('kind', 'prohibition'), _negated=True), ('state__in', ['open', 'acknowledged']), _connector='OR'), name='run_step_prohibition_never_done'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'acknowledged'), _negated=True), ('kind', 'prohibition'), _connector='OR'), name='run_step_only_prohibition_acknowledged'), models.CheckConstraint(condition=models.Q(('is_by_branch', False), ('state', 'not_applicable'), _connector='OR'), name='run_step_by_branch_not_applicable')],
                    },
                ),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='escalationnotice',
            name='escalation_notice_once',
        ),
        migrations.AddField(
            model_name='affectedclient',
            name='hubspot_message',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='notifications.message'),
        ),
        migrations.AddField(
            model_name='client',
            name='digest_is_automatic',
            field=models.BooleanField(default=False, help_text='At its hour, unless the wording guard finds something.', verbose_name='scheduled update leaves by itself'),
        ),
        migrations.AddField(
            model_name='escalation',
            name='acknowledged_via',
            field=models.CharField(blank=True, choices=[('link', 'by the link of the message'), ('phone', 'by phone')], max_length=10),
        ),
        migrations.AddField(
            model_name='escalation',
            name='amount',
            field=models.CharField(blank=True, help_text='In dispute (E3).', max_length=60),
        ),
        migrations.AddField(
            model_name='escalation',
            name='due_at',
            field=models.DateTimeField(blank=True, help_text='When it should have been raised, by the clock (E5, E6).', null=True),
        ),
        migrations.AddField(
            model_name='escalation',
            name='next_ring_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='escalation',
            name='quote',
            field=models.TextField(blank=True, max_length=5000, verbose_name='their words'),
        ),
        migrations.AddField(
            model_name='escalation',
            name='reached_by',
            field=models.CharField(blank=True, help_text='Who phoned, where nobody could be reached otherwise.', max_length=150),
        ),
        migrations.AddField(
            model_name='escalation',
            name='ring_count',
            field=models.PositiveSmallIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name='escalationnotice',
            name='channel',
            field=models.CharField(choices=[('email', 'E-mail'), ('telegram', 'Telegram'), ('hubspot', 'HubSpot')], default='email', max_length=20),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='escalationnotice',
            name='is_ring',
            field=models.BooleanField(default=False, help_text='Taken back when somebody has seen it (rule E9).'),
        ),
        migrations.AddField(
            model_name='escalationrule',
            name='email_roles',
            field=models.JSONField(blank=True, default=list, help_text='Roles that get an e-mail in any case.'),
        ),
        migrations.AddField(
            model_name='escalationrule',
            name='fires_after',
            field=models.DurationField(blank=True, help_text='From the detection; for rules fired by a clock.', null=True),
        ),
        migrations.AddField(
            model_name='escalationrule',
            name='fires_every',
            field=models.DurationField(blank=True, help_text='Again after each of these, until the fix is confirmed.', null=True),
        ),
        migrations.AddField(
            model_name='escalationrule',
            name='is_active',
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name='escalationrule',
            name='ring_every',
            field=models.DurationField(blank=True, help_text='Repeated so often until somebody says “seen”.', null=True),
        ),
        migrations.AddField(
            model_name='escalationrule',
            name='rings_to_backup',
            field=models.PositiveSmallIntegerField(default=0, help_text='After the rings to the person themselves.'),
        ),
        migrations.AddField(
            model_name='escalationrule',
            name='rings_to_target',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='historicalclient',
            name='digest_is_automatic',
            field=models.BooleanField(default=False, help_text='At its hour, unless the wording guard finds something.', verbose_name='scheduled update leaves by itself'),
        ),
        migrations.AddField(
            model_name='historicalescalationrule',
            name='email_roles',
            field=models.JSONField(blank=True, default=list, help_text='Roles that get an e-mail in any case.'),
        ),
        migrations.AddField(
            model_name='historicalescalationrule',
            name='fires_after',
            field=models.DurationField(blank=True, help_text='From the detection; for rules fired by a clock.', null=True),
        ),
        migrations.AddField(
            model_name='historicalescalationrule',
            name='fires_every',
            field=models.DurationField(blank=True, help_text='Again after each of these, until the fix is confirmed.', null=True),
        ),
        migrations.AddField(
            model_name='historicalescalationrule',
            name='is_active',
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name='historicalescalationrule',
            name='ring_every',
            field=models.DurationField(blank=True, help_text='Repeated so often until somebody says “seen”.', null=True),
        ),
        migrations.AddField(
            model_name='historicalescalationrule',
            name='rings_to_backup',
            field=models.PositiveSmallIntegerField(default=0, help_text='After the rings to the person themselves.'),
        ),
        migrations.AddField(
            model_name='historicalescalationrule',
            name='rings_to_target',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name='affectedclient',
            name='hubspot_state',
            field=models.CharField(choices=[('none', 'Not due yet'), ('queued', 'On its way'), ('manual', 'To be noted by hand'), ('done', 'Noted')], default='none', max_length=8),
        ),
        migrations.AlterField(
            model_name='affectedclient',
            name='resolution_told_via',
            field=models.CharField(blank=True, choices=[('mail', 'E-mail'), ('phone', 'Phone'), ('chat', 'Chat'), ('in_person', 'In person'), ('digest', 'Scheduled update')], max_length=10),
        ),
        migrations.AlterField(
            model_name='affectedclient',
            name='told_via',
            field=models.CharField(blank=True, choices=[('mail', 'E-mail'), ('phone', 'Phone'), ('chat', 'Chat'), ('in_person', 'In person'), ('digest', 'Scheduled update')], max_length=10),
        ),
        migrations.AlterField(
            model_name='escalationnotice',
            name='message',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='escalation_notices', to='notifications.message'),
        ),
        migrations.AlterField(
            model_name='escalationnotice',
            name='number',
            field=models.PositiveSmallIntegerField(default=1, help_text='Which ring it is.'),
        ),
        migrations.AddIndex(
            model_name='escalation',
            index=models.Index(condition=models.Q(('next_ring_at__isnull', False)), fields=['next_ring_at'], name='escalation_ring'),
        ),
        migrations.AddIndex(
            model_name='escalation',
            index=models.Index(condition=models.Q(('acknowledged_at__isnull', True)), fields=['-raised_at', '-id'], name='escalation_unseen'),
        ),
        migrations.AddConstraint(
            model_name='escalation',
            constraint=models.CheckConstraint(condition=models.Q(('acknowledged_at__isnull', True), ('next_ring_at__isnull', True), _connector='OR'), name='escalation_seen_rings_no_more'),
        ),
        migrations.RunPython(name_the_channels, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name='escalationnotice',
            constraint=models.UniqueConstraint(fields=('escalation', 'responder', 'number', 'channel'), name='escalation_notice_once'),
        ),
        migrations.AddConstraint(
            model_name='escalationrule',
            constraint=models.CheckConstraint(condition=models.Q(('fires_every__isnull', True), models.Q(('fires_after__isnull', False), ('fires_every__gt', datetime.timedelta(0))), _connector='OR'), name='escalation_rule_every_after'),
        ),
        migrations.AddConstraint(
            model_name='escalationrule',
            constraint=models.CheckConstraint(condition=models.Q(('ring_every__isnull', True), models.Q(('ring_every__gt', datetime.timedelta(0)), ('rings_to_target__gt', 0)), _connector='OR'), name='escalation_rule_rings'),
        ),
        migrations.RemoveConstraint(
            model_name='deadline',
            name='deadline_kind',
        ),
        migrations.RemoveConstraint(
            model_name='deadline',
            name='deadline_one_per_incident',
        ),
        migrations.AddField(
            model_name='historicalplaybookstep',
            name='answers',
            field=models.JSONField(blank=True, default=list, help_text='A list of branch and label; “opens_nothing” where no step follows from it.'),
        ),
        migrations.AddField(
            model_name='historicalplaybookstep',
            name='branch',
            field=models.SlugField(blank=True, help_text='The answer that opens it. Where no earlier step offers that answer, the step itself is asked whether it applies.', max_length=60),
        ),
        migrations.AddField(
            model_name='historicalplaybookstep',
            name='counts',
            field=models.JSONField(blank=True, default=list, help_text='Numbers to write down when it is done, as a list of name and label (rule P7).'),
        ),
        migrations.AddField(
            model_name='historicalplaybookstep',
            name='due_after',
            field=models.DurationField(blank=True, help_text='Makes it an obligation, due this long after detection; zero: at once.', null=True),
        ),
        migrations.AddField(
            model_name='historicalplaybookstep',
            name='due_only_below',
            field=models.PositiveSmallIntegerField(blank=True, choices=[(1, 'SEV-1'), (2, 'SEV-2'), (3, 'SEV-3'), (4, 'SEV-4')], help_text='The obligation holds only below this severity (rule P3).', null=True),
        ),
        migrations.AddField(
            model_name='historicalplaybookstep',
            name='effect',
            field=models.CharField(blank=True, choices=[('hold', 'Places a hold on sending'), ('backup', 'Switches to the backup: recorded as containment')], help_text='What doing it brings about.', max_length=12),
        ),
        migrations.AddField(
            model_name='historicalplaybookstep',
            name='is_multiple',
            field=models.BooleanField(default=False, help_text='More than one answer may be true.', verbose_name='several answers'),
        ),
        migrations.AddField(
            model_name='historicalplaybookstep',
            name='key',
            field=models.SlugField(default='', help_text='Its name in this playbook: “check-status”.', max_length=60),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='historicalplaybookstep',
            name='parameters',
            field=models.JSONField(blank=True, default=dict, help_text='What the reading needs to know, as name and value.'),
        ),
        migrations.AddField(
            model_name='historicalplaybookstep',
            name='question',
            field=models.CharField(blank=True, help_text='What the person is asked when answers are offered.', max_length=200),
        ),
        migrations.AddField(
            model_name='historicalplaybookstep',
            name='questions',
            field=models.JSONField(blank=True, default=list, help_text='Questions for the client, as a list (rule P6).'),
        ),
        migrations.AddField(
            model_name='playbookstep',
            name='answers',
            field=models.JSONField(blank=True, default=list, help_text='A list of branch and label; “opens_nothing” where no step follows from it.'),
        ),
        migrations.AddField(
            model_name='playbookstep',
            name='branch',
            field=models.SlugField(blank=True, help_text='The answer that opens it. Where no earlier step offers that answer, the step itself is asked whether it applies.', max_length=60),
        ),
        migrations.AddField(
            model_name='playbookstep',
            name='counts',
            field=models.JSONField(blank=True, default=list, help_text='Numbers to write down when it is done, as a list of name and label (rule P7).'),
        ),
        migrations.AddField(
            model_name='playbookstep',
            name='due_after',
            field=models.DurationField(blank=True, help_text='Makes it an obligation, due this long after detection; zero: at once.', null=True),
        ),
        migrations.AddField(
            model_name='playbookstep',
            name='due_only_below',
            field=models.PositiveSmallIntegerField(blank=True, choices=[(1, 'SEV-1'), (2, 'SEV-2'), (3, 'SEV-3'), (4, 'SEV-4')], help_text='The obligation holds only below this severity (rule P3).', null=True),
        ),
        migrations.AddField(
            model_name='playbookstep',
            name='effect',
            field=models.CharField(blank=True, choices=[('hold', 'Places a hold on sending'), ('backup', 'Switches to the backup: recorded as containment')], help_text='What doing it brings about.', max_length=12),
        ),
        migrations.AddField(
            model_name='playbookstep',
            name='is_multiple',
            field=models.BooleanField(default=False, help_text='More than one answer may be true.', verbose_name='several answers'),
        ),
        migrations.AddField(
            model_name='playbookstep',
            name='key',
            field=models.SlugField(default='', help_text='Its name in this playbook: “check-status”.', max_length=60),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='playbookstep',
            name='parameters',
            field=models.JSONField(blank=True, default=dict, help_text='What the reading needs to know, as name and value.'),
        ),
        migrations.AddField(
            model_name='playbookstep',
            name='question',
            field=models.CharField(blank=True, help_text='What the person is asked when answers are offered.', max_length=200),
        ),
        migrations.AddField(
            model_name='playbookstep',
            name='questions',
            field=models.JSONField(blank=True, default=list, help_text='Questions for the client, as a list (rule P6).'),
        ),
        migrations.AlterField(
            model_name='deadline',
            name='kind',
            field=models.CharField(choices=[('triage', 'Triage'), ('acknowledge', 'Acknowledge'), ('resolve', 'Resolve'), ('notice', 'Notice to the client'), ('promise', 'Promised update'), ('certain_fix', 'Promised fix time'), ('follow_up', 'Follow-up to the workaround'), ('review', 'Post-incident entry'), ('planned_fix', 'Planned fix'), ('window', 'Stability window'), ('playbook', 'Playbook step')], max_length=12),
        ),
        migrations.AlterField(
            model_name='historicalplaybookstep',
            name='condition',
            field=models.CharField(blank=True, help_text='When it applies, in words: “if provider outage”.', max_length=120),
        ),
        migrations.AlterField(
            model_name='historicalplaybookstep',
            name='reading',
            field=models.CharField(blank=True, choices=[('provider_status', "The provider's status page"), ('domain_authentication', 'SPF, DKIM and DMARC of the sending domain'), ('domain_reputation', 'Block lists and reputation of the sending domain'), ('bounce_rate', 'Bounce rate of the sending domain'), ('connection', "State of the integration's connection"), ('last_sync', 'Last successful sync and the gap'), ('error_rate', 'Errors and rate limits of the API')], help_text='The live figure or check behind the step.', max_length=60),
        ),
        migrations.AlterField(
            model_name='playbookstep',
            name='condition',
            field=models.CharField(blank=True, help_text='When it applies, in words: “if provider outage”.', max_length=120),
        ),
        migrations.AlterField(
            model_name='playbookstep',
            name='reading',
            field=models.CharField(blank=True, choices=[('provider_status', "The provider's status page"), ('domain_authentication', 'SPF, DKIM and DMARC of the sending domain'), ('domain_reputation', 'Block lists and reputation of the sending domain'), ('bounce_rate', 'Bounce rate of the sending domain'), ('connection', "State of the integration's connection"), ('last_sync', 'Last successful sync and the gap'), ('error_rate', 'Errors and rate limits of the API')], help_text='The live figure or check behind the step.', max_length=60),
        ),
        migrations.AlterField(
            model_name='timelineentry',
            name='kind',
            field=models.CharField(choices=[('opened', 'opened'), ('triaged', 'triaged'), ('acknowledged', 'acknowledged'), ('assigned', 'assigned'), ('investigating', 'investigating'), ('finding', 'finding'), ('containment', 'containment'), ('fix', 'fix'), ('workaround', 'workaround'), ('guidance', 'guidance'), ('verified', 'verified'), ('relapse', 'relapse'), ('resolved', 'resolved'), ('review', 'post-incident entry'), ('closed', 'closed'), ('cancelled', 'cancelled'), ('severity', 'severity changed'), ('detected_at', 'detection time corrected'), ('clients', 'affected clients changed'), ('waiver', 'waiver'), ('wait', 'waiting'), ('note', 'note'), ('draft', 'draft'), ('mail', 'mail'), ('told', 'told another way'), ('promise', 'promise'), ('hubspot', 'HubSpot note'), ('escalation', 'escalation'), ('warning', 'warning'), ('breach', 'breach'), ('staff', 'staff told'), ('playbook', 'playbook'), ('step', 'playbook step'), ('hold', 'hold'), ('privacy', 'privacy')], max_length=14),
        ),
        migrations.AddConstraint(
            model_name='playbookstep',
            constraint=models.CheckConstraint(condition=models.Q(('due_after__isnull', True), ('due_after__gte', datetime.timedelta(0)), _connector='OR'), name='playbook_step_due_not_negative'),
        ),
        migrations.AddField(
            model_name='deadline',
            name='run_step',
            field=models.ForeignKey(blank=True, help_text='The playbook step that owes it (rule P3).', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='deadlines', to='incidents.playbookrunstep'),
        ),
        migrations.AddConstraint(
            model_name='deadline',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['triage', 'acknowledge', 'resolve', 'notice', 'promise', 'certain_fix', 'follow_up', 'review', 'planned_fix', 'window', 'playbook'])), name='deadline_kind'),
        ),
        migrations.AddConstraint(
            model_name='deadline',
            constraint=models.UniqueConstraint(condition=models.Q(('client__isnull', True), ('voided_at__isnull', True), models.Q(('kind__in', ['certain_fix', 'playbook']), _negated=True)), fields=('incident', 'kind'), name='deadline_one_per_incident'),
        ),
        migrations.AddConstraint(
            model_name='deadline',
            constraint=models.UniqueConstraint(condition=models.Q(('run_step__isnull', False), ('voided_at__isnull', True)), fields=('run_step',), name='deadline_one_per_run_step'),
        ),
        migrations.AddConstraint(
            model_name='deadline',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'playbook'), ('run_step__isnull', False)), models.Q(models.Q(('kind', 'playbook'), _negated=True), ('run_step__isnull', True)), _connector='OR'), name='deadline_playbook_has_step'),
        ),
    ]
