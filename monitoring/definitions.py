"""Editing what a checklist asks, and when (K8, A1, A2). Runs that are open keep their items."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F

from incidents.actors import Actor
from incidents.enums import Role
from incidents.errors import NotAllowedError, WorkflowError
from incidents.records import check_fresh
from monitoring.models import Checklist, ChecklistItem

#: Out of the way of every number in use while items change places.
APART = 1_000


@dataclass(frozen=True, slots=True)
class ItemText:
    """One item as it shall be; ``pk`` is None for a new one, which a person answers."""

    text: str
    pk: int | None = None


@dataclass(frozen=True, slots=True)
class Definition:
    """When and whose a checklist is; hours are counted in the agency's zone."""

    title: str
    owner_role: str
    opens_at: dt.time
    due_hours: int
    is_active: bool


def may_define(*, by: Actor) -> bool:
    return by.has_role(Role.ORCHESTRATOR, Role.FOUNDER)


def check_definer(*, by: Actor) -> None:
    """Raises NotAllowedError, naming who may."""
    if not may_define(by=by):
        raise NotAllowedError(
            "Checklists are edited by orchestrator or founder. Ask one of them to do it."
        )


def save_definition(
    checklist: Checklist,
    definition: Definition,
    items: list[ItemText],
    *,
    by: Actor,
    version: int | None = None,
) -> Checklist:
    """Write a checklist with its items in this order; an item left out is deleted.

    What an item is answered by stays as it is. Raises NotAllowedError, ConflictError for a form
    that is too old, and WorkflowError for a checklist without items.
    """
    check_definer(by=by)
    if not items:
        raise WorkflowError("A checklist has at least one item.")
    with transaction.atomic():
        check_fresh(checklist, version)
        for name in ("title", "owner_role", "opens_at", "due_hours", "is_active"):
            setattr(checklist, name, getattr(definition, name))
        _save(checklist, reason=_describe_items(checklist, items))
        _save_items(checklist, items)
    return checklist


def _save(record: Any, *, reason: str) -> None:
    """With the reason that the history keeps: items are records of their own (rule A2)."""
    record._change_reason = reason
    record.save()


def _describe_items(checklist: Checklist, items: list[ItemText]) -> str:
    """“2 items reworded, 1 added”; empty where only the checklist's own fields change."""
    stored = {row.pk: row for row in checklist.items.all()}
    kept = [item for item in items if item.pk in stored]
    order = [item.pk for item in kept]
    counts = {
        "reworded": sum(stored[item.pk].text != item.text for item in kept if item.pk),
        "added": len(items) - len(kept),
        "removed": len(stored) - len(kept),
    }
    words = [f"{count} {word}" for word, count in counts.items() if count]
    if order != [pk for pk in stored if pk in order]:
        words.append("order changed")
    return f"items: {', '.join(words)}" if words else ""


def _save_items(checklist: Checklist, items: list[ItemText]) -> None:
    stored = {row.pk: row for row in checklist.items.all()}
    for row in stored.values():
        if row.pk not in {item.pk for item in items}:
            row.delete()
    # Each keeps its number until all have made room: a number is there once.
    checklist.items.update(number=F("number") + APART)
    for number, item in enumerate(items, start=1):
        row = stored.get(item.pk or 0) or ChecklistItem(checklist=checklist)
        if row.pk and (row.number, row.text) == (number, item.text):
            ChecklistItem.objects.filter(pk=row.pk).update(number=number)
            continue
        row.number, row.text = number, item.text
        row.save()
