"""What the workflow wrote: to be read, never added to, changed or deleted."""

from typing import Any

from django.contrib import admin
from django.db.models import Q

from incidents.admin.base import OfIncidentAdmin, ReadOnlyAdmin
from incidents.models import (
    AffectedClient,
    ClientAnswer,
    ClientMail,
    Deadline,
    Diagnosis,
    DueEscalation,
    Escalation,
    EscalationNotice,
    FixRecord,
    FormToken,
    Hold,
    MailDraft,
    Participant,
    PlaybookRun,
    PlaybookRunStep,
    PreventionMeasure,
    ReferenceCounter,
    Review,
    SetAside,
    TimelineEntry,
    Verification,
    Wait,
    Waiver,
)


@admin.register(TimelineEntry)
class TimelineEntryAdmin(OfIncidentAdmin):
    list_display = ["incident", "at", "kind", "origin", "actor_name", "text"]
    list_filter = ["kind", "origin"]
    list_select_related = ["incident"]
    search_fields = ["incident__ref", "text", "actor_name"]


@admin.register(AffectedClient)
class AffectedClientAdmin(OfIncidentAdmin):
    list_display = ["incident", "client", "told_at", "resolution_told_at", "hubspot_state"]
    list_filter = ["told_via", "hubspot_state"]
    list_select_related = ["incident", "client"]
    search_fields = ["incident__ref", "client__name"]


@admin.register(Deadline)
class DeadlineAdmin(OfIncidentAdmin):
    list_display = ["incident", "kind", "client", "due_at", "stopped_at", "breached_at"]
    list_filter = ["kind", "owner", "is_provisional"]
    list_select_related = ["incident", "client"]


@admin.register(Diagnosis)
class DiagnosisAdmin(OfIncidentAdmin):
    list_display = ["incident", "at", "by_name", "side", "found"]
    list_filter = ["side"]
    list_select_related = ["incident"]


@admin.register(FixRecord)
class FixRecordAdmin(OfIncidentAdmin):
    list_display = ["incident", "kind", "at", "by_name", "tested_where"]
    list_filter = ["kind"]
    list_select_related = ["incident"]


@admin.register(Verification)
class VerificationAdmin(OfIncidentAdmin):
    list_display = ["incident", "at", "by_name", "relapsed_at"]
    list_select_related = ["incident"]


@admin.register(Wait)
class WaitAdmin(OfIncidentAdmin):
    list_display = ["incident", "on", "what", "started_at", "ended_at"]
    list_filter = ["on"]
    list_select_related = ["incident"]


@admin.register(Waiver)
class WaiverAdmin(OfIncidentAdmin):
    list_display = ["incident", "kind", "reason", "by", "at"]
    list_filter = ["kind"]
    list_select_related = ["incident", "by"]


@admin.register(Participant)
class ParticipantAdmin(OfIncidentAdmin):
    list_display = ["incident", "user", "added_at"]
    list_select_related = ["incident", "user"]


@admin.register(Hold)
class HoldAdmin(OfIncidentAdmin):
    """P4: released through its gate on the incident, never here."""

    list_display = ["sending_domain", "client", "incident", "placed_at", "released_at"]
    list_filter = ["released_how"]
    list_select_related = ["sending_domain", "client", "incident"]
    search_fields = ["sending_domain__name", "client__name", "incident__ref"]

    def without_incident(self) -> Q:
        return Q(incident__isnull=True)


@admin.register(PlaybookRun)
class PlaybookRunAdmin(OfIncidentAdmin):
    list_display = ["incident", "title", "how", "attached_at", "attached_by_name", "ended_at"]
    list_filter = ["how", "playbook"]
    list_select_related = ["incident"]


@admin.register(PlaybookRunStep)
class PlaybookRunStepAdmin(OfIncidentAdmin):
    incident_path = "run__incident"
    list_display = ["run", "number", "text", "state", "by_name", "at"]
    list_filter = ["state", "kind"]
    list_select_related = ["run__incident"]
    search_fields = ["run__incident__ref", "text"]


@admin.register(ClientAnswer)
class ClientAnswerAdmin(OfIncidentAdmin):
    """P6: typed on the playbook's step, never here."""

    incident_path = "run_step__run__incident"
    list_display = ["run_step", "client", "question", "text", "by_name", "at"]
    list_select_related = ["run_step__run__incident", "client"]
    search_fields = ["run_step__run__incident__ref", "text"]


@admin.register(Review)
class ReviewAdmin(OfIncidentAdmin):
    list_display = ["incident", "completed_at", "updated_at", "updated_by"]
    list_select_related = ["incident"]


@admin.register(PreventionMeasure)
class PreventionMeasureAdmin(OfIncidentAdmin):
    incident_path = "review__incident"
    list_display = ["text", "owner", "due_on", "done_on"]
    list_select_related = ["owner"]
    search_fields = ["text", "review__incident__ref"]


@admin.register(MailDraft)
class MailDraftAdmin(OfIncidentAdmin):
    list_display = ["incident", "kind", "updated_at", "updated_by", "finished_at", "is_discarded"]
    list_filter = ["kind", "is_discarded"]
    list_select_related = ["incident"]


@admin.register(ClientMail)
class ClientMailAdmin(OfIncidentAdmin):
    incident_path = "draft__incident"
    list_display = ["draft", "client", "queued_at", "queued_by", "delivered_at", "failed_at"]
    list_select_related = ["draft__incident", "client"]
    search_fields = ["draft__incident__ref", "client__name"]


class _OfEscalationAdmin(OfIncidentAdmin):
    """An escalation on a client alone belongs to no incident and hides nothing."""

    def without_incident(self) -> Q:
        return Q(**{f"{self.incident_path}__isnull": True})


@admin.register(Escalation)
class EscalationAdmin(_OfEscalationAdmin):
    list_display = [
        "rule",
        "incident",
        "client",
        "raised_at",
        "acknowledged_by",
        "is_undeliverable",
    ]
    list_filter = ["rule", "is_undeliverable"]
    list_select_related = ["rule", "incident", "client"]
    search_fields = ["incident__ref", "client__name", "summary"]


@admin.register(EscalationNotice)
class EscalationNoticeAdmin(_OfEscalationAdmin):
    incident_path = "escalation__incident"
    list_display = ["escalation", "responder", "number", "delivery"]
    list_select_related = ["escalation", "responder", "message"]
    search_fields = ["escalation__incident__ref", "responder__name"]
    exclude = ["message"]

    @admin.display(description="Delivery")
    def delivery(self, notice: EscalationNotice) -> Any:
        return notice.message.get_state_display()


@admin.register(DueEscalation)
class DueEscalationAdmin(OfIncidentAdmin):
    list_display = ["incident", "rule", "occurrence", "due_at"]
    list_filter = ["rule"]
    list_select_related = ["incident", "rule"]


@admin.register(FormToken)
class FormTokenAdmin(ReadOnlyAdmin):
    list_display = ["token", "used_at"]
    fields = ["token", "used_at"]


@admin.register(ReferenceCounter)
class ReferenceCounterAdmin(ReadOnlyAdmin):
    list_display = ["series", "last"]


@admin.register(SetAside)
class SetAsideAdmin(ReadOnlyAdmin):
    """What the clocks could not write, and when they try again."""

    list_display = ["what", "part", "since", "tries", "next_try_at", "error"]
    list_filter = ["part"]
    search_fields = ["what"]
