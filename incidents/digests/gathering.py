"""What a scheduled update has to say: the smaller items of one client (rules M9, S3, W7)."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import DateTimeField, Max, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from incidents.digests.periods import WEEK
from incidents.enums import Communication, DigestPart, FixKind, Status
from incidents.models import AffectedClient, Client, ClientDigest, ClientMail, DigestItem, Incident

#: Severities whose clients hear of it in their next update, and not at once (rule S3).
GATHERED = (Communication.NEXT_UPDATE, Communication.SCHEDULE)
AT_WORK = (Status.TRIAGED, Status.INVESTIGATING, Status.MONITORING)
OVER = (Status.RESOLVED, Status.CLOSED)
MAX_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Item:
    """One line of an update. ``own`` is what it says where nobody wrote other words."""

    incident: Incident
    part: str
    own: str
    edited: str = ""

    @property
    def text(self) -> str:
        return self.edited or self.own

    @property
    def field(self) -> str:
        """The name under which it is checked and edited."""
        return f"line_{self.incident.pk}"


def gather_items(digest: ClientDigest) -> list[Item]:
    """The lines of an update as they stand now, in the order of its parts; four queries.

    A private incident is never gathered: its mails need the founder (rule W11).
    """
    client = digest.client
    last = _last_told(client)
    since = last or digest.prepared_at - WEEK
    rows = list(
        _gathered(since=Value(since, output_field=DateTimeField()))
        .filter(client=client)
        .select_related("incident__severity")
        .prefetch_related("incident__systems", "incident__fixes")
        .order_by("incident__detected_at", "incident_id")
    )
    briefs = _briefs(client, [row.incident_id for row in rows])
    edits = {}
    if digest.pk:
        rewritten = digest.items.filter(is_edited=True)
        edits = {(one.incident_id, one.part): one.text for one in rewritten}
    items = []
    for row in rows:
        part = _part_of(row, last)
        own = _own_words(row.incident, client, part, briefs.get(row.incident_id, ""))
        edited = edits.get((row.incident_id, part), "")
        items.append(Item(row.incident, part, own, edited))
    order = list(DigestPart.values)
    return sorted(items, key=lambda item: order.index(item.part))


def _last_told(client: Client) -> dt.datetime | None:
    """From when an update reports: from where the last delivered one ended."""
    delivered = ClientDigest.objects.delivered().filter(client=client)
    last: dt.datetime | None = delivered.aggregate(at=Max("sent_at"))["at"]
    return last


def with_news(clients: Iterable[int], *, now: dt.datetime) -> set[int]:
    """Those of the clients whose update would say anything: one query for all of them."""
    delivered = ClientDigest.objects.delivered().filter(client=OuterRef("client"))
    last = delivered.order_by("-sent_at").values("sent_at")[:1]
    since = Coalesce(Subquery(last), Value(now - WEEK, output_field=DateTimeField()))
    rows = _gathered(since=since).filter(client__in=list(clients))
    return set(rows.values_list("client", flat=True).distinct())


def _gathered(*, since: Coalesce | Value) -> QuerySet[AffectedClient]:
    """Smaller incidents still at work, over since then, or over and never told (rule W7)."""
    return AffectedClient.objects.filter(
        Q(incident__status__in=AT_WORK)
        | Q(incident__status__in=OVER, resolution_told_at__isnull=True)
        | Q(incident__status__in=OVER, incident__resolved_at__gt=since),
        incident__severity__communication__in=GATHERED,
        incident__is_private=False,
    )


def _part_of(row: AffectedClient, last: dt.datetime | None) -> str:
    """To a client that never had an update everything open is new."""
    if row.incident.status in OVER:
        return DigestPart.RESOLVED
    return DigestPart.OPENED if last is None or row.added_at > last else DigestPart.OPEN


def _briefs(client: Client, incidents: list[int]) -> dict[int, str]:
    """What the client's own mails called each incident, the last one by incident."""
    mails = ClientMail.objects.filter(
        client=client, delivered_at__isnull=False, draft__incident__in=incidents
    ).exclude(draft__brief="")
    return dict(mails.order_by("delivered_at").values_list("draft__incident", "draft__brief"))


def _own_words(incident: Incident, client: Client, part: str, brief: str) -> str:
    """One neutral line in the client's words.

    The incident's title is the staff's and may name a vendor or another client, so it is not
    used. A planned fix has a date that is never mailed (rule C3).
    """
    names = [system.plain_name for system in incident.systems.all() if system.plain_name]
    what = " and ".join(names) or "our work for you"
    head = f"{what[:1].upper()}{what[1:]}" + (f" ({brief})" if brief else "")
    begun = _day(incident.detected_at, client)
    is_planned = incident.judged_severity.communication == Communication.SCHEDULE
    if part == DigestPart.RESOLVED:
        tail = _ending(incident, client)
    elif incident.status == Status.MONITORING:
        tail = f"a fix for the issue of {begun} is in place, and we are watching it."
    elif part == DigestPart.OPENED and is_planned:
        tail = f"we noticed a small issue on {begun}; it is on our schedule."
    elif part == DigestPart.OPENED:
        tail = f"we noticed an issue on {begun} and are working on it."
    elif is_planned:
        tail = f"the small issue of {begun} is on our schedule."
    else:
        tail = f"we are still working on the issue of {begun}."
    return f"{head}: {tail}"[:MAX_LENGTH]


def _ending(incident: Incident, client: Client) -> str:
    """M8: a workaround has its own wording, and data loss is stated."""
    over = _day(incident.resolved_at or incident.detected_at, client)
    kinds = {fix.kind for fix in incident.fixes.all()}
    by_other_means = FixKind.WORKAROUND in kinds and not kinds & {FixKind.FIX, FixKind.GUIDANCE}
    how = "has worked by other means" if by_other_means else "has worked again"
    lost = f" {incident.data_loss.strip()}" if incident.data_loss.strip() else ""
    return f"{how} since {over}.{lost}"


def _day(instant: dt.datetime, client: Client) -> str:
    """A day on the client's calendar."""
    local = instant.astimezone(client.zone)
    return f"{local:%A} {local.day} {local:%B}"


def keep_items(digest: ClientDigest, items: list[Item]) -> None:
    """Write down what the update says, as it leaves."""
    digest.items.all().delete()
    DigestItem.objects.bulk_create(
        DigestItem(
            digest=digest,
            incident=item.incident,
            part=item.part,
            text=item.text,
            is_edited=bool(item.edited),
        )
        for item in items
    )
