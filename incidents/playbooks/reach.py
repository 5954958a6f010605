"""Whether every step of a playbook can be reached, going forward only (rule P1)."""

from collections.abc import Sequence

from incidents.models.playbook import StepFields


def unreachable_steps(steps: Sequence[StepFields]) -> list[tuple[int, str]]:
    """Steps that no earlier answer can open, with what to do; a step behind one is not named.

    The steps are in the order of their numbers. A branch that nobody offers is no trouble where
    the step asks itself whether it applies.
    """
    found = []
    for step in steps:
        offering = [one for one in steps if step.branch and step.branch in one.offered_branches]
        if not step.branch or any(one.number < step.number for one in offering):
            continue
        if not offering:
            if not step.question or step.answers:
                found.append((step.number, _nobody_offers(step)))
        elif _is_in_loop(step, steps):
            found.append((step.number, _loop(step, offering[0])))
        else:
            found.append((step.number, _only_later(step, offering[0])))
    return found


def _is_in_loop(step: StepFields, steps: Sequence[StepFields]) -> bool:
    """Whether the step waits, over any number of others, for an answer of its own."""
    waiting, seen = [step], set[int]()
    while waiting:
        one = waiting.pop()
        for other in steps:
            if not one.branch or one.branch not in other.offered_branches:
                continue
            if other.number == step.number:
                return True
            if other.number not in seen:
                seen.add(other.number)
                waiting.append(other)
    return False


def _nobody_offers(step: StepFields) -> str:
    return (
        f"Nothing opens it: no earlier answer offers “{step.branch}”. Offer that answer, or write "
        "the question by which the step itself is asked whether it applies."
    )


def _only_later(step: StepFields, offering: StepFields) -> str:
    return (
        f"Only step {offering.number}, which comes later, offers “{step.branch}”. Move this step "
        "behind it, or offer that answer earlier."
    )


def _loop(step: StepFields, offering: StepFields) -> str:
    if offering.number == step.number:
        return f"It waits for its own answer “{step.branch}”. Take its branch or that answer away."
    return (
        f"It waits for step {offering.number}, which waits for this step: a loop. Take the branch "
        "of one of them away."
    )
