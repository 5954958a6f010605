"""A playbook at work in an incident: its steps, branches, order, and who did what (P1 to P7)."""

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from incidents.actors import Actor
from incidents.enums import EntryKind, StepKind, StepState
from incidents.errors import ConflictError, WorkflowError
from incidents.models import Incident, Playbook, PlaybookRunStep, PlaybookStep
from incidents.playbooks.attaching import detach_playbook
from incidents.playbooks.progress import Branch, StepView, progress_of, view_runs
from incidents.playbooks.running import (
    acknowledge_prohibition,
    decide_branch,
    find_run_step,
    finish_step,
    reopen_step,
    skip_step,
)
from tests.factories import (
    NOW,
    Team,
    make_affected,
    make_client,
    make_incident,
    make_playbook,
    make_playbook_run,
    make_playbook_step,
)

pytestmark = pytest.mark.django_db
LATER = NOW + dt.timedelta(minutes=20)


def attached(team: Team, slug: str, **fields: Any) -> Incident:
    """An incident being investigated with one of the SOP's playbooks."""
    incident = make_incident(**{"status": "investigating", "level": 2, "team": team} | fields)
    make_playbook_run(incident, Playbook.objects.get(slug=slug))
    return incident


def views(incident: Incident) -> dict[int, StepView]:
    return {view.step.number: view for view in view_runs(incident)[0].steps}


def states(incident: Incident) -> list[str]:
    return [view.step.state for view in views(incident).values()]


def devin(team: Team) -> Actor:
    return team.actor("delivery")


def finish(incident: Incident, number: int, team: Team, **given: Any) -> PlaybookRunStep:
    step = find_run_step(incident, number)
    return finish_step(incident, step, **{"by": devin(team), "now": LATER} | given)


# What is kept -----------------------------------------------------------------------------


def test_a_step_keeps_who_when_note_and_evidence_P2(team: Team) -> None:
    incident = attached(team, "crm-sync-break")
    step = finish(incident, 2, team, note="Renewed in May.", evidence="https://vault.example/7")
    assert (step.state, step.by, step.by_name, step.at) == (
        StepState.DONE,
        team.delivery.user,
        "Devin",
        LATER,
    )
    assert (step.note, step.evidence, step.version) == (
        "Renewed in May.",
        "https://vault.example/7",
        2,
    )
    entry = incident.timeline.get(kind=EntryKind.STEP)
    assert entry.actor == team.delivery.user
    assert entry.text == (
        "CRM Sync Break, step 2 done: Verify API credentials haven't expired. "
        "Renewed in May. Evidence: https://vault.example/7"
    )
    assert entry.data["step"] == 2
    assert entry.data["state"] == "done"


def test_a_skipped_step_has_its_reason_P2(team: Team) -> None:
    incident = attached(team, "crm-sync-break")
    step = find_run_step(incident, "check-schema")
    with pytest.raises(WorkflowError, match="reason is missing"):
        skip_step(incident, step, reason=" ", by=devin(team), now=LATER)
    skip_step(incident, step, reason="Nobody may change it.", by=devin(team), now=LATER)
    assert (step.state, step.reason) == (StepState.SKIPPED, "Nobody may change it.")
    entry = incident.timeline.get(kind=EntryKind.STEP)
    assert "step 3 skipped" in entry.text
    assert "Nobody may change it." in entry.text


def test_a_step_is_opened_again_with_a_reason_P2(team: Team) -> None:
    incident = attached(team, "crm-sync-break")
    step = finish(incident, 1, team, note="Green.")
    with pytest.raises(WorkflowError, match="reason is missing"):
        reopen_step(incident, step, reason="", by=devin(team), now=LATER)
    rick = team.actor("revenue")
    reopen_step(incident, step, reason="It broke again.", by=rick, now=LATER)
    assert (step.state, step.at, step.by, step.by_name, step.note) == ("open", None, None, "", "")
    texts = [entry.text for entry in incident.timeline.filter(kind=EntryKind.STEP)]
    assert "Green." in texts[0]
    assert "Open again: It broke again." in texts[1]
    with pytest.raises(WorkflowError, match="is open"):
        reopen_step(incident, step, reason="Again.", by=rick, now=LATER)


def test_editing_a_playbook_changes_nothing_in_a_run_P2(team: Team) -> None:
    incident = attached(team, "api-down")
    texts = [view.step.text for view in views(incident).values()]
    PlaybookStep.objects.filter(number=1).update(text="Changed", answers=[], key="changed")
    PlaybookStep.objects.filter(number__gt=3).delete()
    assert [view.step.text for view in views(incident).values()] == texts
    assert len(texts) == 5
    finish(incident, 1, team, answers=["our-config"])
    assert views(incident)[3].branch == Branch.OPEN


def test_backfill_is_done_with_its_counts_P7(team: Team) -> None:
    incident = attached(team, "crm-sync-break")
    with pytest.raises(WorkflowError) as refused:
        finish(incident, 6, team, figures={"missing": 12})
    assert [item.text for item in refused.value.missing] == ["Records written"]
    with pytest.raises(WorkflowError, match="no number “lost”"):
        finish(incident, 6, team, figures={"missing": 1, "written": 1, "lost": 1})
    with pytest.raises(WorkflowError, match="below zero"):
        finish(incident, 6, team, figures={"missing": 1, "written": -1})
    step = finish(incident, 6, team, figures={"missing": 12, "written": 11})
    assert step.figures == {"missing": 12, "written": 11}
    assert "Records missing: 12. Records written: 11." in incident.timeline.get().text


def test_the_clients_questions_are_in_the_run_P6(team: Team) -> None:
    incident = attached(team, "client-reports-not-working")
    assert views(incident)[2].step.questions == [
        "What specifically isn't working?",
        "When did it stop?",
        "Any changes on their end?",
    ]


# Branches ---------------------------------------------------------------------------------


def test_branches_open_with_the_answer_and_the_others_close_P1(team: Team) -> None:
    incident = attached(team, "api-down")
    assert [view.branch for view in views(incident).values()] == [
        Branch.OPEN,
        *[Branch.UNDECIDED] * 4,
    ]
    assert {view.waits_for for view in list(views(incident).values())[1:]} == {1}
    finish(incident, 1, team, answers=["rate-limited", "our-config"])
    assert states(incident) == ["done", "not_applicable", "open", "open", "not_applicable"]
    closed = views(incident)[2].step
    assert closed.is_by_branch
    assert (closed.by_name, closed.at) == ("Devin", LATER)
    assert PlaybookRunStep.objects.get(number=1).chosen == ["our-config", "rate-limited"]
    assert "Answer: Our configuration, We are rate limited." in incident.timeline.get().text


def test_another_answer_moves_the_branches_and_keeps_what_was_done_P1(team: Team) -> None:
    incident = attached(team, "api-down")
    finish(incident, 1, team, answers=["our-config"])
    finish(incident, 3, team)
    finish(incident, 1, team, answers=["rate-limited"])
    assert states(incident) == ["done", "not_applicable", "done", "open", "not_applicable"]
    finish(incident, 1, team, answers=["provider-outage"])
    assert states(incident) == ["done", "open", "done", "not_applicable", "open"]


def test_a_question_opened_again_leaves_its_branches_undecided_P1(team: Team) -> None:
    incident = attached(team, "api-down")
    step = finish(incident, 1, team, answers=["our-config"])
    reopen_step(incident, step, reason="Asked the wrong page.", by=devin(team), now=LATER)
    assert states(incident) == ["open"] * 5
    assert views(incident)[2].branch == Branch.UNDECIDED
    assert PlaybookRunStep.objects.get(number=1).chosen == []


def test_behind_a_skipped_question_each_step_is_asked_itself_P1(team: Team) -> None:
    incident = attached(team, "api-down")
    step = find_run_step(incident, 1)
    skip_step(incident, step, reason="The page is down too.", by=devin(team), now=LATER)
    view = views(incident)[2]
    assert (view.branch, view.is_asked_here, view.is_next) == (Branch.UNDECIDED, True, True)
    decide_branch(incident, view.step, applies=False, by=devin(team), now=LATER)
    assert views(incident)[2].branch == Branch.CLOSED


def test_a_condition_nobody_else_asks_is_asked_at_the_step_P1(team: Team) -> None:
    incident = attached(team, "crm-sync-break")
    view = views(incident)[5]
    assert (view.branch, view.is_asked_here) == (Branch.UNDECIDED, True)
    decide_branch(incident, view.step, applies=True, by=devin(team), now=LATER)
    assert views(incident)[5].branch == Branch.OPEN
    assert views(incident)[5].step.is_open
    with pytest.raises(ConflictError, match="said already"):
        decide_branch(incident, view.step, applies=True, by=devin(team), now=LATER)
    decide_branch(incident, view.step, applies=False, by=devin(team), now=LATER)
    assert views(incident)[5].step.state == StepState.NOT_APPLICABLE
    assert views(incident)[5].step.is_by_branch is False
    reopen_step(incident, view.step, reason="It is lost.", by=devin(team), now=LATER)
    finish(incident, 5, team)
    assert views(incident)[5].branch == Branch.OPEN


def test_a_branch_inside_a_closed_branch_closes_with_it_P1(team: Team) -> None:
    playbook = make_playbook()
    outer = [{"branch": "a", "label": "A"}, {"branch": "b", "label": "B"}]
    inner = [{"branch": "c", "label": "C"}, {"branch": "d", "label": "D", "opens_nothing": True}]
    make_playbook_step(playbook, question="?", answers=outer)
    make_playbook_step(playbook, question="?", answers=inner, branch="a")
    make_playbook_step(playbook, branch="b")
    make_playbook_step(playbook, branch="c")
    incident = make_incident(status="investigating", team=team)
    make_playbook_run(incident, playbook)
    finish(incident, 1, team, answers=["b"])
    assert states(incident) == ["done", "not_applicable", "open", "not_applicable"]
    finish(incident, 1, team, answers=["a"])
    assert states(incident) == ["done", "open", "not_applicable", "open"]
    assert views(incident)[4].waits_for == 2


@pytest.mark.parametrize(
    ("number", "given", "words"),
    [
        (1, {}, "done by answering: What does it look like"),
        (1, {"answers": ["sunshine"]}, "no answer sunshine. Answers: provider-outage"),
        (2, {}, "Whether step 2 applies depends on step 1"),
    ],
)
def test_what_cannot_be_ticked_off_says_why_P2(
    team: Team, number: int, given: dict[str, Any], words: str
) -> None:
    incident = attached(team, "api-down")
    with pytest.raises(WorkflowError, match=words):
        finish(incident, number, team, **given)
    assert states(incident) == ["open"] * 5
    assert not incident.timeline.exists()


def test_one_answer_where_one_is_asked_for_P1(team: Team) -> None:
    incident = attached(team, "email-bounce-spike")
    with pytest.raises(WorkflowError, match="takes one answer"):
        finish(incident, 2, team, answers=["domain-issue", "domain-fine"])
    finish(incident, 2, team, answers=["domain-fine"])
    finish(incident, 3, team, answers=["hard-bounces", "soft-bounces"])
    assert states(incident) == ["open", "done", "done", "open", "not_applicable", "open"]


def test_a_step_closed_by_an_answer_is_opened_by_changing_it_P2(team: Team) -> None:
    incident = attached(team, "api-down")
    finish(incident, 1, team, answers=["our-config"])
    step = find_run_step(incident, 2)
    for change in (
        lambda: finish_step(incident, step, by=devin(team), now=LATER),
        lambda: skip_step(incident, step, reason="x", by=devin(team), now=LATER),
        lambda: reopen_step(incident, step, reason="x", by=devin(team), now=LATER),
        lambda: decide_branch(incident, step, applies=True, by=devin(team), now=LATER),
    ):
        with pytest.raises(WorkflowError, match="Change that answer"):
            change()


def test_only_a_condition_can_be_said_not_to_apply_P2(team: Team) -> None:
    incident = attached(team, "crm-sync-break")
    step = find_run_step(incident, 1)
    with pytest.raises(WorkflowError, match="always applies"):
        decide_branch(incident, step, applies=False, by=devin(team), now=LATER)


# Prohibitions and gates -------------------------------------------------------------------


def test_a_prohibition_is_acknowledged_never_ticked_off_P5(team: Team) -> None:
    incident = attached(team, "outreach-tool-suspension", level=1)
    step = find_run_step(incident, "no-new-account")
    by = devin(team)
    for change in (
        lambda: finish_step(incident, step, by=by, now=LATER),
        lambda: skip_step(incident, step, reason="We need one.", by=by, now=LATER),
    ):
        with pytest.raises(WorkflowError, match="acknowledged, never ticked off"):
            change()
    with pytest.raises(WorkflowError):
        decide_branch(incident, step, applies=False, by=by, now=LATER)
    acknowledge_prohibition(incident, step, by=by, now=LATER)
    assert (step.state, step.by_name) == (StepState.ACKNOWLEDGED, "Devin")
    assert "step 3 acknowledged: Do NOT create a new account" in incident.timeline.get().text
    with pytest.raises(ConflictError):
        acknowledge_prohibition(incident, step, by=team.actor("revenue"), now=LATER)
    with pytest.raises(WorkflowError, match="is no prohibition"):
        acknowledge_prohibition(incident, find_run_step(incident, 2), by=by, now=LATER)


@pytest.mark.parametrize("state", ["done", "skipped", "not_applicable"])
def test_the_database_refuses_a_prohibition_ticked_off_P5(team: Team, state: str) -> None:
    attached(team, "outreach-tool-suspension", level=1)
    rows = PlaybookRunStep.objects.filter(kind=StepKind.PROHIBITION)
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(state=state, at=LATER, by_name="Devin", reason="x")


def test_a_gate_is_not_ticked_off_skipped_or_opened_by_hand_P4(team: Team) -> None:
    incident = attached(team, "email-bounce-spike")
    step, by = find_run_step(incident, "resume-sending"), devin(team)
    for change in (
        lambda: finish_step(incident, step, by=by, now=LATER),
        lambda: skip_step(incident, step, reason="Hurry.", by=by, now=LATER),
    ):
        with pytest.raises(WorkflowError, match="is a gate"):
            change()
    PlaybookRunStep.objects.filter(pk=step.pk).update(state="done", at=LATER, by_name="System")
    with pytest.raises(WorkflowError, match="is a gate"):
        reopen_step(incident, step, reason="Locked again.", by=by, now=LATER)


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "done"},
        {"state": "open", "at": LATER},
        {"state": "open", "by_name": "Devin"},
        {"state": "skipped", "at": LATER, "by_name": "Devin"},
        {"state": "gone", "at": LATER, "by_name": "Devin"},
        {"state": "acknowledged", "at": LATER, "by_name": "Devin"},
        {"is_by_branch": True},
        {"number": 2},
        {"key": "step-2"},
    ],
)
def test_the_database_holds_what_a_step_may_be_P2(team: Team, wrong: dict[str, Any]) -> None:
    run = make_playbook_run(make_incident(team=team))
    with pytest.raises(IntegrityError), transaction.atomic():
        run.steps.filter(number=1).update(**wrong)


# Progress ---------------------------------------------------------------------------------


def test_progress_counts_what_applies_and_names_what_is_next_P2(team: Team) -> None:
    incident = attached(team, "email-bounce-spike")
    make_playbook_run(incident, make_playbook(title="Other", steps=["Look.", "Mend."]))
    bounce, other = view_runs(incident)
    assert (bounce.summary, other.summary) == ("0 of 6 done", "0 of 2 done")
    paused = bounce.steps[0].step
    finish_step(incident, paused, note="All campaigns.", by=devin(team), now=LATER)
    finish_step(incident, bounce.steps[1].step, answers=["domain-fine"], by=devin(team), now=LATER)
    bounce, other = view_runs(incident)
    assert (bounce.summary, other.summary) == ("2 of 5 done", "0 of 2 done")
    assert bounce.next_step is not None
    assert bounce.next_step.step.number == 3
    assert not bounce.is_complete
    progress = progress_of([incident.pk])[incident.pk]
    assert progress.summary == "2 of 7 done"
    assert progress.next_text.startswith("Review bounced addresses")


def test_a_finished_run_has_no_next_step_P2(team: Team) -> None:
    incident = make_incident(status="investigating", team=team)
    make_playbook_run(incident)
    finish(incident, 1, team)
    skip_step(incident, find_run_step(incident, 2), reason="It heals.", by=devin(team), now=LATER)
    [view] = view_runs(incident)
    assert view.is_complete
    assert view.next_step is None
    assert view.summary == "2 of 2 done"


def test_two_playbooks_run_beside_each_other_P2(team: Team) -> None:
    incident = attached(team, "api-down")
    make_playbook_run(incident, Playbook.objects.get(slug="crm-sync-break"))
    with pytest.raises(WorkflowError, match="Several playbooks have a step 1"):
        find_run_step(incident, 1)
    step = find_run_step(incident, 1, playbook="crm-sync-break")
    finish_step(incident, step, by=devin(team), now=LATER)
    api, crm = view_runs(incident)
    assert (api.settled, crm.settled) == (0, 1)
    with pytest.raises(WorkflowError, match="no step “17”"):
        find_run_step(incident, 17)


def test_progress_costs_one_query_however_many(team: Team, django_assert_num_queries: Any) -> None:
    incidents = [attached(team, "api-down").pk for _ in range(4)]
    with django_assert_num_queries(1):
        assert len(progress_of(incidents)) == 4
    with django_assert_num_queries(1):
        view_runs(Incident(pk=incidents[0]))


# Two people at once, and what was taken off -----------------------------------------------


def test_an_older_form_of_a_step_is_a_conflict_that_says_who_did_what_W1(team: Team) -> None:
    incident = attached(team, "crm-sync-break")
    seen = find_run_step(incident, 1)
    finish(incident, 1, team, note="All green.")
    with pytest.raises(ConflictError) as conflict:
        skip_step(
            incident,
            seen,
            reason="Not mine.",
            by=team.actor("revenue"),
            now=LATER,
            version=seen.version,
        )
    assert "Step 1 is done already: Devin, Tue 10 Mar 2026 10:20 CET." in conflict.value.message
    assert "All green." in conflict.value.missing[0].text
    reopen_step(incident, seen, reason="Look again.", by=devin(team), now=LATER)
    with pytest.raises(ConflictError) as conflict:
        finish_step(incident, seen, by=team.actor("revenue"), now=LATER, version=1)
    assert any("Look again." in item.text for item in conflict.value.missing)


def test_steps_make_no_other_form_of_the_incident_stale_W1(team: Team) -> None:
    incident = attached(team, "crm-sync-break")
    before = incident.version
    finish(incident, 1, team)
    incident.refresh_from_db()
    assert incident.version == before


def test_a_playbook_taken_off_is_read_not_worked_on_P2(team: Team) -> None:
    incident = attached(team, "crm-sync-break")
    step = finish(incident, 1, team)
    playbook = step.run.playbook
    detach_playbook(
        incident, playbook, reason="It was the network.", by=team.actor("orchestrator"), now=LATER
    )
    [view] = view_runs(incident)
    assert view.settled == 1
    assert view.next_step is None
    assert progress_of([incident.pk]) == {}
    with pytest.raises(WorkflowError, match="taken off by Alfred: It was the network"):
        reopen_step(incident, step, reason="Again.", by=devin(team), now=LATER)


def test_a_step_of_another_incident_is_refused_W1(team: Team) -> None:
    incident, other = attached(team, "api-down"), attached(team, "api-down")
    with pytest.raises(WorkflowError, match="has no such playbook step"):
        finish_step(
            incident,
            find_run_step(other, 1),
            answers=["our-config"],
            by=devin(team),
            now=LATER,
        )


@pytest.mark.parametrize("status", ["detected", "closed", "cancelled"])
def test_steps_can_be_worked_on_while_the_incident_is_open_W1(team: Team, status: str) -> None:
    incident = attached(team, "crm-sync-break", status=status)
    if status == "detected":
        finish(incident, 1, team)
        return
    with pytest.raises(WorkflowError, match="is not possible"):
        finish(incident, 1, team)


def test_a_duty_to_notify_is_kept_by_telling_P3(team: Team) -> None:
    incident = attached(team, "api-down")
    row = make_affected(incident, make_client(name="Acme", slug="acme"))
    finish(incident, 1, team, answers=["provider-outage"])
    with pytest.raises(WorkflowError) as refused:
        finish(incident, 5, team)
    assert [(item.text, item.client) for item in refused.value.missing] == [
        ("Acme has not been told", "acme")
    ]
    row.told_at, row.told_via = LATER, "phone"
    row.save()
    assert finish(incident, 5, team).state == StepState.DONE


def test_roles_of_the_sop_work_on_steps_legal_does_not_A1(team: Team) -> None:
    incident = attached(team, "crm-sync-break")
    finish(incident, 1, team, by=team.actor("revenue"))
    with pytest.raises(WorkflowError, match="roles of the SOP"):
        finish(incident, 2, team, by=team.actor("legal"))
