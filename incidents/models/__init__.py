"""The records everything else leans on; one room a noun."""

from incidents.models.client import Client, Dependency, SendingDomain, System
from incidents.models.client_answer import ClientAnswer
from incidents.models.deadline import Deadline
from incidents.models.digest import ClientDigest, DigestItem
from incidents.models.escalation import (
    DueEscalation,
    Escalation,
    EscalationNotice,
    EscalationRule,
)
from incidents.models.form_token import FormToken
from incidents.models.hold import Hold
from incidents.models.incident import (
    AffectedClient,
    Incident,
    Participant,
    ReferenceCounter,
)
from incidents.models.mail import ClientMail, MailDraft
from incidents.models.playbook import Playbook, PlaybookStep
from incidents.models.playbook_run import PlaybookRun, PlaybookRunStep
from incidents.models.responder import Responder
from incidents.models.response import Diagnosis, FixRecord, Verification, Wait, Waiver
from incidents.models.review import PreventionMeasure, Review
from incidents.models.set_aside import SetAside
from incidents.models.severity import Policy, Severity
from incidents.models.timeline import TimelineEntry

__all__ = [
    "AffectedClient",
    "Client",
    "ClientAnswer",
    "ClientDigest",
    "ClientMail",
    "Deadline",
    "Dependency",
    "Diagnosis",
    "DigestItem",
    "DueEscalation",
    "Escalation",
    "EscalationNotice",
    "EscalationRule",
    "FixRecord",
    "FormToken",
    "Hold",
    "Incident",
    "MailDraft",
    "Participant",
    "Playbook",
    "PlaybookRun",
    "PlaybookRunStep",
    "PlaybookStep",
    "Policy",
    "PreventionMeasure",
    "ReferenceCounter",
    "Responder",
    "Review",
    "SendingDomain",
    "SetAside",
    "Severity",
    "System",
    "TimelineEntry",
    "Verification",
    "Wait",
    "Waiver",
]
