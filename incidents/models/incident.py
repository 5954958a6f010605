"""The incident, its scope, its deadlines and what was done about it."""

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse
from simple_history.models import HistoricalRecords

from incidents.enums import (
    FINAL_STATUSES,
    OPEN_STATUSES,
    SEES_ALL,
    UNRESOLVED_STATUSES,
    HubSpotState,
    Owner,
    Side,
    Source,
    Status,
    ToldVia,
)
from incidents.models.client import Client, System
from incidents.models.deadline import Deadline
from incidents.models.responder import Responder
from incidents.models.severity import Severity
from notifications.models import Message

Viewer = User | AnonymousUser


class ReferenceCounter(models.Model):
    """The last number given out per series and year.

    Read and raised inside the transaction that opens the incident, so a rollback gives the
    number back: no gaps, no doubles.
    """

    series = models.CharField(max_length=30, unique=True)
    last = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.series}: {self.last}"


class IncidentQuerySet(models.QuerySet["Incident"]):
    def open(self) -> "IncidentQuerySet":
        return self.filter(status__in=OPEN_STATUSES)

    def unresolved(self) -> "IncidentQuerySet":
        return self.filter(status__in=UNRESOLVED_STATUSES)

    def untriaged(self) -> "IncidentQuerySet":
        return self.filter(status=Status.DETECTED)

    def visible_to(self, user: Viewer) -> "IncidentQuerySet":
        """Leave private incidents out for everybody who is not on them (rule W11)."""
        if user.pk is None:
            return self.none()
        roles = user.groups.values_list("name", flat=True)
        return self.seen_by(user.pk, sees_all=not SEES_ALL.isdisjoint(roles))

    def seen_by(self, user: int, *, sees_all: bool) -> "IncidentQuerySet":
        """As ``visible_to``, for an account of which it is known whether it sees all."""
        if sees_all:
            return self
        own = (
            Q(technical_owner__user=user)
            | Q(communications_owner__user=user)
            | Q(coordinator__user=user)
            | Exists(Participant.objects.filter(incident=OuterRef("pk"), user=user))
        )
        return self.filter(Q(is_private=False) | own)

    def breached(self) -> "IncidentQuerySet":
        late = Deadline.objects.filter(
            incident=OuterRef("pk"), breached_at__isnull=False, voided_at__isnull=True
        )
        return self.filter(Exists(late))

    def search(self, text: str) -> "IncidentQuerySet":
        return self.filter(
            Q(ref__iexact=text)
            | Q(title__icontains=text)
            | Q(description__icontains=text)
            | Exists(
                AffectedClient.objects.filter(incident=OuterRef("pk"), client__name__icontains=text)
            )
        )


class Incident(models.Model):
    ref = models.CharField("reference", max_length=20, unique=True, editable=False)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True, max_length=20_000)
    source = models.CharField(max_length=16, choices=Source)
    status = models.CharField(max_length=14, choices=Status, default=Status.DETECTED)
    severity = models.ForeignKey(
        Severity, null=True, blank=True, on_delete=models.PROTECT, related_name="incidents"
    )
    severity_reason = models.TextField(blank=True, max_length=2_000)
    suggested_severity = models.ForeignKey(
        Severity, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    systems = models.ManyToManyField(System, related_name="incidents", blank=True)
    clients = models.ManyToManyField(Client, through="AffectedClient", related_name="incidents")
    reported_by = models.ForeignKey(
        Client,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="reported_incidents",
        help_text="The client who reported it, if one did.",
    )
    fault_side = models.CharField(
        "side at fault", max_length=12, choices=Side, blank=True, help_text="SOP step 4.2."
    )
    coordinator = models.ForeignKey(
        Responder, null=True, blank=True, on_delete=models.PROTECT, related_name="coordinates"
    )
    technical_owner = models.ForeignKey(
        Responder, null=True, blank=True, on_delete=models.PROTECT, related_name="resolves"
    )
    communications_owner = models.ForeignKey(
        Responder, null=True, blank=True, on_delete=models.PROTECT, related_name="communicates"
    )
    playbooks = models.ManyToManyField(
        "incidents.Playbook", through="incidents.PlaybookRun", related_name="incidents", blank=True
    )

    detected_at = models.DateTimeField(help_text="The earliest evidence (rule C1).")
    opened_at = models.DateTimeField(editable=False)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="opened_incidents",
    )
    triaged_at = models.DateTimeField(null=True, blank=True)
    severe_since = models.DateTimeField(
        null=True, blank=True, help_text="Triage as, or upgrade to, the present severity."
    )
    accepted_at = models.DateTimeField(
        null=True, blank=True, help_text="When the communications owner accepted it."
    )
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    workaround_at = models.DateTimeField(null=True, blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    planned_fix_at = models.DateTimeField(null=True, blank=True)

    review_severity = models.ForeignKey(
        Severity,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The severity that owes the post-incident entry and postmortem (rule S10).",
    )
    is_breach_suspected = models.BooleanField("data breach suspected", default=False)
    is_private = models.BooleanField(default=False)
    is_in_scope = models.BooleanField("in scope of the current build", default=False)
    data_loss = models.TextField(
        blank=True, max_length=2_000, help_text="Stated to the client, if any (rule M8)."
    )
    follows = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="followed_by"
    )
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged"
    )
    opening_key = models.CharField(
        max_length=120, null=True, blank=True, unique=True, editable=False
    )
    version = models.PositiveIntegerField(
        default=1, editable=False, help_text="Raised by every step; a stale form is refused."
    )
    last_entry_at = models.DateTimeField(null=True, editable=False)
    last_entry = models.CharField(max_length=200, blank=True, editable=False)
    entry_count = models.PositiveIntegerField(default=0, editable=False)
    is_demo = models.BooleanField(default=False, editable=False)

    history = HistoricalRecords(excluded_fields=["last_entry_at", "last_entry", "entry_count"])
    objects = IncidentQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=Status.values), name="incident_status"),
            models.CheckConstraint(condition=Q(source__in=Source.values), name="incident_source"),
            models.CheckConstraint(
                condition=Q(status__in=[Status.DETECTED, Status.CANCELLED])
                | Q(severity__isnull=False, triaged_at__isnull=False),
                name="incident_triaged_has_severity",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=[Status.MONITORING, Status.RESOLVED, Status.CLOSED])
                | Q(verified_at__isnull=False),
                name="incident_monitoring_is_verified",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=[Status.RESOLVED, Status.CLOSED])
                | Q(resolved_at__isnull=False, acknowledged_at__isnull=False),
                name="incident_resolved_is_acknowledged",
            ),
            models.CheckConstraint(
                condition=Q(status=Status.CLOSED, closed_at__isnull=False)
                | (~Q(status=Status.CLOSED) & Q(closed_at__isnull=True)),
                name="incident_closed_has_time",
            ),
            models.CheckConstraint(
                condition=Q(status=Status.CANCELLED, cancelled_at__isnull=False)
                | (~Q(status=Status.CANCELLED) & Q(cancelled_at__isnull=True)),
                name="incident_cancelled_has_time",
            ),
            models.CheckConstraint(
                condition=Q(is_breach_suspected=False) | Q(is_private=True),
                name="incident_breach_is_private",
            ),
            models.CheckConstraint(
                condition=Q(detected_at__lte=F("opened_at")), name="incident_detected_before_opened"
            ),
        ]
        indexes = [
            models.Index(
                fields=["severity", "-id"],
                condition=~Q(status__in=FINAL_STATUSES),
                name="incident_open",
            ),
            models.Index(fields=["-detected_at", "-id"], name="incident_recent"),
            models.Index(fields=["status", "-id"], name="incident_by_status"),
        ]

    def __str__(self) -> str:
        return f"{self.ref} {self.title}"

    def get_absolute_url(self) -> str:
        return reverse("incidents:detail", args=[self.ref])

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES

    @property
    def is_final(self) -> bool:
        return self.status in FINAL_STATUSES

    @property
    def judged_severity(self) -> Severity:
        """The severity of a triaged incident; the database holds that it is set by then."""
        if self.severity is None:
            raise ValueError(f"{self.ref} has not been triaged.")
        return self.severity

    @property
    def level(self) -> int | None:
        return self.severity_id

    def owner(self, owner: str) -> Responder | None:
        """The responder whose deadline it is."""
        return {
            Owner.COORDINATOR: self.coordinator,
            Owner.TECHNICAL: self.technical_owner,
            Owner.COMMUNICATIONS: self.communications_owner,
        }[Owner(owner)]


class Participant(models.Model):
    """Somebody let into a private incident beside its owners, such as legal (rule E10)."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="participants")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="participations"
    )
    added_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["incident", "user"], name="participant_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.user} on {self.incident.ref}"


class AffectedClient(models.Model):
    """What one client was told of one incident: the row of the client matrix."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="affected")
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="affected")
    added_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True, blank=True)
    told_via = models.CharField(max_length=10, choices=ToldVia, blank=True)
    resolution_told_at = models.DateTimeField(null=True, blank=True)
    resolution_told_via = models.CharField(max_length=10, choices=ToldVia, blank=True)
    postmortem_told_at = models.DateTimeField(null=True, blank=True)
    hubspot_state = models.CharField(max_length=8, choices=HubSpotState, default=HubSpotState.NONE)
    hubspot_note = models.TextField(blank=True)
    hubspot_message = models.ForeignKey(
        Message, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    hubspot_noted_at = models.DateTimeField(null=True, blank=True)
    hubspot_noted_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ["client__name"]
        constraints = [
            models.UniqueConstraint(fields=["incident", "client"], name="affected_client_unique"),
            models.CheckConstraint(
                condition=Q(told_at__isnull=True, told_via="")
                | (Q(told_at__isnull=False) & ~Q(told_via="")),
                name="affected_told_has_way",
            ),
            models.CheckConstraint(
                condition=Q(resolution_told_at__isnull=True, resolution_told_via="")
                | (Q(resolution_told_at__isnull=False) & ~Q(resolution_told_via="")),
                name="affected_resolution_has_way",
            ),
            models.CheckConstraint(
                condition=~Q(hubspot_state=HubSpotState.DONE) | Q(hubspot_noted_at__isnull=False),
                name="affected_noted_has_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.client} in {self.incident.ref}"
