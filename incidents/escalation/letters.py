"""What an escalation says: the rule and reference first, then what happened, then the link.

Of a private incident a message says the rule and the reference alone (rule W11).
"""

from collections.abc import Sequence

from django.urls import reverse

from incidents import staff
from incidents.enums import DeadlineKind
from incidents.escalation.seen import seen_token
from incidents.models import Deadline, Escalation, Incident, Responder
from notifications.enums import Channel

#: As much of the timeline as somebody reads in a mail.
MOST_ENTRIES = 40
LONGEST_ENTRY = 300
SEEN_LINE = "Say “seen” here, no login needed:"


def is_secret(escalation: Escalation) -> bool:
    """Whether a message may carry no detail (rule W11)."""
    return bool(escalation.incident and escalation.incident.is_private)


def subject_of(escalation: Escalation) -> str:
    """“E1 SEV-1 incident: INC-2026-0001”."""
    if is_secret(escalation):
        return f"{escalation.rule_id}: {escalation.reference}"
    where = escalation.incident.ref if escalation.incident else str(escalation.client)
    return f"{escalation.rule_id} {escalation.rule.situation}: {where}"


def seen_link(escalation: Escalation, person: Responder) -> str:
    """The full address of the page that says “seen” without a login (rule N3)."""
    page = reverse("incidents:escalation", args=[seen_token(escalation, person)])
    return staff.absolute(page)


def lines_of(
    escalation: Escalation,
    person: Responder,
    *,
    deadline: Deadline | None,
    missed: Sequence[Escalation] = (),
) -> list[str]:
    """The message that tells one person; ``missed`` are earlier ones that it stands for too."""
    lines = _when_late(escalation, person, missed=missed)
    if is_secret(escalation):
        return [*lines, "It is private: the details are behind the login.", SEEN_LINE]
    lines += [escalation.summary]
    lines += [f"Amount: {escalation.amount}"] if escalation.amount else []
    lines += [f"Their words: “{escalation.quote}”"] if escalation.quote else []
    if escalation.incident:
        lines.append(_deadline_line(deadline, person))
    return [*lines, SEEN_LINE]


def summary_lines(escalation: Escalation, person: Responder) -> list[str]:
    """E3: the e-mail summary in plain words: facts, client, amount and the timeline so far."""
    if is_secret(escalation):
        return lines_of(escalation, person, deadline=None)
    raised = staff.clock_time(escalation.raised_at, person)
    by = escalation.raised_by
    name = (by.get_full_name() or by.get_username()) if by else "the system"
    facts = [f"What happened: {escalation.summary}"]
    facts += [f"Their words: “{escalation.quote}”"] if escalation.quote else []
    facts.append(f"Amount: {escalation.amount or 'not given'}")
    facts.append(f"Raised by {name}, {raised}.")
    if escalation.client:
        facts.append(_client_line(escalation))
    if escalation.incident:
        facts += _incident_lines(escalation.incident, person)
    return [*facts, SEEN_LINE]


def ring_lines(escalation: Escalation, person: Responder, *, number: int, of: int) -> list[str]:
    """E9: the same again, with how often it rang and what became of the incident since."""
    raised = staff.clock_time(escalation.raised_at, person)
    lines = [f"Nobody has said “seen” since {raised}. This is message {number} of {of}."]
    if is_secret(escalation):
        return [*lines, "It is private: the details are behind the login.", SEEN_LINE]
    lines.append(escalation.summary)
    incident = escalation.incident
    if incident:
        lines.append(f"{incident.ref} is {incident.get_status_display().lower()} now.")
    return [*lines, SEEN_LINE]


def backup_lines(
    escalation: Escalation, person: Responder, target: str, *, number: int, of: int
) -> list[str]:
    """E9: the backup hears what it is about and who did not answer."""
    lines = ring_lines(escalation, person, number=number, of=of)
    return [f"{target} has not answered. You are the backup: please take it.", *lines]


def next_deadlines(incidents: Sequence[Incident]) -> dict[int, Deadline]:
    """The next running deadline of each incident, in one query."""
    keys = [incident.pk for incident in incidents]
    rows = Deadline.objects.running().filter(incident__in=keys).select_related("client")
    rows = rows.only("incident", "kind", "due_at", "client__name")
    found: dict[int, Deadline] = {}
    for row in rows.exclude(kind=DeadlineKind.TRIAGE).order_by("due_at", "id"):
        found.setdefault(row.incident_id, row)
    return found


def is_summary(escalation: Escalation, channel: str) -> bool:
    """Whether this channel carries the long form."""
    return escalation.rule.has_email_summary and channel == Channel.EMAIL


def _when_late(
    escalation: Escalation, person: Responder, *, missed: Sequence[Escalation]
) -> list[str]:
    if escalation.due_at is None or not (escalation.is_late or missed):
        return []
    if not missed:
        return [f"Late: it was due {staff.clock_time(escalation.due_at, person)}."]
    first = missed[0].due_at or escalation.due_at
    last = escalation.due_at
    span = f"{staff.clock_time(first, person)} and {staff.clock_time(last, person)}"
    count = len(missed) + 1
    return [f"Late: {count} of these were due between {span}. This one stands for all of them."]


def _deadline_line(deadline: Deadline | None, person: Responder) -> str:
    if deadline is None:
        return "No deadline is running."
    due = staff.clock_time(deadline.due_at, person)
    return f"Next deadline: {staff.name_deadline(deadline)}, {due}."


def _client_line(escalation: Escalation) -> str:
    client = escalation.client
    if client is None:
        return ""
    contact = f", contact {client.contact_name}" if client.contact_name else ""
    return f"Client: {client.name} ({client.get_tier_display()}){contact}."


def _incident_lines(incident: Incident, person: Responder) -> list[str]:
    severity = incident.severity.code if incident.severity else "untriaged"
    clients = ", ".join(client.name for client in incident.clients.order_by("name"))
    status = incident.get_status_display().lower()
    since = staff.clock_time(incident.detected_at, person)
    lines = [
        f"Incident: {incident.ref} {incident.title}, {severity}, status {status}, since {since}.",
        f"Affected clients: {clients or 'none named'}.",
    ]
    entries = list(incident.timeline.order_by("at", "id")[:MOST_ENTRIES])
    if entries:
        told = "\n".join(
            f"- {staff.clock_time(entry.at, person)}, {entry.get_kind_display()}, "
            f"{entry.actor_name}: {' '.join(entry.text.split())[:LONGEST_ENTRY]}"
            for entry in entries
        )
        lines.append(f"What happened so far:\n{told}")
    return lines
