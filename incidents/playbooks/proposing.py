"""A new playbook that starts from what people did in an incident (rule P8)."""

import datetime as dt

from django.db import transaction
from django.utils.text import slugify

from incidents.actors import Actor
from incidents.enums import EntryKind, Origin, StepKind
from incidents.errors import WorkflowError
from incidents.models import Incident, Playbook, PlaybookStep, TimelineEntry
from incidents.playbooks.definition import LONGEST_TEXT, MOST_STEPS
from incidents.playbooks.editing import LONGEST_TITLE, RESERVED, save_playbook
from incidents.records import Kind, check_editor, free_slug
from incidents.taking import lock_incident
from incidents.timeline import record

#: What of a timeline is work that somebody could do again, and as what kind of step.
KINDS: dict[str, StepKind] = {
    EntryKind.INVESTIGATING: StepKind.CHECK,
    EntryKind.FINDING: StepKind.CHECK,
    EntryKind.CONTAINMENT: StepKind.ACTION,
    EntryKind.FIX: StepKind.ACTION,
    EntryKind.WORKAROUND: StepKind.ACTION,
    EntryKind.GUIDANCE: StepKind.ACTION,
    EntryKind.VERIFIED: StepKind.CHECK,
    EntryKind.TOLD: StepKind.NOTIFY,
    EntryKind.NOTE: StepKind.ACTION,
}
LONGEST_KEY = 40


def propose_steps(incident: Incident) -> list[PlaybookStep]:
    """One step for each thing that a person did, in the order in which it happened."""
    entries = (
        incident.timeline.filter(kind__in=KINDS).exclude(origin=Origin.SYSTEM).order_by("at", "id")
    )
    texts: dict[str, TimelineEntry] = {}
    for entry in entries:
        text = " ".join(entry.text.split())[:LONGEST_TEXT].strip()
        if text:
            texts.setdefault(text, entry)
    steps: list[PlaybookStep] = []
    for text, entry in list(texts.items())[:MOST_STEPS]:
        key = _free_key(text, {step.key for step in steps})
        number = len(steps) + 1
        steps.append(PlaybookStep(number=number, key=key, kind=KINDS[entry.kind], text=text))
    return steps


def start_playbook_from(incident: Incident, *, by: Actor, now: dt.datetime) -> Playbook:
    """P8: a playbook that is not in use yet, with the steps proposed, to be edited.

    The incident's timeline says so. Refused for a private incident: a playbook is read by all
    (W11). Raises NotAllowedError and WorkflowError.
    """
    check_editor(Kind.PLAYBOOK, by=by)
    with transaction.atomic():
        row = lock_incident(incident, by=by)
        if row.is_private:
            raise WorkflowError(
                f"{row.ref} is private, and everybody reads the playbooks. "
                "Write the playbook yourself, without its facts."
            )
        steps = propose_steps(row)
        if not steps:
            raise WorkflowError(
                f"Nothing that a person did stands on the timeline of {row.ref}. "
                "Write the playbook yourself."
            )
        title = f"{row.title[: LONGEST_TITLE - 30].strip()} (from {row.ref})"
        slug = free_slug(Playbook, _short_name(row.title, words=8), reserved=RESERVED)
        playbook = Playbook(slug=slug, title=title, is_active=False)
        save_playbook(playbook, steps, by=by, reason=f"from {row.ref}")
        record(
            row,
            EntryKind.PLAYBOOK,
            f"Playbook “{playbook}” started from this timeline, {len(steps)} "
            f"{'step' if len(steps) == 1 else 'steps'} to edit.",
            by=by,
            now=now,
            data={"playbook": playbook.slug},
        )
    return playbook


def _free_key(text: str, taken: set[str]) -> str:
    """The first words as a short name, with a number where it is taken."""
    base = _short_name(text, words=5) or "step"
    key, number = base, 2
    while key in taken:
        key, number = f"{base}-{number}", number + 1
    return key


def _short_name(text: str, *, words: int) -> str:
    """The first words, joined by hyphens; empty where nothing is left of them."""
    plain = slugify(text).replace("_", "-")[:LONGEST_KEY]
    return "-".join([word for word in plain.split("-") if word][:words])
