"""From characters to words with their places in the text."""

import re
from typing import NamedTuple


class Token(NamedTuple):
    """A word in lower case, or a tag in capitals, with its place in the text."""

    word: str
    start: int
    end: int
    raw: str


#: One character for one, so that places stay what they are.
_SAME = str.maketrans(
    {
        "\u2019": "'",
        "\u2018": "'",
        "\u02bc": "'",
        "\u2032": "'",
        "\uff07": "'",
        "\u00a0": " ",
        "\u202f": " ",
        "\u2009": " ",
        "\u2013": "—",
        "\u2015": "—",
        "\u2212": "-",
        "\u2010": "-",
        "\u2011": "-",
        "\r": "\n",
        "\u2028": "\n",
        "\u2029": "\n",
        "\x00": " ",
        "*": " ",
        "_": " ",
        "`": " ",
        "~": " ",
        "#": " ",
        "|": " ",
    }
)
_INVISIBLE = re.compile("[\u00ad\u200b\u200c\u200d\u2060\ufeff]")
_TOKEN = re.compile(
    r"""
    https?://\S+
    | [\w.+-]{1,64}@[\w-][\w.-]{0,190}
    | \d{1,2}(?:[:.]\d{2})?\s?[ap]\.?\s?m\b\.?
    | \d{1,2}[:h]\d{2}(?::\d{2})?(?!\d)
    | \d{4}-\d{2}-\d{2}
    | \d{1,2}[./]\d{1,2}[./](?:\d{4}|\d{2})?(?!\d)
    | \d+(?:[.,]\d+)?(?:st|nd|rd|th)\b
    | \d+[.,]\d+
    | \d+(?=(?:h|hrs?|min|mins|d|k)\b)
    | \w{1,40}\.(?:com|io|ai|net|org|co|app|dev|eu)\b
    | e\.g\. | i\.e\. | approx\. | etc\.(?=\s+[a-z])
    | \w+
    | (?<=\w)'\w+
    | [.!?…;:,()\[\]&—/-]
    """,
    re.VERBOSE | re.IGNORECASE,
)
_CLOCK = re.compile(
    r"\d{1,2}(?:[:.]\d{2})?\s?[ap]\.?\s?m\b\.?|\d{1,2}[:h]\d{2}(?::\d{2})?", re.IGNORECASE
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./](?:\d{4}|\d{2})?")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_LONGEST_WORD = 40
#: Signs that join words of one name or phrase.
IGNORED = frozenset("-/[]")


def word_set(text: str) -> frozenset[str]:
    """The words of a text, to look words up in."""
    return frozenset(text.split())


class Plain(NamedTuple):
    """A text with one kind of each sign, and the way back to the places of the original."""

    text: str
    places: list[int] | None

    def original(self, place: int) -> int:
        if self.places is None:
            return place
        return self.places[place]


def plain(text: str) -> Plain:
    """Curly signs straightened, marks of emphasis blanked, invisible characters left out."""
    same = text.translate(_SAME)
    if not _INVISIBLE.search(same):
        return Plain(same, None)
    kept = [i for i, char in enumerate(same) if not _INVISIBLE.match(char)]
    return Plain("".join(same[i] for i in kept), [*kept, len(text)])


def scan(text: str, start: int = 0, end: int | None = None) -> list[Token]:
    """The words and signs of a stretch of plain text, in order."""
    found = _TOKEN.finditer(text, start, len(text) if end is None else end)
    return [Token(_word(m.group()), m.start(), m.end(), m.group()) for m in found]


def camel_parts(name: str) -> str:
    """ "HubSpot" as "Hub Spot"."""
    return _CAMEL.sub(" ", name)


def _word(raw: str) -> str:
    word = raw.lower()
    if raw[0].isdigit():
        if _CLOCK.fullmatch(raw):
            return "TIM"
        if _DATE.fullmatch(raw):
            return "DAT"
    if "@" in raw or "://" in raw:
        return "URL"
    return word if len(word) <= _LONGEST_WORD else "longword"
