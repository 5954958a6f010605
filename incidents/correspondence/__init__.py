"""Which template, which client, rendered, queued, delivered (rules M1 to M11)."""

from incidents.correspondence.deal_notes import (
    hubspot_summary,
    note_settled,
    prepare_notes,
    queue_note,
)
from incidents.correspondence.drafts import (
    approve_draft,
    clients_for,
    discard_draft,
    discard_open_drafts,
    edit_draft,
    prepare_notification,
    start_draft,
)
from incidents.correspondence.readiness import (
    blocking_findings,
    blocking_send,
    override_findings,
)
from incidents.correspondence.rendering import check_draft, render_for
from incidents.correspondence.sending import Sent, send_draft, undo_send
from incidents.correspondence.settling import message_settled
from incidents.correspondence.told import note_in_hubspot, tell_another_way

__all__ = [
    "Sent",
    "approve_draft",
    "blocking_findings",
    "blocking_send",
    "check_draft",
    "clients_for",
    "discard_draft",
    "discard_open_drafts",
    "edit_draft",
    "hubspot_summary",
    "message_settled",
    "note_in_hubspot",
    "note_settled",
    "override_findings",
    "prepare_notes",
    "prepare_notification",
    "queue_note",
    "render_for",
    "send_draft",
    "start_draft",
    "tell_another_way",
    "undo_send",
]
