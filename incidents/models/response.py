"""What was found and done about an incident (SOP steps 4 and 5)."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from incidents.enums import (
    FixKind,
    Side,
    WaiverKind,
)


class Diagnosis(models.Model):
    """One look at the trouble: what was checked and what it showed (rule W4)."""

    incident = models.ForeignKey(
        "incidents.Incident", on_delete=models.CASCADE, related_name="diagnoses"
    )
    at = models.DateTimeField()
    by_name = models.CharField(max_length=150)
    logs = models.TextField(blank=True, max_length=5_000)
    status_pages = models.TextField(blank=True, max_length=5_000)
    configuration = models.TextField(blank=True, max_length=5_000)
    found = models.TextField(blank=True, max_length=5_000)
    side = models.CharField(max_length=12, choices=Side, blank=True)

    class Meta:
        ordering = ["at", "id"]
        verbose_name_plural = "diagnoses"

    def __str__(self) -> str:
        return f"Diagnosis of {self.incident.ref} at {self.at:%Y-%m-%d %H:%M}"


class Waiver(models.Model):
    """A gate opened by name and reason (rules W5, W7, M5)."""

    incident = models.ForeignKey(
        "incidents.Incident", on_delete=models.CASCADE, related_name="waivers"
    )
    kind = models.CharField(max_length=18, choices=WaiverKind)
    reason = models.TextField(max_length=2_000)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    detail = models.TextField(blank=True, max_length=2_000)

    class Meta:
        ordering = ["at", "id"]
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="waiver_has_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} waived for {self.incident.ref}"


class FixRecord(models.Model):
    """What broke, what caused it, what was done, and the test behind it (rules W4, W5)."""

    incident = models.ForeignKey(
        "incidents.Incident", on_delete=models.CASCADE, related_name="fixes"
    )
    kind = models.CharField(max_length=12, choices=FixKind)
    at = models.DateTimeField()
    by_name = models.CharField(max_length=150)
    broke = models.TextField("what broke", blank=True, max_length=5_000)
    cause = models.TextField("what caused it", blank=True, max_length=5_000)
    done = models.TextField("what was done", max_length=5_000)
    tested_what = models.TextField("what was tested", blank=True, max_length=2_000)
    tested_where = models.CharField("where it was tested", blank=True, max_length=200)
    test_result = models.TextField("result of the test", blank=True, max_length=2_000)
    waiver = models.ForeignKey(
        Waiver, null=True, blank=True, on_delete=models.PROTECT, related_name="fixes"
    )

    class Meta:
        ordering = ["at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=[FixKind.GUIDANCE, FixKind.CONTAINMENT])
                | Q(waiver__isnull=False)
                | (~Q(tested_what="") & ~Q(tested_where="") & ~Q(test_result="")),
                name="fix_tested_or_waived",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.incident.ref} at {self.at:%Y-%m-%d %H:%M}"


class Verification(models.Model):
    """The end-to-end confirmation that starts the stability window (rule W6)."""

    incident = models.ForeignKey(
        "incidents.Incident", on_delete=models.CASCADE, related_name="verifications"
    )
    at = models.DateTimeField()
    by_name = models.CharField(max_length=150)
    end_to_end = models.TextField("end-to-end confirmation", max_length=2_000)
    failure_test = models.TextField("test of the specific failure", max_length=2_000)
    relapsed_at = models.DateTimeField(null=True, blank=True)
    relapse_reason = models.TextField(blank=True, max_length=2_000)

    class Meta:
        ordering = ["at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["incident"],
                condition=Q(relapsed_at__isnull=True),
                name="verification_one_standing",
            ),
        ]

    def __str__(self) -> str:
        return f"Verification of {self.incident.ref} at {self.at:%Y-%m-%d %H:%M}"


class Wait(models.Model):
    """Waiting on a client or a vendor: recorded, never a pause of a clock (rule C6)."""

    incident = models.ForeignKey(
        "incidents.Incident", on_delete=models.CASCADE, related_name="waits"
    )
    on = models.CharField(
        max_length=12,
        choices=[(Side.CLIENT.value, "A client"), (Side.THIRD_PARTY.value, "A vendor")],
    )
    what = models.TextField(max_length=2_000)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["started_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "on"],
                condition=Q(ended_at__isnull=True),
                name="wait_one_running_per_party",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("started_at")),
                name="wait_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.incident.ref} waits on {self.get_on_display().lower()}"
