"""The incident list and the page of one incident."""

import datetime as dt
import re
import uuid
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from incidents.actors import actor_for
from incidents.chronicle import LATEST
from incidents.correspondence import edit_draft, send_draft
from incidents.enums import (
    EntryKind,
    EscalationCode,
    HubSpotState,
    MailKind,
    Origin,
    Role,
    Side,
    Source,
    Status,
    ToldVia,
    WaiverKind,
)
from incidents.models import Escalation, Incident, Playbook
from incidents.next_step import NextStep, next_step
from incidents.views.incidents import PER_PAGE
from incidents.workflow import (
    Findings,
    FixDetails,
    Triage,
    escalate_incident,
    investigate_incident,
    open_incident,
    record_fix,
    start_wait,
    triage_incident,
    waive_gate,
)
from tests.factories import (
    NOW,
    Team,
    make_affected,
    make_client,
    make_client_mail,
    make_deadline,
    make_draft,
    make_entry,
    make_fix,
    make_incident,
    make_participant,
    make_premium_client,
    make_responder,
    make_review,
    make_system,
    make_user,
)

pytestmark = pytest.mark.django_db
MINUTE = dt.timedelta(minutes=1)
DAY = dt.timedelta(days=1)
ETAGS = ("live", "timeline")


def signed_in(user: Any) -> Browser:
    """A browser whose session is not new any more: its first request writes."""
    browser = Browser()
    browser.force_login(user)
    browser.get("/healthz")
    return browser


def as_role(team: Team, role: str) -> Browser:
    return signed_in(getattr(team, role).user)


def read(browser: Browser, name: str = "list", *args: str, query: str = "", **extra: Any) -> Any:
    return browser.get(reverse(f"incidents:{name}", args=args) + query, **extra)


def refs(response: HttpResponse) -> list[str]:
    return re.findall(r'class="ref">([A-Z0-9-]+)<', response.text)


def primary(response: HttpResponse) -> str:
    """The words of the one primary button in the band, or nothing."""
    band = response.text.split('id="incident-band"')[1].split("</header>")[0]
    found = re.findall(r'<a class="btn btn-primary[^>]*>(.*?)</a>', band, re.DOTALL)
    assert len(found) <= 1
    return re.sub(r"<[^>]+>", "", found[0]).strip() if found else ""


def sev1(team: Team, *, now: dt.datetime = NOW) -> Incident:
    """A SEV-1 with a Premium and a Standard client, triaged through the workflow."""
    clients = [make_premium_client(name="Halden Solar"), make_client(name="Brightwater")]
    by = team.actor(Role.ORCHESTRATOR)
    system = make_system(clients=clients, playbook=Playbook.objects.get(slug="email-bounce-spike"))
    incident = open_incident(
        title="Outreach paused",
        source=Source.MONITORING,
        systems=[system],
        clients=clients,
        by=by,
        now=now,
    ).incident
    decision = Triage(level=1, systems=[system], clients=clients)
    return triage_incident(incident, decision, by=by, now=now + 5 * MINUTE)


# The list -------------------------------------------------------------------------------


def test_list_shows_incidents_newest_first(team: Team) -> None:
    client = make_client(name="Halden Solar")
    first = make_incident(title="First", clients=[client], team=team)
    second = make_incident(title="Second", status=Status.INVESTIGATING, level=2, team=team)
    response = read(as_role(team, Role.REVENUE))
    assert refs(response) == [second.ref, first.ref]
    assert "Halden Solar" in response.text


def test_list_filters_stand_in_the_address(team: Team) -> None:
    client, system = make_client(slug="halden"), make_system(slug="crm")
    wanted = make_incident(
        title="Sync stopped",
        status=Status.TRIAGED,
        level=2,
        clients=[client],
        systems=[system],
        team=team,
        source=Source.SCHEDULED_REVIEW,
    )
    wanted.deadlines.update(breached_at=NOW)
    make_incident(title="Other", status=Status.CLOSED, detected_at=NOW - 400 * DAY)
    browser = as_role(team, Role.DELIVERY)
    for query in (
        "q=sync",
        f"q={wanted.ref}",
        "status=triaged",
        "status=open",
        "severity=2",
        "client=halden",
        "system=crm",
        f"owner={team.delivery.pk}",
        "owner=me",
        "source=scheduled_review",
        "since=2026-03-01&until=2026-03-11",
        "breach=yes",
        "status=open&private=no&severity=2&q=sync",
    ):
        response = read(browser, query=f"?{query}")
        assert refs(response) == [wanted.ref], query
        csv = reverse("incidents:list-csv")
        assert f'href="{csv}?' in response.text, query
    response = read(browser, query="?q=sync&severity=2")
    assert 'value="sync"' in response.text
    assert '<option value="2" selected>' in response.text


def test_list_is_for_me_while_i_stand_in_A1(team: Team) -> None:
    incident = make_incident(team=team)
    backup = make_responder(
        Role.ORCHESTRATOR, rank="backup", user=make_user(Role.ORCHESTRATOR, username="stand-in")
    )
    browser = signed_in(backup.user)
    assert refs(read(browser, query="?owner=me")) == []
    team.orchestrator.away_until = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
    team.orchestrator.save()
    assert refs(read(browser, query="?owner=me")) == [incident.ref]


@pytest.mark.parametrize(
    "query",
    [
        "status=nonsense",
        "severity=99999999999999999999999",
        "severity=-1",
        "client=%27%3B--",
        "client=" + "x" * 5000,
        "owner=99999999999999999999",
        "owner=me%0A",
        "owner=-1",
        "since=0000-00-00",
        "since=9999-12-31",
        "until=31.12.2026",
        "until=2026-02-30",
        "days=many",
        "breach=perhaps",
        "private=1",
        "waiting=long",
        "q=" + "%F0%9F%92%A5" * 3000,
        "q=%25%25%27",
        "before=99999999999999999999999999999999",
        "before=-5",
        "before=%E0%B9%91",
        "before=abc",
        "owner=me&owner=1&status=open&status=closed",
        "unknown=1",
    ],
)
def test_list_answers_odd_filters(team: Team, query: str) -> None:
    make_incident()
    browser = as_role(team, Role.REVENUE)
    assert read(browser, query=f"?{query}").status_code == 200


def test_list_says_what_it_left_out(team: Team) -> None:
    response = read(as_role(team, Role.REVENUE), query="?since=2026-02-30&status=closed")
    assert "Left out of the filter" in response.text


def test_list_refuses_nul(team: Team) -> None:
    assert read(as_role(team, Role.REVENUE), query="?q=%00").status_code == 400


def test_list_pages_by_key(team: Team) -> None:
    made = [make_incident(title=f"Number {n}").ref for n in range(PER_PAGE + 3)]
    browser = as_role(team, Role.REVENUE)
    first = read(browser, query="?status=detected")
    assert refs(first) == made[::-1][:PER_PAGE]
    older = re.findall(r'href="(/incidents/\?[^"]*before=[^"]*)"', first.text)
    assert len(older) == 1
    assert "status=detected" in older[0]
    second = browser.get(older[0].replace("&amp;", "&"))
    assert refs(second) == made[::-1][PER_PAGE:]
    assert "before=" not in re.findall(r'rel="next"[^>]*', second.text)


@pytest.mark.parametrize("role", [Role.REVENUE, Role.ORCHESTRATOR])
def test_list_costs_eight_queries_whatever_the_rows(team: Team, role: str) -> None:
    browser = as_role(team, role)
    read(browser)  # The first look of a process also asks what the database can do.
    counts = []
    for number in (1, 2, 27):
        for _ in range(number):
            clients = [make_client(), make_client()]
            incident = make_incident(
                status=Status.INVESTIGATING, team=team, clients=clients, systems=[make_system()]
            )
            make_deadline(incident, client=clients[0])
        with CaptureQueriesContext(connection) as queries:
            assert len(refs(read(browser))) >= number
        counts.append(len(queries))
    assert counts[0] == counts[1] == counts[2] <= 8


def test_list_offers_saved_views(team: Team) -> None:
    response = read(as_role(team, Role.REVENUE), query="?status=open&owner=me")
    assert re.search(r'aria-current="true">Mine<', response.text)
    for name in ("All", "Open", "Breached", "Untriaged", "Closed"):
        assert f">{name}</a>" in response.text


# Assigning several ----------------------------------------------------------------------


def assign(browser: Browser, **data: Any) -> Any:
    return browser.post(reverse("incidents:bulk-assign") + "?status=open", data)


def test_bulk_assign_tells_each_outcome(team: Team) -> None:
    other = make_responder(Role.DELIVERY, rank="backup", name="Dana")
    open_one = make_incident(status=Status.TRIAGED, team=team)
    closed = make_incident(status=Status.CLOSED, team=team)
    browser = as_role(team, Role.ORCHESTRATOR)
    response = assign(
        browser,
        refs=[open_one.ref, closed.ref],
        technical_owner=str(other.pk),
        form_token=str(uuid.uuid4()),
    )
    assert response.status_code == 302
    assert response["Location"] == "/incidents/?status=open"
    page = browser.get(response["Location"])
    assert f"{open_one.ref}: now with Dana." in page.text
    assert f"{closed.ref}: " in page.text
    open_one.refresh_from_db()
    closed.refresh_from_db()
    assert open_one.technical_owner == other
    assert closed.technical_owner == team.delivery


def test_bulk_assign_is_done_once_for_a_double_click(team: Team) -> None:
    other = make_responder(Role.DELIVERY, rank="backup")
    incident = make_incident(status=Status.TRIAGED, team=team)
    data = {
        "refs": [incident.ref],
        "technical_owner": str(other.pk),
        "form_token": str(uuid.uuid4()),
    }
    browser = as_role(team, Role.ORCHESTRATOR)
    assert [assign(browser, **data).status_code for _ in range(2)] == [302, 302]
    assert incident.timeline.filter(kind=EntryKind.ASSIGNED).count() == 1


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"refs": ["INC-2026-0001"]},
        {"technical_owner": "1"},
        {"refs": ["INC-2026-0001"], "technical_owner": "nobody"},
        {"refs": ["INC-2026-0001"], "communications_owner": "9" * 40},
    ],
)
def test_bulk_assign_refuses_half_a_form(team: Team, data: dict[str, Any]) -> None:
    make_incident(team=team)
    response = assign(as_role(team, Role.ORCHESTRATOR), **data)
    assert response.status_code == 422
    assert "Nothing was assigned." in response.text


def test_bulk_assign_is_the_orchestrators_A1(team: Team) -> None:
    incident = make_incident(status=Status.TRIAGED, team=team)
    data = {"refs": [incident.ref], "technical_owner": str(team.revenue.pk)}
    assert assign(as_role(team, Role.DELIVERY), **data).status_code == 403
    assert "Give the picked ones to" not in read(as_role(team, Role.DELIVERY)).text
    assert "Give the picked ones to" in read(as_role(team, Role.ORCHESTRATOR)).text


def test_bulk_assign_needs_a_post(team: Team) -> None:
    response = as_role(team, Role.ORCHESTRATOR).get(reverse("incidents:bulk-assign"))
    assert response.status_code == 405


# Privacy --------------------------------------------------------------------------------


def test_private_incident_does_not_exist_for_outsiders_W11(team: Team) -> None:
    private = make_incident(title="Leaked list", is_private=True, status=Status.TRIAGED)
    browser = as_role(team, Role.DELIVERY)
    assert refs(read(browser)) == []
    assert refs(read(browser, query="?q=Leaked")) == []
    assert refs(read(browser, query=f"?q={private.ref}&private=yes")) == []
    for name in ("detail", "live", "timeline"):
        response = read(browser, name, private.ref)
        assert response.status_code == 404, name
        assert "Leaked" not in response.text
    assert "Leaked" not in read(browser, "list-csv").text


@pytest.mark.parametrize("role", [Role.ORCHESTRATOR, Role.FOUNDER, Role.LEGAL])
def test_private_incident_is_there_for_those_on_it_W11(team: Team, role: str) -> None:
    private = make_incident(title="Leaked list", is_private=True, status=Status.TRIAGED)
    make_participant(private, team.legal.user)
    browser = as_role(team, role)
    assert refs(read(browser)) == [private.ref]
    for name in ("detail", "live", "timeline"):
        assert read(browser, name, private.ref).status_code == 200


def test_bulk_assign_does_not_tell_of_private_incidents_W11(team: Team) -> None:
    private = make_incident(is_private=True, status=Status.TRIAGED)
    browser = signed_in(make_user(Role.ORCHESTRATOR))
    known = assign(browser, refs=[private.ref], technical_owner=str(team.delivery.pk))
    assert known.status_code == 302
    page = browser.get("/incidents/")
    assert "now with" in page.text
    assert read(as_role(team, Role.DELIVERY), "detail", "INC-2099-9999").status_code == 404


def test_guessed_etag_tells_nothing_of_private_incidents_W11(team: Team) -> None:
    private = make_incident(is_private=True, status=Status.TRIAGED)
    insider = read(as_role(team, Role.FOUNDER), "live", private.ref)["ETag"]
    outsider = as_role(team, Role.DELIVERY)
    for etag in (insider, '"x"', "*", "W/" + insider):
        response = read(outsider, "live", private.ref, headers={"If-None-Match": etag})
        assert response.status_code == 404


# The page -------------------------------------------------------------------------------


def test_page_has_everything_about_a_sev1(team: Team) -> None:
    incident = sev1(team)
    response = read(as_role(team, Role.REVENUE), "detail", incident.ref)
    text = response.text
    assert response.status_code == 200
    for words in (
        "Outreach paused",
        "Halden Solar",
        "Playbook: Email Bounce Spike",
        "Do NOT resume sending",
        "0 of 6 done",
        "Raise an escalation",
        "Told another way",
        f"/incidents/{incident.ref}/export.md",
        f"/incidents/{incident.ref}/export.json",
        "E1 SEV-1 incident",
        "not seen yet",
        "More steps you may take now",
        f'data-poll="/incidents/{incident.ref}/live/"',
    ):
        assert words in text, words
    assert text.count('class="step is-') == 7
    assert text.count("btn-primary btn-lg") == 1


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("role", [Role.ORCHESTRATOR, Role.LEGAL])
def test_page_and_fragments_render_in_every_status(team: Team, status: str, role: str) -> None:
    incident = make_incident(status=status, level=1, team=team, clients=[make_premium_client()])
    make_entry(incident, origin=Origin.COMMAND_LINE)
    browser = as_role(team, role)
    for name in ("detail", *ETAGS):
        assert read(browser, name, incident.ref).status_code == 200


def test_unknown_reference_is_not_found(team: Team) -> None:
    assert read(as_role(team, Role.REVENUE), "detail", "INC-2026-9999").status_code == 404


@pytest.mark.parametrize("name", ["detail", *ETAGS])
def test_pages_are_only_read(team: Team, name: str) -> None:
    incident = make_incident()
    url = reverse(f"incidents:{name}", args=[incident.ref])
    assert as_role(team, Role.ORCHESTRATOR).post(url).status_code == 405


def test_page_without_a_role_shows_no_composer(team: Team) -> None:
    incident = make_incident()
    assert 'id="composer"' not in read(signed_in(make_user()), "detail", incident.ref).text
    assert 'id="composer"' in read(as_role(team, Role.LEGAL), "detail", incident.ref).text


def _busy(team: Team) -> Incident:
    """A SEV-1 with a bit of everything the page can show."""
    incident = sev1(team)
    devin = team.actor(Role.DELIVERY)
    now = NOW + 10 * MINUTE
    investigate_incident(incident, Findings(found="A key ran out."), by=devin, now=now)
    start_wait(incident, on=Side.THIRD_PARTY, what="Support", by=devin, now=now)
    waive_gate(
        incident,
        kind=WaiverKind.TEST_EVIDENCE,
        reason="No staging.",
        by=team.actor(Role.ORCHESTRATOR),
        now=now,
    )
    escalate_incident(
        incident, code=EscalationCode.E2, summary="They may leave.", by=devin, now=now
    )
    record_fix(
        incident,
        FixDetails(done="Renewed it.", broke="Sending.", cause="Quota."),
        by=devin,
        now=now,
    )
    return incident


def test_page_costs_at_most_twenty_queries(team: Team) -> None:
    incident = _busy(team)
    for role in (Role.REVENUE, Role.DELIVERY, Role.ORCHESTRATOR, Role.FOUNDER):
        browser = as_role(team, role)
        with CaptureQueriesContext(connection) as queries:
            assert read(browser, "detail", incident.ref).status_code == 200
        assert len(queries) <= 20, role


@pytest.mark.parametrize("status", [Status.INVESTIGATING, Status.MONITORING, Status.RESOLVED])
def test_page_queries_do_not_grow_with_its_rows(team: Team, status: str) -> None:
    incident = make_incident(status=status, level=1, team=team, clients=[make_client()])
    draft = make_draft(incident, kind=MailKind.UPDATE)
    make_review(incident)
    browser = as_role(team, Role.REVENUE)
    counts = []
    for number in (1, 2, 27):
        for _ in range(number):
            row = make_affected(incident, make_premium_client())
            make_client_mail(draft, row.client)
            make_entry(incident)
            make_entry(incident, origin=Origin.SYSTEM)
            make_fix(incident)
            incident.systems.add(make_system())
            make_deadline(incident, client=row.client)
        with CaptureQueriesContext(connection) as queries:
            assert read(browser, "detail", incident.ref).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] == counts[2] <= 20


# The next step --------------------------------------------------------------------------


def step_for(team: Team, role: str, incident: Incident, *, now: dt.datetime = NOW) -> NextStep:
    return next_step(incident, by=team.actor(role), now=now)


def label(step: NextStep) -> str:
    return step.primary.label if step.primary else ""


def test_next_step_of_an_untriaged_incident(team: Team) -> None:
    incident = make_incident(team=team)
    assert label(step_for(team, Role.ORCHESTRATOR, incident)) == "Triage"
    delivery = step_for(team, Role.DELIVERY, incident)
    assert delivery.primary is None
    assert delivery.theirs is not None
    assert delivery.theirs.holder == "Alfred (orchestrator)"
    assert delivery.other is not None
    assert delivery.other.label == "Add an entry"


def test_next_step_of_a_clients_report_is_revenues_before_triage_W2(team: Team) -> None:
    client = make_client()
    incident = open_incident(
        title="No leads",
        source=Source.CLIENT_REPORT,
        reported_by=client,
        by=team.actor(Role.REVENUE),
        now=NOW,
    ).incident
    assert label(step_for(team, Role.REVENUE, incident)) == "Finish and send notice"
    assert label(step_for(team, Role.ORCHESTRATOR, incident)) == "Triage"


def test_next_steps_of_a_sev1_run_side_by_side_W1(team: Team) -> None:
    incident = sev1(team)
    rick, devin = team.actor(Role.REVENUE), team.actor(Role.DELIVERY)
    now = NOW + 10 * MINUTE
    revenue = step_for(team, Role.REVENUE, incident, now=now)
    assert label(revenue) == "Finish and send notice"
    assert revenue.primary is not None
    assert "the text" in revenue.primary.blockers[0].text
    assert label(step_for(team, Role.DELIVERY, incident, now=now)) == "Start investigating"
    orchestrator = step_for(team, Role.ORCHESTRATOR, incident, now=now)
    assert orchestrator.primary is None
    assert orchestrator.other is not None
    assert orchestrator.other.label == "Finish and send notice"
    draft = incident.drafts.get()
    edit_draft(
        draft,
        {"brief": "Outreach paused", "what_happening": "Your e-mails are paused."},
        by=rick,
        now=now,
    )
    send_draft(draft, by=rick, now=now)
    waiting = step_for(team, Role.REVENUE, incident, now=now)
    assert waiting.primary is None, "on its way: nothing is left to send"
    investigate_incident(incident, Findings(), by=devin, now=now)
    assert label(step_for(team, Role.DELIVERY, incident, now=now)) == "Record the fix"
    make_fix(incident, at=now)
    assert label(step_for(team, Role.DELIVERY, incident, now=now)) == "Verify the fix"


def test_next_step_counts_wording_findings_M4(team: Team) -> None:
    incident = sev1(team)
    rick = team.actor(Role.REVENUE)
    draft = incident.drafts.get()
    edit_draft(
        draft,
        {"brief": "Paused", "what_happening": "We expect it to be fixed by 5pm today."},
        by=rick,
        now=NOW + 6 * MINUTE,
    )
    step = step_for(team, Role.REVENUE, incident, now=NOW + 6 * MINUTE)
    assert step.primary is not None
    assert any("wording finding" in item.text for item in step.primary.blockers)


def test_next_step_of_a_sev3_is_to_accept_it_C3(team: Team) -> None:
    incident = make_incident(status=Status.TRIAGED, level=3, team=team, clients=[make_client()])
    assert label(step_for(team, Role.REVENUE, incident)) == "Acknowledge"


def test_next_step_with_a_promise_close_is_the_update_M6(team: Team) -> None:
    client = make_client(name="Halden")
    incident = make_incident(status=Status.INVESTIGATING, level=3, team=team, clients=[client])
    incident.affected.update(told_at=NOW, told_via=ToldVia.MAIL)
    Incident.objects.filter(pk=incident.pk).update(accepted_at=NOW, acknowledged_at=NOW)
    make_deadline(incident, client=client, due_at=NOW + 20 * MINUTE)
    assert label(step_for(team, Role.REVENUE, incident)) == "Update Halden"


def test_next_step_in_the_window_and_after_it_W7(team: Team) -> None:
    client = make_client()
    incident = make_incident(status=Status.MONITORING, level=1, team=team, clients=[client])
    early = step_for(team, Role.REVENUE, incident, now=NOW + 45 * MINUTE)
    assert label(early) == "Write the resolution mail"
    assert early.primary is not None
    assert "stability window" in early.primary.blockers[0].text
    incident.affected.update(resolution_told_at=NOW, resolution_told_via=ToldVia.PHONE)
    held = step_for(team, Role.REVENUE, incident, now=NOW + 45 * MINUTE)
    assert label(held) == "Resolve"
    assert held.primary is not None
    assert held.primary.blockers
    free = step_for(team, Role.REVENUE, incident, now=NOW + 2 * DAY)
    assert free.primary is not None
    assert (free.primary.label, free.primary.blockers) == ("Resolve", ())


def test_next_steps_to_closed_W8(team: Team) -> None:
    client = make_premium_client()
    incident = make_incident(status=Status.RESOLVED, level=1, team=team, clients=[client])
    incident.affected.update(hubspot_state=HubSpotState.MANUAL)
    assert label(step_for(team, Role.ORCHESTRATOR, incident)) == "Write the post-incident entry"
    assert label(step_for(team, Role.REVENUE, incident)) == "Tick the HubSpot note"
    make_review(incident, completed_at=NOW)
    assert label(step_for(team, Role.REVENUE, incident)) == "Write the postmortem"
    blocked = step_for(team, Role.ORCHESTRATOR, incident)
    assert label(blocked) == "Close"
    assert blocked.primary is not None
    assert len(blocked.primary.blockers) == 2
    incident.affected.update(
        hubspot_state=HubSpotState.DONE, hubspot_noted_at=NOW, postmortem_told_at=NOW
    )
    free = step_for(team, Role.ORCHESTRATOR, incident)
    assert free.primary is not None
    assert (free.primary.label, free.primary.blockers) == ("Close", ())


def test_next_step_of_the_founder_is_to_say_seen_N3(team: Team) -> None:
    incident = sev1(team)
    step = step_for(team, Role.FOUNDER, incident, now=NOW + 6 * MINUTE)
    assert label(step) == "Say “seen” to E1"
    assert step.primary is not None
    assert step.primary.url.startswith("/escalations/")
    Escalation.objects.update(acknowledged_at=NOW, acknowledged_by="Clayton", next_ring_at=None)
    assert step_for(team, Role.FOUNDER, incident, now=NOW + 6 * MINUTE).primary is None


def test_next_step_of_the_founder_is_to_approve_W11(team: Team) -> None:
    incident = make_incident(
        status=Status.TRIAGED, level=1, team=team, is_private=True, is_breach_suspected=True
    )
    make_client_mail(make_draft(incident), make_affected(incident).client)
    assert label(step_for(team, Role.FOUNDER, incident)) == "Read and approve the notification"


@pytest.mark.parametrize("status", [Status.CLOSED, Status.CANCELLED])
def test_nothing_is_next_at_the_end(team: Team, status: str) -> None:
    incident = make_incident(status=status, team=team)
    step = step_for(team, Role.ORCHESTRATOR, incident)
    assert (step.primary, step.theirs) == (None, None)


def test_page_shows_the_step_with_its_blockers_linked(team: Team) -> None:
    incident = make_incident(status=Status.RESOLVED, level=3, team=team, clients=[make_client()])
    incident.affected.update(hubspot_state=HubSpotState.MANUAL)
    response = read(as_role(team, Role.ORCHESTRATOR), "detail", incident.ref)
    assert primary(response) == "Close"
    client = incident.clients.get()
    assert f"/incidents/{incident.ref}/hubspot-noted/?client={client.slug}" in response.text
    assert primary(read(as_role(team, Role.DELIVERY), "detail", incident.ref)) == ""


# The timeline ---------------------------------------------------------------------------


def test_timeline_is_newest_first_and_folds_the_system_W9(team: Team) -> None:
    incident = make_incident(team=team)
    make_entry(incident, text="Older by a person", at=NOW)
    for number in range(3):
        make_entry(
            incident,
            text=f"System {number}",
            origin=Origin.SYSTEM,
            kind=EntryKind.STAFF,
            at=NOW + number * MINUTE,
        )
    make_entry(
        incident,
        text="It was late",
        origin=Origin.SYSTEM,
        kind=EntryKind.BREACH,
        at=NOW + 4 * MINUTE,
    )
    make_entry(incident, text="Newer by the shell", origin=Origin.COMMAND_LINE, at=NOW + 5 * MINUTE)
    make_entry(incident, text="Put in", at=NOW - 30 * MINUTE, recorded_at=NOW + 6 * MINUTE)
    text = read(as_role(team, Role.REVENUE), "timeline", incident.ref).text
    places = [
        text.index(words)
        for words in ("Newer by", "It was late", "3 system entries", "Older by", "Put in")
    ]
    assert places == sorted(places)
    assert text.count("command line") == 1
    assert text.count("added later") == 1
    assert len(re.findall(r"data-entry=", text)) == 7
    assert 'data-pill="timeline-pill"' in text


def test_insert_link_prefills_the_time_W9(team: Team) -> None:
    incident = make_incident(team=team)
    make_entry(incident, at=NOW)
    make_entry(incident, at=NOW + 10 * MINUTE)
    browser = as_role(team, Role.REVENUE)
    text = read(browser, "detail", incident.ref).text
    link = re.search(rf'href="({incident.get_absolute_url()}\?at=[^"]+)#composer"', text)
    assert link is not None
    page = browser.get(link[1].replace("&amp;", "&"))
    assert 'value="2026-03-10T10:05"' in page.text, "between 10:00 and 10:10 in Berlin"
    odd = read(browser, "detail", incident.ref, query="?at=%22%3E%3Cscript%3E")
    assert "<script>" not in odd.text.split("<main")[1]


def test_long_timeline_shows_the_latest_and_on_demand_all(team: Team) -> None:
    incident = make_incident(team=team)
    for number in range(LATEST + 5):
        make_entry(incident, text=f"entry-{number}", at=NOW + number * MINUTE)
    Incident.objects.filter(pk=incident.pk).update(entry_count=LATEST + 5)
    browser = as_role(team, Role.REVENUE)
    text = read(browser, "detail", incident.ref).text
    assert f"The latest {LATEST} of {LATEST + 5} entries." in text
    assert f"entry-{LATEST + 4}" in text
    assert "entry-3<" not in text
    whole = read(browser, "detail", incident.ref, query="?entries=all").text
    assert "entry-3<" in whole
    assert "live/?entries=all" in whole


def test_timeline_text_is_escaped(team: Team) -> None:
    incident = make_incident(team=team)
    make_entry(incident, text="<img src=x onerror=alert(1)>")
    text = read(as_role(team, Role.REVENUE), "timeline", incident.ref).text
    assert "<img" not in text


# Live -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ETAGS)
def test_unchanged_fragment_costs_three_queries(team: Team, name: str) -> None:
    incident = sev1(team)
    browser = as_role(team, Role.REVENUE)
    etag = read(browser, name, incident.ref)["ETag"]
    headers = {"If-None-Match": etag, "HX-Polling": "1"}
    with CaptureQueriesContext(connection) as queries:
        response = read(browser, name, incident.ref, headers=headers)
    assert (response.status_code, response.content) == (304, b"")
    assert response["ETag"] == etag
    assert len(queries) <= 3


@pytest.mark.parametrize("name", ETAGS)
def test_fragment_changes_with_the_incident(team: Team, name: str) -> None:
    incident = sev1(team)
    browser = as_role(team, Role.REVENUE)
    etag = read(browser, name, incident.ref)["ETag"]
    investigate_incident(
        incident, Findings(found="The key."), by=team.actor(Role.DELIVERY), now=NOW + 9 * MINUTE
    )
    response = read(browser, name, incident.ref, headers={"If-None-Match": etag})
    assert response.status_code == 200
    assert "The key." in response.text
    assert response["ETag"] != etag


def test_live_holds_the_parts_of_the_page(team: Team) -> None:
    incident = sev1(team)
    browser = as_role(team, Role.REVENUE)
    live = read(browser, "live", incident.ref).text
    page = read(browser, "detail", incident.ref).text
    parts = re.findall(r'^<\w+[^>]* id="([\w-]+)"', live, re.MULTILINE)
    assert {"incident-band", "sop-steps", "timeline", "client-matrix", "mails"} <= set(parts)
    for part in parts:
        assert page.count(f'id="{part}"') == 1, part
    assert "<html" not in live


def test_etag_is_of_one_reader(team: Team) -> None:
    incident = sev1(team)
    etags = {
        read(as_role(team, role), "live", incident.ref)["ETag"] for role in ("revenue", "delivery")
    }
    assert len(etags) == 2


def test_times_are_the_readers_C9(team: Team) -> None:
    incident = make_incident(team=team)
    make_entry(incident, at=NOW)
    team.revenue.time_zone = "America/New_York"
    team.revenue.save()
    assert ">05:00</time>" in read(as_role(team, Role.REVENUE), "timeline", incident.ref).text
    assert ">10:00</time>" in read(as_role(team, Role.DELIVERY), "timeline", incident.ref).text


def test_changed_zone_is_used_from_the_next_page_on_C9(team: Team) -> None:
    incident = make_incident(team=team)
    make_entry(incident, at=NOW)
    browser = as_role(team, Role.REVENUE)
    assert ">10:00</time>" in read(browser, "detail", incident.ref).text
    team.revenue.time_zone = "Asia/Tokyo"
    team.revenue.save()
    read(browser, "detail", incident.ref)
    assert ">18:00</time>" in read(browser, "detail", incident.ref).text


def test_somebody_with_no_responder_reads_the_agencys_time_C9(team: Team) -> None:
    incident = make_incident(team=team)
    make_entry(incident, at=NOW)
    user = make_user(Role.DELIVERY)
    assert actor_for(user).roles == {Role.DELIVERY}
    assert ">10:00</time>" in read(signed_in(user), "timeline", incident.ref).text
