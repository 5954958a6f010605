"""Client mails while they are written, approved and sent (rules M1 to M8)."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from incidents.enums import MailKind
from incidents.models.client import Client
from incidents.models.incident import Incident
from notifications.models import Message


class MailDraft(models.Model):
    """What all mails of one kind say; each client gets a mail of its own from it.

    The text fields hold what a person typed; which of them a kind uses is the template's matter.
    A draft stays open until each of its clients has been sent to, or it is discarded.
    """

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="drafts")
    kind = models.CharField(max_length=30, choices=MailKind)
    brief = models.CharField("brief description", max_length=120, blank=True)
    system_name = models.CharField(max_length=120, blank=True)
    what_happening = models.TextField(blank=True, max_length=2_000)
    what_doing = models.TextField(blank=True, max_length=2_000)
    what_happened = models.TextField(blank=True, max_length=2_000)
    what_did = models.TextField(blank=True, max_length=2_000)
    update_text = models.TextField("update", blank=True, max_length=4_000)
    timeline = models.TextField(blank=True, max_length=20_000)
    root_cause = models.TextField(blank=True, max_length=10_000)
    data_loss = models.TextField(blank=True, max_length=2_000)
    questions = models.TextField(blank=True, max_length=4_000)
    next_update_at = models.DateTimeField(null=True, blank=True)
    certain_fix_at = models.DateTimeField(
        null=True, blank=True, help_text="A fix time that is certain: tracked as a deadline."
    )
    override_reason = models.TextField(blank=True, max_length=2_000)
    overridden_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    overridden_findings = models.JSONField(default=list, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    is_workaround = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    updated_by = models.CharField(max_length=150, blank=True)
    version = models.PositiveIntegerField(default=1)
    finished_at = models.DateTimeField(null=True, blank=True)
    is_discarded = models.BooleanField(default=False)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=MailKind.values), name="mail_draft_kind"),
            models.UniqueConstraint(
                fields=["incident", "kind"],
                condition=Q(finished_at__isnull=True),
                name="mail_draft_one_open_per_kind",
            ),
            models.CheckConstraint(
                condition=Q(approved_at__isnull=True) | Q(approved_by__isnull=False),
                name="mail_draft_approved_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(override_reason="") | Q(overridden_by__isnull=False),
                name="mail_draft_overridden_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.incident.ref}"

    @property
    def is_open(self) -> bool:
        return self.finished_at is None


class ClientMail(models.Model):
    """One mail to one client: a draft until it has a message in the outbox."""

    draft = models.ForeignKey(MailDraft, on_delete=models.CASCADE, related_name="mails")
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="mails")
    message = models.OneToOneField(
        Message, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    attempt = models.PositiveSmallIntegerField(
        default=0, help_text="Raised by each send, so that an undone one gets a new key."
    )
    queued_at = models.DateTimeField(null=True, blank=True)
    queued_by = models.CharField(max_length=150, blank=True)
    next_update_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["client__name"]
        constraints = [
            models.UniqueConstraint(fields=["draft", "client"], name="client_mail_unique"),
            models.CheckConstraint(
                condition=Q(delivered_at__isnull=True) | Q(message__isnull=False),
                name="client_mail_delivered_has_message",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.draft} to {self.client}"

    @property
    def is_draft(self) -> bool:
        return self.message_id is None
