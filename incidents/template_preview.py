"""What an edited mail template would say to one client of one incident (rule M1)."""

import datetime as dt

from incidents.correspondence.rendering import (
    DRAFT_FIELDS,
    PROMISING_KINDS,
    client_time,
    default_next_update,
    measures_of,
)
from incidents.enums import MailKind
from incidents.models import AffectedClient, Incident
from notifications.models import EmailTemplate


def preview_values(
    template: EmailTemplate, row: AffectedClient | None, *, now: dt.datetime
) -> dict[str, str]:
    """The field's samples; for a client of an incident, what is known of them instead.

    A draft of that kind on the incident lends its words.
    """
    values = {field.name: field.sample for field in template.fields}
    if row is not None:
        known = _known(template, row, now=now)
        values |= {name: value for name, value in known.items() if value and name in values}
    return values


def _known(template: EmailTemplate, row: AffectedClient, *, now: dt.datetime) -> dict[str, str]:
    incident = row.incident
    system = incident.systems.first()
    known = {
        "recipient_name": row.client.greeting,
        "reference": incident.ref,
        "system": system.plain_name if system else "",
        "data_loss": incident.data_loss,
    }
    if template.name in PROMISING_KINDS:
        next_update = default_next_update(incident, now=now)
        known["next_update"] = client_time(next_update, row.client) if next_update else ""
    if template.name == MailKind.POSTMORTEM:
        known["changes_made"], known["changes_planned"] = measures_of(incident)
    return known | _drafted(template, incident)


def _drafted(template: EmailTemplate, incident: Incident) -> dict[str, str]:
    if template.name not in MailKind.values:
        return {}
    draft = incident.drafts.filter(kind=template.name, is_discarded=False).last()
    draft = draft or incident.drafts.exclude(brief="").last()
    if draft is None:
        return {}
    names = DRAFT_FIELDS[MailKind(template.name)]
    drafted = {name: getattr(draft, name) for name in names if getattr(draft, name)}
    if "system_name" in drafted:
        drafted["system"] = drafted.pop("system_name")
    return drafted
