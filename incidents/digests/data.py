"""A scheduled update as plain data, for the command line."""

from typing import Any

from incidents.digests.gathering import Item, gather_items
from incidents.digests.reading import blocking_of, check_digest, render_digest
from incidents.digests.sending import missing_of
from incidents.enums import DigestState
from incidents.models import ClientDigest
from incidents.serialization import iso


def digest_data(digest: ClientDigest) -> dict[str, Any]:
    """The update, its lines and what blocks it; instants are ISO texts in UTC."""
    items = _items_of(digest)
    is_open = digest.message is None and digest.state == DigestState.PREPARED
    blocking = blocking_of(digest, check_digest(digest, items)) if is_open else []
    missing = missing_of(digest, items) if is_open else []
    mail = render_digest(digest, items) if items and digest.message is None else digest.message
    return {
        "client": digest.client.slug,
        "period": digest.period.isoformat(),
        "due_at": iso(digest.due_at),
        "state": str(digest.state),
        "subject": mail.subject if mail else "",
        "text": mail.text if mail else "",
        "items": [
            {"ref": item.incident.ref, "part": str(item.part), "text": item.text} for item in items
        ],
        "missing": [item.text for item in missing],
        "findings": [
            {
                "rule": one.finding.rule,
                "field": one.field,
                "text": one.finding.text,
                "suggestion": one.finding.suggestion,
            }
            for one in blocking
        ],
    }


def _items_of(digest: ClientDigest) -> list[Item]:
    """As it was sent, else as it stands now."""
    if digest.message is None:
        return gather_items(digest)
    return [
        Item(row.incident, row.part, row.text) for row in digest.items.select_related("incident")
    ]
