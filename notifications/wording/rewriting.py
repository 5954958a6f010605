"""A better sentence: without the culprit, without the time, without the guess (rule M4)."""

import re
from collections.abc import Callable

_WORKING = "We're working on it."
_PLAIN_WORDS = {
    "blame": "We've identified the issue and we're working on it.",
    "promise": "We're working on it and will keep you posted.",
    "speculation": "We're looking into the cause.",
}
_AFTERWARDS = {"blame": "There was an interruption, and our team worked on it until it was over."}
_LATER_KINDS = frozenset({"resolved", "postmortem"})
_JOINTS = re.compile(
    r"\s*(?:[;—]|,?\s\b(?:because|since|due to|owing to|thanks to|as a "
    r"result of|while|although|but|and|so|which|as|after)\b|,)\s+",
    re.IGNORECASE,
)
_DANGLING = re.compile(r"^(?:of|to|that|and|but|so|then|because)\s+", re.IGNORECASE)
_MOST_WORDS = 60
_FEWEST_WORDS = 3


def suggest(sentence: str, *, rule: str, kind: str, is_clean: Callable[[str], bool]) -> str:
    """A sentence to put in the place of one that breaks a rule; it breaks none itself."""
    ending = "" if kind in _LATER_KINDS or rule == "speculation" else f" {_WORKING}"
    for part in _parts(sentence):
        candidate = f"{part[0].upper()}{part[1:]}.{ending}"
        if is_clean(candidate):
            return candidate
    default = _AFTERWARDS.get(rule) if kind in _LATER_KINDS else None
    return default or _PLAIN_WORDS[rule]


def _parts(sentence: str) -> list[str]:
    """The clauses that can stand alone, longest first; only of a sentence of human length."""
    one_line = " ".join(sentence.split())
    if len(one_line.split(" ", _MOST_WORDS + 1)) > _MOST_WORDS or not _JOINTS.search(one_line):
        return []
    parts = (_DANGLING.sub("", part).strip(" .!?…\"'“”") for part in _JOINTS.split(one_line))
    whole = [
        part for part in parts if len(part.split()) >= _FEWEST_WORDS and _HAS_VERB.search(part)
    ]
    return sorted(whole, key=len, reverse=True)[:3]


_HAS_VERB = re.compile(
    r"\b(?:is|are|was|were|has|have|had|will|can|cannot|stopped|went|"
    r"we're|we've|\w+n['\u2019]t)\b",
    re.IGNORECASE,
)
