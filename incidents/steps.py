"""Every step a person can take, with its form and its domain function: one list for the pages
and for ``act``, so that both ask the same, refuse the same and do the same."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from incidents import step_runs
from incidents.actors import Actor
from incidents.correspondence import Sent
from incidents.enums import StepAction
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
from incidents.permissions import may
from incidents.playbooks.asking import ask_outside
from incidents.playbooks.holds import still_held
from incidents.playbooks.running import find_run_step
from incidents.transitions import Step, is_possible

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


def possible_steps(incident: Incident, *, by: Actor, now: dt.datetime) -> list[StepSpec]:
    """What this person can do with the incident now, in the order of the SOP."""
    return [
        spec
        for spec in SPECS.values()
        if is_possible(spec.step, incident.status) and may(spec.step, by=by, now=now)
    ]


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


SPECS: dict[Step, StepSpec] = {
    spec.step: spec
    for spec in (
        StepSpec(
            Step.TRIAGE,
            TriageForm,
            step_runs.triage,
            "Triage",
            "Triaged.",
            "SOP step 2: classify the severity, name systems and clients, assign the resolver.",
        ),
        StepSpec(
            Step.ACKNOWLEDGE,
            AcknowledgeForm,
            step_runs.acknowledge,
            "Accept",
            "Accepted.",
            "SOP step 3: you take it on for the client. SEV-1 and SEV-2 also need the notice "
            "delivered to every affected client.",
        ),
        StepSpec(
            Step.ASSIGN,
            AssignForm,
            step_runs.assign,
            "Assign",
            "Assigned; the new owners are told.",
            "SOP step 2.3: usually delivery for technical, revenue for communication. "
            "Each new owner is told.",
        ),
        StepSpec(
            Step.INVESTIGATE,
            InvestigateForm,
            step_runs.investigate,
            "Save findings",
            "Findings saved.",
            "SOP step 4: check logs, API status pages and integration configs. Is it our system, "
            "the client's system, or a third-party service?",
        ),
        StepSpec(
            Step.CONTAIN,
            ContainForm,
            step_runs.contain,
            "Record containment",
            "Containment recorded.",
            "Pause, switch to the backup, revoke a key. Possible at once, without a test.",
        ),
        StepSpec(
            Step.FIX,
            FixForm,
            step_runs.fix,
            "Record the fix",
            "Fix recorded.",
            "SOP step 4: what was broken, what caused it, what was done. "
            "No change to production without a test.",
        ),
        StepSpec(
            Step.WORKAROUND,
            WorkaroundForm,
            step_runs.workaround,
            "Record the workaround",
            "Workaround recorded.",
            "SOP step 4: implement a workaround if possible, monitor for resolution. "
            "It stops the resolve clock of a SEV-1 only.",
        ),
        StepSpec(
            Step.VERIFY,
            VerifyForm,
            step_runs.verify,
            "Verify",
            "Verified; the stability window runs.",
            "SOP step 5: confirm that the fix works end to end and test the specific failure. "
            "The stability window starts then.",
        ),
        StepSpec(
            Step.RELAPSE,
            RelapseForm,
            step_runs.relapse,
            "It came back",
            "Back to investigating.",
            "Inside the stability window: back to investigating, and the resolve clock runs again, "
            "counted from detection.",
        ),
        StepSpec(
            Step.RESOLVE,
            ConfirmForm,
            step_runs.resolve,
            "Resolve",
            "Resolved.",
            "SOP step 6: the window is over, the clients know it is resolved. "
            "A HubSpot note for each client's deal becomes due.",
        ),
        StepSpec(
            Step.REVIEW,
            ReviewForm,
            step_runs.review,
            "Save the entry",
            "Post-incident entry saved.",
            "SOP step 7: timeline of events, root cause, resolution, prevention measures.",
        ),
        StepSpec(
            Step.CLOSE,
            ConfirmForm,
            step_runs.close,
            "Close",
            "Closed.",
            "Nothing is closed until it is documented.",
        ),
        StepSpec(
            Step.CANCEL,
            ReasonForm,
            step_runs.cancel,
            "Cancel the incident",
            "Cancelled.",
            "A false alarm. Not possible once a client was told of it.",
        ),
        StepSpec(
            Step.NOTE,
            NoteForm,
            step_runs.note,
            "Add entry",
            "Entry added.",
            "The timeline keeps every entry; one for a past time is marked as added later.",
        ),
        StepSpec(
            Step.WAIT,
            WaitForm,
            step_runs.wait,
            "Record",
            "Wait recorded.",
            "Waiting on a client or a vendor is recorded. No clock pauses.",
        ),
        StepSpec(
            Step.DRAFT,
            DraftForm,
            step_runs.draft,
            "Save the draft",
            "Draft saved.",
            "SOP steps 3 and 6: one mail per client. Do NOT speculate about the cause or promise "
            "a fix time unless you're certain.",
        ),
        StepSpec(
            Step.SEND,
            SendForm,
            step_runs.send,
            "Send",
            "On the way.",
            "SOP steps 3 and 6: each client gets a mail of its own, to its own contact.",
        ),
        StepSpec(
            Step.APPROVE,
            ApproveForm,
            step_runs.approve,
            "Approve",
            "Approved.",
            "Where a data breach is suspected, the founder approves the text of client mails.",
        ),
        StepSpec(
            Step.TOLD,
            ToldForm,
            step_runs.told,
            "Record",
            "Recorded as told.",
            "By phone, in a chat or in person: it counts like a mail, and is reported apart.",
        ),
        StepSpec(
            Step.HUBSPOT_NOTED,
            HubSpotNotedForm,
            step_runs.hubspot_noted,
            "Tick the note",
            "HubSpot note ticked.",
            "SOP step 6.2: the note with the incident's summary is on the client's deal.",
        ),
        StepSpec(
            Step.SEVERITY,
            SeverityForm,
            step_runs.severity,
            "Change the severity",
            "Severity changed.",
            "Every deadline is counted anew from the detection. A lower severity needs a reason.",
        ),
        StepSpec(
            Step.DETECTED_AT,
            DetectedAtForm,
            step_runs.detected_at,
            "Correct",
            "Detection time corrected.",
            "Clocks run from the earliest evidence. Every deadline is counted anew.",
        ),
        StepSpec(
            Step.CLIENTS,
            ClientsForm,
            step_runs.clients,
            "Change the clients",
            "Affected clients changed.",
            "SOP step 2.2: which clients are affected? A client added gets its notice.",
        ),
        StepSpec(
            Step.ESCALATE,
            EscalateForm,
            step_runs.escalate,
            "Escalate now",
            "Escalated.",
            "The SOP's escalation matrix. Whom each row tells, and how, stands beside it.",
        ),
        StepSpec(
            Step.WAIVE,
            WaiveForm,
            step_runs.waive,
            "Waive",
            "Gate waived.",
            "By name and with a reason, by the orchestrator or the founder only.",
        ),
        StepSpec(
            Step.PLAYBOOK,
            PlaybookForm,
            step_runs.playbook,
            "Save",
            "Playbooks changed.",
            "Several may run at once. One that is taken off stays readable.",
        ),
        StepSpec(
            Step.STEP,
            RunStepForm,
            step_runs.step,
            "Save the step",
            "Playbook step saved.",
            "Done, skipped with a reason, or not applicable; with a note and evidence.",
        ),
        StepSpec(
            Step.HOLD,
            HoldForm,
            step_runs.hold,
            "Put on hold",
            "Sending is on hold.",
            "Nothing is to be sent from these domains until their bounce rate is good again. "
            "It is a record: pause the campaigns in the sending tool as well.",
        ),
        StepSpec(
            Step.RELEASE,
            ReleaseForm,
            step_runs.release,
            "Resume sending",
            "Sending may resume.",
            "Do NOT resume sending until bounce rate is under 2%. It is judged by what was sent "
            "after the hold: send a test batch of at least the minimum sample first.",
        ),
    )
}
