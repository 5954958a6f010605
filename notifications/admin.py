"""The outbox to look at, the templates to edit. Messages change through the outbox only."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from simple_history.admin import SimpleHistoryAdmin

from notifications.models import ChannelPause, DeliveryAttempt, EmailTemplate, Message


class _ReadOnly:
    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class DeliveryAttemptInline(_ReadOnly, admin.TabularInline):
    model = DeliveryAttempt
    extra = 0
    fields = ["number", "started_at", "ended_at", "outcome", "answer", "by"]


@admin.register(Message)
class MessageAdmin(_ReadOnly, admin.ModelAdmin):
    """Delivery facts only: what a message says may belong to a private incident (W11).

    What a person may decide about one (send again, set aside, release) is decided in the outbox.
    """

    list_display = ["id", "state", "channel", "urgency", "attempts", "due_at", "sent_at"]
    list_filter = ["state", "channel", "urgency", "is_demo"]
    search_fields = ["message_id"]
    exclude = [
        "key",
        "recipient",
        "subject",
        "text",
        "html",
        "lane",
        "reference",
        "thread",
        "replaces",
    ]
    readonly_fields = ["replaces_id"]
    inlines = [DeliveryAttemptInline]


@admin.register(DeliveryAttempt)
class DeliveryAttemptAdmin(_ReadOnly, admin.ModelAdmin):
    list_display = ["id", "message_id", "number", "started_at", "ended_at", "outcome"]
    list_filter = ["outcome"]
    fields = ["message_id", "number", "started_at", "ended_at", "outcome", "answer", "by"]


@admin.register(ChannelPause)
class ChannelPauseAdmin(_ReadOnly, admin.ModelAdmin):
    """A pause ends by itself, or with “Try again” in the outbox."""

    list_display = ["channel", "needs_a_person", "since", "until", "tries"]


@admin.register(EmailTemplate)
class EmailTemplateAdmin(SimpleHistoryAdmin):
    """Editing goes through the model's own validation; adding is load_sop's work."""

    list_display = ["title", "name", "subject"]
    fields = ["name", "title", "subject", "body", "known_fields"]
    readonly_fields = ["name", "known_fields"]

    @admin.display(description="Fields this mail knows")
    def known_fields(self, template: EmailTemplate) -> str:
        return ", ".join(f"{{{{ {field.name} }}}} {field.label}" for field in template.fields)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
