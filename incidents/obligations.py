"""“Mine now”: what a person owes, each with its one action (ux: home; rules C8, N1, M7, W11)."""

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse

from incidents.actors import Actor
from incidents.enums import (
    DeadlineKind,
    MailKind,
    Owner,
    Role,
    Status,
)
from incidents.escalation import seen_token
from incidents.holding import PARTS
from incidents.models import Client, ClientMail, Deadline, Incident, Responder
from incidents.owed import LOST_STATES, MOST_ROWS, Owed, read_owed
from incidents.transitions import Step
from notifications.enums import MessageState

NOTICE_KINDS = (DeadlineKind.NOTICE, DeadlineKind.ACKNOWLEDGE)
TECHNICAL_KINDS = (
    DeadlineKind.RESOLVE,
    DeadlineKind.FOLLOW_UP,
    DeadlineKind.CERTAIN_FIX,
    DeadlineKind.PLANNED_FIX,
)
END_KINDS = (MailKind.RESOLVED, MailKind.WORKAROUND)
LOST_WORDS: dict[str, str] = {
    MessageState.DEAD: "failed",
    MessageState.UNCERTAIN: "may not have arrived",
    MessageState.HELD: "is held since a restore",
}
MAIL_WORDS: dict[str, str] = {
    MailKind.NOTIFICATION: "the notice",
    MailKind.UPDATE: "the update",
    MailKind.RESOLVED: "the resolution mail",
    MailKind.WORKAROUND: "the workaround mail",
    MailKind.POSTMORTEM: "the postmortem",
    MailKind.QUESTIONS: "the clarifying questions",
}


@dataclass(frozen=True, slots=True)
class Term:
    """When something is due; a clock is drawn from it. It runs, so the rest is empty."""

    started_at: dt.datetime
    due_at: dt.datetime
    is_provisional: bool = False
    stopped_at: dt.datetime | None = None
    breached_at: dt.datetime | None = None
    voided_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Obligation:
    """One thing somebody owes. ``deadline`` is None where no clock runs for it."""

    title: str
    incident: Incident | None
    action: str
    url: str
    deadline: Term | None = None
    note: str = ""
    verb: str = "due"
    icon: str = ""
    holder: str = ""
    holder_user: int | None = None
    part: str = ""
    #: Comes before every deadline: it is repeated until somebody answers (rule E9).
    is_immediate: bool = False


def obligations_of(by: Actor, *, now: dt.datetime, is_everyones: bool = False) -> list[Obligation]:
    """What this person owes, or what anybody owes, by due time; what has none comes last.

    Nothing is told of incidents that the person may not see (rule W11). Six queries, however
    many rows.
    """
    if by.user is None:
        return []
    user = None if is_everyones else by.user
    found = read_owed(user, by, now=now)
    rows = [*_from_deadlines(found, now=now)]
    rows += _from_drafts(found, by, now=now)
    rows += _from_lost_mails(found)
    rows += _from_notes(found)
    rows += _from_resolved(found, user, now=now)
    rows += _from_escalations(found)
    rows.sort(key=by_urgency)
    return rows[:MOST_ROWS]


def by_urgency(row: Obligation) -> tuple[bool, bool, float, int, int]:
    """The order of “Mine now”, for obligations of every floor."""
    level = row.incident.level if row.incident else None
    due = row.deadline.due_at.timestamp() if row.deadline else 0.0
    number = row.incident.pk if row.incident else 0
    return not row.is_immediate, row.deadline is None, due, level or 1, number


# From rows to obligations ---------------------------------------------------------------


def _from_deadlines(found: Owed, *, now: dt.datetime) -> Iterator[Obligation]:
    """One row for each deadline, but for those another row covers already."""
    noticed = {row.incident_id for row in found.deadlines if row.kind == DeadlineKind.NOTICE}
    duties = {row.incident_id: row.due_at for row in found.deadlines if _is_duty_to_notify(row)}
    technical: set[int] = set()
    for rows in _together(found.deadlines):
        row = rows[0]
        incident = found.incidents.get(row.incident_id)
        if incident is None:
            continue
        if row.kind == DeadlineKind.ACKNOWLEDGE and incident.pk in noticed:
            continue
        if row.kind == DeadlineKind.NOTICE and duties.get(incident.pk, row.due_at) < row.due_at:
            continue  # The same mail, which a playbook wants earlier.
        if row.kind in TECHNICAL_KINDS:
            if incident.pk in technical:
                continue
            technical.add(incident.pk)
        row.incident = incident
        clients = [one.client for one in rows if one.client]
        yield _deadline_row(row, incident, clients, found)


def _together(deadlines: Iterable[Deadline]) -> list[list[Deadline]]:
    """Deadlines that one mail meets stand together: same incident, kind and time."""
    groups: dict[tuple[int, str, dt.datetime | int], list[Deadline]] = {}
    for row in deadlines:
        key = row.due_at if row.client_id else row.pk
        groups.setdefault((row.incident_id, row.kind, key), []).append(row)
    return list(groups.values())


def _deadline_row(
    row: Deadline, incident: Incident, clients: list[Client], found: Owed
) -> Obligation:
    if row.kind == DeadlineKind.NOTICE:
        return _notice(row, incident, clients, found)
    if row.kind == DeadlineKind.ACKNOWLEDGE:
        return _acknowledge(row, incident, found)
    if row.kind == DeadlineKind.PROMISE:
        return _promise(row, incident, clients, found)
    if row.kind in TECHNICAL_KINDS:
        return _technical(row, incident)
    if row.kind == DeadlineKind.TRIAGE:
        url, note = step_url(incident, Step.TRIAGE), incident.get_source_display()
        return _row(row, "Triage it", "Triage", url, note=note)
    if row.kind == DeadlineKind.WINDOW:
        return _window(row, incident, found)
    if row.kind == DeadlineKind.PLAYBOOK:
        return _duty(row, incident, found)
    url = step_url(incident, Step.REVIEW)
    return _row(row, "Write the post-incident entry", "Write the entry", url)


def _notice(row: Deadline, incident: Incident, clients: list[Client], found: Owed) -> Obligation:
    level = f"SEV-{incident.level}" if incident.level else "Untriaged"
    mails = found.mails_to(incident.pk, [MailKind.NOTIFICATION], clients)
    whom = _names(clients or (mail.client for mail in mails))
    title = f"Send the notice to {whom}" if whom else "Send the notice"
    note = f"{level} notice to the client"
    return _mail_row(row, title, mails, MailKind.NOTIFICATION, clients, note=note)


def _acknowledge(row: Deadline, incident: Incident, found: Owed) -> Obligation:
    url = step_url(incident, Step.ACKNOWLEDGE)
    reporter = incident.reported_by
    mails = found.mails_to(incident.pk, [MailKind.NOTIFICATION])
    waiting = [mail for mail in mails if not mail.is_told]  # type: ignore[attr-defined]
    note = "Provisional SEV-1 clock until triaged" if row.is_provisional else ""
    if waiting and reporter:
        title = f"Acknowledge {reporter}'s report"
        return _mail_row(row, title, waiting, MailKind.NOTIFICATION, [], note=note)
    severity = incident.severity
    if waiting and severity and severity.notifies_clients:
        return _notice(row, incident, [], found)
    return _row(row, "Acknowledge it", "Acknowledge", url, note=note)


def _promise(row: Deadline, incident: Incident, clients: list[Client], found: Owed) -> Obligation:
    mails = found.mails_to(incident.pk, [MailKind.UPDATE], clients)
    return _mail_row(
        row,
        f"Update {_names(clients)}",
        [mail for mail in mails if mail.delivered_at is None],
        MailKind.UPDATE,
        clients,
        note="Next update you promised",
        verb="promised",
    )


def _technical(row: Deadline, incident: Incident) -> Obligation:
    title = {
        DeadlineKind.FOLLOW_UP: "Follow up the workaround with a fix",
        DeadlineKind.CERTAIN_FIX: "Fix it by the time that was promised",
        DeadlineKind.PLANNED_FIX: "Make the planned fix",
    }.get(DeadlineKind(row.kind), "")
    if incident.status == Status.TRIAGED:
        step, action, what = Step.INVESTIGATE, "Start", "Start investigating"
    elif row.has_fix and row.kind != DeadlineKind.FOLLOW_UP:  # type: ignore[attr-defined]
        step, action, what = Step.VERIFY, "Verify", "Verify the fix"
    else:
        step, action, what = Step.FIX, "Record fix", "Find and record the fix"
    note = f"{row.get_kind_display()} clock" if row.kind == DeadlineKind.RESOLVE else row.note
    return _row(row, title or what, action, step_url(incident, step), note=note)


def _is_duty_to_notify(row: Deadline) -> bool:
    return row.kind == DeadlineKind.PLAYBOOK and row.owner == Owner.COMMUNICATIONS


def _duty(row: Deadline, incident: Incident, found: Owed) -> Obligation:
    """P3: what a playbook wants by a time: a notice, or a step of its own."""
    if not _is_duty_to_notify(row):
        url = f"{incident.get_absolute_url()}#playbooks"
        return _row(row, row.note, "Do the step", url, note="Playbook step")
    mails = found.mails_to(incident.pk, [MailKind.NOTIFICATION])
    waiting = [mail for mail in mails if not mail.is_told]  # type: ignore[attr-defined]
    return _mail_row(row, row.note, waiting, MailKind.NOTIFICATION, [], note="Playbook step")


def _window(row: Deadline, incident: Incident, found: Owed) -> Obligation:
    """The window is over: tell the clients of the end, then resolve (rule W7)."""
    note = "The stability window is over"
    if not row.owes_end:  # type: ignore[attr-defined]
        url = step_url(incident, Step.RESOLVE)
        return _row(row, "Resolve it", "Resolve", url, note=note, has_clock=False)
    mails = [
        mail
        for mail in found.mails_to(incident.pk, END_KINDS)
        if not mail.is_end_told  # type: ignore[attr-defined]
    ]
    title = "Tell the clients that it is resolved"
    return _mail_row(row, title, mails, MailKind.RESOLVED, [], note=note, has_clock=False)


def _mail_row(
    row: Deadline,
    title: str,
    mails: list[ClientMail],
    kind: str,
    clients: list[Client],
    *,
    note: str,
    verb: str = "due",
    has_clock: bool = True,
) -> Obligation:
    """A duty that a mail fulfils: write it, finish it, mend it, or watch it leave."""
    incident = row.incident
    unsent = [mail for mail in mails if mail.message_id is None]
    homeless = [mail.client for mail in unsent if not mail.client.has_contact]
    lost = [mail for mail in mails if mail.message and mail.message.state in LOST_STATES]
    if lost:
        action, url = "Settle", reverse("incidents:message", args=[lost[0].message_id])
        note = "Its mail did not arrive for certain"
    elif homeless and len(homeless) == len(unsent):
        action, url = "Add a contact", client_url(homeless[0])
        note = f"{homeless[0]} has no contact: its mail is blocked"
    elif unsent:
        action, url = "Finish and send", mail_url(unsent[0])
    elif mails:
        action, url, note = "Follow it", mail_url(mails[-1]), "On its way, not delivered yet"
    else:
        action = f"Write {MAIL_WORDS[kind]}"
        url = start_url(incident, kind, clients)
    return _row(row, title, action, url, note=note, verb=verb, icon="envelope", has_clock=has_clock)


def _row(
    row: Deadline,
    title: str,
    action: str,
    url: str,
    *,
    note: str = "",
    verb: str = "due",
    icon: str = "",
    has_clock: bool = True,
) -> Obligation:
    term = Term(row.started_at, row.due_at, row.is_provisional) if has_clock else None
    return Obligation(
        title=title,
        incident=row.incident,
        action=action,
        url=url,
        deadline=term,
        note=note,
        verb=verb,
        icon=icon,
        **_whose(row.incident, row.owner),
    )


def _from_drafts(found: Owed, by: Actor, *, now: dt.datetime) -> Iterator[Obligation]:
    """Drafts without a clock of their own, and approvals that are asked (rules M3, M7, W11)."""
    covered = {(row.incident_id, kind) for row in found.deadlines for kind in _covers(row)}
    for mails in _by_draft(_minded(found, is_unsent=True)):
        draft, incident = mails[0].draft, mails[0].draft.incident
        if not draft.is_open:
            continue
        is_unapproved = incident.is_breach_suspected and draft.approved_at is None
        word = MAIL_WORDS[draft.kind]
        if is_unapproved and by.has_role(Role.FOUNDER):
            title = f"Approve {word} to {_names(mail.client for mail in mails)}"
            yield _plain(incident, title, "Read and approve", mail_url(mails[0]), role=None)
            continue
        yield from _without_contact(incident, mails)
        ready = [mail for mail in mails if mail.client.has_contact]
        is_early = draft.kind == MailKind.RESOLVED and _is_in_window(incident, now=now)
        if not ready or is_early or (incident.pk, draft.kind) in covered:
            continue
        title = f"Send {word} to {_names(mail.client for mail in ready)}"
        note = "Waits for the founder's approval" if is_unapproved else "The draft waits"
        yield _plain(incident, title, "Finish and send", mail_url(ready[0]), note=note)


def _without_contact(incident: Incident, mails: list[ClientMail]) -> Iterator[Obligation]:
    """M7: a task for the communications owner, the clock keeps running."""
    for mail in mails:
        if not mail.client.has_contact:
            yield _plain(
                incident,
                f"Add a contact for {mail.client}",
                "Add a contact",
                client_url(mail.client),
                note="Its mail is blocked without one",
            )


def _covers(row: Deadline) -> tuple[str, ...]:
    """The kinds of mail that a deadline's own row leads to."""
    if row.kind in NOTICE_KINDS or _is_duty_to_notify(row):
        return (MailKind.NOTIFICATION,)
    if row.kind == DeadlineKind.PROMISE:
        return (MailKind.UPDATE,)
    return END_KINDS if row.kind == DeadlineKind.WINDOW else ()


def _from_lost_mails(found: Owed) -> Iterator[Obligation]:
    """Mails that failed for good or may have arrived, until the client was told anyway."""
    for mail in _minded(found, is_unsent=False):
        incident = mail.draft.incident
        if mail.message is None or mail.message.state not in LOST_STATES:
            continue
        is_told = mail.is_told if mail.draft.kind == MailKind.NOTIFICATION else False  # type: ignore[attr-defined]
        is_told |= mail.is_end_told if mail.draft.kind in END_KINDS else False  # type: ignore[attr-defined]
        if is_told:
            continue
        word = LOST_WORDS[mail.message.state]
        yield _plain(
            incident,
            f"{MAIL_WORDS[mail.draft.kind].removeprefix('the ').capitalize()} to {mail.client} "
            f"{word}",
            "Settle",
            reverse("incidents:message", args=[mail.message.pk]),
            note=mail.message.last_error[:120],
        )


def _from_notes(found: Owed) -> Iterator[Obligation]:
    """M10: the HubSpot note by hand."""
    for row in found.notes:
        incident = found.incidents.get(row.incident_id)
        if incident is not None:
            url = f"{step_url(incident, Step.HUBSPOT_NOTED)}?client={row.client.slug}"
            title = f"Record the HubSpot note for {row.client}"
            yield _plain(incident, title, "Copy and tick", url, note="Blocks Closed")


def _from_resolved(found: Owed, user: User | None, *, now: dt.datetime) -> Iterator[Obligation]:
    """W8: the postmortem once the entry is written, and Close when nothing blocks it."""
    started = {
        (mail.draft.incident_id, mail.draft.kind) for mail in found.mails if mail.draft.is_open
    }
    for row in found.resolved:
        incident = found.incidents.get(row.pk)
        if incident is None:
            continue
        # What the query found out of the incident, see ``incidents.owed``.
        left, owed = vars(row), row.review_severity
        is_reviewed = owed is None or left["is_reviewed"]
        owes_postmortem = bool(owed and owed.postmortem_to_premium and left["owes_postmortem"])
        communicates = user is None or left["is_communicators"]
        coordinates = user is None or left["is_coordinators"]
        if is_reviewed and owes_postmortem:
            if communicates and (row.pk, MailKind.POSTMORTEM) not in started:
                url = start_url(incident, MailKind.POSTMORTEM)
                yield _plain(
                    incident,
                    "Write the postmortem",
                    "Write the postmortem",
                    url,
                    note="Blocks Closed",
                )
        elif is_reviewed and not left["owes_note"] and coordinates:
            url = step_url(incident, Step.CLOSE)
            yield _plain(
                incident,
                "Close it: nothing is missing",
                "Close",
                url,
                role=Owner.COORDINATOR,
            )


def _from_escalations(found: Owed) -> Iterator[Obligation]:
    """N3: an escalation nobody said “seen” to, once each."""
    told: set[int] = set()
    for row in found.notices:
        escalation = row.escalation
        incident = found.incidents.get(escalation.incident_id or 0)
        if escalation.pk in told or (escalation.incident_id and incident is None):
            continue
        told.add(escalation.pk)
        about = f" about {escalation.client}" if escalation.client else ""
        is_said = incident is not None and incident.title in escalation.summary
        yield Obligation(
            title=f"Escalation {escalation.rule_id}{about}: {escalation.rule.situation}",
            incident=incident,
            action="Say “seen”",
            url=reverse("incidents:escalation", args=[seen_token(escalation, row.responder)]),
            note="" if is_said else escalation.summary[:160],
            icon="bell-alert",
            holder=str(row.responder),
            holder_user=row.responder.user_id,
            is_immediate=escalation.rule.is_immediate,
        )


# Words and addresses --------------------------------------------------------------------


def step_url(incident: Incident, step: Step) -> str:
    """The page where a step is taken."""
    return reverse("incidents:step", args=[incident.ref, step.value])


def mail_url(mail: ClientMail) -> str:
    """The mail panel on this client's tab."""
    address = reverse("incidents:mail", args=[mail.draft.incident.ref, mail.draft_id])
    return f"{address}?client={mail.client.slug}"


def start_url(incident: Incident, kind: str, clients: Iterable[Client] = ()) -> str:
    """The page where a mail of a kind to these clients is begun."""
    tail = "".join(f"&client={client.slug}" for client in clients)
    return f"{reverse('incidents:mail-start', args=[incident.ref])}?kind={kind}{tail}"


def client_url(client: Client) -> str:
    return reverse("incidents:client-edit", args=[client.slug])


def _plain(
    incident: Incident,
    title: str,
    action: str,
    url: str,
    *,
    note: str = "",
    role: Owner | None = Owner.COMMUNICATIONS,
) -> Obligation:
    whose = _whose(incident, role) if role else {"part": Role.FOUNDER.label}
    return Obligation(title, incident, action, url, note=note, **whose)


def _by_draft(mails: Iterable[ClientMail]) -> list[list[ClientMail]]:
    groups: dict[int, list[ClientMail]] = {}
    for mail in mails:
        groups.setdefault(mail.draft_id, []).append(mail)
    return list(groups.values())


def _minded(found: Owed, *, is_unsent: bool) -> list[ClientMail]:
    """Mails this person minds; the others are only read beside the deadlines."""
    return [
        mail
        for mail in found.mails
        if mail.is_minded and (mail.message_id is None) == is_unsent  # type: ignore[attr-defined]
    ]


def _is_in_window(incident: Incident, *, now: dt.datetime) -> bool:
    if incident.verified_at is None or incident.severity is None:
        return False
    return now < incident.verified_at + incident.severity.stability_window


def _whose(incident: Incident, owner: str) -> dict[str, Any]:
    """The named owner of a part, for the row of a duty."""
    person: Responder | None = getattr(incident, PARTS[owner])
    return {
        "holder": str(person) if person else "nobody",
        "holder_user": person.user_id if person else None,
        "part": Owner(owner).label,
    }


def _names(clients: Iterable[Client]) -> str:
    """“Acme and Beta”, “3 clients”."""
    names = list(dict.fromkeys(str(client) for client in clients))
    return " and ".join(names) if len(names) < 3 else f"{len(names)} clients"
