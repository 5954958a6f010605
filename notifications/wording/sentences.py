"""Sentences: tokens, their line of words to search in, and the way back to places."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from notifications.wording.names import NameIndex
from notifications.wording.quotes import Span
from notifications.wording.tokens import IGNORED, Token, scan, word_set

#: Nobody writes longer ones; a wall of words is cut so that the work stays linear.
LONGEST = 160
_STRETCH = 20_000
_ENDS = frozenset(".!?…")
_ABBREVIATED = word_set("mr mrs ms dr ltd inc st vs no approx etc dept ca resp")
_NEW_BLOCK = re.compile(r"\n\s*\n|\n[ \t]*(?:[>•·*+-]|\d{1,3}[.)]\s)")
_LABEL = re.compile(r"\n[ \t>]*[A-Z][\w' ]{0,38}:")
_AFTER_A_TIME = word_set(
    "cet cest gmt utc bst est edt pst pdt monday tuesday wednesday thursday friday saturday sunday"
)
_LEANS_ON = word_set(
    "a an the our your their its of at in on with by to from for and or but because that "
    "as is was are were has have had will be been not if when while since through via "
    "until about than which who , — ( &"
)
_WHOLE_NEGATIONS = {"can": "can", "won": "will", "shan": "shall", "ain": "is"}
_SUFFIX_WORDS = {"'ll": "will", "'re": "are", "'ve": "have", "'d": "would", "'m": "am"}
_IS_AFTER = word_set("it that what there here who he she this everything nothing")
_BARE_NEGATIONS = {
    f"{verb}nt": (full, "not")
    for verb, full in [
        ("is", "is"),
        ("was", "was"),
        ("are", "are"),
        ("were", "were"),
        ("does", "does"),
        ("do", "do"),
        ("did", "did"),
        ("has", "has"),
        ("have", "have"),
        ("had", "had"),
        ("could", "could"),
        ("would", "would"),
        ("should", "should"),
        ("wo", "will"),
        ("ca", "can"),
    ]
}
_BARE_NEGATIONS["cannot"] = ("can", "not")


class Sentence:
    """A run of tokens and ``line``, their words with one blank around each."""

    __slots__ = ("_offsets", "line", "tokens")

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tuple(tokens)
        self.line = f" {' '.join(token.word for token in self.tokens)} "
        self._offsets = list(accumulate((len(t.word) + 1 for t in self.tokens), initial=1))

    @property
    def start(self) -> int:
        return self.tokens[0].start

    @property
    def end(self) -> int:
        return self.tokens[-1].end

    @property
    def is_question(self) -> bool:
        return self.tokens[-1].word == "?"

    def index(self, place: int) -> int:
        """Which token stands at a place of the line."""
        return max(0, min(bisect_right(self._offsets, place) - 1, len(self.tokens) - 1))

    def retag(self, pattern: re.Pattern[str], tag: str, *, after: int = 0) -> "Sentence":
        """The sentence with every match of whole words, from a place on, made one token."""
        matches = list(pattern.finditer(self.line, after))
        if not matches:
            return self
        tokens: list[Token] = []
        done = 0
        for match in matches:
            first, last = self.index(match.start()), self.index(match.end() - 1)
            tokens += self.tokens[done:first]
            tokens.append(Token(tag, self.tokens[first].start, self.tokens[last].end, tag))
            done = last + 1
        return Sentence([*tokens, *self.tokens[done:]])


def sentences(text: str, quoted: Sequence[Span], names: NameIndex) -> Iterator[Sentence]:
    """The sentences of a plain text; a client's quoted words stand as one token, QUO."""
    tokens: list[Token] = []
    for token in _without(text, quoted):
        if tokens and (_breaks(text, tokens, token) or len(tokens) >= LONGEST):
            yield from _finish(tokens, names)
            tokens = []
        tokens.append(token)
    yield from _finish(tokens, names)


def _finish(tokens: list[Token], names: NameIndex) -> Iterator[Sentence]:
    words = [token for token in tokens if token.word not in IGNORED]
    expanded = list(_expand(names.tag(words)))
    if any(token.word[0].isalnum() for token in expanded):
        yield Sentence(expanded)


def _without(text: str, quoted: Sequence[Span]) -> Iterator[Token]:
    """All tokens outside the quoted spans, each of which gives one token."""
    done = 0
    for start, end in quoted:
        yield from _stretches(text, done, start)
        yield Token("QUO", start, end, text[max(start, end - 2) : end])
        done = end
    yield from _stretches(text, done, len(text))


def _stretches(text: str, start: int, end: int) -> Iterator[Token]:
    """Tokens of a long stretch, piece by piece, so that memory stays small."""
    while start < end:
        stop = min(start + _STRETCH, end)
        blank = text.rfind(" ", start + 1, stop) if stop < end else -1
        stop = blank if blank > start else stop
        yield from scan(text, start, stop)
        start = stop


def _breaks(text: str, tokens: Sequence[Token], after: Token) -> bool:
    """Whether a new sentence starts between the tokens so far and the next one."""
    before = tokens[-1]
    gap = text[before.end : after.start][:200]
    if before.word in _ENDS or (before.word == "QUO" and before.raw[0] in _ENDS):
        return _is_apart(gap, after) and not _is_abbreviation(tokens, after)
    if before.word == "TIM" and before.raw.endswith(".") and after.raw[:1].isupper():
        return after.word not in _AFTER_A_TIME
    if "\n" not in gap:
        return False
    block = text[before.end : min(after.end + 42, before.end + 240)]
    if _NEW_BLOCK.match(block) or _LABEL.match(block):
        return True
    return after.raw[:1].isupper() and before.word not in _LEANS_ON


def _is_abbreviation(tokens: Sequence[Token], after: Token) -> bool:
    """ "Stripe Inc. is …": the full stop belongs to the word before it."""
    is_short = len(tokens) > 1 and tokens[-2].word in _ABBREVIATED and tokens[-1].word == "."
    return is_short and not after.raw[:1].isupper()


def _is_apart(gap: str, after: Token) -> bool:
    return after.word not in _ENDS and (bool(gap.strip(" ")) or " " in gap or after.word == "QUO")


def _expand(tokens: Sequence[Token]) -> Iterator[Token]:
    """Contractions as whole words; both halves keep the place of the contraction."""
    position = 0
    while position < len(tokens):
        token = tokens[position]
        suffix = tokens[position + 1].word if position + 1 < len(tokens) else ""
        if token.word in _BARE_NEGATIONS:
            yield from (token._replace(word=word) for word in _BARE_NEGATIONS[token.word])
        elif suffix == "'t":
            base = _WHOLE_NEGATIONS.get(token.word, token.word.removesuffix("n"))
            yield token._replace(word=base)
            yield tokens[position + 1]._replace(word="not")
            position += 1
        elif suffix == "'s" and token.word in _IS_AFTER:
            yield token
            yield tokens[position + 1]._replace(word="is")
            position += 1
        else:
            yield token._replace(word=_SUFFIX_WORDS.get(token.word, token.word))
        position += 1
