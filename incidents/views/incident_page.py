"""What the page of one incident shows, laid out for its templates."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from incidents import staff
from incidents.actors import Actor
from incidents.case import Case, DraftView, find_cases, open_case
from incidents.chronicle import read_chronicle
from incidents.enums import DeadlineKind, Level, Status
from incidents.exports import EXPORTS
from incidents.forms.changes import NoteForm
from incidents.models import ClientMail, Deadline, Incident, PreventionMeasure
from incidents.next_step import Action, next_step_of
from incidents.owed import GONE_STATES
from incidents.prepared import prepared
from incidents.steps import possible_steps
from incidents.transitions import Step
from incidents.views.refusals import Mend, mend_url
from incidents.views.run_panel import Refused, lay_out_runs
from notifications.enums import HELD_BY_A_SENDER, MessageState

#: Steps with a place of their own on the page; the menu holds the others.
PLACED_STEPS = (Step.NOTE, Step.SEND, Step.APPROVE, Step.STEP)
MOST_CLOCKS = 3


@dataclass(frozen=True, slots=True)
class HeaderClock:
    name: str
    deadline: Deadline
    is_next: bool = False
    prefix: str = "due"


@dataclass(frozen=True, slots=True)
class SopStep:
    """One of the seven marks: done, part, now or todo."""

    number: int
    name: str
    state: str
    word: str
    note: str = ""
    at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class MailLine:
    """The state of one client's mail, in icon and words."""

    mail: ClientMail
    kind: str
    word: str
    at: dt.datetime | None = None


@dataclass(slots=True)
class DraftPanel:
    """A draft or a sent mail in the mails panel."""

    view: DraftView
    url: str
    lines: list[MailLine] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Shown:
    """An action with its blockers linked to where they are mended."""

    action: Action
    blockers: list[Mend]


def find_incident(ref: str, by: Actor) -> Incident | None:
    """The incident as this page needs it, if the reader may see it (rule W11)."""
    if by.user is None:
        return None
    return next(iter(_found(ref=ref, user=by.user.pk, sees_all=by.sees_all)), None)


@prepared
def _found(*, ref: str, user: int, sees_all: bool) -> QuerySet[Incident]:
    seen = Incident.objects.seen_by(user, sees_all=sees_all)
    return find_cases(seen).filter(ref=ref).order_by()


def lay_out(
    incident: Incident,
    by: Actor,
    *,
    now: dt.datetime,
    is_whole: bool = False,
    at: str = "",
    refused: Refused | None = None,
) -> dict[str, Any]:
    """The context of the page and of its live fragments."""
    case = open_case(incident, user_id=by.user.pk if by.user else None, now=now)
    step = next_step_of(case, by=by, now=now)
    review = getattr(incident, "review", None)
    possible = possible_steps(incident, by=by, now=now)
    measures = PreventionMeasure.objects.filter(review=review).select_related("owner")
    context: dict[str, Any] = {
        "incident": incident,
        "case": case,
        "now": now,
        "by": by,
        "primary": _shown(case, step.primary),
        "theirs": step.theirs,
        "other": _shown(case, step.other),
        "clocks": header_clocks(case),
        "sop_steps": sop_steps(case, now=now),
        "sop_now": next((one for one in sop_steps(case, now=now) if one.state == "now"), None),
        "owners": _owners(incident, by),
        "mail_panels": _mail_panels(case, now=now),
        "playbooks": lay_out_runs(case, may={spec.step for spec in possible}, refused=refused),
        "review": review,
        "owes_entry": bool(review or (incident.review_severity and incident.resolved_at)),
        "measures": list(measures) if review else [],
        "more_steps": [spec for spec in possible if spec.step not in PLACED_STEPS],
        "systems": list(incident.systems.all()),
        "composer": NoteForm(incident=incident, initial={"at": at} if at else {}),
        "is_inserting": bool(at),
        "exports": EXPORTS,
        "timeline": read_chronicle(incident, is_whole=is_whole),
        "is_whole": is_whole,
    }
    context["may"] = {spec.step.value.replace("-", "_") for spec in context["more_steps"]}
    return context


def _shown(case: Case, action: Action | None) -> Shown | None:
    if action is None:
        return None
    mends = [
        Mend(item.text, mend_url(case.incident, item) or action.url) for item in action.blockers
    ]
    return Shown(action, mends)


def header_clocks(case: Case) -> list[HeaderClock]:
    """What is due next first, then the incident's own two clocks (rules C2 to C4)."""
    rows = [
        row
        for row in (
            case.next_deadline,
            case.standing(DeadlineKind.ACKNOWLEDGE),
            case.standing(DeadlineKind.RESOLVE),
        )
        if row is not None
    ]
    unique = list({row.pk: row for row in rows}.values())[:MOST_CLOCKS]
    following = case.next_deadline
    return [
        HeaderClock(
            _clock_name(case, row),
            row,
            is_next=following is not None and row.pk == following.pk,
            prefix="promised" if row.kind == DeadlineKind.PROMISE else "due",
        )
        for row in unique
    ]


def _clock_name(case: Case, row: Deadline) -> str:
    if row.kind == DeadlineKind.NOTICE:
        return f"Notice, {row.client}"
    if row.kind == DeadlineKind.PROMISE:
        return f"Update, {row.client}"
    if row.kind == DeadlineKind.ACKNOWLEDGE and row.is_provisional:
        return "Acknowledge, until triaged"
    if row.kind == DeadlineKind.ACKNOWLEDGE and row.is_running and len(case.affected) > 1:
        return f"Acknowledge, {len(case.told)} of {len(case.affected)} told"
    if row.kind == DeadlineKind.RESOLVE and case.incident.level == Level.SEV1 and row.is_running:
        return "Resolve or workaround"
    return staff.name_deadline(row)


def sop_steps(case: Case, *, now: dt.datetime) -> list[SopStep]:
    """The seven steps of the SOP with their states; acknowledging is a track of its own (W1)."""
    incident, status = case.incident, case.incident.status
    is_over = status in (Status.RESOLVED, Status.CLOSED)
    is_ready = status == Status.INVESTIGATING and case.has_fix
    owner, words = incident.technical_owner, _step_notes(case)
    marks = [
        ("Detection", "done", incident.detected_at, ""),
        (
            "Triage",
            "done" if incident.triaged_at else "now",
            incident.triaged_at,
            str(incident.coordinator or "") if incident.triaged_at else "",
        ),
        ("Acknowledge", _acknowledged(case), incident.acknowledged_at, words["acknowledge"]),
        (
            "Investigate & fix",
            _state(
                done=bool(incident.verified_at) or is_ready,
                now=status in (Status.TRIAGED, Status.INVESTIGATING),
            ),
            None,
            str(owner or ""),
        ),
        (
            "Verify",
            _state(done=is_over or _is_stable(case, now=now), now=is_ready or _monitors(case)),
            incident.verified_at,
            words["verify"],
        ),
        (
            "Resolve & communicate",
            _state(done=is_over, now=_monitors(case) and _is_stable(case, now=now)),
            incident.resolved_at,
            "",
        ),
        (
            "Post-incident",
            _state(done=status == Status.CLOSED, now=status == Status.RESOLVED),
            incident.closed_at,
            words["review"],
        ),
    ]
    return [
        SopStep(number, name, state, STATE_WORDS[state], note, at)
        for number, (name, state, at, note) in enumerate(marks, start=1)
    ]


STATE_WORDS = {"done": "done", "now": "in progress", "part": "partly done", "todo": "to do"}


def _state(*, done: bool, now: bool) -> str:
    return "done" if done else "now" if now else "todo"


def _acknowledged(case: Case) -> str:
    if case.incident.acknowledged_at:
        return "done"
    return "part" if case.told or case.incident.accepted_at else "todo"


def _monitors(case: Case) -> bool:
    return case.incident.status == Status.MONITORING


def _is_stable(case: Case, *, now: dt.datetime) -> bool:
    """The stability window is over, or its rest was waived."""
    return _monitors(case) and not any(item.step == Step.WAIVE for item in case.blockers)


def _step_notes(case: Case) -> dict[str, str]:
    severity, total = case.incident.severity, len(case.affected)
    told = f"{len(case.told)} of {total} clients" if total > 1 else ""
    if total == 1 and not case.incident.acknowledged_at:
        told = f"{case.affected[0].client} not told yet" if not case.told else ""
    window = severity.stability_window if severity else None
    stable = f"then {_hours(window)} stable" if window and not case.incident.verified_at else ""
    owed, review = case.incident.review_severity, case.standing(DeadlineKind.REVIEW)
    entry = "no entry required" if case.incident.triaged_at else ""
    if owed and owed.review_days and review is None:
        unit = "working days" if owed.review_in_working_days else "days"
        entry = f"due {owed.review_days} {unit} after"
    elif review is not None:
        entry = "entry written" if review.stopped_at else f"due {staff.agency_time(review.due_at)}"
    return {"acknowledge": told, "verify": stable, "review": entry}


def _hours(duration: dt.timedelta) -> str:
    return f"{int(duration.total_seconds() // 3600)} h"


def _owners(incident: Incident, by: Actor) -> list[tuple[str, str, bool]]:
    parts = (
        ("Technical", incident.technical_owner),
        ("Communications", incident.communications_owner),
        ("Coordinator", incident.coordinator),
    )
    user_id = by.user.pk if by.user else None
    return [
        (name, str(person) if person else "nobody yet", bool(person and person.user_id == user_id))
        for name, person in parts
    ]


def _mail_panels(case: Case, *, now: dt.datetime) -> list[DraftPanel]:
    """Open drafts first, then what was sent, the latest first."""
    views = sorted(
        case.drafts,
        key=lambda view: (not view.draft.is_open, -view.draft.created_at.timestamp()),
    )
    ref = case.incident.ref
    return [
        DraftPanel(
            view,
            reverse("incidents:mail", args=[ref, view.draft.pk]),
            [_line(mail, now=now) for mail in view.mails],
        )
        for view in views
    ]


def _line(mail: ClientMail, *, now: dt.datetime) -> MailLine:
    message = mail.message
    if message is None:
        if not mail.client.has_contact:
            return MailLine(mail, "bad", "No contact")
        return MailLine(mail, "due", "Draft")
    if message.state == MessageState.SENT:
        return MailLine(mail, "ok", "Delivered", message.sent_at)
    if message.state == MessageState.PENDING or message.state in HELD_BY_A_SENDER:
        return MailLine(mail, "due", "On its way")
    if message.state == MessageState.UNCERTAIN:
        return MailLine(mail, "warn", "Perhaps arrived")
    if message.state == MessageState.HELD:
        return MailLine(mail, "warn", "Held since a restore")
    if message.state in GONE_STATES:
        return MailLine(mail, "na", str(message.get_state_display()))
    return MailLine(mail, "bad", str(message.get_state_display()))
