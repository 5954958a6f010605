"""What a playbook may not be (P1): each refusal names the step and says what to do."""

import datetime as dt
from typing import Any

import pytest

from incidents import sop_data
from incidents.errors import WorkflowError
from incidents.models import PlaybookStep
from incidents.models.playbook import STEP_FIELDS
from incidents.playbooks.definition import problems_of, require_sound
from incidents.playbooks.progress import offering_steps
from incidents.playbooks.rows import fields_of, row_of


def step(number: int, **fields: Any) -> PlaybookStep:
    return PlaybookStep(**{"number": number, "key": f"step-{number}", "text": "Look."} | fields)


def asking(number: int, *branches: str, **fields: Any) -> PlaybookStep:
    answers = [{"branch": branch, "label": branch} for branch in branches]
    return step(number, question="What is it?", answers=answers, **fields)


SOUND = [asking(1, "ours", "theirs"), step(2, branch="ours"), step(3, branch="theirs")]


def texts(*steps: PlaybookStep) -> list[str]:
    return [str(problem) for problem in problems_of(steps)]


@pytest.mark.parametrize("data", sop_data.read_playbooks(), ids=lambda data: data["slug"])
def test_the_sops_playbooks_are_sound_P1(data: dict[str, Any]) -> None:
    assert texts(*[PlaybookStep(**fields) for fields in data["steps"]]) == []


#: The branches of the SOP's playbooks: what opens which step.
OPENED_BY = {
    ("api-down", 2): 1,
    ("api-down", 3): 1,
    ("api-down", 4): 1,
    ("api-down", 5): 1,
    ("email-bounce-spike", 4): 3,
    ("email-bounce-spike", 5): 2,
    ("crm-sync-break", 5): None,
    ("client-reports-not-working", 4): None,
    ("outreach-tool-suspension", 5): None,
}


def test_the_sops_conditions_are_asked_where_they_can_be_answered_P1() -> None:
    """None: the step itself is asked whether it applies."""
    found = {}
    for data in sop_data.read_playbooks():
        steps = [PlaybookStep(**fields) for fields in data["steps"]]
        for one in steps:
            offering = offering_steps(one, steps)
            if one.branch:
                found[data["slug"], one.number] = offering[0].number if offering else None
            assert bool(one.branch) == bool(one.condition)
    assert found == OPENED_BY


def test_a_sound_playbook_has_no_problem_P1() -> None:
    assert texts(*SOUND) == []


@pytest.mark.parametrize(
    ("steps", "number", "words"),
    [
        ([], 0, "has no step"),
        ([step(n) for n in range(1, 42)], 0, "at most 40 steps"),
        ([step(1), step(1, key="other")], 1, "number “1” is taken"),
        ([step(1), step(2, key="step-1")], 2, "key “step-1” is taken"),
        ([step(1, text=" ")], 1, "no text"),
        ([step(1, text="x" * 1001)], 1, "text has 1001 signs"),
        ([step(1, condition="x" * 121)], 1, "condition has 121 signs"),
        ([step(1, key="Not a name")], 1, "key “Not a name” is no short name"),
        ([step(1, key="")], 1, "no short name"),
        ([step(1, kind="wish")], 1, "kind “wish” is unknown"),
        ([step(1, reading="weather")], 1, "reading “weather” is unknown"),
        ([step(1, effect="magic")], 1, "effect “magic” is unknown"),
        ([step(1, kind="gate")], 1, "needs a reading"),
        (
            [
                asking(1, "a", "b", kind="gate", reading="bounce_rate"),
                step(2, branch="a"),
                step(3, branch="b"),
            ],
            1,
            "opens by its figure",
        ),
        ([*SOUND, step(4, kind="prohibition", branch="ours")], 4, "always holds"),
        ([step(1, kind="prohibition", due_after=dt.timedelta(0))], 1, "no work"),
        ([step(1, kind="prohibition", effect="hold")], 1, "no work"),
        ([step(1, due_after=dt.timedelta(days=31))], 1, "within 30 days"),
        ([step(1, due_only_below=1)], 1, "not when"),
        ([step(1, due_after=dt.timedelta(1), due_only_below=7)], 1, "no severity 7"),
        ([step(1, question="Well?")], 1, "Nobody can answer"),
        ([*SOUND[:2], step(3, branch="theirs", question="Well?")], 3, "Nobody can answer"),
        (
            [step(1, answers=SOUND[0].answers), step(2, branch="ours"), step(3, branch="theirs")],
            1,
            "answers to no question",
        ),
        ([*SOUND[:2]], 1, "“theirs” opens no later step"),
        ([asking(1, "ours"), step(2, branch="ours")], 1, "one answer only"),
        ([asking(1, "ours", "ours"), step(2, branch="ours")], 1, "“ours” stands twice"),
        ([asking(1, "Our fault", "ours"), step(2, branch="ours")], 1, "no short name"),
        ([step(1, question="?", answers="yes")], 1, "no list of branch and label"),
        ([step(1, question="?", answers=[{"branch": "a"}, {"branch": "b"}])], 1, "needs a label"),
        (
            [step(1, counts=[{"name": "missing", "label": "Missing", "colour": "red"}])],
            1,
            "unknown parts: colour",
        ),
        ([step(1, questions=["", "When?"])], 1, "1 to 300 signs"),
        ([step(1, questions="When?")], 1, "no list of texts"),
        ([step(1, parameters={"limit": [1]})], 1, "“limit” is no short name"),
        ([step(1, parameters=[1])], 1, "no table"),
        ([step(1, branch="gone")], 1, "no earlier answer offers “gone”"),
        ([step(1, branch="ours"), asking(2, "ours", "x"), step(3, branch="x")], 1, "comes later"),
        ([asking(1, "a", "b", branch="a"), step(2, branch="b")], 1, "its own answer “a”"),
    ],
)
def test_a_playbook_that_makes_no_sense_is_refused_P1(
    steps: list[PlaybookStep], number: int, words: str
) -> None:
    found = problems_of(steps)
    assert any(words in problem.text and problem.number == number for problem in found), found
    assert all(problem.text.endswith(".") for problem in found)
    with pytest.raises(WorkflowError) as refused:
        require_sound("Wrong", steps)
    assert any(words in missing.text for missing in refused.value.missing)


def test_a_loop_is_refused_P1() -> None:
    """Each of the two waits for an answer of the other."""
    steps = [
        asking(1, "b", "x", branch="a"),
        asking(2, "a", "y", branch="b"),
        step(3, branch="x"),
        step(4, branch="y"),
    ]
    steps[1].answers[0]["opens_nothing"] = True
    assert any("a loop" in text and text.startswith("Step 1:") for text in texts(*steps))


def test_an_answer_may_open_nothing_when_it_says_so_P1() -> None:
    steps = [asking(1, "ours", "fine"), step(2, branch="ours")]
    steps[0].answers[1]["opens_nothing"] = True
    assert texts(*steps) == []
    steps[0].answers[0]["opens_nothing"] = True
    assert "a later step waits for it" in texts(*steps)[0]


def test_a_step_may_ask_itself_whether_it_applies_P1() -> None:
    assert texts(step(1), step(2, branch="data-loss", question="Is data lost?")) == []


def test_rows_keep_every_field_P1() -> None:
    full = asking(
        2,
        "a",
        "b",
        branch="c",
        condition="if it rains",
        kind="notify",
        is_multiple=True,
        reading="bounce_rate",
        parameters={"hours": 2},
        effect="backup",
        due_after=dt.timedelta(minutes=90),
        due_only_below=2,
        questions=["When?"],
        counts=[{"name": "missing", "label": "Missing"}],
    )
    again = PlaybookStep(**fields_of(row_of(full), number=2))
    assert [getattr(again, name) for name in STEP_FIELDS] == [
        getattr(full, name) for name in STEP_FIELDS
    ]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"text": "Look", "colour": "red"}, "unknown part “colour”"),
        ({"text": 5}, "text must be a text"),
        ({"is_multiple": 1}, "is_multiple must be true or false"),
        ({"due_after_minutes": True}, "due_after_minutes must be a number"),
        ({"due_after_minutes": 10**15}, "far too long"),
        ({"answers": {}}, "answers must be a list"),
    ],
)
def test_a_row_of_the_wrong_shape_is_refused_P1(row: dict[str, Any], words: str) -> None:
    with pytest.raises(WorkflowError) as refused:
        fields_of(row, number=3)
    assert words in refused.value.message
    assert "tep 3" in refused.value.message
