"""From each step's valid form to its domain function: what ``incidents.steps.SPECS`` runs.

``run(incident, form, by=, now=)`` raises WorkflowError, and changes nothing then.
"""

import datetime as dt

from django.db import transaction

from incidents import correspondence, workflow
from incidents.actors import Actor
from incidents.enums import MailKind
from incidents.errors import Missing, WorkflowError
from incidents.forms.changes import (
    AssignForm,
    ClientsForm,
    DetectedAtForm,
    EscalateForm,
    NoteForm,
    SeverityForm,
    WaitForm,
    WaiveForm,
)
from incidents.forms.holds import HoldForm, ReleaseForm
from incidents.forms.mail import (
    ApproveForm,
    DraftForm,
    HubSpotNotedForm,
    OfDraftForm,
    SendForm,
    ToldForm,
)
from incidents.forms.playbooks import PlaybookForm, RunStepForm
from incidents.forms.response import (
    AcknowledgeForm,
    ConfirmForm,
    ContainForm,
    FixForm,
    InvestigateForm,
    ReasonForm,
    RelapseForm,
    VerifyForm,
    WorkaroundForm,
)
from incidents.forms.review import ReviewForm
from incidents.forms.triage import TriageForm
from incidents.models import Incident, MailDraft
from incidents.playbooks.actions import act_on_step
from incidents.playbooks.attaching import attach_playbook, detach_playbook
from incidents.playbooks.holds import place_holds, release_gate
from incidents.taking import refusal
from incidents.transitions import Step


def triage(incident: Incident, form: TriageForm, *, by: Actor, now: dt.datetime) -> object:
    return workflow.triage_incident(
        incident, form.decision(), by=by, now=now, version=form.seen_version
    )


def acknowledge(
    incident: Incident, form: AcknowledgeForm, *, by: Actor, now: dt.datetime
) -> object:
    return workflow.acknowledge_incident(
        incident,
        planned_fix_at=form.cleaned_data.get("planned_fix_at"),
        by=by,
        now=now,
        version=form.seen_version,
    )


def assign(incident: Incident, form: AssignForm, *, by: Actor, now: dt.datetime) -> object:
    data = form.cleaned_data
    return workflow.assign_incident(
        incident,
        coordinator=data["coordinator"],
        technical_owner=data["technical_owner"],
        communications_owner=data["communications_owner"],
        by=by,
        now=now,
        version=form.seen_version,
    )


def investigate(
    incident: Incident, form: InvestigateForm, *, by: Actor, now: dt.datetime
) -> object:
    return workflow.investigate_incident(
        incident, form.findings(), by=by, now=now, version=form.seen_version
    )


def contain(incident: Incident, form: ContainForm, *, by: Actor, now: dt.datetime) -> object:
    return workflow.contain_incident(incident, done=form.cleaned_data["done"], by=by, now=now)


def fix(incident: Incident, form: FixForm, *, by: Actor, now: dt.datetime) -> object:
    return workflow.record_fix(
        incident,
        form.details(),
        is_guidance=form.is_guidance,
        by=by,
        now=now,
        version=form.seen_version,
    )


def workaround(incident: Incident, form: WorkaroundForm, *, by: Actor, now: dt.datetime) -> object:
    return workflow.record_workaround(
        incident, form.details(), by=by, now=now, version=form.seen_version
    )


def verify(incident: Incident, form: VerifyForm, *, by: Actor, now: dt.datetime) -> object:
    return workflow.verify_fix(
        incident,
        end_to_end=form.cleaned_data["end_to_end"],
        failure_test=form.cleaned_data["failure_test"],
        by=by,
        now=now,
        version=form.seen_version,
    )


def relapse(incident: Incident, form: RelapseForm, *, by: Actor, now: dt.datetime) -> object:
    return workflow.report_relapse(
        incident, reason=form.cleaned_data["reason"], by=by, now=now, version=form.seen_version
    )


def resolve(incident: Incident, form: ConfirmForm, *, by: Actor, now: dt.datetime) -> object:
    return workflow.resolve_incident(incident, by=by, now=now, version=form.seen_version)


def review(incident: Incident, form: ReviewForm, *, by: Actor, now: dt.datetime) -> object:
    data = form.cleaned_data
    return workflow.write_review(
        incident,
        timeline=data["timeline"],
        root_cause=data["root_cause"],
        resolution=data["resolution"],
        measures=form.measures,
        is_complete=data["complete"],
        by=by,
        now=now,
        version=form.seen_version,
    )


def close(incident: Incident, form: ConfirmForm, *, by: Actor, now: dt.datetime) -> object:
    return workflow.close_incident(incident, by=by, now=now, version=form.seen_version)


def cancel(incident: Incident, form: ReasonForm, *, by: Actor, now: dt.datetime) -> object:
    return workflow.cancel_incident(
        incident, reason=form.cleaned_data["reason"], by=by, now=now, version=form.seen_version
    )


def note(incident: Incident, form: NoteForm, *, by: Actor, now: dt.datetime) -> object:
    data = form.cleaned_data
    kind = {"kind": data["kind"]} if data["kind"] else {}
    return workflow.add_note(incident, text=data["text"], at=data["at"], by=by, now=now, **kind)


def wait(incident: Incident, form: WaitForm, *, by: Actor, now: dt.datetime) -> object:
    data = form.cleaned_data
    if data["action"] == "end":
        return workflow.end_wait(incident, on=data["on"], by=by, now=now)
    return workflow.start_wait(incident, on=data["on"], what=data["what"], by=by, now=now)


def draft(incident: Incident, form: DraftForm, *, by: Actor, now: dt.datetime) -> object:
    kind = form.cleaned_data["kind"]
    clients = form.cleaned_data["clients"] or correspondence.clients_for(incident, kind)
    with transaction.atomic():
        draft = correspondence.start_draft(incident, kind=kind, clients=clients, by=by, now=now)
        texts = form.texts()
        return correspondence.edit_draft(draft, texts, by=by, now=now) if texts else draft


def send(incident: Incident, form: SendForm, *, by: Actor, now: dt.datetime) -> object:
    data = form.cleaned_data
    _refuse_early(Step.SEND, incident, by=by, now=now)
    draft = _find_draft(incident, form)
    with transaction.atomic():
        if data["override_reason"].strip():
            correspondence.override_findings(
                draft,
                reason=data["override_reason"],
                certain_fix_at=data["certain_fix_at"],
                by=by,
                now=now,
            )
        return correspondence.send_draft(draft, clients=data["clients"] or None, by=by, now=now)


def approve(incident: Incident, form: ApproveForm, *, by: Actor, now: dt.datetime) -> object:
    _refuse_early(Step.APPROVE, incident, by=by, now=now)
    return correspondence.approve_draft(_find_draft(incident, form), by=by, now=now)


def told(incident: Incident, form: ToldForm, *, by: Actor, now: dt.datetime) -> object:
    data = form.cleaned_data
    return correspondence.tell_another_way(
        incident,
        client=data["client"],
        about=data["about"],
        via=data["via"],
        who=data["who"],
        said=data["said"],
        at=data["at"],
        next_update_at=data["next_update_at"],
        by=by,
        now=now,
    )


def hubspot_noted(
    incident: Incident, form: HubSpotNotedForm, *, by: Actor, now: dt.datetime
) -> object:
    return correspondence.note_in_hubspot(
        incident, client=form.cleaned_data["client"], by=by, now=now
    )


def severity(incident: Incident, form: SeverityForm, *, by: Actor, now: dt.datetime) -> object:
    data = form.cleaned_data
    return workflow.change_severity(
        incident,
        level=data["level"],
        reason=data["reason"],
        downgrade=data["downgrade"],
        by=by,
        now=now,
        version=form.seen_version,
    )


def detected_at(incident: Incident, form: DetectedAtForm, *, by: Actor, now: dt.datetime) -> object:
    return workflow.correct_detection(
        incident,
        detected_at=form.cleaned_data["detected_at"],
        reason=form.cleaned_data["reason"],
        by=by,
        now=now,
        version=form.seen_version,
    )


def clients(incident: Incident, form: ClientsForm, *, by: Actor, now: dt.datetime) -> object:
    return workflow.change_clients(
        incident, clients=form.cleaned_data["clients"], by=by, now=now, version=form.seen_version
    )


def escalate(incident: Incident, form: EscalateForm, *, by: Actor, now: dt.datetime) -> object:
    data = form.cleaned_data
    return workflow.escalate_incident(
        incident,
        code=data["code"],
        summary=data["summary"],
        quote=data["quote"],
        amount=data["amount"],
        client=data["client"],
        by=by,
        now=now,
    )


def waive(incident: Incident, form: WaiveForm, *, by: Actor, now: dt.datetime) -> object:
    return workflow.waive_gate(
        incident,
        kind=form.cleaned_data["kind"],
        reason=form.cleaned_data["reason"],
        by=by,
        now=now,
    )


def playbook(incident: Incident, form: PlaybookForm, *, by: Actor, now: dt.datetime) -> object:
    playbook = form.cleaned_data["playbook"]
    if form.is_attaching:
        return attach_playbook(incident, playbook, by=by, now=now, version=form.seen_version)
    reason = form.cleaned_data["reason"]
    return detach_playbook(
        incident, playbook, reason=reason, by=by, now=now, version=form.seen_version
    )


def step(incident: Incident, form: RunStepForm, *, by: Actor, now: dt.datetime) -> object:
    _refuse_early(Step.STEP, incident, by=by, now=now)
    return act_on_step(incident, form.doing(), by=by, now=now)


def hold(incident: Incident, form: HoldForm, *, by: Actor, now: dt.datetime) -> object:
    data = form.cleaned_data
    return place_holds(incident, data["domains"], reason=data["reason"], by=by, now=now)


def release(incident: Incident, form: ReleaseForm, *, by: Actor, now: dt.datetime) -> object:
    data = form.cleaned_data
    return release_gate(
        incident,
        domains=data["domains"],
        override_reason=data["override_reason"],
        by=by,
        now=now,
    )


def _find_draft(incident: Incident, form: OfDraftForm) -> MailDraft:
    """The draft a valid form names. Raises WorkflowError where there is none."""
    number, kind = form.cleaned_data.get("draft"), form.cleaned_data.get("kind")
    drafts = incident.drafts.filter(pk=number) if number else incident.drafts.filter(kind=kind)
    draft = drafts.filter(finished_at__isnull=True).last()
    if draft is None:
        name = MailKind(kind).label.lower() if kind else f"mail number {number}"
        raise WorkflowError(
            f"There is no open draft: {name}.", [Missing("A drafted mail", step=Step.DRAFT)]
        )
    return draft


def _refuse_early(step: Step, incident: Incident, *, by: Actor, now: dt.datetime) -> None:
    """Say first what the table and the roles say, before looking for what the form names."""
    error = refusal(step, incident, by=by, now=now)
    if error is not None:
        raise error
