"""The incident, its scope, its deadlines and what was done about it."""

import datetime as dt

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse
from simple_history.models import HistoricalRecords

from incidents.enums import (
    FINAL_STATUSES,
    OPEN_STATUSES,
    UNRESOLVED_STATUSES,
    DeadlineKind,
    FixKind,
    HubSpotState,
    Owner,
    Role,
    Side,
    Source,
    Status,
    ToldVia,
    WaiverKind,
)
from incidents.models.client import Client, System
from incidents.models.responder import Responder
from incidents.models.severity import Severity

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
        roles = set(user.groups.values_list("name", flat=True)) if user.pk else set()
        if roles & {Role.ORCHESTRATOR, Role.FOUNDER}:
            return self
        own = (
            Q(technical_owner__user=user.pk)
            | Q(communications_owner__user=user.pk)
            | Q(coordinator__user=user.pk)
            | Exists(Participant.objects.filter(incident=OuterRef("pk"), user=user.pk))
        )
        return self.filter(Q(is_private=False) | own) if user.pk else self.none()

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
    playbooks = models.ManyToManyField("incidents.Playbook", related_name="incidents", blank=True)

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


class DeadlineQuerySet(models.QuerySet["Deadline"]):
    def running(self) -> "DeadlineQuerySet":
        return self.filter(stopped_at__isnull=True, voided_at__isnull=True)

    def counted(self) -> "DeadlineQuerySet":
        """Deadlines that stand: running, met or late, not voided."""
        return self.filter(voided_at__isnull=True)

    def needing_attention(self, *, at: dt.datetime) -> "DeadlineQuerySet":
        """Running deadlines with a warning or a breach to write by ``at``."""
        return self.running().filter(next_event_at__lte=at)


class Deadline(models.Model):
    """One instant somebody has to meet, kept or late (rules C1 to C8, M6).

    ``next_event_at`` is the next moment at which the sweep must look at the row: half of the
    time used, four fifths used, then due. It is empty once there is nothing left to write.
    """

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="deadlines")
    client = models.ForeignKey(
        Client, null=True, blank=True, on_delete=models.PROTECT, related_name="deadlines"
    )
    kind = models.CharField(max_length=12, choices=DeadlineKind)
    owner = models.CharField(max_length=14, choices=Owner)
    started_at = models.DateTimeField()
    due_at = models.DateTimeField()
    is_provisional = models.BooleanField(default=False)
    half_warned_at = models.DateTimeField(null=True, blank=True)
    near_warned_at = models.DateTimeField(null=True, blank=True)
    next_event_at = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    breached_at = models.DateTimeField(null=True, blank=True)
    voided_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=200, blank=True)

    objects = DeadlineQuerySet.as_manager()

    class Meta:
        ordering = ["due_at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=DeadlineKind.values), name="deadline_kind"),
            models.CheckConstraint(
                condition=Q(due_at__gte=F("started_at")), name="deadline_due_after_start"
            ),
            models.CheckConstraint(
                condition=Q(stopped_at__isnull=True, voided_at__isnull=True)
                | Q(next_event_at__isnull=True),
                name="deadline_ended_needs_no_sweep",
            ),
            models.UniqueConstraint(
                fields=["incident", "kind"],
                condition=Q(client__isnull=True, voided_at__isnull=True)
                & ~Q(kind__in=[DeadlineKind.CERTAIN_FIX]),
                name="deadline_one_per_incident",
            ),
            models.UniqueConstraint(
                fields=["incident", "kind", "client"],
                condition=Q(client__isnull=False, voided_at__isnull=True, stopped_at__isnull=True),
                name="deadline_one_running_per_client",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_event_at"],
                condition=Q(next_event_at__isnull=False),
                name="deadline_sweep",
            ),
            models.Index(
                fields=["due_at"],
                condition=Q(stopped_at__isnull=True, voided_at__isnull=True),
                name="deadline_running",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.incident.ref}, due {self.due_at:%Y-%m-%d %H:%M}"

    @property
    def is_running(self) -> bool:
        return self.stopped_at is None and self.voided_at is None

    @property
    def is_breached(self) -> bool:
        return self.breached_at is not None


class Diagnosis(models.Model):
    """One look at the trouble: what was checked and what it showed (rule W4)."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="diagnoses")
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

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="waivers")
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

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="fixes")
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

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="verifications")
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

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="waits")
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


class FormToken(models.Model):
    """A form post that was already done: the double click finds its result (reliability)."""

    token = models.UUIDField(unique=True)
    used_at = models.DateTimeField()
    location = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [models.Index(fields=["used_at"], name="form_token_used")]

    def __str__(self) -> str:
        return str(self.token)
