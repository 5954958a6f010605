"""A client mail as a person reads it on screen, with the guard's findings where they stand.

The letter is made from the very mail the client would get: the findings travel through the
template as pairs of private-use characters, and become marks when the HTML part is taken apart.
Every text is escaped on its way out; nothing of what a person typed is trusted as markup.
"""

import copy
import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser

from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString

from incidents.correspondence.rendering import (
    DRAFT_FIELDS,
    OPTIONAL_FIELDS,
    FieldFinding,
    client_time,
    field_label,
    next_update_of,
    render_for,
)
from incidents.enums import MailKind
from incidents.models import Client, MailDraft
from notifications.models import Message
from notifications.templating import RenderedMail, TemplateError

#: Two characters a finding, and two for what is not written yet; no keyboard writes them.
_FIRST, _LAST = 0xE000, 0xF8FF
_GAP_OPEN, _GAP_CLOSE = "\uf8fe", "\uf8ff"
_MOST_FINDINGS = (_LAST - _FIRST) // 2 - 1
_PRIVATE_USE = re.compile("[\ue000-\uf8ff]")
EMPTY = SafeString("")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|a\.m|p\.m|approx|etc|vs|dr|mr|ms)\.", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?…]+[^\w\s]*(?=\s|$)|\n\s*\n")


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph of the letter, and whether findings stand in it."""

    html: SafeString
    has_findings: bool = False


@dataclass(frozen=True, slots=True)
class Letter:
    """What one client would read now; ``problem`` says why it cannot be shown."""

    subject: SafeString = EMPTY
    blocks: tuple[Block, ...] = ()
    problem: str = ""

    @property
    def notes_after(self) -> int:
        """The paragraph (counted from 1) beside which the notes stand; 0: before the first."""
        marked = (n for n, block in enumerate(self.blocks, start=1) if block.has_findings)
        return next(marked, 0)


def count_sentences(text: str) -> int:
    """How many sentences a text has; abbreviations and figures end none (rule M1)."""
    plain = _ABBREVIATION.sub(lambda found: found.group().replace(".", ""), text)
    return sum(1 for part in _SENTENCE_END.split(plain) if re.search(r"\w", part))


def letter_of(message: Message) -> Letter:
    """The letter that left, as the outbox keeps it."""
    return _read(message.subject, message.html, promise="")


def letter_for(
    draft: MailDraft, client: Client, findings: Iterable[FieldFinding], *, now: dt.datetime
) -> Letter:
    """The letter of one client; findings are numbered from 1 in the order given."""
    marked = _marked_copy(draft, list(findings))
    try:
        mail = render_for(marked, client, now=now)
    except TemplateError as problem:
        return Letter(problem=str(problem))
    next_update = next_update_of(draft, now=now)
    promise = client_time(next_update, client) if next_update else ""
    return _read(mail.subject, mail.html, promise=promise)


def letter_of_texts(
    texts: Mapping[str, str],
    findings: Iterable[FieldFinding],
    render: Callable[[Mapping[str, str]], RenderedMail],
) -> Letter:
    """The letter that ``render`` makes of these texts; findings are numbered from 1."""
    found = list(findings)
    marked = {
        name: _with_marks(_PRIVATE_USE.sub(" ", text), name, found) for name, text in texts.items()
    }
    try:
        mail = render(marked)
    except TemplateError as problem:
        return Letter(problem=str(problem))
    return _read(mail.subject, mail.html, promise="")


def _read(subject: str, html: str, *, promise: str) -> Letter:
    parser = _LetterParser(promise)
    parser.feed(html)
    parser.close()
    writer = _Writer()
    writer.write(subject)
    return Letter(subject=writer.html(), blocks=tuple(parser.blocks))


def _marked_copy(draft: MailDraft, findings: list[FieldFinding]) -> MailDraft:
    """The draft with marks around the findings, and words where nothing is written yet."""
    marked = copy.copy(draft)
    for name in DRAFT_FIELDS[MailKind(draft.kind)]:
        text = _PRIVATE_USE.sub(" ", getattr(draft, name))
        if not text.strip() and name not in OPTIONAL_FIELDS:
            label = field_label(draft.kind, name)
            setattr(marked, name, f"{_GAP_OPEN}{label}: not written yet{_GAP_CLOSE}")
            continue
        setattr(marked, name, _with_marks(text, name, findings))
    return marked


def _with_marks(text: str, name: str, findings: list[FieldFinding]) -> str:
    inserts: list[tuple[int, int, str]] = []
    for number, one in enumerate(findings[:_MOST_FINDINGS]):
        if one.field == name:
            # At one place the end of a finding comes before the start of the next.
            inserts.append((one.finding.start, 1, chr(_FIRST + 2 * number)))
            inserts.append((one.finding.end, 0, chr(_FIRST + 2 * number + 1)))
    for place, _, mark in sorted(inserts, reverse=True):
        text = text[:place] + mark + text[place:]
    return text


class _Writer:
    """Collects text and turns the travelling marks into markup."""

    def __init__(self) -> None:
        self._parts: list[SafeString] = []
        self._open: list[int] = []
        self._is_gap = False
        self.has_findings = False

    def write(self, text: str, *, is_bold: bool = False) -> None:
        for piece in re.split("([\ue000-\uf8ff])", text):
            if piece and _PRIVATE_USE.fullmatch(piece):
                self._turn(piece)
            elif piece:
                self._parts.append(self._dress(piece, is_bold=is_bold))

    def break_line(self) -> None:
        self._parts.append(SafeString("<br>"))

    def mark_promise(self, promise: str) -> None:
        """Underline the time of the next update in what was written."""
        if promise:
            found = conditional_escape(promise)
            html = str(self.html())
            if found in html:
                mark = format_html('<mark class="promise">{}</mark>', promise)
                self._parts = [SafeString(html.replace(found, mark, 1))]

    def html(self) -> SafeString:
        return format_html_join("", "{}", ((part,) for part in self._parts))

    def _dress(self, text: str, *, is_bold: bool) -> SafeString:
        html = conditional_escape(text)
        if is_bold:
            html = format_html("<b>{}</b>", html)
        if self._is_gap:
            return format_html('<span class="faint">({})</span>', html)
        if self._open:
            return format_html('<mark class="finding">{}</mark>', html)
        return html

    def _turn(self, mark: str) -> None:
        if mark in (_GAP_OPEN, _GAP_CLOSE):
            self._is_gap = mark == _GAP_OPEN
            return
        number, is_end = divmod(ord(mark) - _FIRST, 2)
        self.has_findings = True
        if not is_end:
            self._open.append(number)
        elif number in self._open:
            self._open.remove(number)
            self._parts.append(
                format_html(
                    '<a class="finding-no" href="#finding-{}" aria-label="Finding {}">{}</a>',
                    number + 1,
                    number + 1,
                    number + 1,
                )
            )


class _LetterParser(HTMLParser):
    """Takes the HTML part of a mail apart: paragraphs, headings, line breaks and bold."""

    def __init__(self, promise: str) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self._promise = promise
        self._writer: _Writer | None = None
        self._is_bold = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("p", "h2"):
            self._writer = _Writer()
            self._is_bold = tag == "h2"
        elif tag == "strong":
            self._is_bold = True
        elif tag == "br" and self._writer:
            self._writer.break_line()

    def handle_endtag(self, tag: str) -> None:
        if tag == "strong":
            self._is_bold = False
        elif tag in ("p", "h2") and self._writer:
            self._writer.mark_promise(self._promise)
            self.blocks.append(Block(self._writer.html(), self._writer.has_findings))
            self._writer, self._is_bold = None, False

    def handle_data(self, data: str) -> None:
        if self._writer:
            self._writer.write(data, is_bold=self._is_bold)
