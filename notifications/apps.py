from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """The lowest floor: it knows messages and channels, never incidents or monitors."""

    name = "notifications"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Outgoing messages"
