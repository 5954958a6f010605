"""The page of a client's scheduled update (rules M3, M4, M5, M9, A1)."""

import datetime as dt
import re
from typing import Any

import pytest
from django.test import Client as Browser

from incidents.digests import edit_digest, send_digest, write_due_digests
from incidents.enums import DigestState, Role, Status
from incidents.models import Client, ClientDigest, Incident
from notifications.enums import MessageState
from notifications.models import Message
from tests.factories import (
    Team,
    make_affected,
    make_client,
    make_incident,
    make_sop,
    make_system,
    make_team,
    make_third_party,
)

pytestmark = pytest.mark.django_db
H = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)


@pytest.fixture
def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@pytest.fixture
def team(db: None) -> Team:
    make_sop()
    make_third_party(name="HubSpot sync")
    return make_team()


@pytest.fixture
def acme(team: Team, now: dt.datetime) -> Client:
    """A client with one smaller item open."""
    client = make_client(name="Acme", slug="acme", time_zone="America/New_York")
    system = make_system(plain_name="your weekly report")
    incident = make_incident(
        title="Figures are late",
        status=Status.INVESTIGATING,
        level=3,
        systems=[system],
        detected_at=now - DAY,
        team=team,
    )
    make_affected(incident, client)
    return client


def as_role(team: Team, role: str) -> Browser:
    browser = Browser()
    browser.force_login(getattr(team, role).user)
    return browser


def form_of(text: str, form: str = "mail-form") -> dict[str, str]:
    """What the page's form would post, as a browser reads it."""
    part = re.search(rf'<form[^>]*id="{form}".*?</form>', text, re.DOTALL)
    assert part is not None
    inputs = re.findall(r"<input[^>]*>", part[0])
    fields = {}
    for tag in inputs:
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name:
            fields[name[1]] = value[1] if value else ""
    areas = re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>\s*(.*?)</textarea>', part[0], re.DOTALL)
    return fields | {name: value.replace("&#x27;", "'") for name, value in areas}


def line_of(fields: dict[str, str]) -> str:
    return next(name for name in fields if name.startswith("line_"))


def test_the_page_shows_the_letter_as_the_client_reads_it_M9_C9(
    team: Team, acme: Client, now: dt.datetime
) -> None:
    text = as_role(team, Role.REVENUE).get("/clients/acme/update/").text
    assert "Hi Anna," in text
    assert "New since your last update:" in text
    day = (now - DAY).astimezone(acme.zone)
    assert f"we noticed an issue on {day:%A} {day.day} {day:%B}" in text
    assert "Figures are late" in text, "the staff's title stands beside the line"
    letter = re.search(r'class="letter".*?</section>', text, re.DOTALL)
    assert letter is not None
    assert "Figures are late" not in letter[0]
    assert "Send the update" in text
    assert not ClientDigest.objects.exists(), "a look writes nothing"


def test_nothing_to_say_says_so_M9(team: Team) -> None:
    client = make_client(slug="quiet")
    text = as_role(team, Role.REVENUE).get("/clients/quiet/update/").text
    assert "Nothing to say" in text
    assert 'id="mail-form"' not in text
    assert "Back to" in text
    assert client.name in text


def test_the_clients_page_leads_to_it_M9(team: Team, acme: Client, now: dt.datetime) -> None:
    browser = as_role(team, Role.REVENUE)
    assert "Preview the next one" in browser.get(acme.get_absolute_url()).text
    edit_digest(acme, {"intro": "x"}, by=team.actor(Role.REVENUE), now=now)
    text = browser.get(acme.get_absolute_url()).text
    assert "Read and send the one that waits" in text
    assert "/clients/acme/update/" in text


def test_home_lists_it_in_mine_now_and_polls_anew_N1_M9(
    team: Team, acme: Client, now: dt.datetime
) -> None:
    browser = as_role(team, Role.REVENUE)
    before = browser.get("/", headers={"HX-Polling": "1"})["ETag"]
    edit_digest(acme, {"intro": "x"}, by=team.actor(Role.REVENUE), now=now)
    answer = browser.get("/", headers={"HX-Polling": "1", "If-None-Match": before})
    assert "Send the scheduled update to Acme" in answer.text
    assert "/clients/acme/update/" in answer.text
    others = as_role(team, Role.DELIVERY)
    assert "scheduled update to Acme" not in others.get("/").text
    assert "scheduled update to Acme" in others.get("/?who=everyone").text


def test_saving_keeps_only_what_was_changed_M9(team: Team, acme: Client) -> None:
    browser = as_role(team, Role.REVENUE)
    fields = form_of(browser.get("/clients/acme/update/").text)
    answer = browser.post("/clients/acme/update/", fields | {"intro": "A quiet week."})
    assert answer.status_code == 302
    digest = ClientDigest.objects.get()
    assert (digest.intro, digest.items.count()) == ("A quiet week.", 0)
    fields = form_of(browser.get("/clients/acme/update/").text)
    browser.post("/clients/acme/update/", fields | {line_of(fields): "Report: late."})
    assert digest.items.get().text == "Report: late."
    text = browser.get("/clients/acme/update/").text
    assert "A quiet week." in text
    assert "changed by a person" in text


def test_send_saves_what_is_on_the_screen_and_can_be_undone_M3_M9(team: Team, acme: Client) -> None:
    browser = as_role(team, Role.REVENUE)
    fields = form_of(browser.get("/clients/acme/update/").text)
    answer = browser.post("/clients/acme/update/send/", fields | {"intro": "As you asked."})
    assert answer.status_code == 302
    text = browser.get("/clients/acme/update/").text
    assert "On the way to Acme." in text
    assert "As you asked." in text
    message = Message.objects.get(recipient=acme.contact_email)
    assert "As you asked." in message.text
    again = browser.post("/clients/acme/update/send/", fields | {"intro": "As you asked."})
    assert again.status_code == 302, "a double click"
    assert Message.objects.filter(recipient=acme.contact_email).count() == 1
    browser.post("/clients/acme/update/undo/", form_of(text, "undo"))
    message.refresh_from_db()
    assert message.state == MessageState.CANCELLED
    assert ClientDigest.objects.get().state == DigestState.PREPARED
    assert "Rick took it back." in browser.get("/clients/acme/update/").text


def test_findings_stand_in_the_letter_and_their_rewrite_goes_in_M4_M9(
    team: Team, acme: Client
) -> None:
    browser = as_role(team, Role.REVENUE)
    fields = form_of(browser.get("/clients/acme/update/").text)
    line = line_of(fields)
    blaming = fields | {"intro": "HubSpot broke.", line: "Your report: HubSpot is down again."}
    refused = browser.post("/clients/acme/update/send/", blaming)
    assert refused.status_code == 422
    assert refused.text.count('class="finding"') == 2
    assert "HubSpot broke." in refused.text, "what was typed is kept"
    assert "wording blocks" in refused.text
    assert not Message.objects.filter(recipient=acme.contact_email).exists()
    shown = form_of(refused.text)
    answer = browser.post("/clients/acme/update/", shown | {"use": "all"})
    assert answer.status_code == 302
    text = browser.get("/clients/acme/update/").text
    assert 'class="finding"' not in text
    assert "HubSpot broke" not in text
    fields = form_of(text)
    assert browser.post("/clients/acme/update/send/", fields).status_code == 302
    assert Message.objects.filter(recipient=acme.contact_email).exists()


def test_the_preview_writes_nothing_M9(team: Team, acme: Client) -> None:
    browser = as_role(team, Role.REVENUE)
    fields = form_of(browser.get("/clients/acme/update/").text)
    answer = browser.post("/clients/acme/update/preview/", fields | {"intro": "HubSpot broke."})
    assert 'id="mail-view"' in answer.text
    assert 'id="mail-do"' in answer.text
    assert "1 finding" in answer.text
    assert "<html" not in answer.text
    assert not ClientDigest.objects.exists()


def test_an_override_takes_a_name_and_a_reason_M5_M9(team: Team, acme: Client) -> None:
    browser = as_role(team, Role.REVENUE)
    fields = form_of(browser.get("/clients/acme/update/").text) | {"intro": "HubSpot broke."}
    refused = browser.post("/clients/acme/update/override/", fields | {"override_reason": ""})
    assert refused.status_code == 422
    assert "Say why." in refused.text
    answer = browser.post(
        "/clients/acme/update/override/", fields | {"override_reason": "They asked by name."}
    )
    assert answer.status_code == 302
    digest = ClientDigest.objects.get()
    assert (digest.overridden_by, digest.override_reason) == (
        team.revenue.user,
        "They asked by name.",
    )
    text = browser.get("/clients/acme/update/").text
    assert "They asked by name." in text
    assert browser.post("/clients/acme/update/send/", form_of(text)).status_code == 302


def test_leaving_it_out_needs_a_reason_M9(team: Team, acme: Client, now: dt.datetime) -> None:
    browser = as_role(team, Role.REVENUE)
    edit_digest(acme, {"intro": "x"}, by=team.actor(Role.REVENUE), now=now)
    refused = browser.post("/clients/acme/update/skip/", {"skip_reason": ""})
    assert refused.status_code == 422
    assert "Say why it is left out." in refused.text
    answer = browser.post("/clients/acme/update/skip/", {"skip_reason": "Told them by phone."})
    assert answer.status_code == 302
    text = browser.get("/clients/acme/update/").text
    assert "Told them by phone." in text
    assert ClientDigest.objects.get().state == DigestState.SKIPPED


def test_a_stale_form_is_a_conflict_and_keeps_the_text_M9(
    team: Team, acme: Client, now: dt.datetime
) -> None:
    browser = as_role(team, Role.REVENUE)
    edit_digest(acme, {"intro": "One"}, by=team.actor(Role.REVENUE), now=now)
    fields = form_of(browser.get("/clients/acme/update/").text)
    edit_digest(acme, {"intro": "Two"}, by=team.actor(Role.FOUNDER), now=now)
    answer = browser.post("/clients/acme/update/", fields | {"intro": "Mine"})
    assert answer.status_code == 409
    assert "Clayton saved a newer text" in answer.text
    assert form_of(answer.text)["intro"] == "Mine"
    again = form_of(answer.text)
    assert browser.post("/clients/acme/update/", again).status_code == 302
    assert ClientDigest.objects.get().intro == "Mine"


def test_others_read_and_do_not_write_A1_M9(team: Team, acme: Client) -> None:
    browser = as_role(team, Role.DELIVERY)
    text = browser.get("/clients/acme/update/").text
    assert "Revenue sends client mails" in text
    assert 'id="mail-form"' not in text
    for tail in ("", "send/", "undo/", "override/", "skip/"):
        assert browser.post(f"/clients/acme/update/{tail}", {}).status_code == 403
    assert Browser().get("/clients/acme/update/").status_code == 302
    assert browser.get("/clients/nobody/update/").status_code == 404


def test_private_incidents_are_in_no_update_W11(team: Team, acme: Client) -> None:
    Incident.objects.update(is_private=True)
    text = as_role(team, Role.FOUNDER).get("/clients/acme/update/").text
    assert "Nothing to say" in text
    assert "Figures are late" not in text


def test_earlier_updates_are_listed_with_their_fate_M9(
    team: Team, acme: Client, now: dt.datetime
) -> None:
    digest = send_digest(acme, by=team.actor(Role.REVENUE), now=now)
    ClientDigest.objects.create(
        client=acme, period=digest.period - 7 * DAY, due_at=now, prepared_at=now, updated_at=now,
        state=DigestState.SKIPPED, skip_reason="Nothing to say.", skipped_by="System",
    )  # fmt: skip
    text = as_role(team, Role.LEGAL).get("/clients/acme/update/").text
    history = text.split('id="history"')[1]
    assert "Nothing to say." in history
    assert "sent off by Rick" in history


def test_a_hostile_line_is_escaped_M9_A4(team: Team, acme: Client, now: dt.datetime) -> None:
    incident = Incident.objects.get()
    words = {f"line_{incident.pk}": "<script>alert(1)</script> {{ x }} {% load y %}"}
    edit_digest(acme, words, by=team.actor(Role.REVENUE), now=now)
    text = as_role(team, Role.REVENUE).get("/clients/acme/update/").text
    assert "<script>alert" not in text
    digest = send_digest(acme, by=team.actor(Role.REVENUE), now=now)
    assert digest.message is not None
    assert "<script>" not in digest.message.html
    assert "{% load y %}" in digest.message.text


def test_the_form_of_a_client_says_whether_it_leaves_by_itself_M9(team: Team, acme: Client) -> None:
    browser = as_role(team, Role.REVENUE)
    page: Any = browser.get("/clients/acme/edit/")
    form = page.context["form"]
    values = {name: form[name].value() for name in form.fields if form[name].value() is not None}
    answer = browser.post("/clients/acme/edit/", values | {"digest_is_automatic": "on"})
    assert answer.status_code == 302
    acme.refresh_from_db()
    assert acme.digest_is_automatic
    assert "by itself" in browser.get(acme.get_absolute_url()).text


def test_the_page_costs_the_same_for_many_items_M9(
    team: Team, acme: Client, now: dt.datetime, django_assert_max_num_queries: Any
) -> None:
    browser = as_role(team, Role.REVENUE)
    for _ in range(8):
        incident = make_incident(status=Status.INVESTIGATING, level=4, detected_at=now - H)
        make_affected(incident, acme)
    write_due_digests(now=now)
    with django_assert_max_num_queries(26):
        assert browser.get("/clients/acme/update/").status_code == 200
