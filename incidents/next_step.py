"""The next legal step of an incident, whose it is, and what blocks it (SOP steps 1 to 7)."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace

from django.urls import reverse

from incidents.actors import Actor
from incidents.case import Case, DraftView, find_cases, open_case
from incidents.enums import DeadlineKind, MailKind, Status
from incidents.errors import Missing
from incidents.escalation import seen_token
from incidents.holding import PART_OF_ROLE, PARTS, is_named
from incidents.models import AffectedClient, Incident, Responder
from incidents.permissions import OWNING_ROLE, may
from incidents.transitions import Step, is_possible

END_KINDS = (MailKind.RESOLVED, MailKind.WORKAROUND)
#: An update is the next thing to do from so long before its promised time.
UPDATE_AHEAD = dt.timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Action:
    """One step that could be taken now. ``blockers`` without a step are mended at ``url``."""

    step: Step
    label: str
    url: str
    icon: str = ""
    key: str = ""
    blockers: tuple[Missing, ...] = ()
    word: str = "Blocked by"
    holder: str = ""
    is_mine: bool = False
    may: bool = False


@dataclass(frozen=True, slots=True)
class NextStep:
    """``primary`` is this person's own next step; ``theirs`` comes first but is another's.

    ``other`` is what a person without a step of their own can do usefully.
    """

    primary: Action | None = None
    theirs: Action | None = None
    other: Action | None = None


def next_step(incident: Incident, *, by: Actor, now: dt.datetime) -> NextStep:
    """The next step of an incident for this person."""
    row = find_cases(Incident.objects.filter(pk=incident.pk)).get()
    user_id = by.user.pk if by.user else None
    return next_step_of(open_case(row, user_id=user_id, now=now), by=by, now=now)


def next_step_of(case: Case, *, by: Actor, now: dt.datetime) -> NextStep:
    """The next step of a case for this person: their own first, else whose it is."""
    actions = [_for(action, case, by, now=now) for action in _actions(case, by, now=now)]
    primary = next((action for action in actions if action.is_mine), None)
    first = next(iter(actions), None)
    theirs = first if first is not None and not first.is_mine else None
    if primary is not None:
        return NextStep(primary=primary, theirs=theirs)
    stand_in = next((action for action in actions if action.may), None)
    return NextStep(theirs=theirs, other=stand_in or _note(case))


def _for(action: Action, case: Case, by: Actor, *, now: dt.datetime) -> Action:
    """The action as this person meets it: theirs by role or by name, or somebody else's."""
    role = OWNING_ROLE.get(action.step)
    owner = PART_OF_ROLE.get(role) if role else None
    person: Responder | None = getattr(case.incident, PARTS[owner]) if owner else None
    is_allowed = may(action.step, by=by, now=now)
    is_named_one = owner is not None and is_named(case.incident, owner, by)
    is_own = role is None or by.has_role(role) or is_named_one
    label = role.label.lower() if role else ""
    return replace(
        action,
        holder=f"{person} ({label})" if person else f"the {label}",
        may=is_allowed,
        is_mine=is_allowed and is_own,
    )


def _actions(case: Case, by: Actor, *, now: dt.datetime) -> Iterator[Action]:
    """Everything the SOP asks for now, the most pressing first."""
    status = case.incident.status
    yield from _seen(case, by)
    yield from _approval(case)
    if status == Status.DETECTED:
        yield _step(case, Step.TRIAGE, "Triage")
    if status in (Status.DETECTED, Status.TRIAGED, Status.INVESTIGATING, Status.MONITORING):
        yield from _lost(case)
        yield from _notify(case)
        yield from _update(case, now=now, is_pressing=True)
        yield from _accept(case)
        yield from _repair(case)
    if status == Status.MONITORING:
        yield from _end(case)
    if status == Status.RESOLVED:
        yield from _learn(case)
    yield from _update(case, now=now, is_pressing=False)


def _seen(case: Case, by: Actor) -> Iterator[Action]:
    """N3: an escalation this person was told of and has not said “seen” to."""
    for row in case.escalations:
        if row.acknowledged_at is None and row.my_notice:  # type: ignore[attr-defined]
            token = seen_token(row, Responder(pk=row.my_notice))  # type: ignore[attr-defined]
            url = reverse("incidents:escalation", args=[token])
            yield Action(Step.NOTE, f"Say “seen” to {row.rule_id}", url, icon="bell-alert")


def _approval(case: Case) -> Iterator[Action]:
    """W11: the founder approves the mails of a suspected breach."""
    if not case.incident.is_breach_suspected:
        return
    for view in case.drafts:
        if view.draft.is_open and view.unsent and view.draft.approved_at is None:
            word = view.draft.get_kind_display().lower()
            url = panel_url(view)
            yield Action(Step.APPROVE, f"Read and approve the {word}", url, icon="envelope")
            return


def _lost(case: Case) -> Iterator[Action]:
    for mail in case.lost_mails[:1]:
        url = reverse("incidents:message", args=[mail.message_id])
        yield Action(Step.SEND, f"Settle the mail to {mail.client}", url, icon="envelope")


def _notify(case: Case) -> Iterator[Action]:
    """SOP step 3: clients that must be told and have not been."""
    severity, reporter = case.incident.severity, case.incident.reported_by_id
    tells_all = severity is not None and severity.notifies_clients
    waiting = [
        row
        for row in case.untold
        if (tells_all or row.client_id == reporter)
        and not case.is_on_its_way(row.client_id, MailKind.NOTIFICATION)
    ]
    if not waiting:
        return
    view = case.open_draft(MailKind.NOTIFICATION)
    if view is None:
        url = start_url(case.incident, MailKind.NOTIFICATION, waiting)
        yield Action(Step.DRAFT, "Write the notice", url, icon="envelope", key="a")
    elif not any(mail.client.has_contact for mail in view.unsent):
        client = view.unsent[0].client
        url = f"{step_url(case.incident, Step.TOLD)}?client={client.slug}"
        lacks = Missing(f"no contact for {client}", client=client.slug)
        yield Action(
            Step.TOLD, f"Tell {client} another way", url, icon="phone", blockers=(lacks,), key="a"
        )
    else:
        yield _mail(view, "Finish and send notice", key="a")


def _update(case: Case, *, now: dt.datetime, is_pressing: bool) -> Iterator[Action]:
    """M6: the next update that was promised; what is due at the same time goes together."""
    rows = [
        row
        for row in case.running(DeadlineKind.PROMISE)
        if (row.due_at - now <= UPDATE_AHEAD) == is_pressing
        and row.client
        and not case.is_on_its_way(row.client.pk, *MailKind.values)
    ]
    if not rows:
        return
    view = case.open_draft(MailKind.UPDATE)
    if view is not None:
        yield _mail(view, "Finish and send update", key="u")
        return
    clients = [row.client for row in rows if row.due_at == rows[0].due_at and row.client]
    label = f"Update {clients[0]}" if len(clients) == 1 else f"Update {len(clients)} clients"
    query = "".join(f"&client={client.slug}" for client in clients)
    url = reverse("incidents:mail-start", args=[case.incident.ref])
    url = f"{url}?kind={MailKind.UPDATE}{query}"
    yield Action(Step.DRAFT, label, url, icon="envelope", key="u")


def _accept(case: Case) -> Iterator[Action]:
    """C3: SEV-3, SEV-4, and whatever has no affected client, is accepted by hand."""
    incident = case.incident
    if incident.accepted_at is not None or incident.acknowledged_at is not None:
        return
    severity = incident.severity
    is_told_by_mail = severity is not None and severity.notifies_clients and case.affected
    if incident.status != Status.DETECTED and not is_told_by_mail:
        yield _step(case, Step.ACKNOWLEDGE, "Acknowledge", key="a")


def _repair(case: Case) -> Iterator[Action]:
    """SOP steps 4 and 5."""
    if case.incident.status == Status.TRIAGED:
        yield _step(case, Step.INVESTIGATE, "Start investigating")
    elif case.incident.status == Status.INVESTIGATING and not case.has_fix:
        yield _step(case, Step.FIX, "Record the fix")
    elif case.incident.status == Status.INVESTIGATING:
        yield _step(case, Step.VERIFY, "Verify the fix")


def _end(case: Case) -> Iterator[Action]:
    """SOP step 6: tell the clients of the end, then resolve."""
    waiting = [
        row for row in case.unresolved_for if not case.is_on_its_way(row.client_id, *END_KINDS)
    ]
    if waiting:
        view = case.open_draft(*END_KINDS)
        if view is not None:
            yield _mail(view, "Finish and send resolution")
            return
        url = start_url(case.incident, MailKind.RESOLVED, waiting)
        window = tuple(item for item in case.blockers if item.step == Step.WAIVE)
        yield Action(
            Step.DRAFT,
            "Write the resolution mail",
            url,
            icon="envelope",
            blockers=window,
            word="To be sent after:",
        )
        return
    yield _step(case, Step.RESOLVE, "Resolve", blockers=tuple(case.blockers))


def _learn(case: Case) -> Iterator[Action]:
    """SOP step 7, then Close."""
    if not case.is_reviewed:
        yield _step(case, Step.REVIEW, "Write the post-incident entry")
    elif case.owed_postmortems:
        waiting = [
            row
            for row in case.owed_postmortems
            if not case.is_on_its_way(row.client_id, MailKind.POSTMORTEM)
        ]
        view = case.open_draft(MailKind.POSTMORTEM)
        if view is not None:
            yield _mail(view, "Finish and send postmortem")
        elif waiting:
            url = start_url(case.incident, MailKind.POSTMORTEM, waiting)
            yield Action(Step.DRAFT, "Write the postmortem", url, icon="envelope")
    for row in case.due_notes[:1]:
        url = f"{step_url(case.incident, Step.HUBSPOT_NOTED)}?client={row.client.slug}"
        yield Action(Step.HUBSPOT_NOTED, "Tick the HubSpot note", url, icon="clipboard-document")
    yield _step(case, Step.CLOSE, "Close", blockers=tuple(case.blockers))


def _mail(view: DraftView, label: str, *, key: str = "") -> Action:
    """Finish a draft; what still keeps it from leaving stands beside it."""
    url = panel_url(view)
    blocked = [item for item in view.missing if not item.text.startswith("Text: ")]
    if view.findings:
        word = "wording finding" if view.findings == 1 else "wording findings"
        blocked.append(Missing(f"{view.findings} {word}"))
    if view.unwritten:
        blocked.append(Missing(f"the text: {', '.join(view.unwritten)}"))
    blocked.extend(
        Missing(f"no contact for {mail.client}", client=mail.client.slug)
        for mail in view.unsent
        if not mail.client.has_contact
    )
    return Action(
        Step.DRAFT,
        label,
        url,
        icon="envelope",
        key=key,
        blockers=tuple(blocked),
        word="Still open:",
    )


def _step(
    case: Case, step: Step, label: str, *, key: str = "", blockers: tuple[Missing, ...] = ()
) -> Action:
    return Action(step, label, step_url(case.incident, step), key=key, blockers=blockers)


def _note(case: Case) -> Action | None:
    if not is_possible(Step.NOTE, case.incident.status):
        return None
    return Action(Step.NOTE, "Add an entry", step_url(case.incident, Step.NOTE), may=True)


def step_url(incident: Incident, step: Step) -> str:
    """The page where a step is taken."""
    return reverse("incidents:step", args=[incident.ref, step.value])


def panel_url(view: DraftView) -> str:
    """The mail panel of a draft."""
    return reverse("incidents:mail", args=[view.draft.incident.ref, view.draft.pk])


def start_url(incident: Incident, kind: str, rows: list[AffectedClient]) -> str:
    """Where a mail of a kind to these clients is begun."""
    clients = "".join(f"&client={row.client.slug}" for row in rows)
    return f"{reverse('incidents:mail-start', args=[incident.ref])}?kind={kind}{clients}"
