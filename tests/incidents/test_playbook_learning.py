"""What the playbooks teach, and what none was there for (P8)."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents.enums import DeadlineKind, EntryKind, Level, Origin, Role, Status, StepKind
from incidents.errors import NotAllowedError, WorkflowError
from incidents.models import Incident, Playbook, PlaybookRun, PlaybookRunStep
from incidents.playbooks.attaching import attach_playbook
from incidents.playbooks.definition import problems_of
from incidents.playbooks.learning import (
    lessons_of,
    months_without_playbook,
    use_of_playbooks,
    without_playbook,
)
from incidents.playbooks.proposing import propose_steps, start_playbook_from
from tests.factories import (
    NOW,
    make_actor,
    make_deadline,
    make_entry,
    make_incident,
    make_playbook,
    make_playbook_run,
    make_sop,
    make_user,
)

pytestmark = pytest.mark.django_db


def minutes(number: int) -> dt.timedelta:
    return dt.timedelta(minutes=number)


def boss() -> Any:
    return make_actor(Role.ORCHESTRATOR)


def settle(run: PlaybookRun, number: int, state: str, after: int, reason: str = "") -> None:
    PlaybookRunStep.objects.filter(run=run, number=number).update(
        state=state, at=NOW + minutes(after), by_name="Devin", reason=reason
    )


@pytest.fixture
def playbook(db: None) -> Playbook:
    return make_playbook(steps=["Look", "Mend", "Tell"], title="Door Stuck")


def test_times_skips_and_lateness_are_counted_step_by_step_P8(playbook: Playbook) -> None:
    first = make_playbook_run(make_incident(), playbook)
    for number, state, after in ((1, "done", 10), (2, "done", 40), (3, "skipped", 41)):
        settle(first, number, state, after, "Nobody is there." if state == "skipped" else "")
    second = make_playbook_run(make_incident(), playbook)
    settle(second, 2, "done", 6)
    settle(second, 1, "done", 26)
    settle(second, 3, "skipped", 30, "Nobody is there.")
    third = make_playbook_run(make_incident(), playbook)
    settle(third, 2, "not_applicable", 3)
    make_deadline(
        third.incident,
        kind=DeadlineKind.PLAYBOOK,
        run_step=third.steps.get(number=3),
        breached_at=NOW + minutes(90),
    )
    lessons = lessons_of(playbook, make_user(Role.ORCHESTRATOR))
    look, mend, tell = lessons.steps
    assert (lessons.used, lessons.taken_off) == (3, 0)
    assert look.durations == [minutes(10), minutes(20)]
    assert look.median == minutes(15)
    assert sorted(mend.durations) == [minutes(6), minutes(30)]
    assert (mend.done, mend.not_applicable) == (2, 1)
    assert (tell.skipped, tell.open, tell.overdue) == (2, 1, 1)
    assert tell.median is None
    assert lessons.most_skipped == [tell]
    assert tell.top_reasons == [("Nobody is there.", 2)]
    # Only the runs that are through: 41 and 30 minutes.
    assert lessons.median == minutes(35) + dt.timedelta(seconds=30)


def test_the_overview_counts_use_skips_and_lateness_P8(playbook: Playbook) -> None:
    unused = make_playbook(steps=["Wait"], title="Never")
    run = make_playbook_run(make_incident(), playbook)
    settle(run, 1, "skipped", 5, "No.")
    make_playbook_run(make_incident(), playbook, attached_at=NOW + minutes(60))
    uses = {use.playbook: use for use in use_of_playbooks(make_user(Role.FOUNDER))}
    assert (uses[playbook].used, uses[playbook].skipped, uses[playbook].overdue) == (2, 1, 0)
    assert uses[playbook].last_used_at == NOW + minutes(60)
    assert (uses[unused].used, uses[unused].last_used_at) == (0, None)


def queries(act: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as captured:
        act()
    return len(captured)


def test_figures_cost_the_same_for_one_run_and_for_many_P8(playbook: Playbook) -> None:
    user = make_user(Role.ORCHESTRATOR)
    counts = set()
    for more in (1, 5):
        for _ in range(more):
            make_playbook_run(make_incident(status=Status.TRIAGED, level=2), playbook)
            make_incident(status=Status.TRIAGED, level=2)
        fresh = type(user).objects.get(pk=user.pk)
        counts.add(
            (
                queries(lambda: lessons_of(playbook, fresh)),  # noqa: B023
                queries(lambda: use_of_playbooks(fresh)),  # noqa: B023
                queries(lambda: months_without_playbook(fresh)),  # noqa: B023
            )
        )
    assert len(counts) == 1
    assert max(counts.pop()) <= 5


def test_a_private_incident_teaches_only_who_may_see_it_P8_W11(playbook: Playbook) -> None:
    run = make_playbook_run(make_incident(is_private=True), playbook)
    settle(run, 1, "skipped", 5, "A secret.")
    make_incident(is_private=True, status=Status.TRIAGED, level=2)
    other, founder = make_user(Role.DELIVERY), make_user(Role.FOUNDER)
    assert lessons_of(playbook, other).used == 0
    assert lessons_of(playbook, founder).steps[0].top_reasons == [("A secret.", 1)]
    assert {use.used for use in use_of_playbooks(other)} == {0}
    assert not without_playbook(other).exists()
    assert without_playbook(founder).count() == 1


def test_incidents_without_a_playbook_are_listed_by_month_P8(playbook: Playbook) -> None:
    march = make_incident(status=Status.TRIAGED, level=2, title="Odd thing")
    february = make_incident(status=Status.CLOSED, level=2, detected_at=NOW - dt.timedelta(days=31))
    make_incident(status=Status.CANCELLED)
    make_incident(status=Status.DETECTED)
    make_playbook_run(make_incident(status=Status.TRIAGED, level=2), playbook)
    taken_off = make_incident(status=Status.TRIAGED, level=2)
    make_playbook_run(
        taken_off, playbook, ended_at=NOW, ended_by_name="Alfred", end_reason="It did not fit."
    )
    months = months_without_playbook(make_user(Role.ORCHESTRATOR))
    assert [month.month for month in months] == [dt.date(2026, 3, 1), dt.date(2026, 2, 1)]
    assert set(months[0].incidents) == {march, taken_off}
    assert months[1].incidents == [february]


def entry(incident: Incident, kind: str, text: str, after: int, **fields: Any) -> None:
    make_entry(
        incident, kind=kind, text=text, at=NOW + minutes(after), **{"origin": Origin.HUMAN} | fields
    )


@pytest.fixture
def odd(db: None) -> Incident:
    incident = make_incident(status=Status.TRIAGED, level=2, title="Webhook loops")
    entry(incident, EntryKind.FIX, "Switched the\nloop off.", 20)
    entry(incident, EntryKind.FINDING, "The same event came twice.", 10)
    entry(incident, EntryKind.NOTE, "The same event came twice.", 30)
    entry(incident, EntryKind.NOTE, "Rick: rang the client.", 40, origin=Origin.COMMAND_LINE)
    entry(incident, EntryKind.NOTE, "Deadline moved.", 5, origin=Origin.SYSTEM)
    entry(incident, EntryKind.ASSIGNED, "Devin owns it.", 2)
    return incident


def test_steps_are_proposed_from_what_people_did_P8(odd: Incident) -> None:
    steps = propose_steps(odd)
    assert [(step.number, step.kind, step.text) for step in steps] == [
        (1, StepKind.CHECK, "The same event came twice."),
        (2, StepKind.ACTION, "Switched the loop off."),
        (3, StepKind.ACTION, "Rick: rang the client."),
    ]
    assert [step.key for step in steps][:2] == [
        "the-same-event-came-twice",
        "switched-the-loop-off",
    ]
    assert problems_of(steps) == []


def test_a_playbook_starts_from_a_timeline_out_of_use_P8(odd: Incident) -> None:
    playbook = start_playbook_from(odd, by=boss(), now=NOW)
    assert (playbook.slug, playbook.is_active) == ("webhook-loops", False)
    assert odd.ref in playbook.title
    assert playbook.steps.count() == 3
    last = odd.timeline.filter(kind=EntryKind.PLAYBOOK).get()
    assert "started from this timeline, 3 steps" in last.text
    with pytest.raises(WorkflowError, match="no longer in use"):
        attach_playbook(odd, playbook, by=boss(), now=NOW)
    again = start_playbook_from(odd, by=boss(), now=NOW)
    assert again.slug == "webhook-loops-2"


def test_texts_of_any_kind_and_number_make_a_sound_playbook_P8() -> None:
    incident = make_incident(status=Status.TRIAGED, level=2, title="新しい" * 40)
    for number in range(45):
        entry(
            incident,
            EntryKind.NOTE,
            f"{'あ_-' * 500} {number}" if number % 2 else f"- {number}",
            number,
        )
    entry(incident, EntryKind.NOTE, "   ", 60)
    playbook = start_playbook_from(incident, by=boss(), now=NOW)
    steps = list(playbook.steps.all())
    assert problems_of(steps) == []
    assert 2 < len(steps) <= 40


def test_starting_one_is_refused_clearly_P8_A1_W11(odd: Incident) -> None:
    with pytest.raises(NotAllowedError):
        start_playbook_from(odd, by=make_actor(Role.DELIVERY), now=NOW)
    empty = make_incident(status=Status.TRIAGED, level=2)
    with pytest.raises(WorkflowError, match="Nothing that a person did"):
        start_playbook_from(empty, by=boss(), now=NOW)
    Incident.objects.filter(pk=odd.pk).update(is_private=True)
    with pytest.raises(WorkflowError, match="is private"):
        start_playbook_from(odd, by=make_actor(Role.FOUNDER), now=NOW)
    assert not Playbook.objects.exists()


def test_the_sops_playbooks_teach_too_P8(db: None) -> None:
    make_sop()
    uses = use_of_playbooks(make_user(Role.LEGAL))
    assert len(uses) == 5
    assert Level.SEV1 in {use.playbook.forces_level for use in uses}


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("snake_case __loops__", "snake-case-loops"),
        ("A " + "very " * 9 + "long title", "a-very-very-very-very-very-very-very"),
        ("import", "import-2"),
        ("???", "playbook"),
    ],
)
def test_any_title_gives_a_sound_address_P8(title: str, slug: str) -> None:
    incident = make_incident(status=Status.TRIAGED, level=2, title=title)
    entry(incident, EntryKind.NOTE, "Looked at it.", 1)
    assert start_playbook_from(incident, by=boss(), now=NOW).slug == slug
