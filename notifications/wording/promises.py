"""Promises: a commitment to a fix time outside the next update (rule M5).

1. A sentence is cut into clauses; each is asked for a time, a repair and a future.
2. A time alone belongs to its neighbour: "By 6pm | you'll be sending again".
3. Next updates, requests to the client, what is past and what is denied pass.
"""

import re
from typing import NamedTuple

from notifications.wording.repairs import (
    BOUND,
    DELIVERS_FIX,
    DENIED,
    ELLIPTIC,
    FOR_WHEN,
    FUTURE,
    HAVE_IT,
    JUST_REPAIR,
    MEASURE_DUE,
    NO_REPAIR,
    PAST_FINITE,
    PRESENT_BE,
    PRESENT_FINITE,
    REPAIR,
    REQUEST,
    SCHEDULED,
    SERVICE,
    STARTS_DONE,
    TAKES,
    UPDATE,
    WEAK_REPAIR,
)
from notifications.wording.sentences import Sentence
from notifications.wording.times import ANY_TIME, PAST_TIME, TIME_AHEAD, TIME_AT

_CUT = re.compile(
    r" (?:;|:|—|,|\(|\)|and|but|so|(?<!by )(?<!until )(?<!before )then|"
    r"because|while|although|though|until we|once|(?<!by )which|or) "
    r"(?!then )"
)
_SHORT = 9
_FEW = 4
_LENIENT_KINDS = frozenset({"resolved", "postmortem"})


_TELLS_PAST = re.compile(r" (?:\w{3,}ed|was|were|had|took|went|broke|ran) ")


class _Clause(NamedTuple):
    line: str
    has_time: bool
    is_ahead: bool
    has_repair: bool

    @property
    def is_time_only(self) -> bool:
        return self.has_time and not self.has_repair and len(self.line.split()) <= _SHORT


class PromiseReader:
    """Reads a text's sentences in order; remembers whether the last one spoke of the repair."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._spoke_of_repair = False

    def is_promise(self, sentence: Sentence) -> bool:
        line = sentence.line
        after_repair, self._spoke_of_repair = self._spoke_of_repair, _speaks_of_repair(line)
        if sentence.is_question or (self._kind == "postmortem" and MEASURE_DUE.search(line)):
            return False
        if not ANY_TIME.search(line):
            return False
        clauses = [_clause(part) for part in _parts(line)]
        return any(
            clause.has_time and self._commits(clauses, position, after_repair=after_repair)
            for position, clause in enumerate(clauses)
        )

    def _commits(self, clauses: list[_Clause], position: int, *, after_repair: bool) -> bool:
        clause = clauses[position]
        if REQUEST.search(clause.line) or _is_update(clause.line):
            return False
        if clause.has_repair and self._is_promised(clause):
            return True
        if clause.has_repair and self._is_assured(clause, clauses[:position][-1:]):
            return True
        if not _is_denied(clause.line) and (
            TAKES.search(clause.line) or HAVE_IT.search(clause.line)
        ):
            return not SCHEDULED.search(clause.line) and not PAST_FINITE.search(clause.line)
        if not clause.is_time_only or _TELLS_PAST.search(clause.line):
            return False
        neighbours = [*clauses[position + 1 : position + 2], *clauses[:position][-1:]]
        if any(self._is_promised(_joined(clause, other)) for other in neighbours if _fits(other)):
            return True
        return (
            after_repair
            and clause.is_ahead
            and len(clauses) == 1
            and not PAST_FINITE.search(clause.line)
        )

    def _is_assured(self, clause: _Clause, before: list[_Clause]) -> bool:
        """ "Our promise: fixed today": the future stands in a few words before."""
        return any(
            len(other.line.split()) <= _FEW
            and FUTURE.search(other.line)
            and not other.has_time
            and not _is_update(other.line)
            and self._is_promised(_joined(clause, other))
            for other in before
        )

    def _is_promised(self, clause: _Clause) -> bool:
        """Whether a clause with a repair and a time looks ahead and is not denied."""
        line = clause.line
        if (
            _is_denied(line)
            or _is_update(line)
            or (SCHEDULED.search(line) and not _is_strong(line))
        ):
            return False
        if FOR_WHEN.search(line):
            return True
        if FUTURE.search(line) and not re.search(
            r" (?:would|had|was|were) (?!(?:like|expect|estimate) )", line
        ):
            return True
        if PAST_FINITE.search(line):
            return False
        if PRESENT_FINITE.search(line):
            return True
        if clause.is_ahead and PRESENT_BE.search(line):
            return True
        if self._kind in _LENIENT_KINDS:
            return False
        return bool(ELLIPTIC.search(line) or (clause.is_ahead and not _has_verb(line)))


def _parts(line: str) -> list[str]:
    parts = (part.strip() for part in _CUT.split(line))
    return [f" {part} " for part in parts if part]


def _clause(line: str) -> _Clause:
    timely = line if FOR_WHEN.search(line) else PAST_TIME.sub("...", line)
    ahead = bool(TIME_AHEAD.search(timely))
    return _Clause(line, ahead or bool(TIME_AT.search(timely)), ahead, _has_repair(line))


def _has_repair(line: str) -> bool:
    rest = NO_REPAIR.sub(" ... ", line)
    if REPAIR.search(rest) or STARTS_DONE.search(rest):
        return True
    return bool(WEAK_REPAIR.search(rest) and SERVICE.search(rest))


def _is_strong(line: str) -> bool:
    return bool(REPAIR.search(NO_REPAIR.sub(" ... ", line)))


def _joined(clause: _Clause, other: _Clause) -> _Clause:
    return _Clause(f"{clause.line}{other.line[1:]}", True, clause.is_ahead, other.has_repair)


def _fits(other: _Clause) -> bool:
    """Whether a clause without a time of its own may take its neighbour's."""
    if REQUEST.search(other.line) or _is_update(other.line) or other.has_time:
        return False
    return other.has_repair or bool(JUST_REPAIR.search(other.line))


def _is_update(line: str) -> bool:
    return bool(UPDATE.search(line)) and not DELIVERS_FIX.search(line)


def _is_denied(line: str) -> bool:
    return bool(DENIED.search(line)) and not BOUND.search(line)


def _speaks_of_repair(line: str) -> bool:
    return _has_repair(line) and not _is_update(line) and not PAST_FINITE.search(line)


def _has_verb(line: str) -> bool:
    return bool(
        re.search(
            r" (?:is|are|was|were|has|have|had|will|can|do|does|did|we|you|they|"
            r"he|she|i|it|\w+ed|test\w*|keeps?|please|may) ",
            line,
        )
    )
