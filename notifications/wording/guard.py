"""The guard itself: which rules hold for which kind of text, and what is answered."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from notifications.wording.blame import BlameReader
from notifications.wording.names import NameIndex
from notifications.wording.promises import PromiseReader
from notifications.wording.quotes import client_quotes
from notifications.wording.rewriting import suggest
from notifications.wording.sentences import Sentence, sentences
from notifications.wording.speculation import is_speculation
from notifications.wording.tokens import Plain, plain

#: Every kind of text a client may read.
KINDS = ("notification", "update", "resolved", "postmortem", "digest", "questions", "subject")
RULES = ("blame", "promise", "speculation")
#: Rule M5: guesses at the cause are flagged here only.
_FLAGS_SPECULATION = frozenset({"notification", "subject"})
_EXPLANATIONS = {
    "blame": "This puts a fault on a third party; clients hear what we do about it instead.",
    "promise": "This commits to a fix time; only the next update has a time.",
    "speculation": "This guesses at the cause; say what is known until the cause is certain.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence that breaks a rule; ``text`` is the checked text from start to end."""

    rule: str
    start: int
    end: int
    text: str
    suggestion: str
    explanation: str


def check_wording(
    text: str, *, kind: str, vendors: Iterable[str], clients: Iterable[str] = ()
) -> list[Finding]:
    """What a text to a client may not say, in the order of the text (rules M4, M5).

    ``vendors`` are names and aliases of third parties; ``clients`` are names that are never
    taken for a vendor's. Each finding covers a whole sentence, which its suggestion can
    replace. Raises ValueError for a kind not in KINDS.
    """
    if kind not in KINDS:
        raise ValueError(f"Unknown kind of text: {kind!r}. Known: {', '.join(KINDS)}.")
    names = NameIndex(vendors, clients)
    source = plain(text)
    findings = []
    for sentence, rules in _broken(source, names, kind=kind):
        start, end = source.original(sentence.start), source.original(sentence.end - 1) + 1
        words = text[start:end]
        for rule in rules:
            suggestion = suggest(words, rule=rule, kind=kind, is_clean=_cleanness(names, kind))
            findings.append(Finding(rule, start, end, words, suggestion, _EXPLANATIONS[rule]))
    return findings


def _broken(source: Plain, names: NameIndex, *, kind: str) -> Iterable[tuple[Sentence, list[str]]]:
    """Every sentence that breaks a rule, with the rules it breaks."""
    blame, promise = BlameReader(), PromiseReader(kind)
    for sentence in sentences(source.text, client_quotes(source.text, names), names):
        found = {
            "blame": blame.is_blame(sentence),
            "promise": promise.is_promise(sentence),
            "speculation": kind in _FLAGS_SPECULATION and is_speculation(sentence),
        }
        if any(found.values()):
            yield sentence, [rule for rule in RULES if found[rule]]


def _cleanness(names: NameIndex, kind: str) -> Callable[[str], bool]:
    def is_clean(text: str) -> bool:
        return not any(True for _ in _broken(plain(text), names, kind=kind))

    return is_clean
