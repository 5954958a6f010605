"""The sandbox in which stored mail templates become a subject, a text part and an HTML part.

Rules A4 and M1: the template engine of this module knows `if` and a few filters and nothing
that loads, includes, repeats or executes; its context holds plain strings only. Bold marks
and escaping are applied to the template's own text before rendering, paragraphs afterwards,
so that a value can add a line but never markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import Any

from django.template import Context, Engine, Template, TemplateSyntaxError
from django.template.base import FilterExpression, Node, TextNode, VariableNode
from django.template.defaulttags import IfNode

from notifications.template_fields import TemplateField

MAX_TEMPLATE_BYTES = 20_000

_TAG = re.compile(r"({%.*?%}|{{.*?}}|{#.*?#})")
_LONE_MARK = re.compile(r"{{|}}|{%|%}|{#|#}")
_TAGS_ALONE_ON_A_LINE = re.compile(r"^[ \t]*((?:{%[^%\n]*%}[ \t]*)+)\n", re.MULTILINE)
_BOLD = re.compile(r"\*\*(?=[^\s*])((?:(?!\*\*|{%|%}|\n).)+?)(?<!\s)\*\*")
_FORBIDDEN_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_LINE_BREAK = re.compile("[\r\n\x85\u2028\u2029]+")
_HEADING = re.compile(r"<strong>([^<]*)</strong>")

_DOCUMENT = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title></head>
<body>
{body}
</body>
</html>
"""


class TemplateError(ValueError):
    """Why a template or its values cannot become a mail; the text is meant for people."""


@dataclass(frozen=True)
class RenderedMail:
    subject: str
    text: str
    html: str


class _SandboxEngine(Engine):
    # Engine always adds its default builtins to those asked for: here they are all there is.
    default_builtins = ["notifications.sandbox_tags"]


@cache
def _engine(autoescape: bool) -> Engine:
    return _SandboxEngine(loaders=[], autoescape=autoescape)


def render_mail(
    *, subject: str, body: str, fields: Sequence[TemplateField], values: Mapping[str, str]
) -> RenderedMail:
    """Render subject, text part and HTML part; raises TemplateError.

    Values of fields that the mail does not offer are ignored; a field that is used and has
    no value is refused unless it may be empty.
    """
    for source in (subject, body):
        _check_source(source)
    body = _tidy_source(body)
    used = _fields_used(subject, fields) | _fields_used(body, fields)
    context = _plain_values(used, fields, values)
    rendered_subject = _one_line(_render(subject, context, autoescape=False))
    if not rendered_subject:
        raise TemplateError("The subject is empty.")
    return RenderedMail(
        subject=rendered_subject,
        text=_text_part(body, context),
        html=_html_part(body, context, title=rendered_subject),
    )


def check_template(
    *, subject: str, body: str, fields: Sequence[TemplateField]
) -> dict[str, list[str]]:
    """Problems of a template by model field, empty when it may be saved."""
    problems: dict[str, list[str]] = {}
    used: set[str] = set()
    for part, source in (("subject", subject), ("body", body)):
        try:
            _check_source(source)
            used |= _fields_used(_tidy_source(source), fields)
        except TemplateError as problem:
            problems[part] = [str(problem)]
    if _LINE_BREAK.search(subject):
        problems.setdefault("subject", []).append("A subject is one line.")
    missing = [f.name for f in fields if f.must_be_used and f.name not in used]
    if missing and not problems:
        problems["body"] = [f"This mail must use: {_braced(missing)}."]
    return problems


def _check_source(source: str) -> None:
    if len(source.encode("utf-8", "surrogatepass")) > MAX_TEMPLATE_BYTES:
        raise TemplateError(f"Longer than {MAX_TEMPLATE_BYTES // 1000} kB.")
    _refuse_forbidden_characters(source, "The template")
    for literal in _literals(source):
        if mark := _LONE_MARK.search(literal):
            raise TemplateError(f"An opening or closing {mark.group()} stands alone.")
    if "**" in _BOLD.sub("", source):
        raise TemplateError(
            "A ** stands alone; bold text opens and closes in one line and holds no tag."
        )


def _refuse_forbidden_characters(text: str, what: str) -> None:
    if _FORBIDDEN_CHARACTER.search(text):
        raise TemplateError(f"{what} contains a control character that mail cannot carry.")


def _tidy_source(source: str) -> str:
    """Unix line ends, and no empty line where a tag stands alone on its line."""
    unix = source.replace("\r\n", "\n").replace("\r", "\n")
    return _TAGS_ALONE_ON_A_LINE.sub(r"\1", unix)


def _literals(source: str) -> list[str]:
    return _TAG.split(source)[::2]


def _compile(source: str, *, autoescape: bool) -> Template:
    try:
        return Template(source, engine=_engine(autoescape))
    except TemplateSyntaxError as error:
        raise TemplateError(
            f"{error} A mail may use {{{{ field }}}} and "
            "{% if field %}…{% else %}…{% endif %} only."
        ) from error
    except RecursionError as error:
        raise TemplateError("Too many tags inside one another.") from error


def _render(source: str, context: dict[str, str], *, autoescape: bool) -> str:
    template = _compile(source, autoescape=autoescape)
    try:
        return str(template.render(Context(context, autoescape=autoescape)))
    except RecursionError as error:
        raise TemplateError("Too many tags inside one another.") from error


def _fields_used(source: str, fields: Sequence[TemplateField]) -> set[str]:
    """Names of the fields that the source prints or asks for; raises on any other name."""
    if any(tag.startswith("{#") for tag in _TAG.split(source)[1::2]):
        raise TemplateError("Comments are not allowed in a mail.")
    known = [field.name for field in fields]
    used = set(_names(_compile(source, autoescape=True).nodelist))
    if unknown := sorted(used - set(known)):
        raise TemplateError(
            f"Unknown field: {_braced(unknown)}. This mail knows: {_braced(known)}."
        )
    return used


def _names(nodes: Iterable[Node]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, VariableNode):
            yield _field_name(node.filter_expression)
        elif isinstance(node, IfNode):
            for condition, branch in node.conditions_nodelists:
                yield from _names_in_condition(condition)
                yield from _names(branch)
        elif not isinstance(node, TextNode):
            raise TemplateError(f"{type(node).__name__} is not allowed in a mail.")


def _field_name(expression: FilterExpression) -> str:
    # A constant would be printed unescaped, and a filter's argument may hide one.
    if not expression.is_var or any(arguments for _, arguments in expression.filters):
        raise TemplateError(f"{expression.token} is not the name of a field.")
    return str(expression.var)


def _names_in_condition(condition: Any) -> Iterator[str]:
    if condition is None:
        return
    for side in (getattr(condition, "first", None), getattr(condition, "second", None)):
        yield from _names_in_condition(side)
    value = getattr(condition, "value", None)
    if isinstance(value, FilterExpression) and value.is_var:
        yield _field_name(value)


def _plain_values(
    used: set[str], fields: Sequence[TemplateField], values: Mapping[str, str]
) -> dict[str, str]:
    plain = {field.name: _plain(values.get(field.name, ""), field) for field in fields}
    empty = [f.name for f in fields if f.name in used and not (f.may_be_empty or plain[f.name])]
    if empty:
        raise TemplateError(f"No value for: {_braced(empty)}.")
    return plain


def _plain(value: str, field: TemplateField) -> str:
    if not isinstance(value, str):
        raise TemplateError(f"{field.label} is not text.")
    _refuse_forbidden_characters(value, field.label)
    # Joining makes a plain string of a "safe" one, which would escape the escaping.
    return "".join(value).replace("\r\n", "\n").replace("\r", "\n").strip()


def _text_part(body: str, context: dict[str, str]) -> str:
    rendered = _render(_BOLD.sub(r"\1", body), context, autoescape=False)
    lines = "\n".join(line.rstrip() for line in rendered.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"


def _html_part(body: str, context: dict[str, str], *, title: str) -> str:
    # Bold first, over whole lines: its marks survive escaping, which touches literals only.
    bold = _BOLD.sub("\x02\\1\x03", body)
    pieces = _TAG.split(bold)
    pieces[::2] = [escape(piece, quote=False) for piece in pieces[::2]]
    source = "".join(pieces).replace("\x02", "<strong>").replace("\x03", "</strong>")
    rendered = _render(source, context, autoescape=True)
    blocks = re.split(r"\n[ \t]*\n\s*", rendered.strip())
    return _DOCUMENT.format(title=escape(title), body="\n".join(map(_html_block, blocks)))


def _html_block(block: str) -> str:
    if heading := _HEADING.fullmatch(block.strip()):
        return f"<h2>{heading.group(1)}</h2>"
    return f"<p>{'<br>'.join(line.strip() for line in block.split(chr(10)))}</p>"


def _one_line(text: str) -> str:
    return " ".join(_LINE_BREAK.sub(" ", text).split())


def _braced(names: Iterable[str]) -> str:
    return ", ".join(f"{{{{ {name} }}}}" for name in names)
