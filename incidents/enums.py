"""The words of the workflow. A leaf: imports nothing of ours."""

from django.db.models import IntegerChoices, TextChoices


class Role(TextChoices):
    """Who does what; every role is also a Django group of the same name (rule A1)."""

    ORCHESTRATOR = "orchestrator", "Orchestrator"
    DELIVERY = "delivery", "Delivery"
    REVENUE = "revenue", "Revenue"
    FOUNDER = "founder", "Founder"
    LEGAL = "legal", "Legal"


#: Roles that see private incidents without being on them (rule W11).
SEES_ALL = frozenset({Role.ORCHESTRATOR, Role.FOUNDER})

#: The group that may manage users, tokens and data fixes; it is no role of the SOP.
ADMIN_GROUP = "admin"


class Rank(TextChoices):
    PRIMARY = "primary", "Primary"
    BACKUP = "backup", "Backup"


class Tier(TextChoices):
    STANDARD = "standard", "Standard"
    PREMIUM = "premium", "Premium"


class Side(TextChoices):
    """Whose system, or whose fault, it is (SOP step 4.2)."""

    OURS = "ours", "Our system"
    CLIENT = "client", "The client's system"
    THIRD_PARTY = "third_party", "Third party"


class StatusPage(TextChoices):
    NONE = "none", "No status page"
    STATUSPAGE = "statuspage", "Atlassian Statuspage"
    BETTER_STACK = "better_stack", "Better Stack"


class Source(TextChoices):
    """How an incident was detected (SOP step 1)."""

    MONITORING = "monitoring", "Automated monitoring"
    CLIENT_REPORT = "client_report", "Client report"
    AGENT = "agent", "Agent detection"
    SCHEDULED_REVIEW = "scheduled_review", "Scheduled review"


class Status(TextChoices):
    """Rule W1. ``cancelled`` is a false alarm or a duplicate."""

    DETECTED = "detected", "Detected"
    TRIAGED = "triaged", "Triaged"
    INVESTIGATING = "investigating", "Investigating"
    MONITORING = "monitoring", "Monitoring"
    RESOLVED = "resolved", "Resolved"
    CLOSED = "closed", "Closed"
    CANCELLED = "cancelled", "Cancelled"


OPEN_STATUSES = (
    Status.DETECTED,
    Status.TRIAGED,
    Status.INVESTIGATING,
    Status.MONITORING,
    Status.RESOLVED,
)
#: The fix is not confirmed yet: response clocks may run.
UNRESOLVED_STATUSES = (
    Status.DETECTED,
    Status.TRIAGED,
    Status.INVESTIGATING,
    Status.MONITORING,
)
FINAL_STATUSES = (Status.CLOSED, Status.CANCELLED)


class Level(IntegerChoices):
    SEV1 = 1, "SEV-1"
    SEV2 = 2, "SEV-2"
    SEV3 = 3, "SEV-3"
    SEV4 = 4, "SEV-4"


class Communication(TextChoices):
    """When a client is told, per severity (rule S3)."""

    IMMEDIATE = "immediate", "Immediately"
    SAME_DAY = "same_day", "The same day"
    NEXT_UPDATE = "next_update", "In the next scheduled update"
    SCHEDULE = "schedule", "Acknowledge and schedule"


class Downgrade(TextChoices):
    """Why a severity is lowered (rule S10)."""

    SHRANK = "shrank", "The impact shrank: duties already owed stay"
    MISCLASSIFIED = "misclassified", "It was misclassified: duties follow the new severity"


class Owner(TextChoices):
    """Whose deadline or step it is; resolved to a responder through the incident."""

    COORDINATOR = "coordinator", "Coordinator"
    TECHNICAL = "technical", "Technical owner"
    COMMUNICATIONS = "communications", "Communications owner"


class DeadlineKind(TextChoices):
    """Every instant somebody has to meet; one table for all of them."""

    TRIAGE = "triage", "Triage"
    ACKNOWLEDGE = "acknowledge", "Acknowledge"
    RESOLVE = "resolve", "Resolve"
    NOTICE = "notice", "Notice to the client"
    PROMISE = "promise", "Promised update"
    CERTAIN_FIX = "certain_fix", "Promised fix time"
    FOLLOW_UP = "follow_up", "Follow-up to the workaround"
    REVIEW = "review", "Post-incident entry"
    PLANNED_FIX = "planned_fix", "Planned fix"
    WINDOW = "window", "Stability window"
    PLAYBOOK = "playbook", "Playbook step"


#: Passing one of these is an event to act on, not a promise broken.
REMINDER_KINDS = (DeadlineKind.TRIAGE, DeadlineKind.WINDOW, DeadlineKind.PLANNED_FIX)


class FixKind(TextChoices):
    """What was done (SOP step 4.3). Containment needs no test evidence (rule W5)."""

    FIX = "fix", "Fix"
    WORKAROUND = "workaround", "Workaround"
    GUIDANCE = "guidance", "Guidance given to the client"
    CONTAINMENT = "containment", "Containment"


class WaiverKind(TextChoices):
    TEST_EVIDENCE = "test_evidence", "Test evidence before a change to production"
    STABILITY_WINDOW = "stability_window", "Rest of the stability window"
    WORDING = "wording", "Wording finding in a client mail"


class ToldVia(TextChoices):
    """How a client was told: by our mail, or another way (rule M11)."""

    MAIL = "mail", "E-mail"
    PHONE = "phone", "Phone"
    CHAT = "chat", "Chat"
    IN_PERSON = "in_person", "In person"
    DIGEST = "digest", "Scheduled update"


class HubSpotState(TextChoices):
    NONE = "none", "Not due yet"
    QUEUED = "queued", "On its way"
    MANUAL = "manual", "To be noted by hand"
    DONE = "done", "Noted"


class EntryKind(TextChoices):
    """What a timeline entry tells (rule W9)."""

    OPENED = "opened", "opened"
    TRIAGED = "triaged", "triaged"
    ACKNOWLEDGED = "acknowledged", "acknowledged"
    ASSIGNED = "assigned", "assigned"
    INVESTIGATING = "investigating", "investigating"
    FINDING = "finding", "finding"
    CONTAINMENT = "containment", "containment"
    FIX = "fix", "fix"
    WORKAROUND = "workaround", "workaround"
    GUIDANCE = "guidance", "guidance"
    VERIFIED = "verified", "verified"
    RELAPSE = "relapse", "relapse"
    RESOLVED = "resolved", "resolved"
    REVIEW = "review", "post-incident entry"
    CLOSED = "closed", "closed"
    CANCELLED = "cancelled", "cancelled"
    SEVERITY = "severity", "severity changed"
    DETECTED_AT = "detected_at", "detection time corrected"
    CLIENTS = "clients", "affected clients changed"
    WAIVER = "waiver", "waiver"
    WAIT = "wait", "waiting"
    NOTE = "note", "note"
    DRAFT = "draft", "draft"
    MAIL = "mail", "mail"
    TOLD = "told", "told another way"
    PROMISE = "promise", "promise"
    HUBSPOT = "hubspot", "HubSpot note"
    ESCALATION = "escalation", "escalation"
    WARNING = "warning", "warning"
    BREACH = "breach", "breach"
    STAFF = "staff", "staff told"
    PLAYBOOK = "playbook", "playbook"
    STEP = "step", "playbook step"
    HOLD = "hold", "hold"
    PRIVACY = "privacy", "privacy"


class Origin(TextChoices):
    """Who wrote a timeline entry: kept apart on screen and in exports (rule W9)."""

    HUMAN = "human", "Person"
    COMMAND_LINE = "command_line", "Command line"
    SYSTEM = "system", "System"


class MailKind(TextChoices):
    """The client mails of an incident; values are template names (rule M1)."""

    NOTIFICATION = "incident-notification", "Notification"
    UPDATE = "incident-update", "Update"
    RESOLVED = "incident-resolved", "Resolved"
    WORKAROUND = "incident-resolved-workaround", "Workaround in place"
    POSTMORTEM = "incident-postmortem", "Postmortem"
    QUESTIONS = "clarifying-questions", "Clarifying questions"


class DigestState(TextChoices):
    """A scheduled update to one client (rule M9)."""

    PREPARED = "prepared", "Waits for Send"
    SENT = "sent", "Sent"
    SKIPPED = "skipped", "Not sent"


class DigestPart(TextChoices):
    """The parts of a scheduled update; the labels are the client's headings."""

    OPENED = "opened", "New since your last update"
    OPEN = "open", "Still with us"
    RESOLVED = "resolved", "Resolved"


class EscalationCode(TextChoices):
    """The SOP's matrix (E1 to E7) and our rules for breaches (C8)."""

    E1 = "E1", "SEV-1 incident"
    E2 = "E2", "Client threatening to leave"
    E3 = "E3", "Payment or refund dispute"
    E4 = "E4", "Data breach suspicion"
    E5 = "E5", "Third-party outage over 4 hours"
    E6 = "E6", "SEV-2 not resolved in 24 hours"
    E7 = "E7", "Legal threat"
    BREACH = "C8", "Clock breached"


class SeenVia(TextChoices):
    """How an escalation came to be seen (rules E9, E10)."""

    LINK = "link", "by the link of the message"
    PHONE = "phone", "by phone"


#: Raised by a person, on an incident or on a client alone.
HUMAN_ESCALATIONS = (
    EscalationCode.E2,
    EscalationCode.E3,
    EscalationCode.E4,
    EscalationCode.E7,
)


class StepKind(TextChoices):
    """Kinds of playbook step (rule P1)."""

    CHECK = "check", "Check"
    ACTION = "action", "Action"
    DECISION = "decision", "Decision"
    PROHIBITION = "prohibition", "Do NOT"
    NOTIFY = "notify", "Notify"
    GATE = "gate", "Gate"


class SweepPart(TextChoices):
    """What one sweep writes, in this order."""

    DEADLINES = "deadlines", "Warnings, reminders and breaches"
    ESCALATIONS = "escalations", "Escalations by the clock"
    RINGS = "rings", "Repeats of escalations"


class StepEffect(TextChoices):
    """What a step of a playbook brings about beside being ticked off (rules P3, P4)."""

    HOLD = "hold", "Places a hold on sending"
    BACKUP = "backup", "Switches to the backup: recorded as containment"


class ReadingKind(TextChoices):
    """The live figures a step may stand on; each is resolved to the incident's own keys."""

    PROVIDER_STATUS = "provider_status", "The provider's status page"
    DOMAIN_AUTHENTICATION = "domain_authentication", "SPF, DKIM and DMARC of the sending domain"
    DOMAIN_REPUTATION = "domain_reputation", "Block lists and reputation of the sending domain"
    BOUNCE_RATE = "bounce_rate", "Bounce rate of the sending domain"
    CONNECTION = "connection", "State of the integration's connection"
    LAST_SYNC = "last_sync", "Last successful sync and the gap"
    ERROR_RATE = "error_rate", "Errors and rate limits of the API"


class RunHow(TextChoices):
    """How a playbook came onto an incident (rule W3)."""

    MONITOR = "monitor", "With the alert"
    TRIAGE = "triage", "At triage"
    CHOSEN = "chosen", "Chosen by a person"


class StepState(TextChoices):
    """Where a step of a running playbook stands (rules P2, P5)."""

    OPEN = "open", "Open"
    DONE = "done", "Done"
    SKIPPED = "skipped", "Skipped"
    NOT_APPLICABLE = "not_applicable", "Not applicable"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"


class StepAction(TextChoices):
    """What a person can do with a step of a running playbook; the words of ``act … step``."""

    DONE = "done", "Done"
    ANSWER = "answer", "Answer"
    SKIP = "skip", "Skip"
    APPLIES = "applies", "It applies"
    NOT_APPLICABLE = "not_applicable", "It does not apply"
    ACKNOWLEDGE = "acknowledge", "Acknowledge the prohibition"
    REOPEN = "reopen", "Open it again"
    ASK = "ask", "Ask now"
    ANSWERS = "answers", "Write down what the client answers"
    MAIL_QUESTIONS = "mail_questions", "Mail the questions to the client"


class ReleaseHow(TextChoices):
    """How a hold on sending ended (rule P4)."""

    GATE = "gate", "The gate was open"
    OVERRIDE = "override", "Overridden by name and reason"
