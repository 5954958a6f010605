"""What doing a step brings about beside being ticked off (rules P3, P4, W5)."""

import datetime as dt
from collections.abc import Callable, Iterable

from incidents.actors import Actor
from incidents.containment import record_containment
from incidents.enums import StepEffect
from incidents.errors import Missing, WorkflowError
from incidents.models import Hold, Incident, PlaybookRunStep, SendingDomain
from incidents.permissions import authorize
from incidents.playbooks.figures import domains_of
from incidents.playbooks.placing import write_holds
from incidents.transitions import Step

Effect = Callable[..., str]


def bring_about(
    incident: Incident,
    step: PlaybookRunStep,
    *,
    note: str,
    by: Actor,
    now: dt.datetime,
    domains: Iterable[SendingDomain] = (),
) -> str:
    """Do what the step does beside being done, and say it; called inside its step.

    Where the program does not know what to hold or to switch to, the note has to say what was
    done by hand. Raises WorkflowError.
    """
    effect = EFFECTS.get(step.effect)
    if effect is None:
        return ""
    return effect(incident, step, note=note.strip(), by=by, now=now, domains=list(domains))


def backups_of(incident: Incident) -> list[str]:
    """P3: “OpenRouter to Model cascade” for each system that has a backup."""
    systems = incident.systems.filter(backup__isnull=False).select_related("backup")
    return [f"{system} to {system.backup}" for system in systems.order_by("name")]


def _hold(
    incident: Incident,
    step: PlaybookRunStep,
    *,
    note: str,
    by: Actor,
    now: dt.datetime,
    domains: list[SendingDomain],
) -> str:
    """P4: “pause outreach” holds the domains chosen, else those the incident is about."""
    wanted = domains or domains_of(incident)
    if not wanted:
        if note:
            return "No sending domain is known: it was paused by hand."
        raise WorkflowError(
            f"No sending domain of {incident.ref} is known, so nothing can be put on hold.",
            [Missing("A note that says what was paused by hand"), *_without_domains(incident)],
        )
    write_holds(incident, wanted, reason=step.text, by=by, now=now)
    held = Hold.objects.standing().filter(incident=incident, sending_domain__in=wanted)
    names = held.order_by("sending_domain__name").values_list("sending_domain__name", flat=True)
    return f"On hold: {', '.join(names)}."


def _backup(
    incident: Incident,
    step: PlaybookRunStep,
    *,
    note: str,
    by: Actor,
    now: dt.datetime,
    domains: list[SendingDomain],
) -> str:
    """P3, W5: the switch to the configured backup is containment, and whose that is."""
    actor = authorize(Step.CONTAIN, by=by, now=now)
    switched = backups_of(incident)
    if not switched and not note:
        raise WorkflowError(
            f"No backup is set for the systems of {incident.ref}.",
            [Missing("A note that says what was switched to")],
        )
    text = f"Switched to the backup: {', '.join(switched)}." if switched else note
    record_containment(incident, text, by=actor, now=now)
    return text if switched else ""


def _without_domains(incident: Incident) -> list[Missing]:
    rows = incident.affected.select_related("client").order_by("client__name")
    return [Missing(f"or a sending domain of {row.client}", client=row.client.slug) for row in rows]


EFFECTS: dict[str, Effect] = {StepEffect.HOLD: _hold, StepEffect.BACKUP: _backup}
