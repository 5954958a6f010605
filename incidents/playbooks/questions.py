"""The clarifying questions of an incident's playbooks, to read (rule P6)."""

from incidents.enums import StepState
from incidents.models import ClientAnswer, Incident, PlaybookRunStep


def questions_to_ask(incident: Incident) -> str:
    """What a mail with the questions asks, one a line; empty where no playbook has any."""
    steps = PlaybookRunStep.objects.filter(run__incident=incident, run__ended_at=None).exclude(
        state=StepState.NOT_APPLICABLE
    )
    texts = dict.fromkeys(text for step in steps for text in step.questions)
    return "\n".join(f"- {text}" for text in texts)


def answers_of(step: PlaybookRunStep) -> list[ClientAnswer]:
    """What clients said, by question; reads nothing for a step without questions."""
    return list(step.client_answers.select_related("client")) if step.questions else []
