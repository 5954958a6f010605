"""New incident, triage, their live preview, and joining what is open already."""

import datetime as dt
import uuid
from collections.abc import Callable, Iterator

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client as Browser

from incidents.enums import EntryKind, Role, Source, Status
from incidents.models import (
    AffectedClient,
    Client,
    Escalation,
    FormToken,
    Incident,
    MailDraft,
    Playbook,
    ReferenceCounter,
    System,
    TimelineEntry,
)
from incidents.playbooks.attaching import attach_playbook
from notifications.models import Message
from tests.factories import (
    NOW,
    Team,
    make_affected,
    make_client,
    make_dependency,
    make_incident,
    make_playbooks,
    make_system,
    make_user,
)

pytestmark = pytest.mark.django_db
SignIn = Callable[..., Browser]
MINUTE = dt.timedelta(minutes=1)
NEW = "/incidents/new/"
#: NOW as the agency reads it.
DETECTED = "2026-03-10T09:40"


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    """Ten o'clock in Berlin, standing still."""
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def scope(team: Team) -> tuple[System, Client, Client]:
    """A system on which a Premium and a Standard client depend."""
    system = make_system(name="HubSpot lead sync", slug="sync")
    one = make_client(name="Kestrel Homes", slug="kestrel", tier="premium", time_zone="Asia/Tokyo")
    other = make_client(name="Corvid Legal", slug="corvid")
    make_dependency(one, system, is_only_channel=True)
    make_dependency(other, system)
    return system, one, other


def report(**changes: object) -> dict[str, object]:
    """What the page posts for a new incident that is triaged at once."""
    values: dict[str, object] = {
        "title": "Leads do not arrive",
        "description": "Since this morning.",
        "source": Source.MONITORING,
        "detected_at": DETECTED,
        "systems": ["sync"],
        "clients": ["kestrel", "corvid"],
        "core_stopped": "no",
        "component_broken": "yes",
        "below_expectations": "no",
        "level": "2",
        "form_token": str(uuid.uuid4()),
    }
    return {**values, **changes}


def triage(incident: Incident, **changes: object) -> dict[str, object]:
    """What the page posts for an incident that is open."""
    values = report(version=str(incident.version), triaging=incident.ref, **changes)
    return {name: value for name, value in values.items() if name not in ("source", "detected_at")}


def counts() -> tuple[int, ...]:
    """How much is written down of everything a submit could write."""
    models = (Incident, AffectedClient, MailDraft, Message, TimelineEntry, Escalation, FormToken)
    return (*(model.objects.count() for model in models), ReferenceCounter.objects.count())


# New incident ------------------------------------------------------------------------------


def test_new_page_shows_questions_and_severities_S8(team: Team, sign_in: SignIn) -> None:
    page = sign_in(user=team.orchestrator.user).get(NEW).content.decode()
    assert page.count('class="ask"') == 3
    assert page.count('name="level" value=') == 4
    assert "Choose a severity to see the deadlines" in page
    assert "CET" in page


def test_new_page_is_prefilled_from_its_address(scope: object, sign_in: SignIn) -> None:
    browser = sign_in(Role.ORCHESTRATOR)
    page = browser.get(NEW, {"system": "sync", "title": "Bounces", "source": "client_report"})
    board = page.context["board"]
    assert [row.candidate.client.slug for row in board.clients if row.is_ticked] == [
        "corvid",
        "kestrel",
    ]
    assert 'value="Bounces"' in page.content.decode()
    assert "<b>only channel</b>" in page.content.decode()


def test_new_opens_and_triages_in_one_submit_W2(team: Team, scope: object, sign_in: SignIn) -> None:
    answer = sign_in(user=team.orchestrator.user).post(NEW, report())
    incident = Incident.objects.get()
    assert answer.status_code == 302
    assert answer.url == incident.get_absolute_url()
    assert incident.status == Status.TRIAGED
    assert incident.level == 2
    assert incident.suggested_severity_id == 2
    assert incident.detected_at == NOW - 20 * MINUTE
    assert {c.slug for c in incident.clients.all()} == {"kestrel", "corvid"}
    assert incident.drafts.get().mails.count() == 2


def test_new_by_revenue_only_opens_W2(team: Team, scope: object, sign_in: SignIn) -> None:
    values = report(source=Source.CLIENT_REPORT, reported_by="corvid", clients=[], level="")
    answer = sign_in(user=team.revenue.user).post(NEW, values, follow=False)
    incident = Incident.objects.get()
    assert answer.status_code == 302
    assert incident.status == Status.DETECTED
    assert [c.slug for c in incident.clients.all()] == ["corvid"]
    assert incident.drafts.get().mails.get().client.slug == "corvid"


def test_new_only_reported_by_choice(team: Team, scope: object, sign_in: SignIn) -> None:
    sign_in(user=team.orchestrator.user).post(NEW, report(report_only="1", level=""))
    incident = Incident.objects.get()
    assert incident.status == Status.DETECTED
    assert incident.suggested_severity_id == 2


def test_new_by_delivery_in_scope_starts_the_fix_W2(
    team: Team, scope: object, sign_in: SignIn
) -> None:
    browser = sign_in(user=team.delivery.user)
    browser.post(NEW, report(source=Source.AGENT, in_scope="on", level="3"))
    assert Incident.objects.get().status == Status.INVESTIGATING


def test_new_by_delivery_without_scope_only_opens_W2(
    team: Team, scope: object, sign_in: SignIn
) -> None:
    sign_in(user=team.delivery.user).post(NEW, report(source=Source.AGENT))
    assert Incident.objects.get().status == Status.DETECTED


def test_new_by_delivery_in_scope_is_for_own_finds_W2(
    team: Team, scope: object, sign_in: SignIn
) -> None:
    browser = sign_in(user=team.delivery.user)
    answer = browser.post(NEW, report(source=Source.MONITORING, in_scope="on"))
    assert answer.status_code == 422
    assert "agent detection" in answer.content.decode()
    assert not Incident.objects.exists()


def test_new_is_refused_to_legal_A1(team: Team, sign_in: SignIn) -> None:
    browser = sign_in(user=team.legal.user)
    assert browser.get(NEW).status_code == 403
    assert browser.post(NEW, report()).status_code == 403


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"title": " "}, "required"),
        ({"title": "x" * 201}, "200"),
        ({"description": "x" * 20_001}, "20000"),
        ({"level": ""}, "Choose a severity"),
        ({"level": "7"}, "7"),
        ({"systems": []}, "at least one affected system"),
        ({"systems": ["nothing"]}, "nothing"),
        ({"clients": ["nobody"]}, "nobody"),
        ({"source": Source.CLIENT_REPORT}, "Name the client"),
        ({"detected_at": "yesterday"}, "valid date"),
        ({"detected_at": "2026-03-10T10:01"}, "in the future"),
        ({"detected_at": "2020-01-01T00:00"}, "became a client"),
        ({"playbook": "outreach-tool-suspension"}, "makes this SEV-1"),
        ({"data_breach": "on"}, "SEV-1 by default"),
        ({"technical_owner": "999999"}, "999999"),
    ],
)
def test_new_refuses_and_keeps_what_was_typed(
    changes: dict[str, object], words: str, team: Team, scope: object, sign_in: SignIn
) -> None:
    browser = sign_in(user=team.orchestrator.user)
    before = counts()
    answer = browser.post(NEW, report(**changes))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert words in page
    assert "Since this morning." in page or "description" in changes
    assert counts() == before


def test_new_is_both_or_nothing(team: Team, scope: object, sign_in: SignIn) -> None:
    """A triage that is refused takes the incident and its reference back."""
    browser = sign_in(user=team.orchestrator.user)
    browser.post(NEW, report(playbook="outreach-tool-suspension"))
    assert not Incident.objects.exists()
    browser.post(NEW, report())
    assert Incident.objects.get().ref == "INC-2026-0001"


def test_new_double_click_opens_once(team: Team, scope: object, sign_in: SignIn) -> None:
    browser, values = sign_in(user=team.orchestrator.user), report()
    first, second = browser.post(NEW, values), browser.post(NEW, values)
    assert Incident.objects.count() == 1
    assert first.url == second.url


def test_new_breach_is_private_and_leads_outsiders_home_W11(
    team: Team, scope: object, sign_in: SignIn
) -> None:
    values = report(report_only="1", level="", data_breach="on", source=Source.AGENT)
    answer = sign_in(Role.REVENUE).post(NEW, values)
    incident = Incident.objects.get()
    assert incident.is_private
    assert answer.url == "/"


def test_new_refuses_clients_of_other_systems(team: Team, scope: object, sign_in: SignIn) -> None:
    """Without a script the clients may not have followed the systems."""
    browser = sign_in(user=team.orchestrator.user)
    answer = browser.post(NEW, report(prefilled_for="", clients=[]))
    board = answer.context["board"]
    assert answer.status_code == 422
    assert "check who is affected" in answer.content.decode()
    assert all(row.is_ticked for row in board.clients)
    assert not Incident.objects.exists()


def test_new_control_characters_do_no_harm(team: Team, scope: object, sign_in: SignIn) -> None:
    browser = sign_in(user=team.orchestrator.user)
    answer = browser.post(NEW, report(title="Leads\r\nBcc: x@y.example\x07 gone"))
    assert answer.status_code in (302, 422)
    assert "\n" not in Incident.objects.values_list("title", flat=True).first() or ""


# Preview -----------------------------------------------------------------------------------


def test_preview_prefills_clients_and_follows_the_suggestion_W3_S8(
    team: Team, scope: object, sign_in: SignIn
) -> None:
    values = report(clients=[], level="", level_seen="", prefilled_for="")
    answer = sign_in(user=team.orchestrator.user).post(f"{NEW}preview/", values)
    board, page = answer.context["board"], answer.content.decode()
    assert answer.status_code == 200
    assert all(row.is_ticked for row in board.clients)
    assert board.level == 2
    assert "Open and triage as SEV-2" in page
    assert "13:40 CET" in page, "acknowledge within 4 h of detection"
    assert "Clayton is <b>not</b> told" in page
    assert "2 notice drafts" in page


def test_preview_keeps_the_severity_a_person_chose_S8(
    team: Team, scope: object, sign_in: SignIn
) -> None:
    values = report(level="3", level_seen="2", core_stopped="yes")
    answer = sign_in(user=team.orchestrator.user).post(f"{NEW}preview/", values)
    assert answer.context["board"].level == 3
    assert answer.context["board"].suggested_level == 1


def test_preview_playbook_forces_its_severity_P5(
    team: Team, scope: object, sign_in: SignIn
) -> None:
    values = report(playbook="outreach-tool-suspension", level="3")
    answer = sign_in(user=team.orchestrator.user).post(f"{NEW}preview/", values)
    page = answer.content.decode()
    assert answer.context["board"].level == 1
    assert "makes it so" in page
    assert "Clayton is told at once" in page


def test_preview_breach_suggests_sev1_W11(team: Team, scope: object, sign_in: SignIn) -> None:
    values = report(data_breach="on", level="2", level_seen="2")
    answer = sign_in(user=team.orchestrator.user).post(f"{NEW}preview/", values)
    assert answer.context["board"].level == 1
    assert "<b>Private</b>" in answer.content.decode()


def test_preview_shows_the_deadlines_that_triage_sets(
    team: Team, scope: object, sign_in: SignIn
) -> None:
    """SEV-1: what the page says beforehand is what the submit writes."""
    browser, values = sign_in(user=team.orchestrator.user), report(level="1")
    forecast = browser.post(f"{NEW}preview/", values).context["board"].forecast
    browser.post(NEW, values)
    deadlines = Incident.objects.get().deadlines.counted()
    due = {(row.kind, row.client_id): row.due_at for row in deadlines}
    assert forecast.acknowledge.due_at == due["acknowledge", None] == NOW + 40 * MINUTE
    assert forecast.resolve.due_at == due["resolve", None]
    assert {(("notice"), n.client.pk): n.due_at for n in forecast.notices} == {
        key: value for key, value in due.items() if key[0] == "notice"
    }
    assert set(due.values()) >= {NOW + 15 * MINUTE}


@pytest.mark.parametrize(("level", "is_owed"), [("1", False), ("2", True), ("3", True)])
def test_preview_announces_the_duty_of_the_playbook_P3(
    level: str, is_owed: bool, team: Team, scope: object, sign_in: SignIn
) -> None:
    """“If outage exceeds 1 hour”, below SEV-1: as said beforehand, so it is written."""
    browser, values = sign_in(user=team.orchestrator.user), report(level=level, playbook="api-down")
    answer = browser.post(f"{NEW}preview/", values)
    browser.post(NEW, values)
    said = [plan.due_at for plan in answer.context["board"].forecast.duties]
    rows = Incident.objects.get().deadlines.counted().filter(kind="playbook")
    assert said == [row.due_at for row in rows] == [NOW + 40 * MINUTE] * is_owed
    page = answer.content.decode()
    assert ("Notify affected clients if outage exceeds 1 hour" in page) is is_owed
    assert ("All clients told by" in page) is is_owed


def test_triage_keeps_the_duty_of_a_playbook_that_came_with_it_P3(
    team: Team, scope: object, sign_in: SignIn
) -> None:
    browser = sign_in(user=team.orchestrator.user)
    browser.post(NEW, report(report_only="1"))
    incident = Incident.objects.get()
    attach_playbook(
        incident, make_playbooks()["api-down"], by=team.actor("orchestrator"), now=NOW - MINUTE
    )
    url = f"{incident.get_absolute_url()}triage/preview/"
    kept = browser.post(url, triage(incident, playbook="api-down"))
    assert len(kept.context["board"].forecast.duties) == 1
    other = browser.post(url, triage(incident, playbook="crm-sync-break"))
    assert other.context["board"].forecast.duties == []


@pytest.mark.parametrize(
    "changes", [{}, {"title": ""}, {"detected_at": "?"}, {"systems": ["?"]}, {"level": "9"}]
)
def test_preview_never_writes_and_bears_anything(
    changes: dict[str, object], team: Team, scope: object, sign_in: SignIn
) -> None:
    browser = sign_in(user=team.orchestrator.user)
    before = counts()
    assert browser.post(f"{NEW}preview/", report(**changes)).status_code == 200
    answer = browser.post(NEW, report(preview="1", **changes))
    assert answer.status_code == 200
    assert "invalid-feedback" not in answer.content.decode()
    assert counts() == before


def test_preview_costs_the_same_with_many_clients(
    team: Team, sign_in: SignIn, django_assert_max_num_queries: Callable[..., object]
) -> None:
    system = make_system(slug="sync")
    browser = sign_in(user=team.orchestrator.user)
    for rows in (1, 3, 30):
        while (number := system.clients.count()) < rows:
            client = make_client(slug=f"client-x{number}")
            make_dependency(client, system)
            make_incident(clients=[client], systems=[system])
        clients = [client.slug for client in system.clients.all()]
        with django_assert_max_num_queries(52):
            browser.post(f"{NEW}preview/", report(clients=clients))


# Triage ------------------------------------------------------------------------------------


def untriaged(team: Team, system: System, **fields: object) -> Incident:
    return make_incident(
        team=team, systems=[system], title="Leads do not arrive", detected_at=NOW, **fields
    )


def test_triage_page_knows_the_incident(
    team: Team, scope: tuple[System, Client, Client], sign_in: SignIn
) -> None:
    system, _, other = scope
    incident = untriaged(team, system, clients=[other], reported_by=other)
    page = sign_in(user=team.orchestrator.user).get(f"/incidents/{incident.ref}/triage/")
    ticked = [row.candidate.client.slug for row in page.context["board"].clients if row.is_ticked]
    assert ticked == ["corvid", "kestrel"]
    assert "reported it" in page.content.decode()
    assert "provisional" in page.content.decode()


def test_triage_records_the_decision_W3(
    team: Team, scope: tuple[System, Client, Client], sign_in: SignIn
) -> None:
    incident = untriaged(team, scope[0])
    browser = sign_in(user=team.orchestrator.user)
    answer = browser.post(f"/incidents/{incident.ref}/triage/", triage(incident, level="1"))
    incident.refresh_from_db()
    assert answer.url == incident.get_absolute_url()
    assert (incident.status, incident.level) == (Status.TRIAGED, 1)
    assert Escalation.objects.filter(rule_id="E1").count() == 1


def test_triage_of_two_people_conflicts_W1(
    team: Team, scope: tuple[System, Client, Client], sign_in: SignIn
) -> None:
    incident = untriaged(team, scope[0])
    late = triage(incident, description="My own words.")
    url = f"/incidents/{incident.ref}/triage/"
    sign_in(user=team.founder.user).post(url, triage(incident, level="1"))
    answer = sign_in(user=team.orchestrator.user).post(url, late)
    page = answer.content.decode()
    incident.refresh_from_db()
    assert answer.status_code == 409
    assert "somebody else" in page
    assert "My own words." in page
    assert "Clayton" in page
    assert incident.level == 1


def test_triage_twice_leads_to_the_incident(
    team: Team, scope: tuple[System, Client, Client], sign_in: SignIn
) -> None:
    incident = make_incident(status=Status.TRIAGED, team=team)
    answer = sign_in(user=team.orchestrator.user).get(f"/incidents/{incident.ref}/triage/")
    assert answer.url == incident.get_absolute_url()


@pytest.mark.parametrize("role", ["revenue", "legal", "delivery"])
def test_triage_is_the_orchestrators_A1(
    role: str, team: Team, scope: tuple[System, Client, Client], sign_in: SignIn
) -> None:
    incident = untriaged(team, scope[0])
    browser, url = sign_in(user=getattr(team, role).user), f"/incidents/{incident.ref}/triage/"
    assert 'aria-disabled="true"' in browser.get(url).content.decode()
    assert browser.post(url, triage(incident)).status_code == 403
    incident.refresh_from_db()
    assert incident.status == Status.DETECTED


def test_triage_by_delivery_while_the_orchestrator_is_away_A1(
    team: Team, scope: tuple[System, Client, Client], sign_in: SignIn
) -> None:
    team.orchestrator.away_until = NOW + dt.timedelta(days=1)
    team.orchestrator.save()
    incident = untriaged(team, scope[0])
    sign_in(user=team.delivery.user).post(f"/incidents/{incident.ref}/triage/", triage(incident))
    entry = TimelineEntry.objects.get(incident=incident, kind=EntryKind.TRIAGED)
    assert entry.stands_in_for == Role.ORCHESTRATOR


def test_triage_keeps_the_reporter_on_it(
    team: Team, scope: tuple[System, Client, Client], sign_in: SignIn
) -> None:
    system, _, other = scope
    incident = untriaged(team, system, clients=[other], reported_by=other)
    browser = sign_in(user=team.orchestrator.user)
    answer = browser.post(
        f"/incidents/{incident.ref}/triage/", triage(incident, clients=["kestrel"])
    )
    assert answer.status_code == 422
    assert "Tick that client again" in answer.content.decode()


def test_private_incident_is_invisible_W11(
    team: Team, scope: tuple[System, Client, Client], sign_in: SignIn
) -> None:
    incident = untriaged(team, scope[0], is_private=True, is_breach_suspected=True)
    stranger: User = make_user(Role.DELIVERY)
    browser = sign_in(user=stranger)
    for path in ("triage/", "triage/preview/", "join/"):
        for method in (browser.get, browser.post):
            answer = method(f"/incidents/{incident.ref}/{path}")
            assert answer.status_code in (404, 405)


# Duplicates --------------------------------------------------------------------------------


def test_duplicates_are_offered_inline(
    team: Team, scope: tuple[System, Client, Client], sign_in: SignIn
) -> None:
    system, one, _ = scope
    open_one = make_incident(status=Status.TRIAGED, team=team, systems=[system], clients=[one])
    private = untriaged(team, system, is_private=True)
    browser = sign_in(Role.REVENUE)
    page = browser.post(f"{NEW}preview/", report()).content.decode()
    assert open_one.ref in page
    assert "Corvid Legal is not on it." in page
    assert private.ref not in page


def test_join_adds_the_report_and_its_client_and_cancels_the_duplicate(
    team: Team, scope: tuple[System, Client, Client], sign_in: SignIn
) -> None:
    system, one, other = scope
    target = make_incident(
        status=Status.TRIAGED, level=2, team=team, systems=[system], clients=[one]
    )
    duplicate = untriaged(team, system, clients=[other])
    browser = sign_in(user=team.orchestrator.user)
    url = f"/incidents/{target.ref}/join/"
    answer = browser.post(url, triage(duplicate, clients=["corvid"]), follow=False)
    duplicate.refresh_from_db()
    entry = TimelineEntry.objects.get(incident=target, kind=EntryKind.NOTE)
    assert answer.url == target.get_absolute_url()
    assert duplicate.ref in entry.text
    assert "Since this morning." in entry.text
    assert target.clients.count() == 2
    assert duplicate.status == Status.CANCELLED


def test_join_by_revenue_adds_the_note_only(
    team: Team, scope: tuple[System, Client, Client], sign_in: SignIn
) -> None:
    system, one, _ = scope
    target = make_incident(status=Status.TRIAGED, team=team, systems=[system], clients=[one])
    duplicate = untriaged(team, system)
    browser = sign_in(user=team.revenue.user)
    browser.post(f"/incidents/{target.ref}/join/", triage(duplicate))
    duplicate.refresh_from_db()
    assert TimelineEntry.objects.filter(incident=target, kind=EntryKind.NOTE).count() == 1
    assert target.clients.count() == 1
    assert duplicate.status == Status.DETECTED


def test_join_twice_writes_once(
    team: Team, scope: tuple[System, Client, Client], sign_in: SignIn
) -> None:
    target = make_incident(status=Status.TRIAGED, team=team, systems=[scope[0]])
    browser, values = sign_in(user=team.revenue.user), report()
    for _ in range(2):
        browser.post(f"/incidents/{target.ref}/join/", values)
    assert TimelineEntry.objects.filter(incident=target, kind=EntryKind.NOTE).count() == 1


def test_join_never_shows_a_private_report_W11(
    team: Team, scope: tuple[System, Client, Client], sign_in: SignIn
) -> None:
    target = make_incident(status=Status.TRIAGED, team=team, systems=[scope[0]])
    duplicate = untriaged(team, scope[0], is_private=True)
    browser = sign_in(user=team.orchestrator.user)
    browser.post(f"/incidents/{target.ref}/join/", triage(duplicate))
    assert not TimelineEntry.objects.filter(incident=target).exists()


def test_join_is_for_those_who_may_report_A1(team: Team, sign_in: SignIn) -> None:
    target = make_incident(status=Status.TRIAGED, team=team)
    answer = sign_in(user=team.legal.user).post(f"/incidents/{target.ref}/join/", report())
    assert answer.status_code == 403


def test_forced_severity_is_data_P5(team: Team) -> None:
    assert make_playbooks()["outreach-tool-suspension"].forces_level == 1
    assert Playbook.objects.filter(forces_level__isnull=False).count() == 1


def test_affected_already_told_stays_counted(
    team: Team, scope: tuple[System, Client, Client], sign_in: SignIn
) -> None:
    system, one, _ = scope
    incident = untriaged(team, system)
    make_affected(incident, one, told_at=NOW, told_via="phone")
    values = triage(incident, level="1", clients=["kestrel"])
    browser = sign_in(user=team.orchestrator.user)
    page = browser.post(f"/incidents/{incident.ref}/triage/preview/", values).content.decode()
    assert "told already" in page
