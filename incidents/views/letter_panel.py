"""What the panels of a mail and of a scheduled update have in common: a letter and its findings."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from incidents.correspondence.rendering import FieldFinding
from incidents.letters import Letter
from incidents.views.refusals import Mend


@dataclass(frozen=True, slots=True)
class Note:
    """One numbered finding in the letter's margin."""

    number: int
    one: FieldFinding
    label: str
    explanation: str
    is_overridden: bool
    can_use: bool

    @property
    def blocks(self) -> bool:
        return self.one.is_blocking and not self.is_overridden


@dataclass(slots=True, kw_only=True)
class LetterPanel:
    """The letter as it stands, its notes, and what keeps it from being sent."""

    letter: Letter = field(default_factory=Letter)
    notes: list[Note] = field(default_factory=list)
    blockers: list[Mend] = field(default_factory=list)
    undo_seconds: int = 0
    reply_to: str = ""
    may_write: bool = False
    may_send: bool = False

    @property
    def blocking_notes(self) -> list[Note]:
        return [note for note in self.notes if note.blocks]

    @property
    def has_promise_finding(self) -> bool:
        return any(note.one.finding.rule == "promise" for note in self.blocking_notes)

    def finding_blockers(self) -> list[Mend]:
        """One blocker for all findings that block, or none."""
        count = len(self.blocking_notes)
        return [Mend(f"{count} finding{'s' if count > 1 else ''}", "#notes")] if count else []


def wanted_findings(findings: Iterable[FieldFinding], wanted: str) -> list[FieldFinding]:
    """One finding by its fingerprint, or ``all`` that block."""
    return [
        one
        for one in findings
        if one.fingerprint == wanted or (wanted == "all" and one.is_blocking)
    ]
