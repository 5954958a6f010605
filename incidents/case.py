"""Everything the page of one incident shows, read in a fixed number of queries."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from incidents.blockers import blockers
from incidents.correspondence import blocking_findings, blocking_send
from incidents.correspondence.rendering import missing_fields
from incidents.enums import DeadlineKind, FixKind, HubSpotState, MailKind, Status
from incidents.errors import Missing
from incidents.holding import PARTS
from incidents.models import (
    AffectedClient,
    ClientMail,
    Deadline,
    Escalation,
    EscalationNotice,
    FixRecord,
    Incident,
    MailDraft,
    Verification,
    Wait,
    Waiver,
)
from incidents.owed import GONE_STATES, LOST_STATES
from incidents.playbooks.progress import RunView, view_runs
from incidents.prepared import prepared
from notifications.enums import MessageState

#: Findings are counted for so many open drafts; more are hardly ever open at once.
CHECKED_DRAFTS = 2
NO_REMINDERS = (DeadlineKind.TRIAGE, DeadlineKind.PLANNED_FIX)


@dataclass(slots=True)
class DraftView:
    """One kind of mail with its mails to clients, sent and unsent."""

    draft: MailDraft
    mails: list[ClientMail]
    missing: list[Missing] = field(default_factory=list)
    findings: int = 0

    @property
    def unsent(self) -> list[ClientMail]:
        return [mail for mail in self.mails if mail.is_draft]

    @property
    def unwritten(self) -> list[str]:
        """Texts that are still empty."""
        return missing_fields(self.draft)


@dataclass(slots=True)
class ClientRow:
    """The row of the client matrix."""

    affected: AffectedClient
    notice: ClientMail | None = None
    end: ClientMail | None = None
    promise: Deadline | None = None
    deadline: Deadline | None = None

    @property
    def client(self) -> Any:
        return self.affected.client


@dataclass(slots=True)
class Case:
    """One incident as its page shows it. ``blockers`` stand before its next status."""

    incident: Incident
    affected: list[AffectedClient]
    deadlines: list[Deadline]
    drafts: list[DraftView]
    fixes: list[FixRecord]
    waits: list[Wait]
    waivers: list[Waiver]
    escalations: list[Escalation]
    runs: list[RunView]
    blockers: list[Missing] = field(default_factory=list)

    def running(self, *kinds: str) -> list[Deadline]:
        """Running deadlines, of these kinds where any are named, the next one first."""
        return [
            row for row in self.deadlines if row.is_running and (not kinds or row.kind in kinds)
        ]

    def standing(self, kind: str) -> Deadline | None:
        """The deadline of a kind that stands, running or met."""
        return next((row for row in self.deadlines if row.kind == kind), None)

    @property
    def next_deadline(self) -> Deadline | None:
        """What is due next, reminders aside."""
        rows = [row for row in self.running() if row.kind not in NO_REMINDERS]
        return next(iter(rows), None)

    @property
    def told(self) -> list[AffectedClient]:
        return [row for row in self.affected if row.told_at]

    @property
    def untold(self) -> list[AffectedClient]:
        return [row for row in self.affected if row.told_at is None]

    @property
    def unresolved_for(self) -> list[AffectedClient]:
        """Clients who heard of it but not of its end (rule W7)."""
        return [row for row in self.told if row.resolution_told_at is None]

    @property
    def due_notes(self) -> list[AffectedClient]:
        return [row for row in self.affected if row.hubspot_state == HubSpotState.MANUAL]

    @property
    def owed_postmortems(self) -> list[AffectedClient]:
        """S6: Premium clients still owed the postmortem."""
        owed = self.incident.review_severity
        if owed is None or not owed.postmortem_to_premium:
            return []
        rows = [row for row in self.affected if row.client.is_premium]
        return [row for row in rows if row.postmortem_told_at is None]

    @property
    def is_reviewed(self) -> bool:
        review = getattr(self.incident, "review", None)
        return self.incident.review_severity is None or bool(review and review.completed_at)

    @property
    def has_fix(self) -> bool:
        """A fix, workaround or guidance since the last relapse (rule W6)."""
        since = getattr(self.incident, "last_relapse_at", None)
        done = [row for row in self.fixes if row.kind != FixKind.CONTAINMENT]
        return any(since is None or row.at >= since for row in done)

    def open_draft(self, *kinds: str) -> DraftView | None:
        """The open draft of one of these kinds with a mail left to send."""
        rows = [view for view in self.drafts if view.draft.kind in kinds and view.draft.is_open]
        return next((view for view in rows if view.unsent), None)

    def mails(self, client_id: int, *kinds: str) -> list[ClientMail]:
        """Mails of these kinds to one client, the latest last, without what was taken out."""
        return [
            mail
            for view in self.drafts
            if view.draft.kind in kinds
            for mail in view.mails
            if mail.client_id == client_id and not _is_gone(mail)
        ]

    def is_on_its_way(self, client_id: int, *kinds: str) -> bool:
        """Whether a mail of these kinds waits in the outbox or is being sent."""
        return any(
            mail.message is not None and mail.message.state not in (*LOST_STATES, MessageState.SENT)
            for mail in self.mails(client_id, *kinds)
        )

    @property
    def lost_mails(self) -> list[ClientMail]:
        """Mails that failed or may have arrived, while their client has not been told."""
        told = {row.client_id for row in self.told}
        return [
            mail
            for view in self.drafts
            for mail in view.mails
            if mail.message
            and mail.message.state in LOST_STATES
            and not (view.draft.kind == MailKind.NOTIFICATION and mail.client_id in told)
        ]

    @property
    def matrix(self) -> list[ClientRow]:
        promises = {row.client_id: row for row in self.running(DeadlineKind.PROMISE)}
        notices = {row.client_id: row for row in self.running(DeadlineKind.NOTICE)}
        return [
            ClientRow(
                affected=row,
                notice=next(reversed(self.mails(row.client_id, MailKind.NOTIFICATION)), None),
                end=next(
                    reversed(self.mails(row.client_id, MailKind.RESOLVED, MailKind.WORKAROUND)),
                    None,
                ),
                promise=promises.get(row.client_id),
                deadline=notices.get(row.client_id),
            )
            for row in self.affected
        ]


def find_cases(incidents: QuerySet[Incident]) -> QuerySet[Incident]:
    """The incidents with everything that ``open_case`` wants on the row itself."""
    relapses = Verification.objects.filter(
        incident=OuterRef("pk"), relapsed_at__isnull=False
    ).order_by("-relapsed_at")
    lasting = {
        "has_waits": Exists(Wait.objects.filter(incident=OuterRef("pk"))),
        "has_waivers": Exists(Waiver.objects.filter(incident=OuterRef("pk"))),
        "has_escalations": Exists(Escalation.objects.filter(incident=OuterRef("pk"))),
    }
    return incidents.select_related(
        "severity", "review_severity", "reported_by", "review", "opened_by", *PARTS.values()
    ).annotate(last_relapse_at=Subquery(relapses.values("relapsed_at")[:1]), **lasting)


def open_case(incident: Incident, *, user_id: int | None, now: dt.datetime) -> Case:
    """Read what the page shows; ``incident`` comes from ``find_cases``."""
    key = incident.pk
    case = Case(
        incident=incident,
        affected=_of(incident, _affected(incident=key)),
        deadlines=_of(incident, _deadlines(incident=key)),
        drafts=_drafts(incident),
        fixes=_of(incident, _fixes(incident=key)),
        waits=list(incident.waits.all()) if _has(incident, "waits") else [],
        waivers=list(incident.waivers.select_related("by")) if _has(incident, "waivers") else [],
        escalations=(
            _of(incident, _escalations(incident=key, user=user_id))
            if _has(incident, "escalations")
            else []
        ),
        runs=view_runs(incident),
    )
    if incident.status in (Status.MONITORING, Status.RESOLVED):
        case.blockers = blockers(incident, now=now)
    waiting = [view for view in case.drafts if view.draft.is_open and view.unsent]
    for view in waiting[:CHECKED_DRAFTS]:
        view.missing = blocking_send(view.draft, now=now)
        view.findings = len(blocking_findings(view.draft))
    return case


def _of(incident: Incident, rows: list[Any]) -> list[Any]:
    for row in rows:
        row.incident = incident
    return rows


@prepared
def _affected(*, incident: int) -> QuerySet[AffectedClient]:
    rows = AffectedClient.objects.filter(incident=incident)
    return rows.select_related("client").order_by("client__name")


@prepared
def _deadlines(*, incident: int) -> QuerySet[Deadline]:
    return Deadline.objects.filter(incident=incident).counted().select_related("client")


@prepared
def _fixes(*, incident: int) -> QuerySet[FixRecord]:
    return FixRecord.objects.filter(incident=incident)


@prepared
def _mails(*, incident: int) -> QuerySet[ClientMail]:
    rows = ClientMail.objects.filter(draft__incident=incident, draft__is_discarded=False)
    rows = rows.select_related("draft__approved_by", "client", "message")
    return rows.order_by("draft__created_at", "draft", "client__name")


@prepared
def _escalations(*, incident: int, user: int | None) -> QuerySet[Escalation]:
    """With ``my_notice``: the responder through whom this account was told, if it was."""
    mine = EscalationNotice.objects.filter(
        escalation=OuterRef("pk"), responder__user=user, responder__user__isnull=False
    )
    rows = Escalation.objects.filter(incident=incident).select_related("rule", "client")
    return rows.annotate(my_notice=Subquery(mine.values("responder")[:1]))


def _is_gone(mail: ClientMail) -> bool:
    return mail.message is not None and mail.message.state in GONE_STATES


def _has(incident: Incident, what: str) -> bool:
    return bool(getattr(incident, f"has_{what}", True))


def _drafts(incident: Incident) -> list[DraftView]:
    """Each draft once, with its mails; discarded ones are history and stay out."""
    views: dict[int, DraftView] = {}
    for mail in _mails(incident=incident.pk):
        view = views.get(mail.draft_id)
        if view is None:
            mail.draft.incident = incident
            view = views[mail.draft_id] = DraftView(mail.draft, [])
        mail.draft = view.draft
        view.mails.append(mail)
    return list(views.values())
