"""The addresses of machines."""

from django.http import HttpRequest, HttpResponse
from django.http.request import QueryDict
from django.utils import timezone
from django.utils.cache import get_conditional_response

from incidents.staff import absolute
from monitoring.enums import Scope
from monitoring.ingest.addresses import machine_address
from monitoring.ingest.alert_groups import take_group
from monitoring.ingest.alertmanager import read_group
from monitoring.ingest.answers import HEADERS, RefusalError, answer
from monitoring.ingest.bodies import PING_BODY_LIMIT, parse_json, read_cut, read_whole
from monitoring.ingest.metrics import read_items
from monitoring.ingest.openapi import description
from monitoring.ingest.patience import patience
from monitoring.ingest.pings import read_ping, take_ping
from monitoring.ingest.reports import take_report
from monitoring.ingest.samples import take_metrics
from monitoring.ingest.tokens import authenticate, note_use

PING_HEADERS = HEADERS | {"Ping-Body-Limit": str(PING_BODY_LIMIT)}
#: Seconds that opening an incident may wait for the database; its sender comes again.
OPENING_PATIENCE = 5.0


@machine_address("GET", "HEAD", "POST")
def ping(request: HttpRequest, ping_id: str, action: str = "") -> HttpResponse:
    """A job's sign of life; whoever knows its id may give it."""
    now = timezone.now()
    rid = _run_id(request)
    read = read_ping(ping_id, action, rid, body=read_cut(request), now=now)
    if not take_ping(read):
        raise RefusalError(404, "There is no job of that id.")
    # A client that says HEAD in its own way would wait for a body that was announced.
    body = b"" if request.method == "HEAD" else b"OK"
    return HttpResponse(body, content_type="text/plain; charset=utf-8", headers=PING_HEADERS)


@machine_address("POST")
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures: 202 says how many were taken and, for each that was not, its index and why."""
    now, header, body = timezone.now(), _authorization(request), read_whole(request)
    try:
        items = read_items(parse_json(body))
    except RefusalError:
        # Strangers are told so, before what is wrong with their body.
        with patience():
            authenticate(header, needs=Scope.METRICS, now=now)
        raise
    judged = take_metrics(header, items, now=now)
    return answer(202, {"taken": judged.taken, "refused": judged.refused})


@machine_address("POST")
def alertmanager(request: HttpRequest) -> HttpResponse:
    """Alerts of Prometheus: a group becomes one incident."""
    now, body = timezone.now(), read_whole(request)
    with patience(OPENING_PATIENCE, is_log=True):
        machine = authenticate(
            _authorization(request), needs=Scope.ALERTMANAGER, now=now, allows_basic=True
        )
        group = read_group(parse_json(body))
        taken = take_group(group, now=now)
        note_use(machine, now=now)
    return answer(
        200,
        {
            "taken": len(group.alerts),
            "refused": group.refused,
            "incident": taken.incident.ref if taken.incident else None,
        },
    )


@machine_address("POST")
def report(request: HttpRequest) -> HttpResponse:
    """An incident that an agent or a form saw: 201, or 200 where its key opened one before."""
    now, body = timezone.now(), read_whole(request)
    with patience(OPENING_PATIENCE, is_log=True):
        machine = authenticate(_authorization(request), needs=Scope.REPORT, now=now)
        key = request.headers.get("Idempotency-Key", "")
        opened = take_report(parse_json(body), machine=machine, key=key, now=now)
        note_use(machine, now=now)
    url = absolute(opened.incident.get_absolute_url())
    found = {"ref": opened.incident.ref, "url": url, "joined": opened.is_joined}
    return answer(200 if opened.is_joined else 201, found, {"Location": url})


@machine_address("GET", "HEAD")
def openapi(request: HttpRequest) -> HttpResponse:
    """The description of these addresses."""
    content, tag = description()
    response = HttpResponse(content, content_type="application/json", headers={"ETag": tag})
    response = get_conditional_response(request, etag=tag, response=response) or response
    if request.method == "HEAD":
        response.content = b""
    return response


def _authorization(request: HttpRequest) -> str:
    return request.META.get("HTTP_AUTHORIZATION", "")


def _run_id(request: HttpRequest) -> str | None:
    query = request.META.get("QUERY_STRING")
    return QueryDict(query).get("rid") if query else None
