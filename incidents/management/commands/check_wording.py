"""The wording guard for scripts and software agents, before they send (rules M4, M5)."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from incidents.models import Client, System
from notifications.wording import KINDS, Finding, check_wording


@dataclass(frozen=True, slots=True)
class Checker:
    """The guard with the names it knows."""

    kind: str
    vendors: Sequence[str]
    clients: Sequence[str]

    def findings(self, text: str) -> list[dict[str, Any]]:
        found = check_wording(text, kind=self.kind, vendors=self.vendors, clients=self.clients)
        return [as_data(finding) for finding in found]


class Command(BaseCommand):
    help = (
        "Read a text on standard input and print what the wording guard finds in it, as JSON; "
        'with --json-lines one {"id", "text"} a line, answered by one {"id", "findings"} a line.'
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--kind", default="notification", help=" | ".join(KINDS))
        parser.add_argument(
            "--json-lines", action="store_true", help="many texts, each with an id, one a line"
        )
        parser.add_argument("--json", action="store_true", help="the answer is JSON anyway")

    def handle(self, *args: Any, **options: Any) -> None:
        """Findings are an answer, exit status 0; input that cannot be read is an error, 1."""
        kind = options["kind"]
        if kind not in KINDS:
            raise CommandError(f"Unknown kind {kind!r}. Choose one of: {', '.join(KINDS)}.")
        checker = self._checker(kind)
        if options["json_lines"]:
            self._check_lines(checker, sys.stdin)
        else:
            self._answer({"findings": checker.findings(read_all(sys.stdin))})

    def _checker(self, kind: str) -> Checker:
        try:
            vendors = System.objects.vendor_names()
            clients = list(Client.objects.values_list("name", flat=True))
        except DatabaseError as error:
            raise CommandError(f"The database refused: {str(error).splitlines()[0]}") from error
        return Checker(kind, vendors, clients)

    def _check_lines(self, checker: Checker, source: TextIO) -> None:
        """Every line gets its answer; a line that cannot be read never stops the others."""
        unread = 0
        for number, line in enumerate(binary_lines(source), 1):
            if not line.strip():
                continue
            try:
                item = read_item(line)
            except ValueError as error:
                unread += 1
                self._answer({"id": None, "line": number, "error": str(error)})
            else:
                self._answer({"id": item["id"], "findings": checker.findings(item["text"])})
        if unread:
            raise CommandError(f"{unread} line{'s' if unread > 1 else ''} could not be read.")

    def _answer(self, data: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(data))


def as_data(finding: Finding) -> dict[str, Any]:
    """One finding for machines; places count characters, the end excluded."""
    return {
        "rule": finding.rule,
        "start": finding.start,
        "end": finding.end,
        "text": finding.text,
        "suggestion": finding.suggestion,
        "explanation": finding.explanation,
    }


def read_all(source: TextIO) -> str:
    """The whole text. Bytes that are no UTF-8 are replaced, line ends kept as they are."""
    buffer = getattr(source, "buffer", None)
    return source.read() if buffer is None else buffer.read().decode("utf-8", errors="replace")


def binary_lines(source: TextIO) -> Any:
    """The lines as bytes where there are bytes, so that one bad line spoils no other."""
    return getattr(source, "buffer", source)


def read_item(line: str | bytes) -> dict[str, Any]:
    """One {"id", "text"}. Raises ValueError with what is wrong, in a few words."""
    try:
        item = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError("This line is not JSON.") from error
    if not isinstance(item, dict) or "id" not in item:
        raise ValueError('This line is not an object with "id" and "text".')
    if not isinstance(item.get("text"), str):
        raise ValueError(f'"text" of {json.dumps(item["id"])[:80]} is not a text.')
    return item
