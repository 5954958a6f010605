"""Whether a playbook makes sense before anybody runs it (rule P1).

Pure functions over the steps, saved or not: the loader, the editor and the import ask the same.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from incidents.enums import Level, ReadingKind, StepEffect, StepKind
from incidents.errors import Missing, WorkflowError
from incidents.models.playbook import StepFields
from incidents.playbooks.reach import unreachable_steps
from incidents.playbooks.shapes import problems_of_lists

MOST_STEPS = 40
LONGEST_TEXT = 1_000
LONGEST_CONDITION = 120
LONGEST_QUESTION = 200
LONGEST_SLUG = 60
LONGEST_DUE_DAYS = 30
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that must be mended; ``number`` is the step's, 0 for the playbook as a whole."""

    number: int
    text: str

    def __str__(self) -> str:
        return f"Step {self.number}: {self.text}" if self.number else self.text


def problems_of(steps: Sequence[StepFields]) -> list[Problem]:
    """Everything that is wrong with the steps of a playbook; empty where it can be run.

    Refused: steps that no answer can open, loops, answers that open nothing, unknown kinds and
    readings, gates without a figure, prohibitions that could be waved away, keys given twice,
    texts that are empty or too long. Each says what to do.
    """
    steps = sorted(steps, key=lambda step: step.number)
    found = list(_of_playbook(steps))
    shapes = [(step, text) for step in steps for text in problems_of_lists(step)]
    found += [Problem(step.number, text) for step, text in shapes]
    for step in steps:
        texts = [*_of_words(step), *_of_kind(step), *_of_due(step)]
        # What an answer means can be judged only where every answer can be read.
        texts += [] if shapes else _of_asking(step, steps)
        found += [Problem(step.number, text) for text in texts]
    if not shapes:
        found += [Problem(number, text) for number, text in unreachable_steps(steps)]
    return sorted(found, key=lambda problem: problem.number)


def require_sound(title: str, steps: Sequence[StepFields]) -> None:
    """Raises WorkflowError that lists every problem."""
    problems = problems_of(steps)
    if problems:
        raise WorkflowError(
            f"The playbook “{title}” cannot be used as it is.",
            [Missing(str(problem)) for problem in problems],
        )


def is_asked_itself(step: StepFields, steps: Sequence[StepFields]) -> bool:
    """Whether the step asks itself if it applies: no answer offers its branch, and it asks."""
    offered = any(step.branch in one.offered_branches for one in steps)
    return bool(step.branch and step.question and not step.answers and not offered)


def _of_playbook(steps: Sequence[StepFields]) -> Iterator[Problem]:
    if not steps:
        yield Problem(0, "The playbook has no step. Add one.")
    if len(steps) > MOST_STEPS:
        yield Problem(0, f"A playbook has at most {MOST_STEPS} steps. Make two of it.")
    for name, values in (
        ("number", [step.number for step in steps]),
        ("key", [step.key for step in steps]),
    ):
        seen: set[Any] = set()
        for step, value in zip(steps, values, strict=True):
            if value in seen:
                yield Problem(step.number, f"The {name} “{value}” is taken. Give another {name}.")
            seen.add(value)


def _of_words(step: StepFields) -> Iterator[str]:
    if not step.text.strip():
        yield "It has no text. Say what is to be done."
    for name, text, limit in (
        ("text", step.text, LONGEST_TEXT),
        ("condition", step.condition, LONGEST_CONDITION),
        ("question", step.question, LONGEST_QUESTION),
    ):
        if len(text) > limit:
            yield f"Its {name} has {len(text)} signs; {limit} is the most. Shorten it."
    for name, word, is_needed in (("key", step.key, True), ("branch", step.branch, False)):
        if (word or is_needed) and not (SLUG.match(word) and len(word) <= LONGEST_SLUG):
            yield f"Its {name} “{word}” is no short name. Write it like “check-status”."


def _of_kind(step: StepFields) -> Iterator[str]:
    for name, value, words in (
        ("kind", step.kind, StepKind),
        ("reading", step.reading, ReadingKind),
        ("effect", step.effect, StepEffect),
    ):
        if (value or name == "kind") and value not in words.values:
            yield f"The {name} “{value}” is unknown. Choose one of {', '.join(words.values)}."
    if step.kind == StepKind.GATE and not step.reading:
        yield "A gate needs a reading: the figure that opens it. Choose one, or another kind."
    if step.kind == StepKind.GATE and step.answers:
        yield "A gate opens by its figure, not by an answer. Take the answers away."
    if step.kind == StepKind.PROHIBITION and (step.branch or step.answers):
        yield "A prohibition always holds. Take its branch and answers away."
    if step.kind == StepKind.PROHIBITION and (step.effect or step.due_after is not None):
        yield "A prohibition is no work. Take its effect and its time away."


def _of_due(step: StepFields) -> Iterator[str]:
    due, below = step.due_after, step.due_only_below
    if due is not None and not 0 <= due.total_seconds() <= LONGEST_DUE_DAYS * 86_400:
        yield f"It must be due within {LONGEST_DUE_DAYS} days. Give another time."
    if below is not None and below not in Level.values:
        yield f"There is no severity {below}. Choose 1 to 4."
    if below is not None and due is None:
        yield "It says for which severity it is due, but not when. Give it a time."


def _of_asking(step: StepFields, steps: Sequence[StepFields]) -> Iterator[str]:
    """The question and its answers: each must lead somewhere, or say that it does not."""
    if step.answers and not step.question.strip():
        yield "It offers answers to no question. Write the question."
    if step.question and not step.answers and not is_asked_itself(step, steps):
        yield "Nobody can answer its question. Offer answers, or take the question away."
    later = {one.branch for one in steps if one.number > step.number}
    for answer in step.answers:
        opens, branch = branch_opens(answer), answer["branch"]
        if opens and branch not in later and branch != step.branch:
            yield (
                f"The answer “{branch}” opens no later step. Give a step that branch, or mark "
                "the answer with opens_nothing."
            )
        if not opens and branch in later:
            yield f"The answer “{branch}” is marked opens_nothing, but a later step waits for it."


def branch_opens(answer: dict[str, Any]) -> bool:
    """Whether an answer is meant to open a step."""
    return not answer.get("opens_nothing", False)
