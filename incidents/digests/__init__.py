"""The weekly update of each client, which gathers the smaller items (rules M9, S3, W7)."""

from incidents.digests.data import digest_data
from incidents.digests.duties import digest_duties, digests_at_hand
from incidents.digests.gathering import Item, gather_items
from incidents.digests.preparing import DigestReport, clients_without_digest, write_due_digests
from incidents.digests.reading import blocking_of, check_digest, render_digest
from incidents.digests.sending import (
    current_digest,
    edit_digest,
    override_digest,
    send_digest,
    skip_digest,
    undo_digest,
)
from incidents.digests.settling import message_settled

__all__ = [
    "DigestReport",
    "Item",
    "blocking_of",
    "check_digest",
    "clients_without_digest",
    "current_digest",
    "digest_data",
    "digest_duties",
    "digests_at_hand",
    "edit_digest",
    "gather_items",
    "message_settled",
    "override_digest",
    "render_digest",
    "send_digest",
    "skip_digest",
    "undo_digest",
    "write_due_digests",
]
