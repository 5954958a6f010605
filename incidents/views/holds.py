"""What is on hold, why, and what keeps its gate locked (rule P4)."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from incidents.actors import actor_for
from incidents.models import Hold, Incident
from incidents.models.hold import HoldQuerySet
from incidents.models.incident import Viewer
from incidents.permissions import may
from incidents.playbooks.gates import Gate, judge_hold
from incidents.playbooks.holds import may_override
from incidents.transitions import Step
from incidents.views.run_figures import GateRow

#: More than a page shows at once; an agency has a few.
MOST_HOLDS = 50
SHOWN_PAST = 20


@dataclass(frozen=True, slots=True)
class HoldView:
    """One standing hold with its gate; ``url`` leads to the release, empty where it may not be."""

    hold: Hold
    gate: Gate
    url: str = ""
    can_override: bool = False

    @property
    def about(self) -> str:
        return GateRow(self.gate).about


@require_safe
def hold_list(request: HttpRequest, **kwargs: object) -> HttpResponse:
    now = timezone.now()
    seen = visible_holds(request.user).select_related("sending_domain", "client", "incident")
    past = seen.filter(released_at__isnull=False).order_by("-released_at", "-id")
    context = {
        "holds": view_holds(seen.standing(), viewer=request.user, now=now),
        "past": past[:SHOWN_PAST],
        "now": now,
    }
    return render(request, "incidents/hold_list.html", context)


def visible_holds(viewer: Viewer) -> HoldQuerySet:
    """Those of the incidents a person may see (W11), and those of none."""
    incidents = Incident.objects.visible_to(viewer).order_by().values("pk")
    return Hold.objects.filter(Q(incident__isnull=True) | Q(incident__in=incidents))


def view_holds(holds: Iterable[Hold], *, viewer: Viewer, now: dt.datetime) -> list[HoldView]:
    """Each with the figure that keeps it, as it is now."""
    actor = actor_for(viewer)
    may_release = may(Step.RELEASE, by=actor, now=now)
    return [
        HoldView(
            hold,
            judge_hold(hold, now=now),
            _release_url(hold) if may_release else "",
            may_override(actor),
        )
        for hold in list(holds)[:MOST_HOLDS]
    ]


def _release_url(hold: Hold) -> str:
    if hold.incident is None:
        return ""
    url = reverse("incidents:step", args=[hold.incident.ref, Step.RELEASE])
    return f"{url}?{urlencode({'domains': hold.sending_domain.name})}"
