"""The lists inside a step: answers, questions, counts and parameters are what they should be."""

import re
from collections.abc import Iterator
from typing import Any

from incidents.models.playbook import StepFields

MOST_ENTRIES = 10
LONGEST_LABEL = 120
LONGEST_QUESTION = 300
NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*\Z")
ANSWER_FIELDS = {"branch", "label", "opens_nothing"}
COUNT_FIELDS = {"name", "label"}


def problems_of_lists(step: StepFields) -> list[str]:
    """What is wrong with the shape of a step's lists; what they mean is judged elsewhere."""
    return [
        *_of_answers(step.answers),
        *_of_questions(step.questions),
        *_of_counts(step.counts),
        *_of_parameters(step.parameters),
    ]


def _of_answers(answers: Any) -> Iterator[str]:
    yield from _of_named(answers, "answers", "branch", ANSWER_FIELDS)
    if isinstance(answers, list) and len(answers) == 1:
        yield "It offers one answer only. Offer another, or none."


def _of_counts(counts: Any) -> Iterator[str]:
    yield from _of_named(counts, "counts", "name", COUNT_FIELDS)


def _of_named(rows: Any, what: str, name: str, known: set[str]) -> Iterator[str]:
    """A list of tables, each with a name of its own and a label."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        yield f"Its {what} are no list of {name} and label. Write them so."
        return
    if len(rows) > MOST_ENTRIES:
        yield f"It has more than {MOST_ENTRIES} {what}. Leave some out."
    seen: set[str] = set()
    for row in rows:
        word, label = row.get(name), row.get("label")
        if not isinstance(word, str) or not NAME.match(word) or len(word) > 60:
            yield f"Among its {what} “{word}” is no short name. Write it like “our-config”."
            continue
        if word in seen:
            yield f"Among its {what} “{word}” stands twice. Name one differently."
        seen.add(word)
        if not isinstance(label, str) or not label.strip() or len(label) > LONGEST_LABEL:
            yield f"“{word}” among its {what} needs a label of at most {LONGEST_LABEL} signs."
        if set(row) - known:
            yield f"“{word}” among its {what} has unknown parts: {', '.join(set(row) - known)}."
        if not isinstance(row.get("opens_nothing", False), bool):
            yield f"“{word}”: opens_nothing is true or false."


def _of_questions(questions: Any) -> Iterator[str]:
    if not isinstance(questions, list) or not all(isinstance(one, str) for one in questions):
        yield "Its questions are no list of texts. Write them so."
        return
    if len(questions) > MOST_ENTRIES:
        yield f"It has more than {MOST_ENTRIES} questions. Leave some out."
    if any(not one.strip() or len(one) > LONGEST_QUESTION for one in questions):
        yield f"A question for the client has 1 to {LONGEST_QUESTION} signs."
    if len(set(questions)) < len(questions):
        yield "A question for the client stands twice. Take one away."


def _of_parameters(parameters: Any) -> Iterator[str]:
    if not isinstance(parameters, dict) or len(parameters) > MOST_ENTRIES:
        yield f"Its parameters are no table of at most {MOST_ENTRIES} names and values."
        return
    for name, value in parameters.items():
        is_small = isinstance(value, bool | int | float) or (
            isinstance(value, str) and len(value) <= LONGEST_LABEL
        )
        if not NAME.match(name) or not is_small:
            yield f"The parameter “{name}” is no short name with a text or a number."
