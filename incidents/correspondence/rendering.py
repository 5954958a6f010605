"""From a draft to the mail one client reads, and what the wording guard says of it."""

import datetime as dt
from dataclasses import dataclass

from incidents.enums import MailKind
from incidents.models import Client, Incident, MailDraft, System
from notifications.models import EmailTemplate
from notifications.template_fields import TEMPLATE_FIELDS
from notifications.templating import RenderedMail
from notifications.wording import Finding, check_wording

#: What a person fills in per kind of mail, and the kind of wording that is checked.
DRAFT_FIELDS: dict[str, tuple[str, ...]] = {
    MailKind.NOTIFICATION: ("brief", "system_name", "what_happening", "what_doing"),
    MailKind.UPDATE: ("brief", "system_name", "update_text"),
    MailKind.RESOLVED: ("brief", "system_name", "what_happened", "what_did", "data_loss"),
    MailKind.WORKAROUND: ("brief", "system_name", "what_happened", "what_did", "data_loss"),
    MailKind.POSTMORTEM: ("brief", "system_name", "timeline", "root_cause", "data_loss"),
    MailKind.QUESTIONS: ("brief", "system_name", "questions"),
}
OPTIONAL_FIELDS = {"what_doing", "data_loss"}
#: Kinds that promise a next update (rule M6).
PROMISING_KINDS = (
    MailKind.NOTIFICATION,
    MailKind.UPDATE,
    MailKind.WORKAROUND,
)
WORDING_KINDS = {
    MailKind.NOTIFICATION: "notification",
    MailKind.UPDATE: "update",
    MailKind.RESOLVED: "resolved",
    MailKind.WORKAROUND: "resolved",
    MailKind.POSTMORTEM: "postmortem",
    MailKind.QUESTIONS: "questions",
}
BLOCKING_RULES = ("blame", "promise")


@dataclass(frozen=True, slots=True)
class FieldFinding:
    """A finding of the guard in one field of a draft."""

    field: str
    finding: Finding

    @property
    def is_blocking(self) -> bool:
        """Blame and promises block; speculation is flagged (rules M4, M5)."""
        return self.finding.rule in BLOCKING_RULES

    @property
    def fingerprint(self) -> str:
        """What an override covers: the same words in the same field, nothing else."""
        return f"{self.field}:{self.finding.rule}:{self.finding.text}"


def check_draft(draft: MailDraft) -> list[FieldFinding]:
    """Every wording finding in what a person typed, and in the measures a postmortem lists."""
    vendors = System.objects.vendor_names()
    clients = list(Client.objects.values_list("name", flat=True))
    kind = WORDING_KINDS[MailKind(draft.kind)]
    texts = {name: getattr(draft, name) for name in DRAFT_FIELDS[MailKind(draft.kind)]}
    if draft.kind == MailKind.POSTMORTEM:
        made, planned = measures_of(draft.incident)
        texts |= {"changes_made": made, "changes_planned": planned}
    return [
        FieldFinding(name, finding)
        for name, text in texts.items()
        if text
        for finding in check_wording(text, kind=kind, vendors=vendors, clients=clients)
    ]


def field_label(kind: str, name: str) -> str:
    """What a field of a mail is called on its form and template (“What's happening”)."""
    labels = {field.name: field.label for field in TEMPLATE_FIELDS[kind]}
    return labels.get("system" if name == "system_name" else name, name.replace("_", " "))


def missing_fields(draft: MailDraft) -> list[str]:
    """Labels of what the mail still needs before it can be read by anybody."""
    return [
        field_label(draft.kind, name)
        for name in DRAFT_FIELDS[MailKind(draft.kind)]
        if name not in OPTIONAL_FIELDS and not getattr(draft, name).strip()
    ]


def default_next_update(incident: Incident, *, now: dt.datetime) -> dt.datetime | None:
    """M6, S7: the send time plus the severity's cadence; SEV-4 and untriaged have none."""
    if incident.severity is None:
        return now + dt.timedelta(hours=1)
    cadence = incident.severity.update_cadence
    return now + cadence if cadence else None


def next_update_of(draft: MailDraft, *, now: dt.datetime) -> dt.datetime | None:
    """The promise a mail sent now would make."""
    if draft.kind not in PROMISING_KINDS:
        return None
    return draft.next_update_at or default_next_update(draft.incident, now=now)


def render_for(draft: MailDraft, client: Client, *, now: dt.datetime) -> RenderedMail:
    """The mail one client would get now. Raises TemplateProblem where a value is missing."""
    template = EmailTemplate.objects.get(name=draft.kind)
    next_update = next_update_of(draft, now=now)
    values = {name: getattr(draft, name) for name in DRAFT_FIELDS[MailKind(draft.kind)]}
    values["system"] = values.pop("system_name")
    values["recipient_name"] = client.greeting
    values["reference"] = draft.incident.ref
    values["next_update"] = client_time(next_update, client) if next_update else ""
    values["current_status"] = ""
    if draft.kind == MailKind.POSTMORTEM:
        made, planned = measures_of(draft.incident)
        values |= {"changes_made": made, "changes_planned": planned}
    return template.render({field.name: values.get(field.name, "") for field in template.fields})


def client_time(instant: dt.datetime, client: Client) -> str:
    """An instant in the client's own zone, zone printed (rules C9, M2)."""
    local = instant.astimezone(client.zone)
    return f"{local:%H:%M %Z} on {local:%A} {local.day} {local:%B}"


def measures_of(incident: Incident) -> tuple[str, str]:
    """W8: completed measures as “what we've changed”, the others as planned."""
    review = getattr(incident, "review", None)
    measures = list(review.measures.all()) if review else []
    made = [f"- {measure.text}" for measure in measures if measure.done_on]
    planned = [
        f"- {measure.text} (by {measure.due_on.day} {measure.due_on:%B})"
        for measure in measures
        if not measure.done_on
    ]
    return "\n".join(made), "\n".join(planned)
