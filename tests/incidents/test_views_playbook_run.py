"""A playbook at work on the incident's page (rules P1 to P7, A1, W1, W11)."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from incidents.enums import Role, RunHow, Status, StepState
from incidents.models import Hold, Incident, PlaybookRunStep
from incidents.playbooks.attaching import start_run
from tests.factories import (
    NOW,
    Team,
    make_client,
    make_incident,
    make_playbook_step,
    make_playbooks,
    make_sending_domain,
    make_system,
)

pytestmark = pytest.mark.django_db


def running(team: Team, slug: str, **fields: Any) -> Incident:
    """A SEV-2 under investigation with this playbook attached."""
    fields = {"status": Status.INVESTIGATING, "level": 2, **fields}
    incident = make_incident(team=team, **fields)
    start_run(
        incident,
        make_playbooks()[slug],
        how=RunHow.TRIAGE,
        by=team.actor(Role.ORCHESTRATOR),
        now=NOW,
    )
    return incident


def step_of(incident: Incident, number: int) -> PlaybookRunStep:
    return PlaybookRunStep.objects.get(run__incident=incident, number=number)


def as_role(team: Team, role: str) -> Browser:
    browser = Browser()
    browser.force_login(getattr(team, role).user)
    browser.get("/healthz")
    return browser


def page(browser: Browser, incident: Incident, name: str = "detail") -> Any:
    return browser.get(reverse(f"incidents:{name}", args=[incident.ref]))


def row(text: str, step: PlaybookRunStep) -> str:
    """What the page shows of one step."""
    found = re.search(rf'<li class="pb[^>]*id="step-{step.pk}".*?</div></li>', text, re.DOTALL)
    assert found, f"step {step.number} is not on the page"
    return found[0]


def post(browser: Browser, incident: Incident, number: int, action: str, **data: Any) -> Any:
    step = step_of(incident, number)
    headers = {"HX-Request": "true"} if data.pop("htmx", False) else {}
    data = {"action": action, "step_version": step.version, **data}
    url = reverse("incidents:run-step", args=[incident.ref, step.pk])
    return browser.post(url, data, headers=headers)


def test_next_step_is_marked_and_progress_counted_P2(team: Team) -> None:
    incident = running(team, "crm-sync-break")
    browser = as_role(team, Role.DELIVERY)
    text = page(browser, incident).text
    assert "0 of 6 done" in text
    assert "is-now" in row(text, step_of(incident, 1))
    answer = post(browser, incident, 1, "done", note="Connected.", evidence="https://x.example/1")
    assert answer.status_code == 302
    assert answer["Location"].endswith(f"#step-{step_of(incident, 1).pk}")
    text = page(browser, incident).text
    done = row(text, step_of(incident, 1))
    assert "1 of 6 done" in text
    for words in ("is-done", "Devin", "Connected.", '<a href="https://x.example/1"', "Open again"):
        assert words in done
    assert "is-now" in row(text, step_of(incident, 2))


def test_branches_open_and_close_with_the_answer_P1_P3(team: Team) -> None:
    incident = running(team, "api-down")
    browser = as_role(team, Role.DELIVERY)
    text = page(browser, incident).text
    assert "opens when step 1 is answered" in row(text, step_of(incident, 3))
    assert 'type="checkbox"' in row(text, step_of(incident, 1))
    post(browser, incident, 1, "answer", answer=["our-config", "rate-limited"])
    text = page(browser, incident).text
    assert "Our configuration, We are rate limited" in row(text, step_of(incident, 1))
    shut = row(text, step_of(incident, 2))
    assert "is-shut" in shut
    assert "does not apply: step 1 was answered “Our configuration, We are rate limited”" in shut
    assert 'value="done"' in row(text, step_of(incident, 3))
    assert 'value="done"' in row(text, step_of(incident, 4))
    post(browser, incident, 1, "answer", answer=["provider-outage"])
    text = page(browser, incident).text
    assert "is-shut" not in row(text, step_of(incident, 2))
    assert "is-shut" in row(text, step_of(incident, 3))


def test_step_asks_itself_whether_it_applies_P1(team: Team) -> None:
    incident = running(team, "crm-sync-break")
    browser = as_role(team, Role.DELIVERY)
    asked = row(page(browser, incident).text, step_of(incident, 5))
    assert "Is data loss suspected?" in asked
    assert 'value="applies"' in asked
    assert 'value="not_applicable"' in asked
    post(browser, incident, 5, "not_applicable", note="Every record is there.")
    shut = row(page(browser, incident).text, step_of(incident, 5))
    assert "is-shut" in shut
    assert "Every record is there." in shut
    post(browser, incident, 5, "reopen", reason="Two records are missing.")
    post(browser, incident, 5, "applies")
    assert 'value="done"' in row(page(browser, incident).text, step_of(incident, 5))


def test_counts_are_asked_and_shown_P7(team: Team) -> None:
    incident = running(team, "crm-sync-break")
    browser = as_role(team, Role.DELIVERY)
    answer = post(browser, incident, 6, "done", **{"counts-missing": "12"})
    assert answer.status_code == 422
    assert "Records written" in answer.text
    assert 'value="12"' in row(answer.text, step_of(incident, 6))
    post(browser, incident, 6, "done", **{"counts-missing": "12", "counts-written": "11"})
    shown = row(page(browser, incident).text, step_of(incident, 6))
    assert "Records missing: <b>12</b>" in shown
    assert "Records written: <b>11</b>" in shown


def test_skip_and_reopen_need_a_reason_and_keep_what_was_typed_P2(team: Team) -> None:
    incident = running(team, "crm-sync-break")
    browser = as_role(team, Role.DELIVERY)
    answer = post(browser, incident, 2, "skip")
    assert answer.status_code == 422
    assert "Give the reason." in row(answer.text, step_of(incident, 2))
    post(browser, incident, 2, "skip", reason="They never expire.")
    shown = row(page(browser, incident).text, step_of(incident, 2))
    assert "Skipped: Devin" in shown
    assert "They never expire." in shown
    post(browser, incident, 2, "reopen", reason="They do.")
    assert step_of(incident, 2).state == StepState.OPEN


def test_prohibition_is_understood_by_name_never_ticked_P5(team: Team) -> None:
    incident = running(team, "outreach-tool-suspension", level=1)
    browser = as_role(team, Role.REVENUE)
    shown = row(page(browser, incident).text, step_of(incident, 3))
    assert "pb-forbid" in shown
    assert "Understood</button>" in shown
    assert 'value="done"' not in shown
    assert 'value="skip"' not in shown
    assert post(browser, incident, 3, "done").status_code == 422
    post(browser, incident, 3, "acknowledge")
    assert "Understood by Rick" in row(page(browser, incident).text, step_of(incident, 3))


def test_second_person_reads_who_did_what_W1(team: Team) -> None:
    incident = running(team, "crm-sync-break")
    first, second = as_role(team, Role.DELIVERY), as_role(team, Role.ORCHESTRATOR)
    version = step_of(incident, 3).version
    post(first, incident, 3, "done", note="A field was renamed.")
    answer = post(second, incident, 3, "done", note="Nothing changed.", step_version=version)
    assert answer.status_code == 409
    shown = row(answer.text, step_of(incident, 3))
    assert "Devin" in shown
    assert "A field was renamed." in shown
    assert step_of(incident, 3).note == "A field was renamed."


def test_a_form_is_done_once(team: Team) -> None:
    incident = running(team, "crm-sync-break")
    browser = as_role(team, Role.DELIVERY)
    text = row(page(browser, incident).text, step_of(incident, 1))
    token = re.findall(r'name="form_token" value="([^"]+)"', text)[0]
    for _ in range(2):
        assert post(browser, incident, 1, "done", form_token=token).status_code == 302
    assert incident.timeline.filter(kind="step").count() == 1


def test_script_gets_the_panel_alone(team: Team) -> None:
    incident = running(team, "crm-sync-break")
    browser = as_role(team, Role.DELIVERY)
    answer = post(browser, incident, 1, "done", htmx=True)
    assert answer.status_code == 200
    assert answer.text.strip().startswith('<div id="playbooks"')
    assert "1 of 6 done" in answer.text
    assert "page-changed" in answer["HX-Trigger"]
    refused = post(browser, incident, 2, "skip", htmx=True)
    assert refused.status_code == 422
    assert refused.text.strip().startswith('<div id="playbooks"')


def test_gate_shows_its_figure_and_why_it_is_locked_P4(team: Team) -> None:
    client = make_client()
    make_sending_domain(client, name="go.halden.example")
    incident = running(team, "email-bounce-spike", clients=[client])
    browser = as_role(team, Role.DELIVERY)
    before = page(browser, incident, "runs").text
    assert "Places a hold on <b>go.halden.example</b>" in row(before, step_of(incident, 1))
    post(browser, incident, 1, "done")
    assert Hold.objects.standing().get().sending_domain.name == "go.halden.example"
    gate = row(page(browser, incident, "runs").text, step_of(incident, 6))
    assert "go.halden.example" in gate
    assert "<b>Locked.</b>" in gate
    assert 'aria-disabled="true"' in gate
    assert "Override the gate" not in gate
    assert "Overriding is for the orchestrator or the founder" in gate
    boss = row(page(as_role(team, Role.ORCHESTRATOR), incident, "runs").text, step_of(incident, 6))
    assert "Override the gate" in boss
    assert post(browser, incident, 6, "done").status_code == 422
    assert post(browser, incident, 6, "skip", reason="No.").status_code == 422


def test_live_part_comes_by_itself_and_is_unchanged_for_a_while_P4(team: Team) -> None:
    incident = running(team, "email-bounce-spike", clients=[make_client()])
    browser = as_role(team, Role.DELIVERY)
    text = page(browser, incident).text
    live = reverse("incidents:runs-live", args=[incident.ref])
    assert f'data-poll="{live}" data-at-once' in text
    gate = step_of(incident, 6)
    assert f'<div class="pb-live" id="live-{gate.pk}" data-figures>' in text
    answer = page(browser, incident, "runs-live")
    assert f'id="live-{gate.pk}"' in answer.text
    again = browser.get(live, headers={"If-None-Match": answer["ETag"]})
    assert again.status_code == 304 or again["ETag"] != answer["ETag"]


def test_obligation_names_who_is_not_told_P3(team: Team) -> None:
    incident = running(
        team, "outreach-tool-suspension", level=1, clients=[make_client(name="Acme")]
    )
    browser = as_role(team, Role.REVENUE)
    shown = row(page(browser, incident).text, step_of(incident, 6))
    assert "Not told yet: Acme" in shown
    answer = post(browser, incident, 6, "done")
    assert answer.status_code == 422
    assert "Acme has not been told" in answer.text


def test_choose_a_playbook_where_none_fits_W3(team: Team) -> None:
    incident = make_incident(status=Status.INVESTIGATING, level=2, team=team)
    browser = as_role(team, Role.DELIVERY)
    text = page(browser, incident).text
    assert "None is attached." in text
    assert '<option value="crm-sync-break">' in text
    url = reverse("incidents:step", args=[incident.ref, "playbook"])
    browser.post(url, {"action": "attach", "playbook": "crm-sync-break"})
    assert "Playbook: CRM Sync Break" in page(browser, incident).text


def test_several_run_and_one_taken_off_stays_readable_P2(team: Team) -> None:
    incident = running(team, "crm-sync-break")
    start_run(
        incident,
        make_playbooks()["api-down"],
        how=RunHow.CHOSEN,
        by=team.actor(Role.DELIVERY),
        now=NOW,
    )
    browser = as_role(team, Role.DELIVERY)
    text = page(browser, incident).text
    assert text.count('<h2 id="pb-') == 2
    url = reverse("incidents:step", args=[incident.ref, "playbook"])
    assert f'href="{url}?action=detach&amp;playbook=crm-sync-break"' in text
    form = browser.get(f"{url}?action=detach&playbook=crm-sync-break").text
    assert re.search(r'<option value="crm-sync-break" selected', form)
    browser.post(url, {"action": "detach", "playbook": "crm-sync-break", "reason": "Wrong one."})
    text = page(browser, incident).text
    assert "taken off by Devin" in text
    assert "Wrong one." in text
    assert 'value="done"' not in row(text, step_of_run(incident, "crm-sync-break", 1))


def step_of_run(incident: Incident, slug: str, number: int) -> PlaybookRunStep:
    return PlaybookRunStep.objects.get(
        run__incident=incident, run__playbook__slug=slug, number=number
    )


def test_test_before_production_is_shown_W5(team: Team) -> None:
    incident = running(team, "api-down")
    text = page(as_role(team, Role.DELIVERY), incident).text
    assert "Test before production" in text
    assert "A fix counts only with what was tested, where, and the result." in text


def test_readers_see_no_form_A1(team: Team) -> None:
    incident = running(team, "crm-sync-break")
    browser = as_role(team, Role.LEGAL)
    shown = row(page(browser, incident).text, step_of(incident, 1))
    assert "<form" not in shown
    assert post(browser, incident, 1, "done").status_code == 403
    assert step_of(incident, 1).state == StepState.OPEN


def test_private_incident_is_not_worked_on_by_strangers_W11(team: Team) -> None:
    incident = running(team, "crm-sync-break", is_private=True)
    Incident.objects.update(technical_owner=None)
    browser = as_role(team, Role.DELIVERY)
    assert page(browser, incident, "runs").status_code == 404
    assert page(browser, incident, "runs-live").status_code == 404
    assert post(browser, incident, 1, "done").status_code == 404


def test_a_step_of_another_incident_is_not_found(team: Team) -> None:
    incident, other = running(team, "api-down"), running(team, "api-down")
    url = reverse("incidents:run-step", args=[other.ref, step_of(incident, 1).pk])
    assert as_role(team, Role.DELIVERY).post(url, {"action": "done"}).status_code == 404


def test_a_link_to_a_step_leads_to_its_place(team: Team) -> None:
    incident = running(team, "api-down")
    step = step_of(incident, 2)
    url = reverse("incidents:run-step", args=[incident.ref, step.pk])
    answer = as_role(team, Role.LEGAL).get(url)
    assert answer["Location"] == f"{incident.get_absolute_url()}#step-{step.pk}"


@pytest.mark.parametrize("status", [Status.INVESTIGATING, Status.MONITORING])
def test_page_with_a_playbook_costs_at_most_twenty_queries(team: Team, status: str) -> None:
    client = make_client()
    make_sending_domain(client, name="go.halden.example")
    system = make_system(clients=[client])
    browser = as_role(team, Role.DELIVERY)
    page(browser, running(team, "api-down"))  # The first look asks what the database can do.
    counts = []
    for more in (0, 25):
        playbook = make_playbooks()["email-bounce-spike"]
        for number in range(7, 7 + more):
            make_playbook_step(playbook, number=number, key=f"more-{number}", reading="bounce_rate")
        incident = running(
            team, "email-bounce-spike", status=status, clients=[client], systems=[system]
        )
        with CaptureQueriesContext(connection) as queries:
            assert page(browser, incident).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 20


def test_list_and_home_say_how_far_a_playbook_is_P2(team: Team) -> None:
    browser = as_role(team, Role.DELIVERY)
    counts: dict[str, list[int]] = {"/": [], "/incidents/": []}
    running(team, "crm-sync-break")
    for path in counts:
        browser.get(path)  # The first look also asks what the database can do.
    for more in (1, 8):
        for _ in range(more):
            incident = running(team, "crm-sync-break")
        post(browser, incident, 1, "done")
        for path, found in counts.items():
            with CaptureQueriesContext(connection) as queries:
                text = browser.get(path).text
            found.append(len(queries))
            assert "playbook 1 of 6 done" in text
    assert counts["/incidents/"][0] == counts["/incidents/"][1]
    assert counts["/"][0] == counts["/"][1]
