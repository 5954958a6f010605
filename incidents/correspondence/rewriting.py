"""Putting the wording guard's rewrites into a text (rules M4, M5)."""

from collections.abc import Iterable, Mapping

from incidents.correspondence.rendering import FieldFinding


def rewritten(texts: Mapping[str, str], findings: Iterable[FieldFinding]) -> dict[str, str]:
    """The texts that change when the suggestion of each finding takes the finding's place."""
    changed: dict[str, str] = {}
    # From the back, so that the places of the others stay true; overlapping ones go in once.
    ordered = sorted(findings, key=lambda one: one.finding.start, reverse=True)
    edge: dict[str, int] = {}
    for one in ordered:
        text = changed.get(one.field, texts[one.field])
        found = one.finding
        if found.end > edge.get(one.field, len(text)):
            continue
        edge[one.field] = found.start
        changed[one.field] = text[: found.start] + found.suggestion + text[found.end :]
    return changed
