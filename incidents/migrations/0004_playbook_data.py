"""Playbooks get their branches, and what incidents carried becomes runs with copied steps.

The old table of attached playbooks goes then; runs are the way from incidents to playbooks.
"""

import datetime as dt

from django.db import migrations, models

#: What each step of the SOP gained, by playbook and text.
GAINED = {
    "api-down": {
        "Check provider status page": {
            "key": "check-status",
            "reading": "provider_status",
            "question": "What does it look like?",
            "is_multiple": True,
            "answers": [
                {"branch": "provider-outage", "label": "The provider has an outage"},
                {"branch": "our-config", "label": "Our configuration"},
                {"branch": "rate-limited", "label": "We are rate limited"},
            ],
        },
        "If provider outage: switch to backup (model cascade fallback for OpenRouter)": {
            "key": "switch-to-backup",
            "branch": "provider-outage",
            "effect": "backup",
        },
        "If our config: verify API keys, check rate limits, review recent changes": {
            "key": "check-config",
            "branch": "our-config",
            "reading": "error_rate",
        },
        "If rate limited: reduce request volume, implement backoff": {
            "key": "reduce-volume",
            "branch": "rate-limited",
            "reading": "error_rate",
        },
        "Notify affected clients if outage exceeds 1 hour": {
            "key": "notify-clients",
            "branch": "provider-outage",
            "due_after_minutes": 60,
            "due_only_below": 1,
        },
    },
    "email-bounce-spike": {
        "Pause outreach immediately": {"key": "pause-outreach", "effect": "hold"},
        "Check: Is the sending domain warmed up? Is SPF/DKIM/DMARC configured?": {
            "key": "check-domain",
            "reading": "domain_authentication",
            "question": "Is it the sending domain?",
            "answers": [
                {"branch": "domain-issue", "label": "Yes, a domain issue"},
                {"branch": "domain-fine", "label": "No, the domain is fine", "opens_nothing": True},
            ],
        },
        "Review bounced addresses: hard bounces (bad addresses) vs. soft bounces (temp issues)": {
            "key": "review-bounces",
            "question": "What kind of bounces are they?",
            "is_multiple": True,
            "answers": [
                {"branch": "hard-bounces", "label": "Hard bounces (bad addresses)"},
                {
                    "branch": "soft-bounces",
                    "label": "Soft bounces (temp issues)",
                    "opens_nothing": True,
                },
            ],
        },
        "If hard bounces: verify email verification pipeline is working": {
            "key": "verify-addresses",
            "branch": "hard-bounces",
        },
        "If domain issue: check domain reputation, reduce send volume, contact ESP support": {
            "key": "mend-domain",
            "branch": "domain-issue",
            "reading": "domain_reputation",
        },
        "Do NOT resume sending until bounce rate is under 2%": {
            "key": "resume-sending",
            "reading": "bounce_rate",
        },
    },
    "crm-sync-break": {
        "Check integration connection status": {"key": "check-connection", "reading": "connection"},
        "Verify API credentials haven't expired": {"key": "verify-credentials"},
        "Check for schema changes (new fields, deleted fields)": {"key": "check-schema"},
        "Run test sync with a single record": {"key": "test-sync"},
        "If data loss suspected: check last successful sync timestamp, identify gap": {
            "key": "find-gap",
            "branch": "data-loss",
            "question": "Is data loss suspected?",
            "reading": "last_sync",
        },
        "Backfill missing records": {
            "key": "backfill",
            "counts": [
                {"name": "missing", "label": "Records missing"},
                {"name": "written", "label": "Records written"},
            ],
        },
    },
    "client-reports-not-working": {
        "Rick acknowledges within SLA": {"key": "acknowledge"},
        "Ask clarifying questions: What specifically isn't working? When did it stop? Any changes on their end?": {
            "key": "ask-client",
            "questions": [
                "What specifically isn't working?",
                "When did it stop?",
                "Any changes on their end?",
            ],
        },
        "Devin investigates the specific system the client references": {"key": "investigate"},
        "Often the issue is on the client's side (changed a password, modified a setting) → guide them through fixing it": {
            "key": "guide-client",
            "branch": "client-side",
            "question": "Is the issue on the client's side?",
        },
        "Document resolution for future reference": {"key": "document"},
    },
    "outreach-tool-suspension": {
        "This is a SEV-1 — all outreach stops": {"key": "declare-sev1"},
        "Check platform for suspension reason (usually volume or spam complaints)": {
            "key": "find-reason"
        },
        "Do NOT create a new account — this makes it worse": {"key": "no-new-account"},
        "Contact platform support with appeal": {"key": "appeal"},
        "If suspended permanently: migrate to backup tool": {
            "key": "migrate",
            "branch": "suspended-permanently",
            "question": "Is it suspended permanently?",
            "effect": "backup",
        },
        "Notify affected clients immediately": {"key": "notify-clients", "due_after_minutes": 0},
    },
}
COPIED = (
    "number", "key", "kind", "text", "condition", "branch", "question", "answers", "is_multiple",
    "reading", "parameters", "effect", "due_after", "due_only_below", "questions", "counts",
)  # fmt: skip


def name_steps(apps, schema_editor):
    """Every step gets a key; a playbook that has all the SOP's texts gets its branches too.

    One that staff rewrote keeps their words: they give it branches in the editor.
    """
    Playbook = apps.get_model("incidents", "Playbook")
    for playbook in Playbook.objects.prefetch_related("steps"):
        steps = list(playbook.steps.all())
        gained = GAINED.get(playbook.slug, {})
        is_whole = set(gained) <= {step.text for step in steps}
        taken = {fields["key"] for fields in gained.values()}
        for step in steps:
            fields = dict(gained.get(step.text, {})) if is_whole else {}
            key = f"step-{step.number}"
            step.key = fields.pop("key", key if key not in taken else f"{key}-own")
            minutes = fields.pop("due_after_minutes", None)
            step.due_after = None if minutes is None else dt.timedelta(minutes=minutes)
            for name, value in fields.items():
                setattr(step, name, value)
            step.save()


def carry_runs(apps, schema_editor):
    """An attached playbook becomes a run whose steps nobody has worked on yet."""
    Incident = apps.get_model("incidents", "Incident")
    Run = apps.get_model("incidents", "PlaybookRun")
    RunStep = apps.get_model("incidents", "PlaybookRunStep")
    links = Incident.playbooks.through.objects.select_related("incident", "playbook")
    for link in links.order_by("pk").iterator():
        incident, playbook = link.incident, link.playbook
        by_monitor = incident.source == "monitoring"
        run = Run.objects.create(
            incident=incident,
            playbook=playbook,
            title=playbook.title,
            attached_at=incident.opened_at
            if by_monitor
            else incident.triaged_at or incident.opened_at,
            attached_by_name="System",
            how="monitor" if by_monitor else "triage",
        )
        RunStep.objects.bulk_create(
            RunStep(run=run, **{name: getattr(step, name) for name in COPIED})
            for step in playbook.steps.order_by("number")
        )


def carry_back(apps, schema_editor):
    """Backwards: the links without what was done."""
    Incident = apps.get_model("incidents", "Incident")
    Run = apps.get_model("incidents", "PlaybookRun")
    through = Incident.playbooks.through
    through.objects.bulk_create(
        through(incident_id=run.incident_id, playbook_id=run.playbook_id)
        for run in Run.objects.filter(ended_at__isnull=True)
    )


class Migration(migrations.Migration):
    dependencies = [("incidents", "0003_escalations_updates_playbooks")]
    operations = [
        migrations.RunPython(name_steps, migrations.RunPython.noop),
        migrations.RunPython(carry_runs, carry_back),
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
