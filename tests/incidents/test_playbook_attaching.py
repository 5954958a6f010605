"""How a playbook comes onto an incident and leaves it, and the severity it forces (W3, P2, P5)."""

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from incidents.actors import SYSTEM
from incidents.enums import EntryKind, EscalationCode, Origin, RunHow, Source, Status
from incidents.errors import ConflictError, NotAllowedError, WorkflowError
from incidents.models import Incident, Playbook, PlaybookRun
from incidents.models.playbook import STEP_FIELDS
from incidents.playbooks.attaching import attach_playbook, detach_playbook, standing_playbooks
from incidents.playbooks.running import find_run_step, finish_step
from incidents.workflow import Triage, change_severity, open_incident, triage_incident
from tests.factories import (
    NOW,
    Team,
    make_client,
    make_incident,
    make_playbook,
    make_playbook_run,
    make_system,
)

pytestmark = pytest.mark.django_db
LATER = NOW + dt.timedelta(minutes=20)


def book(slug: str) -> Playbook:
    return Playbook.objects.get(slug=slug)


def triage(incident: Incident, team: Team, **decided: Any) -> Incident:
    system = make_system()
    decision = Triage(**{"level": 2, "systems": [system]} | decided)
    return triage_incident(incident, decision, by=team.actor("orchestrator"), now=LATER)


def opened(team: Team, **fields: Any) -> Incident:
    defaults = {"title": "It broke", "source": Source.MONITORING, "by": SYSTEM, "now": NOW}
    return open_incident(**{**defaults, **fields}).incident


# Attaching --------------------------------------------------------------------------------


def test_attaching_copies_every_field_of_every_step_P2(team: Team) -> None:
    incident = make_incident(status=Status.INVESTIGATING, team=team)
    for slug in ("api-down", "email-bounce-spike", "crm-sync-break"):
        by = team.actor("delivery")
        run = attach_playbook(incident, book(slug), by=by, now=LATER)
        copied = list(run.steps.order_by("number").values(*STEP_FIELDS))
        assert copied == list(run.playbook.steps.order_by("number").values(*STEP_FIELDS))
        assert (run.how, run.attached_by_name, run.attached_at) == (RunHow.CHOSEN, "Devin", LATER)
    assert [entry.text for entry in incident.timeline.filter(kind=EntryKind.PLAYBOOK)] == [
        "Playbook “API Down” attached, 5 steps.",
        "Playbook “Email Bounce Spike” attached, 6 steps.",
        "Playbook “CRM Sync Break” attached, 6 steps.",
    ]


def test_a_playbook_is_attached_once_P2(team: Team) -> None:
    incident, by = make_incident(status=Status.INVESTIGATING, team=team), team.actor("delivery")
    attach_playbook(incident, book("api-down"), by=by, now=LATER)
    with pytest.raises(WorkflowError, match="attached already"):
        attach_playbook(incident, book("api-down"), by=by, now=LATER)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_playbook_run(incident, book("api-down"))
    retired = make_playbook(is_active=False)
    with pytest.raises(WorkflowError, match="no longer in use"):
        attach_playbook(incident, retired, by=by, now=LATER)


def test_taken_off_it_is_kept_and_put_on_again_it_goes_on_P2(team: Team) -> None:
    incident, by = make_incident(status=Status.INVESTIGATING, team=team), team.actor("delivery")
    playbook = book("crm-sync-break")
    attach_playbook(incident, playbook, by=by, now=LATER)
    finish_step(incident, find_run_step(incident, 1), by=by, now=LATER)
    with pytest.raises(WorkflowError, match="reason is missing"):
        detach_playbook(incident, playbook, reason="", by=by, now=LATER)
    detach_playbook(incident, playbook, reason="It does not fit.", by=by, now=LATER)
    run = PlaybookRun.objects.get()
    assert (run.ended_at, run.ended_by_name, run.end_reason) == (LATER, "Devin", "It does not fit.")
    assert standing_playbooks(incident) == []
    with pytest.raises(WorkflowError, match="is not attached"):
        detach_playbook(incident, playbook, reason="Again.", by=by, now=LATER)
    playbook.steps.filter(number=2).update(text="Changed since")
    assert attach_playbook(incident, playbook, by=by, now=LATER) == run
    assert standing_playbooks(incident) == [playbook]
    assert run.steps.get(number=1).state == "done"
    assert run.steps.get(number=2).text != "Changed since"
    assert "goes on where it stood" in incident.timeline.last().text


@pytest.mark.parametrize(
    "wrong",
    [
        {"ended_at": LATER},
        {"ended_at": LATER, "ended_by_name": "Devin"},
        {"end_reason": "No fit."},
        {"how": "magic"},
    ],
)
def test_the_database_holds_how_a_run_began_and_ended_P2(team: Team, wrong: dict[str, Any]) -> None:
    run = make_playbook_run(make_incident(team=team))
    with pytest.raises(IntegrityError), transaction.atomic():
        PlaybookRun.objects.filter(pk=run.pk).update(**wrong)


def test_an_older_form_is_a_conflict_W1(team: Team) -> None:
    incident, by = make_incident(status=Status.INVESTIGATING, team=team), team.actor("delivery")
    seen = incident.version
    attach_playbook(incident, book("api-down"), by=by, now=LATER, version=seen)
    with pytest.raises(ConflictError):
        detach_playbook(incident, book("api-down"), reason="x", by=by, now=LATER, version=seen)


# Triage -----------------------------------------------------------------------------------


def test_triage_attaches_the_playbook_of_the_system_W3(team: Team) -> None:
    system = make_system(playbook=book("crm-sync-break"))
    incident = triage(make_incident(), team, systems=[system])
    run = incident.runs.get()
    assert (run.playbook.slug, run.how, run.attached_by_name) == (
        "crm-sync-break",
        RunHow.TRIAGE,
        "System",
    )
    assert run.steps.count() == 6


def test_triage_of_a_clients_report_attaches_its_playbook_W3_P6(team: Team) -> None:
    client = make_client()
    incident = opened(team, source=Source.CLIENT_REPORT, reported_by=client)
    triage(incident, team, level=3, clients=[client])
    assert [p.slug for p in standing_playbooks(incident)] == ["client-reports-not-working"]


def test_a_monitors_playbook_is_at_work_before_triage_P2(team: Team) -> None:
    incident = opened(team, playbooks=[book("email-bounce-spike")])
    run = incident.runs.get()
    assert (run.how, run.attached_by_name) == (RunHow.MONITOR, "System")
    finish_step(
        incident,
        find_run_step(incident, 2),
        answers=["domain-fine"],
        by=team.actor("delivery"),
        now=LATER,
    )


def test_another_choice_at_triage_removes_an_untouched_guess_W3(team: Team) -> None:
    incident = opened(team, playbooks=[book("email-bounce-spike")])
    triage(incident, team, playbook=book("api-down"))
    [run] = incident.runs.all()
    assert (run.playbook.slug, run.attached_by_name) == ("api-down", "Alfred")
    texts = [entry.text for entry in incident.timeline.filter(kind=EntryKind.PLAYBOOK)]
    assert len(texts) == 2


def test_another_choice_at_triage_keeps_what_was_worked_on_to_be_read_W3(team: Team) -> None:
    incident = opened(team, playbooks=[book("crm-sync-break")])
    finish_step(incident, find_run_step(incident, 1), by=team.actor("delivery"), now=LATER)
    triage(incident, team, playbook=book("api-down"))
    assert [p.slug for p in standing_playbooks(incident)] == ["api-down"]
    ended = incident.runs.get(playbook__slug="crm-sync-break")
    assert ended.end_reason == "At triage “API Down” was chosen."
    assert ended.steps.get(number=1).state == "done"


def test_several_that_came_with_it_all_stay_W3(team: Team) -> None:
    both = [book("crm-sync-break"), book("api-down")]
    incident = opened(team, playbooks=both)
    triage(incident, team, playbook=both[0])
    assert standing_playbooks(incident) == both


# A forced severity ------------------------------------------------------------------------


def test_a_suspension_makes_a_triaged_incident_sev1_and_tells_the_founder_P5_E1(
    team: Team,
) -> None:
    incident = make_incident(status=Status.INVESTIGATING, level=2, team=team)
    attach_playbook(
        incident, book("outreach-tool-suspension"), by=team.actor("orchestrator"), now=LATER
    )
    incident.refresh_from_db()
    assert incident.level == 1
    assert incident.severe_since == LATER
    assert incident.review_severity_id == 1
    assert incident.escalations.filter(rule=EscalationCode.E1).count() == 1
    entry = incident.timeline.get(kind=EntryKind.SEVERITY)
    assert entry.text == (
        "From SEV-2 to SEV-1. The playbook “Outreach Tool Suspension” makes it so."
    )
    resolve = incident.deadlines.counted().get(kind="resolve")
    assert resolve.due_at == incident.detected_at + dt.timedelta(hours=4)


def test_the_severity_is_the_orchestrators_P5_A1(team: Team) -> None:
    incident = make_incident(status=Status.INVESTIGATING, level=2, team=team)
    suspension = book("outreach-tool-suspension")
    with pytest.raises(NotAllowedError, match="Change the severity is for orchestrator"):
        attach_playbook(incident, suspension, by=team.actor("delivery"), now=LATER)
    incident.refresh_from_db()
    assert incident.level == 2
    assert not incident.runs.exists()


def test_before_triage_a_suspension_suggests_sev1_and_triage_must_choose_it_P5(
    team: Team,
) -> None:
    incident = opened(team, suggested_level=3, playbooks=[book("outreach-tool-suspension")])
    assert incident.suggested_severity_id == 1
    with pytest.raises(WorkflowError, match="makes this SEV-1"):
        triage(incident, team, level=2)
    triage(incident, team, level=1)
    assert incident.escalations.filter(rule=EscalationCode.E1).count() == 1


def test_attached_before_triage_by_a_person_it_is_suggested_P5(team: Team) -> None:
    incident = make_incident()
    suspension = book("outreach-tool-suspension")
    attach_playbook(incident, suspension, by=team.actor("delivery"), now=LATER)
    incident.refresh_from_db()
    assert (incident.status, incident.suggested_severity_id) == (Status.DETECTED, 1)


def test_the_severity_stays_while_the_suspension_runs_P5(team: Team) -> None:
    incident = make_incident(status=Status.INVESTIGATING, level=1, team=team)
    by = team.actor("orchestrator")
    suspension = book("outreach-tool-suspension")
    attach_playbook(incident, suspension, by=by, now=LATER)
    lower = {"level": 2, "reason": "Half of it sends.", "downgrade": "shrank"}
    with pytest.raises(WorkflowError, match="makes this SEV-1"):
        change_severity(incident, **lower, by=by, now=LATER)
    detach_playbook(incident, suspension, reason="Not suspended.", by=by, now=LATER)
    change_severity(incident, **lower, by=by, now=LATER)
    assert incident.level == 2


def test_a_playbook_never_lowers_a_severity_P5(team: Team) -> None:
    incident = make_incident(status=Status.INVESTIGATING, level=1, team=team)
    mild = make_playbook(forces_level=3)
    with pytest.raises(WorkflowError, match="makes this SEV-3, which it is not"):
        attach_playbook(incident, mild, by=team.actor("orchestrator"), now=LATER)


def test_attaching_by_the_system_is_told_apart_W9(team: Team) -> None:
    incident = opened(team, playbooks=[book("api-down")])
    assert incident.timeline.get(kind=EntryKind.PLAYBOOK).origin == Origin.SYSTEM
