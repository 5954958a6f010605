"""The escalation matrix: who is told beyond the team, once per occurrence (rules E1 to E10, C8)."""

from incidents.escalation.due import (
    replan_rule,
    settle_escalations,
    sync_escalations,
)
from incidents.escalation.matrix import ways_to
from incidents.escalation.raising import (
    Raising,
    breach_raising,
    escalate_breach,
    escalate_severity,
    people_of,
    raise_by_person,
    raise_escalation,
    raise_many,
)
from incidents.escalation.reach import message_settled, phone_whom
from incidents.escalation.seen import (
    acknowledge_escalation,
    add_seen_note,
    is_link_valid,
    read_seen_token,
    record_phone_call,
    seen_token,
    takes_note,
)
from incidents.escalation.sweeping import Swept, escalate_due, ring_due

__all__ = [
    "Raising",
    "Swept",
    "acknowledge_escalation",
    "add_seen_note",
    "breach_raising",
    "escalate_breach",
    "escalate_due",
    "escalate_severity",
    "is_link_valid",
    "message_settled",
    "people_of",
    "phone_whom",
    "raise_by_person",
    "raise_escalation",
    "raise_many",
    "read_seen_token",
    "record_phone_call",
    "replan_rule",
    "ring_due",
    "seen_token",
    "settle_escalations",
    "sync_escalations",
    "takes_note",
    "ways_to",
]
