"""What the mail panel shows for what stands in its form: the letter, its findings, its blockers.

Drawn for the first view, for a form shown again, and for the live preview.
"""

import copy
import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.conf import settings
from django.db.models import Q
from django.urls import reverse

from incidents.actors import Actor
from incidents.correspondence import blocking_send, check_draft
from incidents.correspondence.rendering import (
    DRAFT_FIELDS,
    PROMISING_KINDS,
    FieldFinding,
    field_label,
    next_update_of,
)
from incidents.correspondence.rewriting import rewritten
from incidents.enums import DeadlineKind, Level, MailKind, ToldVia
from incidents.errors import Missing
from incidents.forms.mail import MailTextForm
from incidents.forms.mail_panel import SHORT_FIELDS
from incidents.letters import Letter, count_sentences, letter_for, letter_of
from incidents.models import AffectedClient, Client, ClientMail, Deadline, MailDraft
from incidents.owed import GONE_STATES
from incidents.permissions import may
from incidents.transitions import Step
from incidents.views.letter_panel import LetterPanel, Note, wanted_findings
from incidents.views.refusals import Mend, mend_url
from notifications.enums import HELD_BY_A_SENDER, MessageState
from notifications.models import DeliveryAttempt

MOST_SENTENCES = 2
RULE_WORDS = {
    "blame": "Names somebody else together with a fault.",
    "promise": "Commits to a fix time outside the next-update field.",
    "speculation": "Guesses at the cause.",
}
#: What a mail of a kind counts as, where a client is told another way (rule M11).
TOLD_ABOUT = {
    MailKind.NOTIFICATION: MailKind.NOTIFICATION,
    MailKind.UPDATE: MailKind.UPDATE,
    MailKind.RESOLVED: MailKind.RESOLVED,
    MailKind.WORKAROUND: MailKind.RESOLVED,
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One client's mail: a tab of the panel and a row of the delivery table."""

    mail: ClientMail
    kind: str
    word: str
    at: dt.datetime | None
    attempts: int
    answer: str
    earlier: tuple[str, ...]
    told: AffectedClient | None
    told_url: str

    @property
    def is_open(self) -> bool:
        """Not sent, and there is somebody to send it to."""
        return self.mail.is_draft and self.mail.client.has_contact


@dataclass(frozen=True, slots=True)
class ShortField:
    """The live count below a field of one to two sentences."""

    name: str
    sentences: int
    findings: int

    @property
    def is_long(self) -> bool:
        return self.sentences > MOST_SENTENCES


@dataclass(slots=True, kw_only=True)
class Panel(LetterPanel):
    """Everything the fragments need; see the templates ``incidents/_mail_*.html``."""

    draft: MailDraft
    deliveries: list[Delivery] = field(default_factory=list)
    current: Delivery | None = None
    counts: list[ShortField] = field(default_factory=list)
    next_update: dt.datetime | None = None
    clocks: list[tuple[str, Deadline]] = field(default_factory=list)
    has_own_time: bool = False
    must_promise: bool = False
    may_approve: bool = False

    @property
    def open_count(self) -> int:
        return sum(1 for row in self.deliveries if row.is_open)

    @property
    def addressees(self) -> str:
        """Whom it is for, or was: “Halden Solar and Brightwater Dental”, “3 clients”."""
        waiting = [row for row in self.deliveries if row.mail.is_draft]
        return _names(waiting or self.deliveries)

    @property
    def on_the_way(self) -> str:
        """Whose mail can still be taken back."""
        return _names(row for row in self.deliveries if _is_held(row.mail))


def lay_out(
    draft: MailDraft, form: MailTextForm, *, by: Actor, now: dt.datetime, client: str = ""
) -> Panel:
    """The panel for a form that has been cleaned; ``client`` is the slug of the open tab."""
    written = with_values(draft, form)
    panel = Panel(
        draft=draft,
        deliveries=deliveries_of(draft, now=now),
        next_update=next_update_of(written, now=now),
        has_own_time=written.next_update_at is not None,
        must_promise=draft.kind in PROMISING_KINDS and draft.incident.level != Level.SEV4,
        reply_to=settings.REPLY_TO_EMAIL,
        may_write=draft.is_open and may(Step.DRAFT, by=by, now=now),
        may_send=may(Step.SEND, by=by, now=now),
        may_approve=may(Step.APPROVE, by=by, now=now),
    )
    panel.current = _current(panel.deliveries, client)
    findings = check_draft(written) if draft.is_open else []
    panel.notes = _notes(draft, findings)
    panel.counts = _counts(written, form, findings)
    panel.letter = _letter(panel, written, findings, now=now)
    if draft.is_open:
        panel.blockers = _blockers(panel, written, now=now)
    panel.clocks = _clocks(draft, panel.current)
    panel.undo_seconds = _undo_seconds(panel.deliveries, now=now)
    return panel


def with_values(draft: MailDraft, form: MailTextForm) -> MailDraft:
    """The draft as it would read with what stands in the form; not saved."""
    written = copy.copy(draft)
    for name, value in form.texts().items() if form.is_bound else ():
        setattr(written, name, value)
    return written


def is_changed(draft: MailDraft, values: dict[str, object]) -> bool:
    """Whether the form says anything else than the saved text."""
    return any(
        getattr(draft, name) != (value.strip() if isinstance(value, str) else value)
        for name, value in values.items()
    )


def use_suggestions(draft: MailDraft, wanted: str) -> dict[str, object]:
    """The fields with the guard's rewrite put in: of one finding by its fingerprint, or of ``all``
    that block. Empty where the finding is gone already."""
    fields = DRAFT_FIELDS[MailKind(draft.kind)]
    usable = (one for one in check_draft(draft) if one.field in fields)
    findings = wanted_findings(usable, wanted)
    return dict(rewritten({one.field: getattr(draft, one.field) for one in findings}, findings))


def deliveries_of(draft: MailDraft, *, now: dt.datetime) -> list[Delivery]:
    """Every client's mail with its delivery; a constant number of queries."""
    mails = (
        draft.mails.select_related("client", "message")
        .prefetch_related("message__delivery_attempts")
        .order_by("client__name")
    )
    rows = {row.client_id: row for row in draft.incident.affected.all()}
    return [_delivery(mail, rows.get(mail.client_id), draft, now=now) for mail in mails]


def _delivery(
    mail: ClientMail, row: AffectedClient | None, draft: MailDraft, *, now: dt.datetime
) -> Delivery:
    kind, word, at = _state_of(mail, now=now)
    message = mail.message
    attempts: list[DeliveryAttempt] = list(message.delivery_attempts.all()) if message else []
    answers = [_answer(attempt) for attempt in attempts]
    url = reverse("incidents:step", args=[draft.incident.ref, Step.TOLD.value])
    about = TOLD_ABOUT.get(MailKind(draft.kind))
    return Delivery(
        mail=mail,
        kind=kind,
        word=word,
        at=at,
        attempts=message.attempts if message else 0,
        answer=answers[-1] if answers else (message.last_error if message else ""),
        earlier=tuple(answers[:-1]),
        told=_told_another_way(row, draft),
        told_url=f"{url}?client={mail.client.slug}&about={about}" if about else "",
    )


def _answer(attempt: DeliveryAttempt) -> str:
    outcome = attempt.get_outcome_display()
    return f"{outcome}: {attempt.answer}" if attempt.answer else outcome


def _told_another_way(row: AffectedClient | None, draft: MailDraft) -> AffectedClient | None:
    """The client matrix's row, where this news reached the client without a mail (M11)."""
    if row is None:
        return None
    via = row.told_via if draft.kind == MailKind.NOTIFICATION else row.resolution_told_via
    is_news = draft.kind in (MailKind.NOTIFICATION, MailKind.RESOLVED, MailKind.WORKAROUND)
    return row if is_news and via not in ("", ToldVia.MAIL) else None


def _state_of(mail: ClientMail, *, now: dt.datetime) -> tuple[str, str, dt.datetime | None]:
    message = mail.message
    if message is None:
        return ("due", "Draft", None) if mail.client.has_contact else ("bad", "No contact", None)
    if message.state == MessageState.SENT:
        return "ok", "Delivered", message.sent_at
    if message.state == MessageState.PENDING:
        is_held = _is_held(mail) and message.due_at > now
        if is_held:
            return "due", "Held for undo", None
        return "due", "Waiting, next try", message.next_attempt_at
    if message.state in HELD_BY_A_SENDER:
        return "due", "Being sent", None
    if message.state == MessageState.UNCERTAIN:
        return "warn", "Perhaps arrived: settle it", None
    if message.state == MessageState.HELD:
        return "warn", "Held since a restore: settle it", None
    if message.state in GONE_STATES:
        return "na", str(message.get_state_display()), None
    return "bad", str(message.get_state_display()), None


def _current(rows: list[Delivery], client: str) -> Delivery | None:
    """The asked tab, else the first that is not sent, else the first."""
    asked = [row for row in rows if row.mail.client.slug == client]
    unsent = [row for row in rows if row.mail.is_draft]
    return next(iter([*asked, *unsent, *rows]), None)


def _notes(draft: MailDraft, findings: Iterable[FieldFinding]) -> list[Note]:
    overridden = set(draft.overridden_findings)
    return [
        Note(
            number=number,
            one=one,
            label=field_label(draft.kind, one.field),
            explanation=one.finding.explanation or RULE_WORDS.get(one.finding.rule, ""),
            is_overridden=one.fingerprint in overridden,
            can_use=one.field in DRAFT_FIELDS[MailKind(draft.kind)],
        )
        for number, one in enumerate(findings, start=1)
    ]


def _counts(draft: MailDraft, form: MailTextForm, findings: list[FieldFinding]) -> list[ShortField]:
    return [
        ShortField(
            name=name,
            sentences=count_sentences(getattr(draft, name)),
            findings=sum(1 for one in findings if one.field == name),
        )
        for name in form.fields
        if name in SHORT_FIELDS
    ]


def _letter(
    panel: Panel, written: MailDraft, findings: list[FieldFinding], *, now: dt.datetime
) -> Letter:
    if panel.current is None:
        return Letter(problem="This mail has no client.")
    if panel.current.mail.message is not None:
        return letter_of(panel.current.mail.message)
    return letter_for(written, panel.current.mail.client, findings, now=now)


def _blockers(panel: Panel, written: MailDraft, *, now: dt.datetime) -> list[Mend]:
    """What stands between the draft and its Send button, each with where it is mended."""
    found = [
        Mend(item.text, _mend_url(panel.draft, item)) for item in blocking_send(written, now=now)
    ]
    if panel.draft.approved_at and is_changed(panel.draft, _texts_of(written)):
        found.append(Mend("The founder's approval of the changed text", "#approve"))
    found += panel.finding_blockers()
    unsent = [row for row in panel.deliveries if row.mail.is_draft]
    if unsent and not panel.open_count:
        client = unsent[0].mail.client
        url = reverse("incidents:client-edit", args=[client.slug])
        found.append(Mend(f"An e-mail address for {client}", url))
    return found


def _texts_of(draft: MailDraft) -> dict[str, object]:
    return {name: getattr(draft, name) for name in DRAFT_FIELDS[MailKind(draft.kind)]}


def _mend_url(draft: MailDraft, item: Missing) -> str:
    if item.step == Step.DRAFT:
        return _field_anchor(draft, item)
    if item.step == Step.APPROVE:
        return "#approve"
    return mend_url(draft.incident, item)


def _field_anchor(draft: MailDraft, item: Missing) -> str:
    if "next update" in item.text.lower():
        return "#id_next_update_at"
    names = (
        n for n in DRAFT_FIELDS[MailKind(draft.kind)] if field_label(draft.kind, n) in item.text
    )
    return f"#id_{next(names, 'brief')}"


def _clocks(draft: MailDraft, current: Delivery | None) -> list[tuple[str, Deadline]]:
    """The running deadlines this mail can keep: the client's own first, then the incident's."""
    client: Client | None = current.mail.client if current else None
    words = {
        DeadlineKind.NOTICE: "Notice due",
        DeadlineKind.PROMISE: "Update promised",
        DeadlineKind.ACKNOWLEDGE: "Acknowledge limit",
        DeadlineKind.RESOLVE: "Resolve limit",
    }
    running = draft.incident.deadlines.running().filter(kind__in=list(words))
    mine = list(running.filter(Q(client=None) | Q(client=client)))
    mine.sort(key=lambda row: (row.client_id is None, row.due_at))
    return [(words[DeadlineKind(row.kind)], row) for row in mine[:2]]


def _names(rows: Iterable[Delivery]) -> str:
    names = [row.mail.client.name for row in rows]
    return " and ".join(names) if len(names) < 3 else f"{len(names)} clients"


def _is_held(mail: ClientMail) -> bool:
    """Queued, and nobody has tried to send it yet."""
    message = mail.message
    return bool(message and message.state == MessageState.PENDING and message.attempts == 0)


def _undo_seconds(rows: Iterable[Delivery], *, now: dt.datetime) -> int:
    """How long the last Send can still be taken back (M3)."""
    left = [
        (row.mail.message.due_at - now).total_seconds()
        for row in rows
        if row.mail.message and _is_held(row.mail)
    ]
    return max(0, min(settings.MAIL_UNDO_SECONDS, round(max(left, default=0))))
