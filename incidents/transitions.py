"""The one table that says which step is possible in which status (rule W1)."""

from django.db.models import TextChoices

from incidents.enums import OPEN_STATUSES, UNRESOLVED_STATUSES, Status
from incidents.errors import WorkflowError
from incidents.models import Incident


class Step(TextChoices):
    """What a person can do with an incident; values are the words of ``act`` and of addresses."""

    OPEN = "open", "Open"
    TRIAGE = "triage", "Triage"
    ACKNOWLEDGE = "acknowledge", "Acknowledge"
    ASSIGN = "assign", "Assign"
    INVESTIGATE = "investigate", "Investigate"
    CONTAIN = "contain", "Record containment"
    FIX = "fix", "Record the fix"
    WORKAROUND = "workaround", "Record a workaround"
    VERIFY = "verify", "Verify the fix"
    RELAPSE = "relapse", "Report a relapse"
    RESOLVE = "resolve", "Resolve"
    REVIEW = "review", "Write the post-incident entry"
    CLOSE = "close", "Close"
    CANCEL = "cancel", "Cancel"
    NOTE = "note", "Add an entry"
    WAIT = "wait", "Record waiting"
    DRAFT = "draft", "Write a client mail"
    SEND = "send", "Send a client mail"
    APPROVE = "approve", "Approve a client mail"
    TOLD = "told", "Told another way"
    HUBSPOT_NOTED = "hubspot-noted", "Tick the HubSpot note"
    SEVERITY = "severity", "Change the severity"
    DETECTED_AT = "detected-at", "Correct the detection time"
    CLIENTS = "clients", "Change affected clients"
    ESCALATE = "escalate", "Raise an escalation"
    WAIVE = "waive", "Waive a gate"
    PLAYBOOK = "playbook", "Attach or take off a playbook"
    STEP = "step", "Work on a playbook step"
    HOLD = "hold", "Put sending on hold"
    RELEASE = "release", "Resume sending"


_TRIAGED = (Status.TRIAGED, Status.INVESTIGATING, Status.MONITORING)
_ANY = tuple(Status)

#: From which statuses a step is possible, and the status it leads to (None: it stays).
TRANSITIONS: dict[Step, tuple[tuple[Status, ...], Status | None]] = {
    Step.TRIAGE: ((Status.DETECTED,), Status.TRIAGED),
    Step.ACKNOWLEDGE: (UNRESOLVED_STATUSES, None),
    Step.ASSIGN: (OPEN_STATUSES, None),
    Step.INVESTIGATE: ((Status.TRIAGED, Status.INVESTIGATING), Status.INVESTIGATING),
    Step.CONTAIN: (UNRESOLVED_STATUSES, None),
    Step.FIX: ((Status.TRIAGED, Status.INVESTIGATING), Status.INVESTIGATING),
    Step.WORKAROUND: ((Status.TRIAGED, Status.INVESTIGATING), Status.INVESTIGATING),
    Step.VERIFY: ((Status.INVESTIGATING,), Status.MONITORING),
    Step.RELAPSE: ((Status.MONITORING,), Status.INVESTIGATING),
    Step.RESOLVE: ((Status.MONITORING,), Status.RESOLVED),
    Step.REVIEW: ((Status.MONITORING, Status.RESOLVED), None),
    Step.CLOSE: ((Status.RESOLVED,), Status.CLOSED),
    Step.CANCEL: (UNRESOLVED_STATUSES, Status.CANCELLED),
    Step.NOTE: (_ANY, None),
    Step.WAIT: (UNRESOLVED_STATUSES, None),
    Step.DRAFT: (OPEN_STATUSES, None),
    Step.SEND: (OPEN_STATUSES, None),
    Step.APPROVE: (OPEN_STATUSES, None),
    Step.TOLD: (OPEN_STATUSES, None),
    Step.HUBSPOT_NOTED: ((Status.RESOLVED,), None),
    Step.SEVERITY: (_TRIAGED, None),
    Step.DETECTED_AT: (OPEN_STATUSES, None),
    Step.CLIENTS: (_TRIAGED, None),
    Step.ESCALATE: (OPEN_STATUSES, None),
    Step.WAIVE: (UNRESOLVED_STATUSES, None),
    Step.PLAYBOOK: (UNRESOLVED_STATUSES, None),
    Step.STEP: (OPEN_STATUSES, None),
    Step.HOLD: (UNRESOLVED_STATUSES, None),
    # A hold that outlived its incident can still be lifted.
    Step.RELEASE: (_ANY, None),
}


def is_possible(step: Step, status: str) -> bool:
    """Whether the table allows the step in that status."""
    return status in TRANSITIONS[step][0]


def check_transition(incident: Incident, step: Step) -> Status:
    """The status the step leads to. Raises WorkflowError when the table forbids it."""
    allowed, target = TRANSITIONS[step]
    if incident.status not in allowed:
        status = Status(incident.status).label.lower()
        wanted = " or ".join(Status(s).label.lower() for s in allowed)
        raise WorkflowError(
            f"{step.label} is not possible: {incident.ref} is {status}. It must be {wanted}."
        )
    return target or Status(incident.status)
