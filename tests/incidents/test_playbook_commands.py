"""``act … playbook`` and ``act … step`` do what the pages do, and ``show`` tells all of it (P2)."""

import contextlib
import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from incidents.models import Incident, Playbook, PlaybookRunStep
from tests.factories import Team, make_incident, make_playbook_run

pytestmark = pytest.mark.django_db
NOW = "2026-03-10T10:00:00+00:00"


@pytest.fixture
def incident(team: Team) -> Incident:
    incident = make_incident(status="investigating", level=2, team=team)
    make_playbook_run(incident, Playbook.objects.get(slug="crm-sync-break"))
    return incident


def act(incident: Incident, step: str, *given: str, by: str = "devin") -> dict[str, Any]:
    out = StringIO()
    pairs = [part for text in given for part in ("--set", text)]
    arguments = [incident.ref, step, "--as", by, "--now", NOW, "--json", *pairs]
    with contextlib.suppress(CommandError):
        call_command("act", *arguments, stdout=out)
    return dict(json.loads(out.getvalue()))


def show(incident: Incident) -> dict[str, Any]:
    out = StringIO()
    call_command("show", incident.ref, "--json", stdout=out)
    return dict(json.loads(out.getvalue()))


def test_a_playbook_is_worked_through_from_the_command_line_P2(incident: Incident) -> None:
    for given in (
        ["step=1", "note=Connected."],
        ["step=verify-credentials", "action=done", "evidence=https://vault.example/7"],
        ["step=3", "action=skip", "reason=Nobody may change it."],
        ["step=4"],
        ["step=5", "action=not-applicable"],
        ["step=backfill", "counts=missing=12", "counts=written=12"],
    ):
        answer = act(incident, "step", *given)
        assert answer["ok"], answer
    [run] = answer["incident"]["runs"]
    assert [step["state"] for step in run["steps"]] == [
        "done",
        "done",
        "skipped",
        "done",
        "not_applicable",
        "done",
    ]
    assert (run["settled"], run["applicable"], run["next"]) == (5, 5, None)
    assert run["steps"][5]["figures"] == {"missing": 12, "written": 12}
    assert {step["by"] for step in run["steps"]} == {"Devin"}
    entries = [entry for entry in answer["incident"]["timeline"] if entry["kind"] == "step"]
    assert len(entries) == 6
    assert {entry["origin"] for entry in entries} == {"command_line"}
    assert run == show(incident)["runs"][0]


def test_playbooks_are_attached_and_taken_off_from_the_command_line_P2(
    incident: Incident,
) -> None:
    answer = act(incident, "playbook", "playbook=api-down")
    assert answer["ok"], answer
    assert answer["incident"]["playbooks"] == ["crm-sync-break", "api-down"]
    answer = act(incident, "playbook", "playbook=crm-sync-break", "action=detach")
    assert answer["missing"] == ["The reason is missing."]
    answer = act(
        incident, "playbook", "playbook=crm-sync-break", "action=detach", "reason=It is the API."
    )
    assert answer["incident"]["playbooks"] == ["api-down"]
    ended = answer["incident"]["runs"][1]
    assert (ended["playbook"], ended["end_reason"]) == ("crm-sync-break", "It is the API.")
    answer = act(incident, "step", "step=1", "answer=our-config,rate-limited")
    steps = answer["incident"]["runs"][0]["steps"]
    assert steps[0]["chosen"] == ["our-config", "rate-limited"]
    assert [step["branch_state"] for step in steps] == ["open", "closed", "open", "open", "closed"]


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ([], "step: This field is required."),
        (["step=99"], "There is no step “99”"),
        (["step=1", "action=skip"], "reason: Give the reason."),
        (["step=6", "counts=many"], "counts: Write “name=number”, not “many”."),
        (["step=6", "counts=missing=99999999999"], "is too large"),
        (["step=6"], "Records missing"),
        (["step=1", "playbook=api-down"], "An attached playbook (playbook)"),
        (["step=1", "action=acknowledge"], "is no prohibition"),
        (["step=1", "action=dance"], "action: Select a valid choice."),
    ],
)
def test_refusals_are_those_of_the_page_P2(
    incident: Incident, given: list[str], missing: str
) -> None:
    answer = act(incident, "step", *given)
    assert answer["ok"] is False
    assert any(missing in text for text in answer["missing"]), answer
    assert not PlaybookRunStep.objects.exclude(state="open").exists()


def test_the_steps_describe_their_fields_to_machines_P2() -> None:
    out = StringIO()
    call_command("act", "--describe", "--json", stdout=out)
    described = {step["step"]: step for step in json.loads(out.getvalue())}
    fields = {field["name"]: field for field in described["step"]["fields"]}
    assert fields["answer"]["type"] == "words"
    assert fields["counts"]["multiple"]
    assert [choice["value"] for choice in fields["action"]["choices"]][:3] == [
        "done",
        "answer",
        "skip",
    ]
    assert "step_version" not in fields
    assert [field["name"] for field in described["playbook"]["fields"]] == [
        "action",
        "playbook",
        "reason",
    ]
