"""Live figures beside the steps, and asking at once (rules P3, P4, P7, K10)."""

import contextlib
import datetime as dt
import json
import time
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.urls import reverse
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from incidents.enums import EntryKind, FixKind, Role, StatusPage
from incidents.errors import NotAllowedError, WorkflowError
from incidents.models import Incident, Playbook
from incidents.playbooks.asking import ask_now
from incidents.playbooks.figures import Figure, figures_of, figures_of_steps
from incidents.playbooks.running import find_run_step, finish_step
from monitoring.enums import Kind, SignalKind
from monitoring.models import DomainCheck, Signal
from tests.factories import (
    NOW,
    Team,
    make_client,
    make_hold,
    make_incident,
    make_monitor,
    make_playbook_run,
    make_sending_domain,
    make_system,
    make_third_party,
)
from tests.monitoring.arrivals import MIN, H, look, post
from tests.monitoring.dns_server import DnsServer, running

pytestmark = pytest.mark.django_db
SignIn = Callable[..., Browser]
SUMMARY = "/api/v2/summary.json"
DOMAIN = "go.halden.example"


@pytest.fixture
def dns(settings) -> Iterator[DnsServer]:
    with running(DnsServer()) as server:
        settings.DNS_RESOLVER = server.address
        yield server


def working(team: Team, slug: str, **fields: Any) -> Incident:
    incident = make_incident(status="investigating", level=2, team=team, **fields)
    make_playbook_run(incident, Playbook.objects.get(slug=slug))
    return incident


def status_page(indicator: str) -> dict[str, Any]:
    return {
        "page": {"id": "k7v3x", "name": "HubSpot", "url": "https://status.hubspot.com"},
        "status": {"indicator": indicator, "description": "As they say"},
        "components": [],
    }


def provider(httpserver: HTTPServer, *, has_monitor: bool = True) -> Any:
    system = make_third_party(
        status_page=StatusPage.STATUSPAGE, status_page_url=httpserver.url_for("/")
    )
    if has_monitor:
        make_monitor(Kind.STATUS, system=system, page_identity="HubSpot")
    return system


def seen(incident: Incident, number: int, now: dt.datetime = NOW) -> list[Figure]:
    return figures_of(incident, find_run_step(incident, number), now=now)


def act(ref: str, *given: str, by: str = "devin") -> dict[str, Any]:
    out = StringIO()
    pairs = [part for text in given for part in ("--set", text)]
    with contextlib.suppress(CommandError):
        call_command(
            "act", ref, "step", "--as", by, "--now", NOW.isoformat(), "--json", *pairs, stdout=out
        )
    return dict(json.loads(out.getvalue()))


# The provider's status page ---------------------------------------------------------------


def test_step_one_asks_the_status_page_and_keeps_the_answer_P3(
    team: Team, httpserver: HTTPServer
) -> None:
    httpserver.expect_request(SUMMARY).respond_with_json(status_page("major"))
    system = provider(httpserver)
    incident = working(team, "api-down", systems=[system])
    [before] = seen(incident, 1)
    assert (before.is_good, before.can_ask) == (None, True)
    answer = act(incident.ref, "step=1", "action=ask")
    assert answer["ok"], answer
    step = find_run_step(incident, 1)
    assert step.is_open
    assert (step.figure["value"], step.figure["is_good"]) == ("major trouble", False)
    assert step.figure["at"] == NOW.isoformat()
    assert step.figure["asked"] is True
    signal = Signal.objects.get(kind=SignalKind.PROBE)
    assert (signal.indicator, signal.at, signal.is_fresh) == ("major", NOW, True)
    entry = incident.timeline.get(kind=EntryKind.STEP)
    assert "asked now: Status page of" in entry.text
    assert "major trouble" in entry.text
    finish_step(
        incident, step, answers=["provider-outage"], by=team.actor("delivery"), now=NOW + MIN
    )
    assert step.figure["value"] == "major trouble"


def test_the_page_asks_outside_of_its_transaction_P3(
    team: Team, httpserver: HTTPServer, sign_in: SignIn
) -> None:
    httpserver.expect_request(SUMMARY).respond_with_json(status_page("none"))
    incident = working(team, "api-down", systems=[provider(httpserver)])
    url = reverse("incidents:step", args=[incident.ref, "step"])
    page = sign_in(Role.DELIVERY).post(url, {"step": "1", "action": "ask"})
    assert page.status_code == 302
    assert find_run_step(incident, 1).figure["value"] == "all working"


def test_a_system_without_a_monitor_is_asked_by_its_page_P3(
    team: Team, httpserver: HTTPServer
) -> None:
    answer = status_page("none")
    answer["page"]["url"] = httpserver.url_for("/")
    httpserver.expect_request(SUMMARY).respond_with_json(answer)
    incident = working(team, "api-down", systems=[provider(httpserver, has_monitor=False)])
    ask_now(incident, find_run_step(incident, 1), by=team.actor("delivery"), now=NOW)
    assert find_run_step(incident, 1).figure["is_good"] is True
    assert not Signal.objects.exists()


def test_no_answer_is_unknown_within_the_time_and_has_a_manual_way_P3(
    team: Team, httpserver: HTTPServer, settings
) -> None:
    settings.HTTP_TIMEOUT = 1

    def drip(request: Request) -> Response:
        time.sleep(3)
        return Response("{}")

    httpserver.expect_request(SUMMARY).respond_with_handler(drip)
    incident = working(team, "api-down", systems=[provider(httpserver)])
    began = time.monotonic()
    ask_now(incident, find_run_step(incident, 1), by=team.actor("delivery"), now=NOW)
    assert time.monotonic() - began < 2.5
    step = find_run_step(incident, 1)
    assert (step.figure["is_good"], step.figure["value"]) == (None, "no answer")
    assert "did not answer" in step.figure["detail"]
    finish_step(
        incident,
        step,
        answers=["our-config"],
        note="Their page loads in the browser: all green.",
        evidence="https://status.example/today",
        by=team.actor("delivery"),
        now=NOW + MIN,
    )
    assert step.evidence == "https://status.example/today"


def test_what_cannot_be_asked_says_so_P3(team: Team) -> None:
    incident = working(team, "api-down", systems=[])
    by = team.actor("delivery")
    with pytest.raises(WorkflowError, match="names nothing"):
        ask_now(incident, find_run_step(incident, 1), by=by, now=NOW)
    with pytest.raises(WorkflowError, match="nothing that can be asked"):
        ask_now(incident, find_run_step(incident, 5), by=by, now=NOW)
    with pytest.raises(NotAllowedError):
        ask_now(incident, find_run_step(incident, 1), by=team.actor("legal"), now=NOW)


def test_demonstration_systems_ask_nobody_P3(team: Team, httpserver: HTTPServer) -> None:
    system = provider(httpserver)
    system.is_demo = True
    system.save()
    incident = working(team, "api-down", systems=[system])
    ask_now(incident, find_run_step(incident, 1), by=team.actor("delivery"), now=NOW)
    assert find_run_step(incident, 1).figure["value"] == "not asked"
    assert httpserver.log == []


# Switching to the backup ------------------------------------------------------------------


def test_switch_to_backup_names_it_and_records_containment_P3_W5(team: Team) -> None:
    cascade = make_system(name="Model cascade")
    system = make_system(name="OpenRouter", backup=cascade)
    incident = working(team, "api-down", systems=[system])
    assert act(incident.ref, "step=1", "answer=provider-outage")["ok"]
    refused = act(incident.ref, "step=2", by="rick")
    assert not refused["ok"]
    assert act(incident.ref, "step=2")["ok"]
    fix = incident.fixes.get(kind=FixKind.CONTAINMENT)
    assert fix.done == "Switched to the backup: OpenRouter to Model cascade."
    assert incident.timeline.filter(kind=EntryKind.CONTAINMENT).count() == 1


def test_without_a_configured_backup_the_note_names_it_P3(team: Team) -> None:
    incident = working(team, "api-down", systems=[make_system()])
    act(incident.ref, "step=1", "answer=provider-outage")
    refused = act(incident.ref, "step=2")
    assert refused["missing"] == ["A note that says what was switched to"]
    assert act(incident.ref, "step=2", "note=To the second account.")["ok"]
    assert incident.fixes.get().done == "To the second account."


# The DNS ----------------------------------------------------------------------------------


def test_spf_dkim_and_dmarc_are_asked_at_once_P4_K10(team: Team, dns: DnsServer) -> None:
    dns.txt(DOMAIN, "v=spf1 +all")
    dns.txt(f"_dmarc.{DOMAIN}", "v=DMARC1; p=reject")
    client = make_client()
    make_sending_domain(client, name=DOMAIN)
    incident = working(team, "email-bounce-spike", clients=[client])
    [before] = seen(incident, 2)
    assert (before.value, before.is_good, before.can_ask) == ("not asked yet", None, True)
    assert act(incident.ref, "step=2", "action=ask")["ok"]
    step = find_run_step(incident, 2)
    assert (step.figure["is_good"], step.figure["value"]) == (False, "bad")
    assert "SPF: It lets everybody send for the domain." in step.figure["detail"]
    assert DomainCheck.objects.get().checked_at == NOW
    [later] = seen(incident, 2, NOW + H)
    assert (later.is_good, later.age) == (False, H)


def test_a_silent_dns_is_unknown_within_the_time_P4(
    team: Team, dns: DnsServer, monkeypatch
) -> None:
    dns.silent = {DOMAIN}
    monkeypatch.setattr("incidents.playbooks.asking.ASK_SECONDS", 2.0)
    client = make_client()
    make_sending_domain(client, name=DOMAIN)
    incident = working(team, "email-bounce-spike", clients=[client])
    began = time.monotonic()
    ask_now(incident, find_run_step(incident, 2), by=team.actor("delivery"), now=NOW)
    assert time.monotonic() - began < 6
    assert find_run_step(incident, 2).figure["is_good"] is None


# What monitoring keeps --------------------------------------------------------------------


def test_the_last_sync_and_the_gap_are_shown_P7(team: Team) -> None:
    client = make_client(name="Acme", slug="acme")
    incident = working(team, "crm-sync-break", clients=[client])
    [unknown] = seen(incident, 5)
    assert (unknown.is_good, unknown.value) == (None, "not watched")
    monitor = make_monitor(Kind.SYNC, client=client)
    post(monitor, NOW - 30 * H, is_ok=True)
    post(monitor, NOW - H, is_ok=False, detail="401 Unauthorized")
    look(monitor)
    [figure] = seen(incident, 5)
    assert (figure.is_good, figure.value, figure.age) == (False, "30 h ago", 30 * H)
    assert figure.detail.startswith("Gap: from Mon 09 Mar 2026")
    [connection] = [one for one in seen(incident, 1) if one.key == "client:acme:connection"]
    assert (connection.is_good, connection.value, connection.detail) == (
        False, "the last sync failed", "401 Unauthorized",
    )  # fmt: skip


def test_error_rate_and_credits_stand_beside_their_steps_P3(team: Team) -> None:
    system = make_system(name="Enrichment", slug="enrichment")
    incident = working(team, "api-down", systems=[system])
    [unknown, _] = seen(incident, 4)
    assert unknown.is_unknown
    errors = make_monitor(Kind.ERROR_RATE, system=system)
    left = make_monitor(Kind.CREDITS, system=system)
    post(errors, NOW - MIN, total=100, bad=7)
    post(left, NOW - MIN, value=4.0)
    look(errors)
    look(left)
    figures = {one.key: one for one in seen(incident, 4)}
    assert figures["system:enrichment:error_rate"].value == "7 %"
    assert figures["system:enrichment:error_rate"].is_good is False
    assert figures["system:enrichment:credits"].value == "4 %"
    act(incident.ref, "step=1", "answer=rate-limited")
    act(incident.ref, "step=4", "note=Slower now.")
    kept = find_run_step(incident, 4).figure
    assert {one["value"] for one in kept["all"]} == {"7 %", "4 %"}


def test_figures_of_many_steps_read_each_key_once(
    team: Team, django_assert_num_queries: Any
) -> None:
    system = make_system()
    make_monitor(Kind.ERROR_RATE, system=system)
    incident = working(team, "api-down", systems=[system])
    steps = list(incident.runs.get().steps.all())
    with django_assert_num_queries(7):
        figures_of_steps(incident, steps, now=NOW)
    with django_assert_num_queries(7):
        figures_of_steps(incident, [*steps, *steps, *steps], now=NOW)


# Pages ------------------------------------------------------------------------------------


def test_the_page_of_holds_says_why_each_gate_is_locked_P4(team: Team, sign_in: SignIn) -> None:
    client = make_client(name="Halden", slug="halden")
    domain = make_sending_domain(client, name=DOMAIN)
    browser = sign_in(Role.DELIVERY)
    url = reverse("incidents:hold-list")
    assert "No sending domain is on hold." in browser.get(url).content.decode()
    incident = working(team, "email-bounce-spike", clients=[client])
    make_hold(incident, domain, sent_while_held=12)
    private = working(team, "email-bounce-spike", is_private=True, technical_owner=None)
    make_hold(private, make_sending_domain(name="secret.example"))
    for page in (url, client.get_absolute_url()):
        text = browser.get(page).content.decode()
        assert DOMAIN in text
        assert "not watched" in text
        assert "The orchestrator or the founder may override it." in text
        assert "secret.example" not in text or page == client.get_absolute_url()
    release = reverse("incidents:step", args=[incident.ref, "release"])
    text = sign_in(Role.FOUNDER).get(f"{release}?domains={DOMAIN}").content.decode()
    assert "On hold because of this incident" in text
    assert "secret.example" in sign_in(Role.FOUNDER).get(url).content.decode()
