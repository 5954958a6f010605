"""The table of what a provider's page may answer and what we make of it (rule K5)."""

import datetime as dt
import io
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from incidents.enums import StatusPage
from incidents.models import Incident
from monitoring.enums import Indicator, Kind, SignalKind
from monitoring.models import Monitor, MonitorStatus, Signal
from monitoring.probes.provider import due_probes, probe_provider
from tests.factories import NOW, make_monitor, make_third_party

pytestmark = [pytest.mark.fast, pytest.mark.django_db]

SUMMARY = "/api/v2/summary.json"
STATUS = "/api/v2/status.json"
INDEX = "/index.json"


def make_provider(httpserver: HTTPServer, kind: str, **fields: Any) -> Monitor:
    """A monitor of a provider whose page of that kind is the local server."""
    system = make_third_party(status_page=kind, status_page_url=httpserver.url_for("/"))
    return make_monitor(Kind.STATUS, system=system, **{"page_identity": "HubSpot", **fields})


def components(*states: str) -> list[dict[str, str]]:
    return [{"name": f"Part {n}", "status": state} for n, state in enumerate(states, start=1)]


def statuspage(indicator: Any = "none", *states: str, **page: Any) -> dict[str, Any]:
    about = {"id": "k7v3x", "name": "HubSpot", "url": "https://status.hubspot.com", **page}
    return {
        "page": about,
        "status": {"indicator": indicator, "description": "As they say"},
        "components": components(*states),
    }


def better_stack(state: Any = "operational", *states: str, **about: Any) -> dict[str, Any]:
    attributes = {
        "company_name": "HubSpot",
        "company_url": "https://www.apollo.io",
        "subdomain": "apollo",
        "custom_domain": "status.apollo.io",
        "aggregate_state": state,
        **about,
    }
    resources = [
        {
            "id": str(number),
            "type": "status_page_resource",
            "attributes": {"public_name": f"Part {number}", "status": each},
        }
        for number, each in enumerate(states, start=1)
    ]
    section = {"id": "1", "type": "status_page_section", "attributes": {"name": "API"}}
    return {
        "data": {"id": "165", "type": "status_page", "attributes": attributes},
        "included": [section, *resources],
    }


# The table: Statuspage ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "indicator", "detail"),
    [
        (statuspage("none", "operational"), "none", "As they say"),
        (statuspage("maintenance"), "maintenance", "As they say"),
        (statuspage("minor"), "minor", "As they say"),
        (statuspage("major"), "major", "As they say"),
        (statuspage("critical"), "critical", "As they say"),
        # The page says “none” while a component is down: the worst counts.
        (
            statuspage("none", "operational", "under_maintenance"),
            "maintenance",
            "As they say. Part 2: under maintenance",
        ),
        (
            statuspage("none", "degraded_performance"),
            "minor",
            "As they say. Part 1: degraded performance",
        ),
        (statuspage("none", "partial_outage"), "major", "As they say. Part 1: partial outage"),
        (statuspage("none", "major_outage"), "major", "As they say. Part 1: major outage"),
        (statuspage("critical", "major_outage"), "critical", "As they say. Part 1: major outage"),
        (
            statuspage("minor", *["on_fire"] * 4, "major_outage"),
            "major",
            "As they say. Part 1: on fire, Part 2: on fire, Part 3: on fire, and 2 more",
        ),
        (statuspage("major", "on_fire"), "major", "As they say. Part 1: on fire"),
        # What means nothing to us is unknown, never fine.
        (
            statuspage("none", "on_fire"),
            "unknown",
            "A component is “on_fire”, which means nothing to us.",
        ),
        (statuspage("fine"), "unknown", "It says “fine”, which means nothing to us."),
        (statuspage(""), "unknown", "It says “”, which means nothing to us."),
        (statuspage(None), "unknown", "Its answer has no indicator as such a page has."),
        (statuspage(0), "unknown", "Its answer has no indicator as such a page has."),
        (statuspage(["none"]), "unknown", "Its answer has no indicator as such a page has."),
        ({}, "unknown", "Its answer has no page as such a page has."),
        ([], "unknown", "Its answer has no page as such a page has."),
        (None, "unknown", "Its answer has no page as such a page has."),
        ("none", "unknown", "Its answer has no page as such a page has."),
        (
            {"page": {"name": "HubSpot"}},
            "unknown",
            "Its answer has no status as such a page has.",
        ),
        (
            statuspage() | {"components": "all fine"},
            "unknown",
            "Its answer has no components as such a page has.",
        ),
        (
            statuspage() | {"components": ["operational"]},
            "unknown",
            "A component is “None”, which means nothing to us.",
        ),
        (
            better_stack(),
            "unknown",
            "Its answer has no page as such a page has.",
        ),
        # Somebody else's page.
        (statuspage(name="GitHub"), "unknown", "Another page answered: “k7v3x”."),
        (
            statuspage(name="HubSpot", url="https://apollo.statuspage.io"),
            "unknown",
            "This page is a decoy with demonstration data, not the provider's.",
        ),
        (statuspage(name=None, id=None, url=7), "unknown", "Another page answered: nothing."),
    ],
)
def test_statuspage_K5(httpserver: HTTPServer, answer, indicator, detail):
    httpserver.expect_request(SUMMARY).respond_with_json(answer)
    monitor = make_provider(httpserver, StatusPage.STATUSPAGE)
    signal = probe_provider(monitor, now=NOW)
    assert (signal.indicator, signal.detail) == (indicator, detail)


@pytest.mark.parametrize(
    ("answer", "indicator", "detail"),
    [
        (better_stack("operational", "operational", "not_monitored"), "none", "Operational"),
        (better_stack("maintenance"), "maintenance", "Maintenance"),
        (better_stack("degraded"), "minor", "Degraded"),
        (better_stack("downtime", "downtime"), "major", "Part 1: downtime"),
        (better_stack("operational", "operational", "downtime"), "major", "Part 2: downtime"),
        (better_stack("operational", "degraded"), "minor", "Part 1: degraded"),
        (
            better_stack("operational", "wobbly"),
            "unknown",
            "A part of it is “wobbly”, which means nothing to us.",
        ),
        (better_stack("sunny"), "unknown", "It says “sunny”, which means nothing to us."),
        (
            better_stack(None),
            "unknown",
            "Its answer has no aggregate_state as such a page has.",
        ),
        ({}, "unknown", "Its answer has no data as such a page has."),
        ([1], "unknown", "Its answer has no data as such a page has."),
        (
            {"data": {"attributes": 5}},
            "unknown",
            "Its answer has no attributes as such a page has.",
        ),
        (
            better_stack() | {"included": {}},
            "unknown",
            "Its answer has no included as such a page has.",
        ),
        (better_stack(company_name="Other"), "unknown", "Another page answered: “165”."),
        (
            better_stack(custom_domain="apollo.statuspage.io"),
            "unknown",
            "This page is a decoy with demonstration data, not the provider's.",
        ),
        (statuspage(), "unknown", "Its answer has no data as such a page has."),
    ],
)
def test_better_stack_K5(httpserver: HTTPServer, answer, indicator, detail):
    httpserver.expect_request(INDEX).respond_with_json(answer)
    monitor = make_provider(httpserver, StatusPage.BETTER_STACK)
    signal = probe_provider(monitor, now=NOW)
    assert (signal.indicator, signal.detail) == (indicator, detail)


# The table: the transport -----------------------------------------------------------------


@pytest.mark.parametrize("kind", [StatusPage.STATUSPAGE, StatusPage.BETTER_STACK])
@pytest.mark.parametrize(
    ("response", "detail"),
    [
        (Response(status=404), "It answered with status 404."),
        (Response(status=403), "It answered with status 403."),
        (Response(status=500), "It answered with status 500."),
        (Response(status=503), "It answered with status 503."),
        (
            Response(status=302, headers={"Location": "/elsewhere"}),
            "It sends to another address, which is not followed.",
        ),
        (
            Response("<!doctype html>", content_type="text/html"),
            "It answered with text/html, not with JSON.",
        ),
        (Response("{", content_type="application/json"), "Its answer is not valid JSON."),
        (Response("", content_type="application/json"), "Its answer is not valid JSON."),
        (
            Response(" " * 1_000_001, content_type="application/json"),
            "Its answer is longer than 1,000,000 bytes.",
        ),
    ],
)
def test_odd_answer_is_unknown_K5(httpserver: HTTPServer, kind, response, detail):
    for path in (SUMMARY, STATUS, INDEX):
        httpserver.expect_request(path).respond_with_response(response)
    signal = probe_provider(make_provider(httpserver, kind), now=NOW)
    assert (signal.indicator, signal.detail) == (Indicator.UNKNOWN, detail)


def test_slow_page_is_unknown_K5(httpserver: HTTPServer, settings):
    settings.HTTP_TIMEOUT = 0.3

    def dawdle(request: Request) -> Response:
        time.sleep(0.6)
        return Response()

    httpserver.expect_request(SUMMARY).respond_with_handler(dawdle)
    monitor = make_provider(httpserver, StatusPage.STATUSPAGE)
    started = time.monotonic()
    signal = probe_provider(monitor, now=NOW)
    assert time.monotonic() - started < 0.6
    assert signal.indicator == Indicator.UNKNOWN
    assert signal.detail == "It did not answer within 0.3 seconds."
    time.sleep(0.4)  # the handler ends before its server does


def test_private_address_is_unknown_K5(httpserver: HTTPServer, settings):
    settings.OUTBOUND_ALLOW_PRIVATE = False
    httpserver.expect_request(SUMMARY).respond_with_json(statuspage())
    signal = probe_provider(make_provider(httpserver, StatusPage.STATUSPAGE), now=NOW)
    assert signal.indicator == Indicator.UNKNOWN
    assert signal.detail == "localhost is at a private address, which is not asked."
    assert httpserver.log == []


def test_no_status_page_is_unknown_K5():
    for system in (None, make_third_party()):
        signal = probe_provider(make_monitor(Kind.STATUS, system=system), now=NOW)
        assert signal.indicator == Indicator.UNKNOWN
        assert signal.detail == "There is no status page to ask."


def test_page_that_keeps_its_summary_is_asked_for_its_status(httpserver: HTTPServer):
    httpserver.expect_request(STATUS).respond_with_json(statuspage("minor"))
    httpserver.expect_request(SUMMARY).respond_with_data(status=404)
    signal = probe_provider(make_provider(httpserver, StatusPage.STATUSPAGE), now=NOW)
    assert signal.indicator == Indicator.MINOR


# Whose page it is ---------------------------------------------------------------------------


@pytest.mark.parametrize("identity", ["k7v3x", "hubspot", " HubSpot ", "status.hubspot.com"])
def test_identity_is_the_pages_id_name_or_host(httpserver: HTTPServer, identity):
    httpserver.expect_request(SUMMARY).respond_with_json(statuspage())
    monitor = make_provider(httpserver, StatusPage.STATUSPAGE, page_identity=identity)
    assert probe_provider(monitor, now=NOW).indicator == Indicator.NONE


@pytest.mark.parametrize("identity", ["Apollo", "165", "apollo", "status.apollo.io"])
def test_identity_of_better_stack(httpserver: HTTPServer, identity):
    answer = better_stack(company_name="Apollo")
    httpserver.expect_request(INDEX).respond_with_json(answer)
    monitor = make_provider(httpserver, StatusPage.BETTER_STACK, page_identity=identity)
    assert probe_provider(monitor, now=NOW).indicator == Indicator.NONE


def test_without_identity_the_page_must_name_the_host_asked(httpserver: HTTPServer):
    url = httpserver.url_for("/")
    httpserver.expect_ordered_request(SUMMARY).respond_with_json(statuspage(url=url))
    httpserver.expect_ordered_request(SUMMARY).respond_with_json(statuspage())
    monitor = make_provider(httpserver, StatusPage.STATUSPAGE, page_identity="")
    assert probe_provider(monitor, now=NOW).indicator == Indicator.NONE
    signal = probe_provider(monitor, now=NOW)
    assert signal.indicator == Indicator.UNKNOWN
    assert signal.detail == ("The page calls itself “k7v3x”, which is not the host that was asked.")


def test_address_may_name_the_file(httpserver: HTTPServer):
    httpserver.expect_request("/own/state.json").respond_with_json(statuspage("minor"))
    monitor = make_provider(httpserver, StatusPage.STATUSPAGE)
    monitor.system.status_page_url = httpserver.url_for("/own/state.json")
    assert probe_provider(monitor, now=NOW).indicator == Indicator.MINOR


# What is written ------------------------------------------------------------------------


def test_answer_is_one_fresh_signal_K1(httpserver: HTTPServer):
    httpserver.expect_request(SUMMARY).respond_with_json(statuspage("major"))
    monitor = make_provider(httpserver, StatusPage.STATUSPAGE, probe_seconds=120)
    before = MonitorStatus.objects.get(monitor=monitor)
    probe_provider(monitor, now=NOW)
    signal = Signal.objects.get()
    assert (signal.monitor, signal.kind, signal.at) == (monitor, SignalKind.PROBE, NOW)
    assert signal.is_fresh
    status = MonitorStatus.objects.get(monitor=monitor)
    assert status.probe_at == NOW + dt.timedelta(minutes=2)
    # The rest is the evaluation's.
    assert (status.state, status.since) == (before.state, before.since)
    assert not Incident.objects.exists()


def test_odd_characters_and_lengths_are_stored(httpserver: HTTPServer):
    answer = statuspage("minor")
    answer["status"]["description"] = "\0\ud800\x1b[31m" + "ä" * 5_000
    httpserver.expect_request(SUMMARY).respond_with_json(answer)
    probe_provider(make_provider(httpserver, StatusPage.STATUSPAGE), now=NOW)
    signal = Signal.objects.get()
    assert len(signal.detail) == 300
    assert signal.indicator == Indicator.MINOR


# Who is due -----------------------------------------------------------------------------


def test_due_ones_are_claimed_once():
    never = make_monitor(Kind.STATUS)
    past = make_monitor(Kind.STATUS, probe_seconds=600)
    future = make_monitor(Kind.STATUS)
    make_monitor(Kind.HEARTBEAT)
    make_monitor(Kind.STATUS, is_active=False)
    make_monitor(Kind.STATUS, is_demo=True)
    set_probe_at(past, NOW)
    set_probe_at(future, NOW + dt.timedelta(seconds=1))
    assert due_probes(now=NOW) == [never.pk, past.pk]
    assert due_probes(now=NOW) == []
    later = NOW + dt.timedelta(seconds=180)
    assert due_probes(now=later) == [never.pk, future.pk]
    assert due_probes(now=NOW + dt.timedelta(seconds=600)) == [never.pk, past.pk, future.pk]


def set_probe_at(monitor: Monitor, at: dt.datetime) -> None:
    MonitorStatus.objects.filter(monitor=monitor).update(probe_at=at)


@pytest.mark.parametrize("count", [1, 20])
def test_claiming_costs_the_same_for_many(count, django_assert_max_num_queries):
    for _ in range(count):
        make_monitor(Kind.STATUS)
    with django_assert_max_num_queries(6):
        assert len(due_probes(now=NOW)) == count


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_claim_the_same():
    monitors = {make_monitor(Kind.STATUS).pk for _ in range(5)}

    def claim(number: int) -> list[int]:
        try:
            return due_probes(now=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as workers:
        claimed = [pk for found in workers.map(claim, range(8)) for pk in found]
    assert sorted(claimed) == sorted(monitors)


# The command ----------------------------------------------------------------------------


def command(*words: str) -> str:
    out = io.StringIO()
    call_command("probe", *words, stdout=out)
    return out.getvalue()


def test_command_asks_all_or_those_named(httpserver: HTTPServer):
    httpserver.expect_request(SUMMARY).respond_with_json(statuspage("minor"))
    make_provider(httpserver, StatusPage.STATUSPAGE, slug="hubspot")
    make_monitor(Kind.STATUS, slug="instantly")
    make_monitor(Kind.STATUS, slug="off", is_active=False)
    make_monitor(Kind.STATUS, slug="made-up", is_demo=True)
    assert command().splitlines() == [
        "hubspot: Minor trouble. As they say",
        "instantly: Unknown. There is no status page to ask.",
    ]
    assert command("off", "off") == "off: Unknown. There is no status page to ask.\n"
    assert Signal.objects.count() == 3


def test_command_prints_json(httpserver: HTTPServer):
    make_monitor(Kind.STATUS, slug="instantly")
    assert json.loads(command("--json", "--now", "2026-03-10T09:00:00Z")) == [
        {
            "slug": "instantly",
            "indicator": "unknown",
            "detail": "There is no status page to ask.",
        }
    ]
    assert Signal.objects.get().at == NOW


def test_command_says_when_there_is_nobody_to_ask():
    assert command() == "There is no provider to ask.\n"


@pytest.mark.parametrize("slug", ["nobody", "nightly"])
def test_command_refuses_what_is_no_provider(slug):
    make_monitor(Kind.HEARTBEAT, slug="nightly")
    make_monitor(Kind.STATUS, slug="instantly")
    with pytest.raises(CommandError, match=f"no provider status monitor {slug}") as error:
        command("instantly", slug)
    assert error.value.returncode == 1
    assert not Signal.objects.exists()
