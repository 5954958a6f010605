"""Finding the names of vendors and clients among the words of a text."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from notifications.wording.tokens import IGNORED, Token, camel_parts, plain, scan, word_set

#: Vendors whose name is an ordinary word need a capital, or a place where only a name can stand.
ORDINARY = word_set(
    "instantly apollo stripe telegram slack notion make close clay front drift segment "
    "zoom monday outreach buffer box linear intercom square twist loom wave copper signal "
    "teams sheets drive meet lemon mercury ramp apple amazon google oracle target shift "
    "reply woodpecker clearbit hunter snow sparrow mailgun postmark beehive crisp lark "
    "line"
)
_BEFORE_A_NAME = word_set(
    "because that and but when as if while since think believe know see noticed so "
    "although whereas why until once both or at by with through via from in on of to fear "
    "whether"
)
_AFTER_A_NAME = word_set(
    "'s is was are were has had have will api apis server servers itself keeps again "
    "crashed failed broke stopped went suspended failure outage"
)
_AFTER_AN_ADVERB = word_set("the a an our your we you all this it they i , every no")
_SUFFIXES = ("com", "io", "ai", "net", "org", "co", "app", "dev", "eu")
_LEGAL = word_set("ltd inc llc gmbh plc co limited corp")


@dataclass(frozen=True, slots=True)
class _Name:
    words: tuple[str, ...]
    tag: str


class NameIndex:
    """Names by their first word, longest first: one look per word of the text."""

    def __init__(self, vendors: Iterable[str], clients: Iterable[str]) -> None:
        self._by_first: dict[str, list[_Name]] = {}
        vendor_words = {words for name in vendors for words in _spellings(name)}
        client_words = {_words(name) for name in clients} | {
            words[:-1] for words in map(_words, clients) if len(words) > 2 and words[-1] in _LEGAL
        }
        for words in vendor_words:
            self._add(words, "VEN")
        for words in client_words - vendor_words:
            self._add(words, "CLI")
        for names in self._by_first.values():
            names.sort(key=lambda name: (-len(name.words), name.tag))

    def _add(self, words: tuple[str, ...], tag: str) -> None:
        if words:
            self._by_first.setdefault(words[0], []).append(_Name(words, tag))

    def tag(self, tokens: Sequence[Token]) -> list[Token]:
        """The tokens, each name replaced by one token VEN or CLI."""
        tagged: list[Token] = []
        position = 0
        while position < len(tokens):
            name = self._name_at(tokens, position)
            if name is None:
                tagged.append(tokens[position])
                position += 1
                continue
            last = tokens[position + len(name.words) - 1]
            tagged.append(Token(name.tag, tokens[position].start, last.end, name.tag))
            position += len(name.words)
        return tagged

    def _name_at(self, tokens: Sequence[Token], position: int) -> _Name | None:
        word = tokens[position].word
        for name in self._by_first.get(word, ()):
            if _follows(tokens, position, name.words) and _is_meant(tokens, position, name):
                return name
        stem, dot, suffix = word.partition(".")
        if dot and suffix in _SUFFIXES:
            for name in self._by_first.get(stem, ()):
                if name.words == (stem,) and name.tag == "VEN":
                    return name
        return None


def _follows(tokens: Sequence[Token], position: int, words: tuple[str, ...]) -> bool:
    if position + len(words) > len(tokens):
        return False
    return all(tokens[position + i].word == word for i, word in enumerate(words))


def _is_meant(tokens: Sequence[Token], position: int, name: _Name) -> bool:
    """Whether an ordinary word stands here as the vendor's name."""
    if name.tag == "CLI" or len(name.words) > 1 or name.words[0] not in ORDINARY:
        return True
    previous = tokens[position - 1].word if position else "."
    following = tokens[position + 1].word if position + 1 < len(tokens) else "."
    starts = previous in {".", "!", "?", ":", ";", ",", "—", "…"}
    is_capital = tokens[position].raw[:1].isupper()
    if is_capital and not starts:
        return True
    if is_capital:
        return following not in _AFTER_AN_ADVERB or previous == ","
    if following in _AFTER_A_NAME:
        return starts or previous in _BEFORE_A_NAME
    return following in {".", ",", ";", "!", "?"} and previous in {"through", "via", "at", "with"}


def _words(name: str) -> tuple[str, ...]:
    return tuple(token.word for token in scan(plain(name).text) if token.word not in IGNORED)


def _spellings(name: str) -> set[tuple[str, ...]]:
    """A vendor's name as it is written, and with its parts apart ("Hub Spot", "open-router")."""
    words = _words(name)
    parts = _words(camel_parts(name))
    return {words, parts} if words else set()
