"""The records everything else leans on; one room a noun."""

from incidents.models.client import Client, Dependency, SendingDomain, System
from incidents.models.deadline import Deadline
from incidents.models.escalation import Escalation, EscalationNotice, EscalationRule
from incidents.models.form_token import FormToken
from incidents.models.incident import (
    AffectedClient,
    Incident,
    Participant,
    ReferenceCounter,
)
from incidents.models.mail import ClientMail, MailDraft
from incidents.models.playbook import Playbook, PlaybookStep
from incidents.models.responder import Responder
from incidents.models.response import Diagnosis, FixRecord, Verification, Wait, Waiver
from incidents.models.review import PreventionMeasure, Review
from incidents.models.severity import Policy, Severity
from incidents.models.timeline import TimelineEntry

__all__ = [
    "AffectedClient",
    "Client",
    "ClientMail",
    "Deadline",
    "Dependency",
    "Diagnosis",
    "Escalation",
    "EscalationNotice",
    "EscalationRule",
    "FixRecord",
    "FormToken",
    "Incident",
    "MailDraft",
    "Participant",
    "Playbook",
    "PlaybookStep",
    "Policy",
    "PreventionMeasure",
    "ReferenceCounter",
    "Responder",
    "Review",
    "SendingDomain",
    "Severity",
    "System",
    "TimelineEntry",
    "Verification",
    "Wait",
    "Waiver",
]
