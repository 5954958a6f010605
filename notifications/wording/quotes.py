"""A client's quoted words, which may say anything (rule M4)."""

import re
from collections.abc import Iterator

from notifications.wording.names import NameIndex
from notifications.wording.tokens import scan

Span = tuple[int, int]

_SIGNS = re.compile(r"""["“”„«»‟]|(?<!\w)'(?=\w)|(?<=[\w.!?…,])'(?!\w)|\n[ \t]*\n""")
_CLOSERS = {"“": '”"', "„": '“”"', "«": "»", "»": "«", "‟": '”"', '"': '"”', "'": "'"}
_REPLY_LINES = re.compile(r"(?m)^>[^\n]*(?:\n>[^\n]*)*")
_LAST_END = re.compile(r"[.!?…][\"”']?\s")
_VERB = (
    r"(?:wrote|writes?|written|said|says?|told|tell|asked|asks?|reported|reports?|mentioned|"
    r"described|describes?|put it|puts it|replied|answered|noted|noticed|stated|complained|"
    r"called it|titled|sent|added|explained|phrased|worded|commented|posted|wondered)"
)
_SPOKEN = re.compile(rf"\b{_VERB}\b")
_CLIENTS_TEXT = re.compile(
    r"\b(?:your|client's|customer's|CLI 's)\s+(?:\w+\s+){0,2}?"
    r"(?:message|words|report|question|e ?mail|mail|ticket|note|reply|feedback|comment|complaint|"
    r"subject|text|description|request|screenshot)\b"
)
_SPEAKERS = re.compile(
    r"\b(?P<client>you|your|yours|client|customer|CLI)\b"
    r"|\b(?P<other>we|us|our|they|their|it|VEN|providers?|vendors?|"
    r"suppliers?|third|page|support)\b"
)
_CONTEXT = 160
_LONGEST_QUOTE = 3000


def client_quotes(text: str, names: NameIndex) -> list[Span]:
    """Places of what a client is quoted with, signs included, in order, without overlap."""
    spans: list[Span] = []
    for start, end in sorted([*_marked(text), *_reply_lines(text)]):
        if spans and start < spans[-1][1]:
            continue
        if _is_clients(text, start, end, names) or _continues(text, spans, start):
            spans.append((start, end))
    return spans


def _marked(text: str) -> Iterator[Span]:
    """Stretches between quotation marks that belong together, within one paragraph."""
    opened = -1
    sign = ""
    for match in _SIGNS.finditer(text):
        found = match.group()
        if found.startswith("\n") or (opened >= 0 and match.start() - opened > _LONGEST_QUOTE):
            opened = -1
            if found.startswith("\n"):
                continue
        if opened >= 0 and found in _CLOSERS[sign]:
            yield opened, match.end()
            opened = -1
        elif found in _CLOSERS and (opened < 0 or (sign == "'" and found != "'")):
            opened, sign = match.start(), found


def _reply_lines(text: str) -> Iterator[Span]:
    return (match.span() for match in _REPLY_LINES.finditer(text))


def _continues(text: str, spans: list[Span], start: int) -> bool:
    """ "… ”and“ …": a second quotation right after the first."""
    if not spans:
        return False
    between = text[spans[-1][1] : start] if start - spans[-1][1] < 40 else "too far ."
    return bool(re.fullmatch(r"[\s,;]*(?:and|or|then|also|but)?[\s,:]*", between))


def _is_clients(text: str, start: int, end: int, names: NameIndex) -> bool:
    before = _tagged(_sentence_before(text[max(0, start - _CONTEXT) : start]), names)
    after = _tagged(re.split(r"[.!?\n]", text[end : end + 70], maxsplit=1)[0], names)
    if _CLIENTS_TEXT.search(before) or _CLIENTS_TEXT.search(after):
        return True
    verbs = list(_SPOKEN.finditer(before))
    if verbs:
        return _speaker(before[: verbs[-1].start()]) != "other"
    verb = _SPOKEN.search(after)
    if verb and len(after[: verb.start()].split()) < 6:
        speaker = _speaker(after[: verb.end()]) or _speaker(after[verb.end() : verb.end() + 20])
        return speaker == "client"
    return bool(re.search(r"\b(?:you|CLI)\s*:\s*$", before))


def _sentence_before(context: str) -> str:
    """What stands before a quotation in its own sentence, or in the line that announces it."""
    stripped = context.rstrip()
    ends = [match.end() for match in _LAST_END.finditer(stripped)]
    return stripped[ends[-1] :] if ends else stripped


def _tagged(context: str, names: NameIndex) -> str:
    return " ".join(token.word for token in names.tag(scan(context)))


def _speaker(words: str) -> str:
    """Who the last person named before a verb of speech is; somebody unknown is a client's."""
    last = ""
    for match in _SPEAKERS.finditer(words):
        last = "client" if match.group("client") else "other"
    return last
