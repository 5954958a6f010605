"""One function per step of the SOP; every path to an incident goes through these."""

from incidents.workflow.changes import (
    add_note,
    assign_incident,
    change_clients,
    correct_detection,
    end_wait,
    start_wait,
    waive_gate,
)
from incidents.workflow.ending import (
    Measure,
    cancel_incident,
    close_incident,
    resolve_incident,
    write_review,
)
from incidents.workflow.escalating import escalate_incident
from incidents.workflow.opening import (
    Opened,
    acknowledge_incident,
    add_evidence,
    open_incident,
)
from incidents.workflow.response import (
    Findings,
    FixDetails,
    contain_incident,
    investigate_incident,
    record_fix,
    record_workaround,
    report_relapse,
    verify_fix,
)
from incidents.workflow.severity import change_severity
from incidents.workflow.triage import Triage, triage_incident

__all__ = [
    "Findings",
    "FixDetails",
    "Measure",
    "Opened",
    "Triage",
    "acknowledge_incident",
    "add_evidence",
    "add_note",
    "assign_incident",
    "cancel_incident",
    "change_clients",
    "change_severity",
    "close_incident",
    "contain_incident",
    "correct_detection",
    "end_wait",
    "escalate_incident",
    "investigate_incident",
    "open_incident",
    "record_fix",
    "record_workaround",
    "report_relapse",
    "resolve_incident",
    "start_wait",
    "triage_incident",
    "verify_fix",
    "waive_gate",
    "write_review",
]
