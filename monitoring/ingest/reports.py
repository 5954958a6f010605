"""An agent or a form reports an incident (rule W2)."""

import datetime as dt
import hashlib
from typing import Any

from django.http import QueryDict
from django.utils.dateparse import parse_datetime

from incidents.command_line import form_error
from incidents.enums import Source
from incidents.errors import WorkflowError
from incidents.forms.opening import OpenForm
from incidents.serialization import missing_text
from incidents.workflow import open_incident
from incidents.workflow.opening import Opened
from monitoring.ingest.answers import RefusalError
from monitoring.ingest.tokens import Machine

#: An agent's clock may be ahead by so much; what it saw counts as seen now.
CLOCK_SKEW = dt.timedelta(minutes=5)
MOST_KEY = 200
#: Fields as they are posted, and as the form of detection calls them.
TEXTS = ("title", "source", "description", "detected_at", "reported_by")
LISTS = {"systems": "system", "clients": "client"}


def take_report(data: Any, *, machine: Machine, key: str, now: dt.datetime) -> Opened:
    """Open an incident, or find the one that the same key of the same machine opened.

    ``key`` comes from the header; one in the body goes before it. Raises RefusalError (400) that
    names what is wrong.
    """
    if not isinstance(data, dict):
        raise RefusalError(400, "Send one JSON object.")
    form = OpenForm(_form_data(data))
    own_key = data.get("idempotency_key")
    opening_key = _opening_key(key if own_key is None else own_key, machine=machine)
    try:
        if not form.is_valid():
            raise form_error(form)
        report = form.cleaned_data
        return open_incident(
            title=report["title"],
            source=report["source"],
            description=report["description"],
            systems=report["system"],
            clients=report["client"],
            reported_by=report["reported_by"],
            suggested_level=report["severity"],
            detected_at=_detected_at(report["detected_at"], now=now),
            key=opening_key,
            by=machine.actor,
            now=now,
        )
    except WorkflowError as error:
        reasons = "; ".join(missing_text(item).removesuffix(".") for item in error.missing)
        raise RefusalError(
            400, f"{error.message} {reasons}." if reasons else error.message
        ) from error


def _form_data(data: dict[str, Any]) -> QueryDict:
    """The fields of the form. Raises RefusalError for one of another type."""
    fields = QueryDict(mutable=True)
    texts = {name: _text(data.get(name), name) for name in TEXTS}
    _check_instant(texts["detected_at"])
    fields.update(texts | {"source": texts["source"] or Source.AGENT.value})
    for posted, name in LISTS.items():
        fields.setlist(name, _names(data.get(posted), posted))
    severity = data.get("severity")
    if severity is not None and (isinstance(severity, bool) or not isinstance(severity, int | str)):
        raise RefusalError(400, "severity must be 1 to 4, or a text such as SEV-2.")
    fields["severity"] = "" if severity is None else str(severity)
    return fields


def _text(value: Any, name: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RefusalError(400, f"{name} must be text.")
    return value


def _names(value: Any, name: str) -> list[str]:
    if value is None:
        return []
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise RefusalError(400, f"{name} must be a list of slugs.")
    return names


def _check_instant(text: str) -> None:
    """An ISO instant with its offset: a machine's local time is nobody's guess."""
    try:
        at = parse_datetime(text) if text else None
    except ValueError:
        at = None
    if text and at is None:
        raise RefusalError(400, "detected_at must be an ISO instant such as 2026-01-05T10:00:00Z.")
    if at is not None and at.tzinfo is None:
        raise RefusalError(400, "detected_at has no offset: add Z, or one such as +01:00.")


def _detected_at(at: dt.datetime | None, *, now: dt.datetime) -> dt.datetime | None:
    return now if at and now < at <= now + CLOCK_SKEW else at


def _opening_key(key: Any, *, machine: Machine) -> str | None:
    """Keys of different machines never meet; a renewed token of the same name keeps its own."""
    if key == "":
        return None
    if not isinstance(key, str) or len(key) > MOST_KEY:
        raise RefusalError(
            400, f"The idempotency key must be text of at most {MOST_KEY} characters."
        )
    text = f"{machine.name}\0{key}".encode("utf-8", "replace")
    return f"report:{hashlib.sha256(text).hexdigest()}"
