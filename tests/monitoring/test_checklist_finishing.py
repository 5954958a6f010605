"""Answering by hand, the incident of a failed item, completing, and who may (rule K8)."""

import datetime as dt
from typing import Any

import pytest

from incidents.actors import Actor
from incidents.enums import ADMIN_GROUP, EntryKind, Rank, Role, Source, Status
from incidents.errors import ConflictError, NotAllowedError, WorkflowError
from incidents.models import Incident, Responder
from incidents.workflow import acknowledge_incident
from monitoring.checklists.filling import fill_run
from monitoring.checklists.finishing import (
    answer,
    complete_run,
    may_answer,
    open_item_incident,
    what_is_left,
)
from monitoring.checklists.opening import open_run
from monitoring.enums import Kind, Measure, Outcome, RunState
from monitoring.models import ChecklistRun, MonitorIncident, Sample
from tests.factories import (
    Team,
    make_actor,
    make_checklists,
    make_client,
    make_monitor,
    make_sending_domain,
    make_sop,
    make_system,
    make_team,
)

pytestmark = pytest.mark.django_db

#: 09:00 in Berlin on Monday 9 March 2026.
NINE = dt.datetime(2026, 3, 9, 8, tzinfo=dt.UTC)
MONDAY = dt.date(2026, 3, 9)
LATER = NINE + dt.timedelta(hours=1)


@pytest.fixture
def team() -> Team:
    make_sop()
    make_checklists()
    return make_team()


def filled(period: str, *, start: dt.date = MONDAY, now: dt.datetime = NINE) -> ChecklistRun:
    run, _ = open_run(make_checklists()[period], start, now=now)
    return fill_run(run.pk, now=now)


def give(run: ChecklistRun, number: int, outcome: str, *, by: Actor, **fields: Any) -> Any:
    item = run.items.get(number=number)
    return answer(item, outcome=outcome, by=by, now=LATER, **fields)


def failing_daily(kind: str = Kind.BOUNCE_RATE, **fields: Any) -> ChecklistRun:
    monitor = make_monitor(kind, **fields)
    Sample.objects.create(
        monitor=monitor, at=NINE - dt.timedelta(minutes=1), received_at=NINE, total=1000, bad=30
    )
    return filled("daily")


# Answers ----------------------------------------------------------------------------------


def test_an_answer_keeps_who_when_note_and_evidence_K8(team):
    run = filled("weekly")
    item = give(
        run, 2, Outcome.FAIL, by=team.actor("orchestrator"), note=" Reputation fell. ", evidence="x"
    )
    assert (item.outcome, item.note, item.evidence) == (Outcome.FAIL, "Reputation fell.", "x")
    assert (item.answered_by, item.answered_at) == ("Alfred", LATER)
    assert item.history.count() >= 2


def test_a_note_alone_leaves_the_answer_as_it_is_K8(team):
    run, by = filled("weekly"), team.actor("orchestrator")
    assert give(run, 1, "", by=by, note="Looking").outcome == Outcome.PENDING
    give(run, 1, Outcome.PASS, by=by)
    item = give(run, 1, "", by=make_actor(Role.FOUNDER), note="Fine")
    assert (item.outcome, item.note, item.answered_by) == (Outcome.PASS, "Fine", "Alfred")


@pytest.mark.parametrize("outcome", ["maybe", "pending", "PASS", "pass\0", "x" * 10_000])
def test_an_answer_that_is_none_is_refused_K8(team, outcome):
    with pytest.raises(WorkflowError, match="Choose pass, fail or not applicable"):
        give(filled("weekly"), 1, outcome, by=team.actor("orchestrator"))


@pytest.mark.parametrize(
    ("field", "text", "match"),
    [
        ("note", "a\0b", "cannot be kept"),
        ("evidence", "\0", "cannot be kept"),
        ("note", "x" * 5_001, "5001 characters"),
        ("evidence", "x" * 2_001, "2001 characters"),
    ],
)
def test_a_text_that_cannot_be_kept_is_refused_K8(team, field, text, match):
    with pytest.raises(WorkflowError, match=match):
        give(filled("weekly"), 1, Outcome.PASS, by=team.actor("orchestrator"), **{field: text})


def test_a_monitors_answer_takes_a_note_but_no_other_outcome_K8(team):
    run, by = failing_daily(), team.actor("orchestrator")
    with pytest.raises(WorkflowError, match="The monitors answered"):
        give(run, 3, Outcome.PASS, by=by)
    item = give(run, 3, "", by=by, note="A test campaign.")
    assert (item.outcome, item.note, item.answered_by) == ("fail", "A test campaign.", "System")


def test_an_item_the_monitors_have_not_answered_yet_waits_K8(team):
    run, _ = open_run(make_checklists()["daily"], MONDAY, now=NINE)
    with pytest.raises(WorkflowError, match="not answered this item yet"):
        give(run, 1, Outcome.PASS, by=team.actor("orchestrator"))


def test_the_second_of_two_people_gets_a_conflict_K8(team):
    run = filled("weekly")
    give(run, 1, Outcome.PASS, by=team.actor("orchestrator"), version=run.version)
    with pytest.raises(ConflictError) as caught:
        give(run, 1, Outcome.FAIL, by=team.actor("founder"), version=run.version)
    assert "Alfred: pass, Review all client-reported" in caught.value.missing[0].text
    assert run.items.get(number=1).outcome == Outcome.PASS


# Who may ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "is_allowed"),
    [
        (Role.ORCHESTRATOR, True),
        (Role.FOUNDER, True),
        (Role.DELIVERY, False),
        (Role.REVENUE, False),
        (Role.LEGAL, False),
        (ADMIN_GROUP, False),
    ],
)
def test_orchestrator_and_founder_answer_others_read_A1(team, role, is_allowed):
    run, by = filled("weekly"), make_actor(role)
    assert may_answer(run, by=by, now=LATER) == is_allowed
    if is_allowed:
        give(run, 1, Outcome.PASS, by=by)
        return
    for act in (
        lambda: give(run, 1, Outcome.PASS, by=by),
        lambda: complete_run(run, by=by, now=LATER),
        lambda: open_item_incident(run.items.get(number=1), by=by, now=LATER),
    ):
        with pytest.raises(NotAllowedError, match="for its owner, Alfred"):
            act()


def test_the_owner_answers_the_own_run_and_the_orchestrator_stands_in_A1(team):
    run = filled("crm_review")
    monitor = make_monitor(Kind.LEVEL, measure=Measure.MISSING)
    Sample.objects.create(monitor=monitor, at=NINE, received_at=NINE, value=3)
    run = filled("crm_review", start=dt.date(2026, 3, 10), now=NINE)
    assert run.owner == team.revenue
    assert may_answer(run, by=team.actor("revenue"), now=LATER)
    give(run, 2, "", by=team.actor("revenue"), note="Known.")
    done = complete_run(run, by=team.actor("orchestrator"), now=LATER)
    assert done.completed_by == "Alfred, for revenue"


def test_who_stands_in_for_the_owner_may_answer_A1(team):
    run = filled("weekly")
    actor = make_actor(Role.DELIVERY, first_name="Ben")
    Responder.objects.create(
        name="Ben", role=Role.ORCHESTRATOR, rank=Rank.BACKUP, user=actor.user, email="b@a.example"
    )
    assert not may_answer(run, by=actor, now=LATER)
    team.orchestrator.away_until = LATER + dt.timedelta(days=1)
    team.orchestrator.save()
    item = give(run, 1, Outcome.PASS, by=actor)
    assert item.answered_by == "Ben, for orchestrator"


# Completing -------------------------------------------------------------------------------


def test_a_run_completes_when_every_item_is_answered_K8(team):
    run, by = filled("weekly"), team.actor("orchestrator")
    for number in (1, 2, 3):
        give(run, number, Outcome.PASS, by=by)
    with pytest.raises(WorkflowError) as caught:
        complete_run(run, by=by, now=LATER)
    assert [missing.text for missing in caught.value.missing] == ["Item 4 has no answer"]
    give(run, 4, Outcome.NOT_APPLICABLE, by=by)
    complete_run(run, by=by, now=LATER)
    assert (run.state, run.completed_by, run.completed_at) == (RunState.DONE, "Alfred", LATER)


def test_a_failed_item_needs_an_incident_or_a_note_K8(team):
    run, by = failing_daily(), team.actor("orchestrator")
    assert [m.text for m in what_is_left(run)] == ["Item 3 failed: an incident or a note"]
    with pytest.raises(WorkflowError, match="not finished"):
        complete_run(run, by=by, now=LATER)
    give(run, 3, "", by=by, note="   ")
    assert what_is_left(run)
    give(run, 3, "", by=by, note="A test campaign.")
    assert complete_run(run, by=by, now=LATER).state == RunState.DONE


def test_a_done_or_missed_run_takes_nothing_more_K8(team):
    run, by = failing_daily(), team.actor("orchestrator")
    give(run, 3, "", by=by, note="Known.")
    complete_run(run, by=by, now=LATER)
    for act in (
        lambda: complete_run(run, by=by, now=LATER),
        lambda: give(run, 3, "", by=by, note="Else"),
        lambda: open_item_incident(run.items.get(number=3), by=by, now=LATER),
    ):
        with pytest.raises(WorkflowError, match="completed by Alfred"):
            act()
    ChecklistRun.objects.filter(pk=run.pk).update(state=RunState.MISSED, completed_at=None)
    with pytest.raises(WorkflowError, match="missed"):
        complete_run(run, by=by, now=LATER)


def test_completing_an_old_page_is_a_conflict_K8(team):
    run, by = filled("weekly"), team.actor("orchestrator")
    seen = run.version
    for number in (1, 2, 3, 4):
        give(run, number, Outcome.PASS, by=by)
    with pytest.raises(ConflictError):
        complete_run(run, by=by, now=LATER, version=seen)


# Incidents of failed items ----------------------------------------------------------------


def test_a_failed_item_opens_a_prefilled_incident_in_one_click_K8(team):
    client = make_client(name="Halden Solar")
    system = make_system(name="Outreach")
    domain = make_sending_domain(client, name="go.haldensolar.example")
    run = failing_daily(system=system, sending_domain=domain)
    item = run.items.get(reading="bounce_rate")
    opened = open_item_incident(item, by=team.actor("orchestrator"), now=LATER)
    incident = opened.incident
    assert not opened.is_joined
    assert incident.title == "Bounce rate 3 % on go.haldensolar.example"
    assert (incident.source, incident.status) == (Source.MONITORING, Status.DETECTED)
    assert list(incident.clients.all()) == [client]
    assert list(incident.systems.all()) == [system]
    assert incident.suggested_severity_id == 2
    assert [playbook.slug for playbook in incident.playbooks.all()] == ["email-bounce-spike"]
    assert incident.opened_by == team.orchestrator.user
    assert item.incident == incident
    assert what_is_left(run) == []
    link = MonitorIncident.objects.get()
    assert (link.incident, link.ended_at) == (incident, None)


def test_a_second_click_gives_the_same_incident_K8(team):
    run, by = failing_daily(), team.actor("orchestrator")
    for is_joined in (False, True):
        opened = open_item_incident(run.items.get(number=3), by=by, now=LATER)
        assert opened.is_joined == is_joined
    assert Incident.objects.count() == 1


def test_the_monitors_open_incident_is_joined_K6(team):
    run, by = failing_daily(), team.actor("orchestrator")
    first = open_item_incident(run.items.get(number=3), by=by, now=LATER).incident
    # Accepted, and found failing again the next morning.
    acknowledge_incident(first, by=team.actor("revenue"), now=LATER)
    tomorrow = LATER + dt.timedelta(hours=20)
    again = filled("daily", start=dt.date(2026, 3, 10), now=tomorrow)
    item = again.items.get(number=3)
    assert item.incident == first
    item.incident = None
    item.save()
    opened = open_item_incident(item, by=by, now=tomorrow)
    assert (opened.incident, opened.is_joined) == (first, True)
    note = first.timeline.filter(kind=EntryKind.NOTE).latest("id")
    assert "“Email bounce rate < 2%” failed." in note.text
    assert note.actor_name == "Alfred"


def test_all_failed_monitors_stand_behind_one_incident_W6(team):
    make = {"at": NINE - dt.timedelta(minutes=1), "received_at": NINE, "total": 1000, "bad": 30}
    for _ in range(2):
        Sample.objects.create(monitor=make_monitor(Kind.BOUNCE_RATE), **make)
    run = failing_daily()
    opened = open_item_incident(run.items.get(number=3), by=team.actor("orchestrator"), now=LATER)
    assert opened.incident.title == "Failed, 3 monitors: Email bounce rate < 2%"
    assert opened.incident.monitors.count() == 3


def test_what_a_person_found_is_a_scheduled_reviews_W2(team):
    run, by = filled("weekly"), team.actor("orchestrator")
    give(run, 3, Outcome.FAIL, by=by, note="HubSpot is disconnected.")
    opened = open_item_incident(run.items.get(number=3), by=by, now=LATER + dt.timedelta(minutes=5))
    incident = opened.incident
    assert incident.source == Source.SCHEDULED_REVIEW
    assert incident.title == "Failed: Verify all integrations are connected"
    assert "HubSpot is disconnected." in incident.description
    assert incident.detected_at == LATER


def test_the_incident_is_not_older_than_its_client_C1(team):
    client = make_client(since=LATER - dt.timedelta(minutes=10))
    run = failing_daily(client=client)
    opened = open_item_incident(run.items.get(number=3), by=team.actor("orchestrator"), now=LATER)
    assert opened.incident.detected_at == client.since


@pytest.mark.parametrize("outcome", ["", Outcome.PASS, Outcome.NOT_APPLICABLE])
def test_only_a_failed_item_opens_an_incident_K8(team, outcome):
    run, by = filled("weekly"), team.actor("orchestrator")
    give(run, 1, outcome, by=by)
    with pytest.raises(WorkflowError, match="Only a failed item"):
        open_item_incident(run.items.get(number=1), by=by, now=LATER)
