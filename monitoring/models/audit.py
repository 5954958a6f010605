"""What the auditor found wrong with our own work (rule K11)."""

import datetime as dt

from django.db import models


class Audit(models.Model):
    """When the auditor looked last; one row, by which an audit is claimed."""

    ONLY = 1

    next_at = models.DateTimeField(help_text="Whoever moves it on does the audit.")
    finished_at = models.DateTimeField(null=True, blank=True)
    passed_at = models.DateTimeField(null=True, blank=True)
    pinged_at = models.DateTimeField(
        null=True, blank=True, help_text="When the outside watchdog was last reached."
    )
    ping_error = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(pk=1), name="audit_only_row"),
        ]

    def __str__(self) -> str:
        return f"next audit at {self.next_at:%Y-%m-%d %H:%M:%S}"

    @classmethod
    def claim(cls, *, at: dt.datetime, period: dt.timedelta) -> bool:
        """Whether the caller does the audit that is due by then; one of several gets it."""
        row, is_new = cls.objects.get_or_create(pk=cls.ONLY, defaults={"next_at": at + period})
        if is_new:
            return True
        due = cls.objects.filter(pk=row.pk, next_at__lte=at)
        return bool(due.update(next_at=at + period))


class AuditFinding(models.Model):
    """One question of the audit that is answered wrong; gone when it is right again."""

    key = models.CharField(max_length=40, primary_key=True)
    text = models.CharField(max_length=500)
    since = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="The last audit that found it.")
    is_live = models.BooleanField(
        default=False, help_text="Readiness asks the same by itself, at every request."
    )
    is_on_pages = models.BooleanField(
        default=False, help_text="Every page has an alarm of its own for it."
    )

    class Meta:
        ordering = ["since", "key"]

    def __str__(self) -> str:
        return self.text
