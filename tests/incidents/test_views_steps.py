"""The page of every step: shown, taken, refused, in conflict, and posted twice."""

import datetime as dt
import re
import uuid

import pytest
from django.urls import reverse
from django.utils import timezone

from incidents.enums import HubSpotState, Role, Status
from incidents.form_tokens import RepeatedFormError, forget_old_tokens, once
from incidents.models import FormToken, Incident
from incidents.steps import SPECS
from incidents.transitions import TRANSITIONS, Step
from tests.factories import (
    NOW,
    make_client,
    make_draft,
    make_fix,
    make_incident,
    make_responder,
    make_system,
    make_user,
)

pytestmark = pytest.mark.django_db
GENERIC = [step for step in SPECS if step != Step.TRIAGE]


def at(incident: Incident, step: str) -> str:
    return reverse("incidents:step", args=[incident.ref, step])


def make(team, status=Status.INVESTIGATING, **fields) -> Incident:
    """An incident with a client and a system, detected an hour ago."""
    client = make_client(name="Acme", slug="acme")
    system = make_system(name="Sync", slug="sync", clients=[client])
    fields.setdefault("detected_at", timezone.now() - dt.timedelta(days=3))
    return make_incident(status=status, clients=[client], systems=[system], team=team, **fields)


def sign_in(client, team, role: str):
    client.force_login(getattr(team, role).user)
    return client


@pytest.mark.parametrize("step", GENERIC)
@pytest.mark.parametrize("status", [Status.DETECTED, Status.MONITORING, Status.RESOLVED])
def test_every_page_renders_with_or_without_its_form(client, team, status, step):
    incident = make(team, status=status)
    response = sign_in(client, team, "founder").get(at(incident, step))
    if response.status_code == 302:
        assert step in (Step.DRAFT, Step.SEND, Step.APPROVE)
        assert f"/incidents/{incident.ref}/mail/" in response["Location"]
        return
    page = response.content.decode()
    assert response.status_code == 200
    assert incident.ref in page
    if status in TRANSITIONS[step][0]:
        assert f'action="{at(incident, step)}"' in page
    else:
        assert "It must be" in page
        assert "What you can do instead" in page
        assert at(incident, "note") in page


def test_a_step_is_taken_and_leads_back_to_the_incident(client, team):
    incident = make(team)
    sign_in(client, team, "delivery")
    response = client.post(at(incident, "contain"), {"done": "Paused the sync."})
    assert response.status_code == 302
    assert response["Location"] == incident.get_absolute_url()
    assert incident.fixes.get().done == "Paused the sync."


def test_wrong_input_is_422_and_keeps_the_text(client, team):
    incident = make(team)
    sign_in(client, team, "delivery")
    response = client.post(at(incident, "verify"), {"end_to_end": "It went through."})
    assert response.status_code == 422
    page = response.content.decode()
    assert "It went through." in page
    assert "This field is required." in page


def test_a_refusal_is_422_with_a_link_to_where_it_is_mended_W6(client, team):
    incident = make(team)
    sign_in(client, team, "delivery")
    words = {"end_to_end": "It went through.", "failure_test": "It ran."}
    response = client.post(at(incident, "verify"), words)
    page = response.content.decode()
    assert response.status_code == 422
    assert "A recorded fix, workaround or guidance" in page
    assert f'href="{at(incident, "fix")}"' in page
    assert "It went through." in page
    make_fix(incident)
    assert client.post(at(incident, "verify"), words).status_code == 302


def test_the_table_refuses_a_post_too_W1(client, team):
    incident = make(team, status=Status.TRIAGED)
    response = sign_in(client, team, "founder").post(at(incident, "close"))
    assert response.status_code == 422
    assert "It must be resolved" in response.content.decode()


def test_gates_are_shown_before_anybody_presses_the_button_W7(client, team):
    incident = make(team, status=Status.MONITORING, level=1, verified_at=timezone.now())
    page = sign_in(client, team, "revenue").get(at(incident, "resolve")).content.decode()
    assert "The stability window runs until" in page
    assert f'href="{at(incident, "waive")}"' in page
    assert f'href="{at(incident, "draft")}?client=acme"' in page
    assert 'aria-disabled="true"' in page


def test_the_wrong_role_is_403_and_shown_what_it_can_do_A1(client, team):
    incident = make(team)
    sign_in(client, team, "delivery")
    response = client.get(at(incident, "assign"))
    assert response.status_code == 403
    assert at(incident, "fix") in response.content.decode()
    response = client.post(at(incident, "assign"), {"technical_owner": team.delivery.pk})
    assert response.status_code == 403
    assert "is for orchestrator or founder" in response.content.decode()


def test_strangers_are_sent_to_the_login_and_other_methods_refused_A1(client, team):
    incident = make(team)
    assert "/accounts/login/" in client.get(at(incident, "note"))["Location"]
    assert "/accounts/login/" in client.post(at(incident, "note"), {"text": "x"})["Location"]
    assert incident.timeline.count() == 0
    sign_in(client, team, "delivery")
    assert client.put(at(incident, "note")).status_code == 405
    assert client.delete(at(incident, "note")).status_code == 405


def test_unknown_steps_and_incidents_are_404(client, team):
    incident = make(team)
    sign_in(client, team, "founder")
    assert client.get(at(incident, "mend")).status_code == 404
    assert client.post(at(incident, "open")).status_code == 404
    assert client.get("/incidents/INC-2026-4711/note/").status_code == 404


def test_a_private_incident_is_404_for_an_outsider_W11(client, team):
    incident = make(team, is_private=True)
    client.force_login(make_user(Role.DELIVERY))
    assert client.get(at(incident, "note")).status_code == 404
    assert client.post(at(incident, "note"), {"text": "x"}).status_code == 404
    assert incident.timeline.count() == 0


# Stale and double ---------------------------------------------------------------------------


def test_a_stale_form_is_409_shows_what_changed_and_can_be_sent_again_W1(client, team):
    incident = make(team, status=Status.TRIAGED)
    sign_in(client, team, "orchestrator")
    words = {"level": "2", "reason": "Two clients are hit.", "version": incident.version}
    assert client.post(at(incident, "severity"), words).status_code == 302
    later = {"level": "1", "reason": "All are hit.", "version": incident.version}
    response = client.post(at(incident, "severity"), later)
    page = response.content.decode()
    assert response.status_code == 409
    assert "changed by somebody else" in page
    assert "From SEV-3 to SEV-2. Two clients are hit." in page
    assert "All are hit." in page
    incident.refresh_from_db()
    assert incident.severity_id == 2
    [version] = re.findall(r'name="version" value="(\d+)"', page)
    assert int(version) == incident.version
    again = later | {"version": version}
    assert client.post(at(incident, "severity"), again).status_code == 302
    incident.refresh_from_db()
    assert incident.severity_id == 1


def test_a_double_click_does_it_once(client, team):
    incident = make(team)
    sign_in(client, team, "delivery")
    page = client.get(at(incident, "contain")).content.decode()
    [token] = re.findall(r'name="form_token" value="([0-9a-f-]{36})"', page)
    words = {"done": "Paused the sync.", "form_token": token}
    first = client.post(at(incident, "contain"), words)
    second = client.post(at(incident, "contain"), words)
    assert (first.status_code, second.status_code) == (302, 302)
    assert first["Location"] == second["Location"] == incident.get_absolute_url()
    assert incident.fixes.count() == 1


def test_a_refused_form_may_be_sent_again_with_its_token(client, team):
    incident = make(team)
    sign_in(client, team, "delivery")
    words = {"end_to_end": "a", "failure_test": "b", "form_token": str(uuid.uuid4())}
    assert client.post(at(incident, "verify"), words).status_code == 422
    assert FormToken.objects.count() == 0
    make_fix(incident)
    assert client.post(at(incident, "verify"), words).status_code == 302
    assert FormToken.objects.count() == 1


@pytest.mark.parametrize("token", ["", "no-uuid", "1' OR 1=1", "\0"])
def test_a_malformed_token_counts_as_none(client, team, token):
    incident = make(team)
    sign_in(client, team, "delivery")
    for _ in range(2):
        words = {"done": "Paused.", "form_token": token}
        assert client.post(at(incident, "contain"), words).status_code in (302, 400)
    assert FormToken.objects.count() == 0


def test_once_leads_the_second_to_the_first_result():
    token = uuid.uuid4()
    with once(token, now=NOW) as mark:
        mark.location = "/there/"
    with pytest.raises(RepeatedFormError) as repeated, once(token, now=NOW):
        pytest.fail("must not run")
    assert repeated.value.location == "/there/"
    with once(None, now=NOW), once(None, now=NOW):
        assert FormToken.objects.count() == 1


def test_old_tokens_are_forgotten():
    for days in (1, 8):
        FormToken.objects.create(token=uuid.uuid4(), used_at=NOW - dt.timedelta(days=days))
    assert forget_old_tokens(now=NOW) == 1
    assert FormToken.objects.get().used_at == NOW - dt.timedelta(days=1)


# Pages with something of their own ------------------------------------------------------------


def review_words(team, **more) -> dict[str, str]:
    return {
        "timeline": "It broke, it was mended.",
        "root_cause": "An expired key.",
        "resolution": "Renewed it.",
        "measures-TOTAL_FORMS": "2",
        "measures-INITIAL_FORMS": "0",
        "measures-0-text": "Renew keys early.",
        "measures-0-owner": str(team.delivery.pk),
        "measures-0-due_on": "2026-12-20",
        "measures-1-text": "",
        "complete": "on",
        **more,
    }


def test_the_post_incident_entry_is_written_in_rows_W8(client, team):
    incident = make(team, status=Status.RESOLVED, level=2)
    make_fix(incident)
    sign_in(client, team, "orchestrator")
    page = client.get(at(incident, "review")).content.decode()
    assert page.count("What will be changed") == 3
    assert "The key had expired." in page
    more = client.post(at(incident, "review"), review_words(team, add_row="1"))
    assert more.status_code == 200
    assert more.content.decode().count("What will be changed") == 3
    assert "Renew keys early." in more.content.decode()
    assert client.post(at(incident, "review"), review_words(team)).status_code == 302
    incident.refresh_from_db()
    assert incident.review.completed_at is not None
    assert incident.review.measures.get().owner == team.delivery
    page = client.get(at(incident, "review")).content.decode()
    assert "Renew keys early." in page
    assert 'value="2026-12-20"' in page


def test_a_measure_needs_owner_and_date_W8(client, team):
    incident = make(team, status=Status.RESOLVED, level=2)
    sign_in(client, team, "orchestrator")
    words = review_words(team, **{"measures-0-owner": "", "measures-0-due_on": ""})
    response = client.post(at(incident, "review"), words)
    assert response.status_code == 422
    assert "A measure needs an owner and a due date." in response.content.decode()


def test_a_measure_emptied_is_taken_off_and_the_last_one_stays_W8(client, team):
    incident = make(team, status=Status.RESOLVED, level=2)
    sign_in(client, team, "orchestrator")
    client.post(at(incident, "review"), review_words(team))
    emptied = {"measures-0-text": "", "measures-INITIAL_FORMS": "1"}
    response = client.post(at(incident, "review"), review_words(team, **emptied))
    assert response.status_code == 422
    assert "at least one prevention measure" in response.content.decode()
    assert incident.review.measures.count() == 1


def test_the_hubspot_note_can_be_copied_and_ticked_M10(client, team):
    incident = make(team, status=Status.RESOLVED)
    note = {"hubspot_state": HubSpotState.MANUAL, "hubspot_note": "The summary."}
    incident.affected.update(**note)
    sign_in(client, team, "revenue")
    page = client.get(at(incident, "hubspot-noted")).content.decode()
    assert "The summary." in page
    assert 'value="acme" selected' in page
    response = client.post(at(incident, "hubspot-noted"), {"client": ["", "acme"]})
    assert response.status_code == 302
    assert incident.affected.get().hubspot_noted_by == "Rick"


def test_a_link_may_name_the_choice_of_a_form(client, team):
    incident = make(team)
    sign_in(client, team, "revenue")
    page = client.get(f"{at(incident, 'told')}?client=acme&said=typed").content.decode()
    assert 'value="acme" selected' in page
    assert "typed" not in page


def test_mail_steps_lead_to_the_mail_panel_M3(client, team):
    incident = make(team)
    sign_in(client, team, "revenue")
    response = client.get(f"{at(incident, 'draft')}?client=acme")
    assert response["Location"] == f"/incidents/{incident.ref}/mail/?client=acme"
    draft = make_draft(incident)
    response = client.get(at(incident, "send"))
    assert response["Location"] == f"/incidents/{incident.ref}/mail/{draft.pk}/"


def test_who_no_longer_sees_the_incident_is_led_home_W11(client, team):
    incident = make(team, is_private=True)
    other = make_responder(Role.DELIVERY, name="Other", rank="backup")
    orchestrator = make_user(Role.REVENUE, Role.DELIVERY)
    participant = incident.participants.create(user=orchestrator, added_at=NOW)
    client.force_login(orchestrator)
    assert client.post(at(incident, "contain"), {"done": "Paused."}).status_code == 302
    participant.delete()
    assert client.post(at(incident, "contain"), {"done": "Paused."}).status_code == 404
    assert other.pk


def test_a_page_costs_the_same_for_1_and_30_clients(client, team, django_assert_max_num_queries):
    incident = make(team)
    sign_in(client, team, "orchestrator").get(at(incident, "clients"))
    with django_assert_max_num_queries(30):
        client.get(at(incident, "clients"))
    for _ in range(30):
        incident.affected.create(client=make_client(), added_at=NOW)
    with django_assert_max_num_queries(30):
        client.get(at(incident, "clients"))
