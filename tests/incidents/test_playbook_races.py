"""Two people at the same playbook at once: one wins, the other is told who did what (W1, P2)."""

import datetime as dt
import threading
from collections.abc import Callable

import pytest
from django.db import connection

from incidents.actors import Actor
from incidents.enums import EntryKind
from incidents.errors import ConflictError, WorkflowError
from incidents.models import Incident, Playbook, PlaybookRun, PlaybookRunStep
from incidents.playbooks.attaching import attach_playbook
from incidents.playbooks.running import find_run_step, finish_step, skip_step
from tests.factories import NOW, Team, make_incident, make_playbook_run, make_sop, make_team

pytestmark = pytest.mark.django_db(transaction=True)
LATER = NOW + dt.timedelta(minutes=20)
RACERS = ("delivery", "revenue", "orchestrator")


def race(act: Callable[[Actor], object], actors: list[Actor]) -> tuple[list[str], list[Exception]]:
    """Everybody acts at the same moment: the names of those who did it, and the refusals."""
    barrier = threading.Barrier(len(actors))
    done: list[str] = []
    refused: list[Exception] = []

    def go(actor: Actor) -> None:
        try:
            barrier.wait(timeout=10)
            act(actor)
            done.append(actor.name)
        except WorkflowError as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=go, args=(actor,)) for actor in actors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return done, refused


def make_running() -> tuple[Incident, Team]:
    make_sop()
    team = make_team()
    incident = make_incident(status="investigating", level=2, team=team)
    make_playbook_run(incident, Playbook.objects.get(slug="api-down"))
    return incident, team


@pytest.mark.parametrize("has_form", [True, False])
def test_one_finishes_a_step_the_others_hear_of_it_W1_P2(has_form: bool) -> None:
    incident, team = make_running()
    seen = find_run_step(incident, 1)
    version = seen.version if has_form else None

    def answer(by: Actor) -> None:
        mine = PlaybookRunStep.objects.get(pk=seen.pk)
        branch = "our-config" if by.name == "Devin" else "rate-limited"
        if by.name == "Rick":
            skip_step(incident, mine, reason="Later.", by=by, now=LATER, version=version)
        else:
            finish_step(incident, mine, answers=[branch], by=by, now=LATER, version=version)

    actors = [team.actor(role) for role in RACERS if has_form or role != "orchestrator"]
    done, refused = race(answer, actors)
    if has_form:
        assert len(done) == 1
    step = PlaybookRunStep.objects.get(pk=seen.pk)
    assert step.by_name == done[-1]
    assert all(isinstance(error, ConflictError) for error in refused)
    assert len(done) + len(refused) == len(actors)
    for error in refused:
        assert f"already: {done[0]}" in str(error)
    entries = incident.timeline.filter(kind=EntryKind.STEP)
    assert sorted(entry.actor_name for entry in entries) == sorted(done)
    assert step.version == 1 + len(done)


def test_a_playbook_is_attached_once_however_many_do_so_W1_P2() -> None:
    incident, team = make_running()
    playbook = Playbook.objects.get(slug="crm-sync-break")

    def attach(by: Actor) -> None:
        mine = Incident.objects.get(pk=incident.pk)
        attach_playbook(mine, playbook, by=by, now=LATER)

    done, refused = race(attach, [team.actor(role) for role in RACERS])
    assert (len(done), len(refused)) == (1, 2)
    run = PlaybookRun.objects.get(playbook=playbook)
    assert run.steps.count() == 6
    assert all("attached already" in str(error) for error in refused)


def test_steps_of_one_run_by_different_people_are_all_kept_W1_P2() -> None:
    """Nobody loses a step because somebody else did another one."""
    make_sop()
    team = make_team()
    incident = make_incident(status="investigating", level=2, team=team)
    make_playbook_run(incident, Playbook.objects.get(slug="crm-sync-break"))
    mine = dict(zip(("Devin", "Rick", "Alfred"), (1, 2, 3), strict=True))

    def work(by: Actor) -> None:
        step = find_run_step(incident, mine[by.name])
        finish_step(incident, step, by=by, now=LATER, version=step.version)

    done, refused = race(work, [team.actor(role) for role in RACERS])
    assert refused == []
    rows = PlaybookRunStep.objects.filter(state="done").values_list("by_name", "number")
    assert dict(rows) == mine
    assert sorted(done) == sorted(mine)
