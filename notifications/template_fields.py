"""Which fields each client mail offers, with their labels, samples and duties (M1, M6, M8)."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class TemplateField:
    """One fill-in of a mail.

    `must_be_used`: the template is refused without it. `may_be_empty`: rendering accepts an
    empty value, so the template should stand the field inside an `if`.
    """

    name: str
    label: str
    sample: str
    hint: str = ""
    must_be_used: bool = True
    may_be_empty: bool = False

    @property
    def as_optional(self) -> "TemplateField":
        return replace(self, must_be_used=False, may_be_empty=True)


_SHORT = "1 to 2 plain sentences."

RECIPIENT_NAME = TemplateField("recipient_name", "Name of the recipient", "Maya")
BRIEF = TemplateField(
    "brief", "Brief description", "Outgoing emails paused", "Ends the subject line."
)
SYSTEM = TemplateField("system", "System, in the client's words", "your outreach emails")
WHAT_HAPPENING = TemplateField(
    "what_happening", "What's happening", "Outgoing emails are paused.", _SHORT
)
WHAT_DOING = TemplateField("what_doing", "What we're doing", "Our team is testing a fix.", _SHORT)
NEXT_UPDATE = TemplateField(
    "next_update", "Next update", "13:00 GMT today", "Becomes a promise with its own deadline."
)
NEXT_UPDATE_IF_ANY = replace(NEXT_UPDATE, may_be_empty=True)
UPDATE_TEXT = TemplateField(
    "update_text", "Where things stand", "Sending works again in our tests.", _SHORT
)
WHAT_HAPPENED = TemplateField(
    "what_happened", "What happened", "Several addresses on the list were out of date.", _SHORT
)
WHAT_DID = TemplateField(
    "what_did", "What we did", "We cleaned the list and tested a new batch.", _SHORT
)
CURRENT_STATUS = TemplateField(
    "current_status", "Current status", "New leads arrive with a delay of ten minutes.", _SHORT
)
DATA_LOSS = TemplateField(
    "data_loss",
    "Data loss",
    "Two contact records from 5 January could not be recovered.",
    "Say what was lost; leave empty when nothing was.",
    may_be_empty=True,
)
REFERENCE = TemplateField("reference", "Reference", "INC-2026-0001")
TIMELINE = TemplateField(
    "timeline", "Full timeline", "5 Jan 09:00 GMT: detected\n5 Jan 09:20 GMT: you were told"
)
ROOT_CAUSE = TemplateField(
    "root_cause", "Root cause analysis", "An address list was imported without verification."
)
CHANGES_MADE = TemplateField(
    "changes_made",
    "What we've changed",
    "- Every import is now verified",
    "Completed measures only.",
    may_be_empty=True,
)
CHANGES_PLANNED = TemplateField(
    "changes_planned",
    "What is planned",
    "- A weekly test of the verification, planned for 12 Jan",
    "Measures not completed yet.",
    may_be_empty=True,
)
ITEMS = TemplateField(
    "items", "Items", "Reporting dashboard: the figures update again.", "One item a line."
)
QUESTIONS = TemplateField(
    "questions", "Questions", "What specifically isn't working?\nWhen did it stop?"
)

_ALWAYS = (RECIPIENT_NAME, BRIEF, SYSTEM)

TEMPLATE_FIELDS: dict[str, tuple[TemplateField, ...]] = {
    "incident-notification": (
        *_ALWAYS,
        WHAT_HAPPENING,
        NEXT_UPDATE_IF_ANY,
        WHAT_DOING.as_optional,
        REFERENCE.as_optional,
    ),
    "incident-update": (
        *_ALWAYS,
        UPDATE_TEXT,
        NEXT_UPDATE_IF_ANY,
        WHAT_DOING.as_optional,
        REFERENCE.as_optional,
    ),
    "incident-resolved": (
        *_ALWAYS,
        WHAT_HAPPENED,
        WHAT_DID,
        DATA_LOSS,
        REFERENCE.as_optional,
    ),
    "incident-resolved-workaround": (
        *_ALWAYS,
        WHAT_HAPPENED,
        WHAT_DID,
        DATA_LOSS,
        NEXT_UPDATE,
        CURRENT_STATUS.as_optional,
        REFERENCE.as_optional,
    ),
    "incident-postmortem": (
        *_ALWAYS,
        TIMELINE,
        ROOT_CAUSE,
        CHANGES_MADE,
        CHANGES_PLANNED,
        DATA_LOSS.as_optional,
        REFERENCE.as_optional,
    ),
    "client-digest": (RECIPIENT_NAME, ITEMS, NEXT_UPDATE.as_optional),
    "clarifying-questions": (
        *_ALWAYS,
        QUESTIONS,
        NEXT_UPDATE.as_optional,
        REFERENCE.as_optional,
    ),
}
