"""What is owed on open incidents, read from the database for ``incidents.obligations``."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.contrib.auth.models import User
from django.db.models import (
    BooleanField,
    Exists,
    ExpressionWrapper,
    OuterRef,
    Q,
    QuerySet,
    Value,
)

from incidents.actors import Actor
from incidents.enums import (
    OPEN_STATUSES,
    FixKind,
    HubSpotState,
    Owner,
    Role,
    Status,
    Tier,
)
from incidents.holding import PARTS, deadlines_held, is_held
from incidents.models import (
    AffectedClient,
    Client,
    ClientMail,
    Deadline,
    Escalation,
    EscalationNotice,
    FixRecord,
    Incident,
    Review,
    Verification,
)
from incidents.prepared import prepared
from notifications.enums import FOR_A_PERSON, MessageState

#: More rows than a person works through at once; the list has the rest.
MOST_ROWS = 100
#: A mail that does not reach its client unless a person does something.
LOST_STATES = FOR_A_PERSON
#: A mail that a person took out: the client is owed one as if it had never been written.
GONE_STATES = (MessageState.CANCELLED, MessageState.DISMISSED)


@dataclass(slots=True)
class Owed:
    """What one person, or everybody, owes; only of incidents the reader may see."""

    deadlines: list[Deadline] = field(default_factory=list)
    mails: list[ClientMail] = field(default_factory=list)
    notes: list[AffectedClient] = field(default_factory=list)
    notices: list[EscalationNotice] = field(default_factory=list)
    resolved: list[Incident] = field(default_factory=list)
    incidents: dict[int, Incident] = field(default_factory=dict)

    def mails_to(
        self, incident_id: int, kinds: Iterable[str], clients: Iterable[Client] = ()
    ) -> list[ClientMail]:
        """Mails of these kinds on one incident, to these clients where any are named."""
        named = {client.pk for client in clients}
        return [
            mail
            for mail in self.mails
            if mail.draft.incident_id == incident_id
            and mail.draft.kind in kinds
            and (not named or mail.client_id in named)
        ]


def read_owed(user: User | None, by: Actor, *, now: dt.datetime) -> Owed:
    """What ``user`` owes (None: anybody) of what ``by`` may see, in six queries."""
    found = Owed()
    key = user.pk if user else None
    found.deadlines = _deadlines(user=key, now=now)
    known = {row.incident_id for row in found.deadlines}
    found.mails = _mails(user=key, approves=by.has_role(Role.FOUNDER), known=known, now=now)
    found.notes = _notes(user=key, now=now)
    found.notices = _notices(user=key)
    found.resolved = _resolved(user=key, now=now)
    known |= {mail.draft.incident_id for mail in found.mails}
    known |= {row.incident_id for row in found.notes} | {row.pk for row in found.resolved}
    known |= {row.escalation.incident_id for row in found.notices if row.escalation.incident_id}
    seen = _incidents(known=known, reader=by.user.pk, sees_all=by.sees_all) if by.user else []
    found.incidents = {incident.pk: incident for incident in seen}
    found.mails = [mail for mail in found.mails if mail.draft.incident_id in found.incidents]
    for mail in found.mails:
        mail.draft.incident = found.incidents[mail.draft.incident_id]
    return found


@prepared
def _incidents(*, known: set[int], reader: int, sees_all: bool) -> QuerySet[Incident]:
    rows = Incident.objects.seen_by(reader, sees_all=sees_all).filter(pk__in=known).order_by()
    return rows.select_related("severity", *PARTS.values(), "reported_by")


@prepared
def _deadlines(*, user: int | None, now: dt.datetime) -> QuerySet[Deadline]:
    relapsed_since = Verification.objects.filter(
        incident=OuterRef("incident"), relapsed_at__gt=OuterRef("at")
    )
    fixes = FixRecord.objects.filter(
        ~Exists(relapsed_since), incident=OuterRef("incident")
    ).exclude(kind=FixKind.CONTAINMENT)
    untold = AffectedClient.objects.filter(
        incident=OuterRef("incident"), told_at__isnull=False, resolution_told_at__isnull=True
    )
    rows = deadlines_held(user, now=now).filter(incident__status__in=OPEN_STATUSES)
    rows = rows.annotate(has_fix=Exists(fixes), owes_end=Exists(untold))
    return rows.select_related("client")[:MOST_ROWS]


@prepared
def _mails(
    *, user: int | None, approves: bool, known: set[int], now: dt.datetime
) -> QuerySet[ClientMail]:
    """Mails of the incidents at hand, and everybody's unsent or lost ones this person minds."""
    mine = Q()
    if user is not None:
        mine = is_held(Owner.COMMUNICATIONS, user, now=now, path="draft__incident__")
        if approves:
            mine |= Q(draft__incident__is_breach_suspected=True, draft__approved_at__isnull=True)
    told = AffectedClient.objects.filter(
        incident=OuterRef("draft__incident"), client=OuterRef("client")
    )
    unsent = Q(message__isnull=True, draft__finished_at__isnull=True)
    lost = Q(message__state__in=LOST_STATES)
    rows = ClientMail.objects.filter(draft__incident__status__in=OPEN_STATUSES)
    rows = rows.exclude(message__state__in=GONE_STATES)
    rows = rows.filter(Q(draft__incident__in=known) | (mine & (unsent | lost)))
    rows = rows.annotate(
        is_minded=ExpressionWrapper(mine, BooleanField()) if mine else Value(value=True),
        is_told=Exists(told.filter(told_at__isnull=False)),
        is_end_told=Exists(told.filter(resolution_told_at__isnull=False)),
    )
    return rows.select_related("draft", "client", "message").order_by("draft", "client__name")[
        : 5 * MOST_ROWS
    ]


@prepared
def _notes(*, user: int | None, now: dt.datetime) -> QuerySet[AffectedClient]:
    rows = AffectedClient.objects.filter(
        hubspot_state=HubSpotState.MANUAL, incident__status=Status.RESOLVED
    )
    if user is not None:
        rows = rows.filter(is_held(Owner.COMMUNICATIONS, user, now=now, path="incident__"))
    return rows.select_related("client").order_by("incident", "client__name")[:MOST_ROWS]


@prepared
def _notices(*, user: int | None) -> QuerySet[EscalationNotice]:
    unseen = Escalation.objects.unseen().newest_of_each().order_by()
    rows = EscalationNotice.objects.filter(escalation__in=unseen)
    if user is not None:
        rows = rows.filter(responder__user=user)
    rows = rows.select_related("escalation__rule", "escalation__client", "responder")
    return rows.order_by("escalation", "number", "id")[:MOST_ROWS]


@prepared
def _resolved(*, user: int | None, now: dt.datetime) -> QuerySet[Incident]:
    """Resolved incidents with what still stands between them and Closed (rule W8)."""
    reviewed = Review.objects.filter(incident=OuterRef("pk"), completed_at__isnull=False)
    affected = AffectedClient.objects.filter(incident=OuterRef("pk"))
    rows = Incident.objects.filter(status=Status.RESOLVED).annotate(
        is_reviewed=Exists(reviewed),
        owes_note=Exists(affected.exclude(hubspot_state=HubSpotState.DONE)),
        owes_postmortem=Exists(
            affected.filter(client__tier=Tier.PREMIUM, postmortem_told_at__isnull=True)
        ),
    )
    if user is not None:
        coordinates = is_held(Owner.COORDINATOR, user, now=now)
        rows = rows.filter(coordinates | is_held(Owner.COMMUNICATIONS, user, now=now)).annotate(
            is_coordinators=Exists(Incident.objects.filter(coordinates, pk=OuterRef("pk"))),
            is_communicators=Exists(
                Incident.objects.filter(
                    is_held(Owner.COMMUNICATIONS, user, now=now), pk=OuterRef("pk")
                )
            ),
        )
    return rows.select_related("review_severity")[:MOST_ROWS]
