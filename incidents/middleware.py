"""Times are shown in the reader's own zone (rule C9)."""

import zoneinfo
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from incidents.models import Responder
from incidents.models.client import known_time_zones

#: Kept in the session, so that a poll costs no query for it.
ZONE_KEY = "time_zone"

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class TimeZoneMiddleware:
    """Activate the zone of the signed-in responder; everybody else reads the agency's.

    The zone is asked for once per session. Where a page learns that it was changed since, it
    calls ``remember_zone``.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return self.get_response(request)
        if ZONE_KEY not in request.session:
            remember_zone(request, _zone_of(request))
        zone = request.session[ZONE_KEY]
        if not zone:
            return self.get_response(request)
        with timezone.override(zoneinfo.ZoneInfo(zone)):
            return self.get_response(request)


def remember_zone(request: HttpRequest, zone: str) -> None:
    """Keep the reader's zone (empty: the agency's) for the next requests of this session."""
    known = zone if zone in known_time_zones() else ""
    if request.session.get(ZONE_KEY) != known:
        request.session[ZONE_KEY] = known


def _zone_of(request: HttpRequest) -> str:
    people = Responder.objects.filter(user=request.user.pk, is_active=True)
    return people.values_list("time_zone", flat=True).first() or ""
