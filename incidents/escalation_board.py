"""What the list of escalations shows: told whom, when and how, seen by whom, the next ring."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Prefetch, QuerySet
from django.urls import reverse

from incidents.escalation import seen_token
from incidents.models import Escalation, EscalationNotice
from incidents.models.incident import Viewer

#: More unseen ones than anybody reads; the oldest of them wait behind the newest.
MOST_OPEN = 100


@dataclass(frozen=True, slots=True)
class Row:
    """One escalation with its messages; ``seen_url`` is the reader's own link, if they have one."""

    escalation: Escalation
    notices: list[EscalationNotice]
    seen_url: str


def open_escalations(viewer: Viewer) -> tuple[QuerySet[Escalation], int]:
    """Those nobody has seen, newest first, and how many private ones stay hidden (rule W11)."""
    unseen = Escalation.objects.unseen().newest_of_each()
    visible = unseen.visible_to(viewer)
    hidden = unseen.exclude(pk__in=visible.order_by().values("pk")).count()
    return _whole(visible.order_by("-is_undeliverable", "-raised_at", "-pk"))[:MOST_OPEN], hidden


def seen_escalations(viewer: Viewer) -> QuerySet[Escalation]:
    """Those somebody has seen, newest first."""
    rows = Escalation.objects.visible_to(viewer).filter(acknowledged_at__isnull=False)
    return _whole(rows.order_by("-raised_at", "-pk"))


def rows_of(escalations: Iterable[Escalation], *, viewer: Viewer) -> list[Row]:
    """For the template; the number of queries does not grow with the rows."""
    return [
        Row(escalation, list(escalation.notices.all()), _own_link(escalation, viewer))
        for escalation in escalations
    ]


def _whole(rows: QuerySet[Escalation]) -> QuerySet[Escalation]:
    notices = EscalationNotice.objects.select_related("responder", "message")
    return rows.select_related("rule", "incident", "client", "raised_by").prefetch_related(
        Prefetch("notices", queryset=notices.order_by("number", "pk"))
    )


def _own_link(escalation: Escalation, viewer: Viewer) -> str:
    """N3: the reader's “seen” button, where the reader was told and nobody has seen it."""
    if escalation.acknowledged_at is not None:
        return ""
    mine = (row for row in escalation.notices.all() if row.responder.user_id == viewer.pk)
    notice = next(mine, None)
    if notice is None:
        return ""
    return reverse("incidents:escalation", args=[seen_token(escalation, notice.responder)])
