"""Writing a playbook: whoever edits, imports or proposes one ends here (rules P1, P2, A2)."""

from collections.abc import Iterator, Sequence

from django.db import IntegrityError, transaction
from django.db.models import F, Max

from incidents.actors import Actor
from incidents.enums import Level
from incidents.errors import ConflictError, Missing, WorkflowError
from incidents.models import Playbook, PlaybookStep
from incidents.models.playbook import STEP_FIELDS
from incidents.playbooks.definition import LONGEST_SLUG, SLUG, require_sound
from incidents.records import REASON_LENGTH, Kind, check_editor, check_fresh

#: The pages that live beside the playbooks, such as /playbooks/import/.
RESERVED = ("new", "import", "learning", "holds", "preview")
LONGEST_TITLE = 120
LONGEST_SCOPE = 200


def save_playbook(
    playbook: Playbook,
    steps: Sequence[PlaybookStep],
    *,
    by: Actor,
    version: int | None = None,
    reason: str = "",
) -> Playbook:
    """Write a playbook, new or changed, with these steps and no others.

    A step is the one that is there when it has its ``key``. Runs that are under way keep the
    steps they have (P2). ``version`` is the number of the newest change that the person saw, and
    ``reason`` what the history says beside the fields.

    Raises NotAllowedError, ConflictError for a form that is too old, and WorkflowError.
    """
    check_editor(Kind.PLAYBOOK, by=by)
    require_head(playbook)
    require_sound(playbook.title, steps)
    with transaction.atomic():
        check_fresh(playbook, version)
        changed = _changed_keys(playbook, steps)
        # Where the history takes the reason from.
        why = "; ".join(part for part in (reason, changed) if part)[:REASON_LENGTH]
        playbook._change_reason = why  # type: ignore[attr-defined]
        _save_head(playbook)
        _write_steps(playbook, steps)
    return playbook


def require_head(playbook: Playbook) -> None:
    """Raises WorkflowError that lists what is wrong beside the steps."""
    problems = list(_problems_of_head(playbook))
    if problems:
        raise WorkflowError(
            f"The playbook “{playbook.title}” cannot be used as it is.",
            [Missing(text) for text in problems],
        )


def _problems_of_head(playbook: Playbook) -> Iterator[str]:
    slug = playbook.slug
    if not SLUG.match(slug) or len(slug) > LONGEST_SLUG:
        yield f"Its slug “{slug}” is no short name. Write it like “api-down”."
    if slug in RESERVED:
        yield f"“{slug}” is the name of a page. Choose another slug."
    if not playbook.title.strip():
        yield "It has no title. Name the kind of incident."
    for name, text, limit in (
        ("title", playbook.title, LONGEST_TITLE),
        ("applies_to", playbook.applies_to, LONGEST_SCOPE),
    ):
        if len(text) > limit:
            yield f"Its {name} has {len(text)} signs; {limit} is the most. Shorten it."
    if playbook.forces_level is not None and playbook.forces_level not in Level.values:
        yield f"There is no severity {playbook.forces_level}. Choose 1 to 4, or none."


def _save_head(playbook: Playbook) -> None:
    try:
        with transaction.atomic():
            playbook.save()
    except IntegrityError as error:
        raise ConflictError(f"There is a playbook “{playbook.slug}” already.") from error


def _write_steps(playbook: Playbook, steps: Sequence[PlaybookStep]) -> None:
    """Remove, change and add; the history has a row for each step that differs, and no other."""
    present = {row.key: row for row in playbook.steps.all()}
    wanted = {step.key: step for step in steps}
    for key in present.keys() - wanted.keys():
        present[key].delete()
    _make_room(playbook, steps)
    for key, step in sorted(wanted.items(), key=lambda item: item[1].number):
        row = present.get(key)
        if row is None:
            row = PlaybookStep(playbook=playbook)
        elif not _differs(row, step):
            # The number may have been moved out of the way.
            PlaybookStep.objects.filter(pk=row.pk).update(number=step.number)
            continue
        for name in STEP_FIELDS:
            setattr(row, name, getattr(step, name))
        row.save()


def _make_room(playbook: Playbook, steps: Sequence[PlaybookStep]) -> None:
    """Move every number beyond all that are wanted: two steps may change places."""
    highest = playbook.steps.aggregate(highest=Max("number"))["highest"]
    if highest is not None:
        shift = max(highest, *(step.number for step in steps))
        playbook.steps.update(number=F("number") + shift)


def _changed_keys(playbook: Playbook, steps: Sequence[PlaybookStep]) -> str:
    """“+new-step, -old-step, check-status” for the history of the playbook."""
    if not playbook.pk:
        return ""
    present = {row.key: row for row in playbook.steps.all()}
    wanted = {step.key: step for step in steps}
    words = [f"+{key}" for key in wanted if key not in present]
    words += [f"-{key}" for key in present if key not in wanted]
    words += [
        key for key, step in wanted.items() if key in present and _differs(present[key], step)
    ]
    return f"steps: {', '.join(words)}" if words else ""


def _differs(row: PlaybookStep, step: PlaybookStep) -> bool:
    return any(getattr(row, name) != getattr(step, name) for name in STEP_FIELDS)
