"""Every step a person can take, with its form and its domain function: one list for the pages
and for ``act``, so that both ask the same, refuse the same and do the same."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction

from incidents import correspondence, workflow
from incidents.actors import Actor
from incidents.correspondence import Sent
from incidents.enums import MailKind, StepAction
from incidents.errors import Missing, WorkflowError
from incidents.forms.base import StepForm
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
from incidents.models import Incident, MailDraft, PlaybookRunStep
from incidents.permissions import authorize, may
from incidents.playbooks.actions import act_on_step
from incidents.playbooks.asking import ask_outside
from incidents.playbooks.attaching import attach_playbook, detach_playbook
from incidents.playbooks.holds import place_holds, release_gate, still_held
from incidents.playbooks.running import find_run_step
from incidents.transitions import Step, check_transition, is_possible

Run = Callable[..., object]


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One step: its form, what it does, and its words.

    ``run(incident, form, by=, now=)`` takes a valid form and calls the domain; it raises
    WorkflowError and changes nothing then.
    """

    step: Step
    form_class: type[StepForm]
    run: Run
    button: str
    done: str
    help: str

    @property
    def label(self) -> str:
        return str(self.step.label)


def refusal(step: Step, incident: Incident, *, by: Actor, now: dt.datetime) -> WorkflowError | None:
    """Why this person cannot take the step now, as far as role and status tell; else None."""
    try:
        authorize(step, by=by, now=now)
        check_transition(incident, step)
    except WorkflowError as error:
        return error
    return None


def possible_steps(incident: Incident, *, by: Actor, now: dt.datetime) -> list[StepSpec]:
    """What this person can do with the incident now, in the order of the SOP."""
    return [
        spec
        for spec in SPECS.values()
        if is_possible(spec.step, incident.status) and may(spec.step, by=by, now=now)
    ]


def find_draft(incident: Incident, form: OfDraftForm) -> MailDraft:
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


def outcome_text(spec: StepSpec, incident: Incident, result: object) -> str:
    """One line that says what was done, with what a person should know of the result."""
    text = f"{incident.ref}: {spec.done}"
    if isinstance(result, Sent):
        count = len(result.mails)
        text = f"{incident.ref}: {count} {'mail' if count == 1 else 'mails'} on the way."
        if result.without_contact:
            names = ", ".join(client.name for client in result.without_contact)
            text += f" Not to {names}: no usable contact."
    elif isinstance(result, PlaybookRunStep):
        state = result.get_state_display().lower()
        text = f"{incident.ref}: step {result.number} of “{result.run.title}” is {state}."
    elif spec.step == Step.RELEASE and isinstance(result, list) and (held := still_held(result)):
        text = f"{incident.ref}: released. {', '.join(held)}: still on hold for another incident."
    elif isinstance(result, MailDraft):
        text = f"{incident.ref}: {result.get_kind_display().lower()} drafted (number {result.pk})."
    return text


def prepare_step(incident: Incident, form: StepForm, *, by: Actor, now: dt.datetime) -> None:
    """What a valid form needs from the outside, asked before any transaction begins.

    A step of a playbook may ask a provider or the DNS, which takes seconds. Raises WorkflowError.
    """
    if not isinstance(form, RunStepForm) or form.cleaned_data["action"] != StepAction.ASK:
        return
    doing = form.doing()
    step = find_run_step(incident, doing.step, playbook=doing.playbook)
    form.asked = ask_outside(incident, step, by=by, now=now)


def _triage(incident: Incident, form: TriageForm, *, by: Actor, now: dt.datetime) -> object:
    return workflow.triage_incident(
        incident, form.decision(), by=by, now=now, version=form.seen_version
    )


def _acknowledge(
    incident: Incident, form: AcknowledgeForm, *, by: Actor, now: dt.datetime
) -> object:
    return workflow.acknowledge_incident(
        incident,
        planned_fix_at=form.cleaned_data.get("planned_fix_at"),
        by=by,
        now=now,
        version=form.seen_version,
    )


def _assign(incident: Incident, form: AssignForm, *, by: Actor, now: dt.datetime) -> object:
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


def _investigate(
    incident: Incident, form: InvestigateForm, *, by: Actor, now: dt.datetime
) -> object:
    return workflow.investigate_incident(
        incident, form.findings(), by=by, now=now, version=form.seen_version
    )


def _contain(incident: Incident, form: ContainForm, *, by: Actor, now: dt.datetime) -> object:
    return workflow.contain_incident(incident, done=form.cleaned_data["done"], by=by, now=now)


def _fix(incident: Incident, form: FixForm, *, by: Actor, now: dt.datetime) -> object:
    return workflow.record_fix(
        incident,
        form.details(),
        is_guidance=form.is_guidance,
        by=by,
        now=now,
        version=form.seen_version,
    )


def _workaround(incident: Incident, form: WorkaroundForm, *, by: Actor, now: dt.datetime) -> object:
    return workflow.record_workaround(
        incident, form.details(), by=by, now=now, version=form.seen_version
    )


def _verify(incident: Incident, form: VerifyForm, *, by: Actor, now: dt.datetime) -> object:
    return workflow.verify_fix(
        incident,
        end_to_end=form.cleaned_data["end_to_end"],
        failure_test=form.cleaned_data["failure_test"],
        by=by,
        now=now,
        version=form.seen_version,
    )


def _relapse(incident: Incident, form: RelapseForm, *, by: Actor, now: dt.datetime) -> object:
    return workflow.report_relapse(
        incident, reason=form.cleaned_data["reason"], by=by, now=now, version=form.seen_version
    )


def _resolve(incident: Incident, form: ConfirmForm, *, by: Actor, now: dt.datetime) -> object:
    return workflow.resolve_incident(incident, by=by, now=now, version=form.seen_version)


def _review(incident: Incident, form: ReviewForm, *, by: Actor, now: dt.datetime) -> object:
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


def _close(incident: Incident, form: ConfirmForm, *, by: Actor, now: dt.datetime) -> object:
    return workflow.close_incident(incident, by=by, now=now, version=form.seen_version)


def _cancel(incident: Incident, form: ReasonForm, *, by: Actor, now: dt.datetime) -> object:
    return workflow.cancel_incident(
        incident, reason=form.cleaned_data["reason"], by=by, now=now, version=form.seen_version
    )


def _note(incident: Incident, form: NoteForm, *, by: Actor, now: dt.datetime) -> object:
    data = form.cleaned_data
    kind = {"kind": data["kind"]} if data["kind"] else {}
    return workflow.add_note(incident, text=data["text"], at=data["at"], by=by, now=now, **kind)


def _wait(incident: Incident, form: WaitForm, *, by: Actor, now: dt.datetime) -> object:
    data = form.cleaned_data
    if data["action"] == "end":
        return workflow.end_wait(incident, on=data["on"], by=by, now=now)
    return workflow.start_wait(incident, on=data["on"], what=data["what"], by=by, now=now)


def _draft(incident: Incident, form: DraftForm, *, by: Actor, now: dt.datetime) -> object:
    kind = form.cleaned_data["kind"]
    clients = form.cleaned_data["clients"] or correspondence.clients_for(incident, kind)
    with transaction.atomic():
        draft = correspondence.start_draft(incident, kind=kind, clients=clients, by=by, now=now)
        texts = form.texts()
        return correspondence.edit_draft(draft, texts, by=by, now=now) if texts else draft


def _send(incident: Incident, form: SendForm, *, by: Actor, now: dt.datetime) -> object:
    data = form.cleaned_data
    _refuse_early(Step.SEND, incident, by=by, now=now)
    draft = find_draft(incident, form)
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


def _approve(incident: Incident, form: ApproveForm, *, by: Actor, now: dt.datetime) -> object:
    _refuse_early(Step.APPROVE, incident, by=by, now=now)
    return correspondence.approve_draft(find_draft(incident, form), by=by, now=now)


def _told(incident: Incident, form: ToldForm, *, by: Actor, now: dt.datetime) -> object:
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


def _hubspot_noted(
    incident: Incident, form: HubSpotNotedForm, *, by: Actor, now: dt.datetime
) -> object:
    return correspondence.note_in_hubspot(
        incident, client=form.cleaned_data["client"], by=by, now=now
    )


def _severity(incident: Incident, form: SeverityForm, *, by: Actor, now: dt.datetime) -> object:
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


def _detected_at(
    incident: Incident, form: DetectedAtForm, *, by: Actor, now: dt.datetime
) -> object:
    return workflow.correct_detection(
        incident,
        detected_at=form.cleaned_data["detected_at"],
        reason=form.cleaned_data["reason"],
        by=by,
        now=now,
        version=form.seen_version,
    )


def _clients(incident: Incident, form: ClientsForm, *, by: Actor, now: dt.datetime) -> object:
    return workflow.change_clients(
        incident, clients=form.cleaned_data["clients"], by=by, now=now, version=form.seen_version
    )


def _escalate(incident: Incident, form: EscalateForm, *, by: Actor, now: dt.datetime) -> object:
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


def _waive(incident: Incident, form: WaiveForm, *, by: Actor, now: dt.datetime) -> object:
    return workflow.waive_gate(
        incident,
        kind=form.cleaned_data["kind"],
        reason=form.cleaned_data["reason"],
        by=by,
        now=now,
    )


def _playbook(incident: Incident, form: PlaybookForm, *, by: Actor, now: dt.datetime) -> object:
    playbook = form.cleaned_data["playbook"]
    if form.is_attaching:
        return attach_playbook(incident, playbook, by=by, now=now, version=form.seen_version)
    reason = form.cleaned_data["reason"]
    return detach_playbook(
        incident, playbook, reason=reason, by=by, now=now, version=form.seen_version
    )


def _step(incident: Incident, form: RunStepForm, *, by: Actor, now: dt.datetime) -> object:
    _refuse_early(Step.STEP, incident, by=by, now=now)
    return act_on_step(incident, form.doing(), by=by, now=now)


def _hold(incident: Incident, form: HoldForm, *, by: Actor, now: dt.datetime) -> object:
    data = form.cleaned_data
    return place_holds(incident, data["domains"], reason=data["reason"], by=by, now=now)


def _release(incident: Incident, form: ReleaseForm, *, by: Actor, now: dt.datetime) -> object:
    data = form.cleaned_data
    return release_gate(
        incident,
        domains=data["domains"],
        override_reason=data["override_reason"],
        by=by,
        now=now,
    )


def _refuse_early(step: Step, incident: Incident, *, by: Actor, now: dt.datetime) -> None:
    """Say first what the table and the roles say, before looking for what the form names."""
    error = refusal(step, incident, by=by, now=now)
    if error is not None:
        raise error


SPECS: dict[Step, StepSpec] = {
    spec.step: spec
    for spec in (
        StepSpec(
            Step.TRIAGE,
            TriageForm,
            _triage,
            "Triage",
            "Triaged.",
            "SOP step 2: classify the severity, name systems and clients, assign the resolver.",
        ),
        StepSpec(
            Step.ACKNOWLEDGE,
            AcknowledgeForm,
            _acknowledge,
            "Accept",
            "Accepted.",
            "SOP step 3: you take it on for the client. SEV-1 and SEV-2 also need the notice "
            "delivered to every affected client.",
        ),
        StepSpec(
            Step.ASSIGN,
            AssignForm,
            _assign,
            "Assign",
            "Assigned; the new owners are told.",
            "SOP step 2.3: usually delivery for technical, revenue for communication. "
            "Each new owner is told.",
        ),
        StepSpec(
            Step.INVESTIGATE,
            InvestigateForm,
            _investigate,
            "Save findings",
            "Findings saved.",
            "SOP step 4: check logs, API status pages and integration configs. Is it our system, "
            "the client's system, or a third-party service?",
        ),
        StepSpec(
            Step.CONTAIN,
            ContainForm,
            _contain,
            "Record containment",
            "Containment recorded.",
            "Pause, switch to the backup, revoke a key. Possible at once, without a test.",
        ),
        StepSpec(
            Step.FIX,
            FixForm,
            _fix,
            "Record the fix",
            "Fix recorded.",
            "SOP step 4: what was broken, what caused it, what was done. "
            "No change to production without a test.",
        ),
        StepSpec(
            Step.WORKAROUND,
            WorkaroundForm,
            _workaround,
            "Record the workaround",
            "Workaround recorded.",
            "SOP step 4: implement a workaround if possible, monitor for resolution. "
            "It stops the resolve clock of a SEV-1 only.",
        ),
        StepSpec(
            Step.VERIFY,
            VerifyForm,
            _verify,
            "Verify",
            "Verified; the stability window runs.",
            "SOP step 5: confirm that the fix works end to end and test the specific failure. "
            "The stability window starts then.",
        ),
        StepSpec(
            Step.RELAPSE,
            RelapseForm,
            _relapse,
            "It came back",
            "Back to investigating.",
            "Inside the stability window: back to investigating, and the resolve clock runs again, "
            "counted from detection.",
        ),
        StepSpec(
            Step.RESOLVE,
            ConfirmForm,
            _resolve,
            "Resolve",
            "Resolved.",
            "SOP step 6: the window is over, the clients know it is resolved. "
            "A HubSpot note for each client's deal becomes due.",
        ),
        StepSpec(
            Step.REVIEW,
            ReviewForm,
            _review,
            "Save the entry",
            "Post-incident entry saved.",
            "SOP step 7: timeline of events, root cause, resolution, prevention measures.",
        ),
        StepSpec(
            Step.CLOSE,
            ConfirmForm,
            _close,
            "Close",
            "Closed.",
            "Nothing is closed until it is documented.",
        ),
        StepSpec(
            Step.CANCEL,
            ReasonForm,
            _cancel,
            "Cancel the incident",
            "Cancelled.",
            "A false alarm. Not possible once a client was told of it.",
        ),
        StepSpec(
            Step.NOTE,
            NoteForm,
            _note,
            "Add entry",
            "Entry added.",
            "The timeline keeps every entry; one for a past time is marked as added later.",
        ),
        StepSpec(
            Step.WAIT,
            WaitForm,
            _wait,
            "Record",
            "Wait recorded.",
            "Waiting on a client or a vendor is recorded. No clock pauses.",
        ),
        StepSpec(
            Step.DRAFT,
            DraftForm,
            _draft,
            "Save the draft",
            "Draft saved.",
            "SOP steps 3 and 6: one mail per client. Do NOT speculate about the cause or promise "
            "a fix time unless you're certain.",
        ),
        StepSpec(
            Step.SEND,
            SendForm,
            _send,
            "Send",
            "On the way.",
            "SOP steps 3 and 6: each client gets a mail of its own, to its own contact.",
        ),
        StepSpec(
            Step.APPROVE,
            ApproveForm,
            _approve,
            "Approve",
            "Approved.",
            "Where a data breach is suspected, the founder approves the text of client mails.",
        ),
        StepSpec(
            Step.TOLD,
            ToldForm,
            _told,
            "Record",
            "Recorded as told.",
            "By phone, in a chat or in person: it counts like a mail, and is reported apart.",
        ),
        StepSpec(
            Step.HUBSPOT_NOTED,
            HubSpotNotedForm,
            _hubspot_noted,
            "Tick the note",
            "HubSpot note ticked.",
            "SOP step 6.2: the note with the incident's summary is on the client's deal.",
        ),
        StepSpec(
            Step.SEVERITY,
            SeverityForm,
            _severity,
            "Change the severity",
            "Severity changed.",
            "Every deadline is counted anew from the detection. A lower severity needs a reason.",
        ),
        StepSpec(
            Step.DETECTED_AT,
            DetectedAtForm,
            _detected_at,
            "Correct",
            "Detection time corrected.",
            "Clocks run from the earliest evidence. Every deadline is counted anew.",
        ),
        StepSpec(
            Step.CLIENTS,
            ClientsForm,
            _clients,
            "Change the clients",
            "Affected clients changed.",
            "SOP step 2.2: which clients are affected? A client added gets its notice.",
        ),
        StepSpec(
            Step.ESCALATE,
            EscalateForm,
            _escalate,
            "Escalate now",
            "Escalated.",
            "The SOP's escalation matrix. Whom each row tells, and how, stands beside it.",
        ),
        StepSpec(
            Step.WAIVE,
            WaiveForm,
            _waive,
            "Waive",
            "Gate waived.",
            "By name and with a reason, by the orchestrator or the founder only.",
        ),
        StepSpec(
            Step.PLAYBOOK,
            PlaybookForm,
            _playbook,
            "Save",
            "Playbooks changed.",
            "Several may run at once. One that is taken off stays readable.",
        ),
        StepSpec(
            Step.STEP,
            RunStepForm,
            _step,
            "Save the step",
            "Playbook step saved.",
            "Done, skipped with a reason, or not applicable; with a note and evidence.",
        ),
        StepSpec(
            Step.HOLD,
            HoldForm,
            _hold,
            "Put on hold",
            "Sending is on hold.",
            "Nothing is to be sent from these domains until their bounce rate is good again. "
            "It is a record: pause the campaigns in the sending tool as well.",
        ),
        StepSpec(
            Step.RELEASE,
            ReleaseForm,
            _release,
            "Resume sending",
            "Sending may resume.",
            "Do NOT resume sending until bounce rate is under 2%. It is judged by what was sent "
            "after the hold: send a test batch of at least the minimum sample first.",
        ),
    )
}
