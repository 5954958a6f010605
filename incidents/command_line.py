"""What the commands about incidents share: who, which incident, one line of outcome, JSON."""

import datetime as dt
import json
import zoneinfo
from argparse import ArgumentTypeError
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import NON_FIELD_ERRORS
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.db.models import Q
from django.forms import BaseForm
from django.http import QueryDict
from django.utils import timezone

from incidents.actors import Actor, actor_for
from incidents.enums import Origin, Role
from incidents.errors import Missing, WorkflowError
from incidents.models import Client, Incident, Responder
from incidents.serialization import missing_text
from notifications.instants import instant

#: Whoever has the shell is trusted (rule A1); without ``--as`` nobody's name is recorded.
SHELL = Actor(
    name="Command line", origin=Origin.COMMAND_LINE, roles=frozenset({Role.ORCHESTRATOR.value})
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line for people, data for machines."""

    line: str
    data: Any = field(default_factory=dict)


class IncidentCommand(BaseCommand):
    """A command that ends in one line of outcome, or in JSON with ``--json``.

    Every refusal is a clear line on standard error and exit status 1; with ``--json`` also
    ``{"ok": false, "missing": [...]}`` on standard output. Never a traceback.
    """

    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON for machines")
        parser.add_argument("--now", metavar="ISO", help="replay this instant instead of now")

    def run(self, options: dict[str, Any], *, now: dt.datetime) -> Outcome:
        """Do it. Raises WorkflowError for anything a person can mend."""
        raise NotImplementedError

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            outcome = self.run(options, now=read_now(options["now"]))
        except WorkflowError as error:
            self._refuse(error.message, error.missing, is_json=options["json"])
        except DatabaseError as error:
            line = f"The database refused: {str(error).splitlines()[0]}"
            self._refuse(line, [], is_json=options["json"])
        else:
            is_json = options["json"]
            self.stdout.write(json.dumps(outcome.data) if is_json else outcome.line)

    def _refuse(self, message: str, missing: list[Missing], *, is_json: bool) -> None:
        texts = [missing_text(item) for item in missing]
        if is_json:
            answer = {"ok": False, "error": message, "missing": texts or [message]}
            self.stdout.write(json.dumps(answer))
        wanted = (f"Missing: {text.removesuffix('.')}." for text in texts)
        raise CommandError(" ".join([message, *wanted]))


def read_now(text: str | None) -> dt.datetime:
    """The instant to replay, or the present one. Raises WorkflowError."""
    if not text:
        return timezone.now()
    try:
        return instant(text)
    except (ArgumentTypeError, OverflowError) as error:
        raise WorkflowError(f"--now: {error}.") from error


def find_user(username: str) -> User:
    """The active account of that name. Raises WorkflowError."""
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        raise WorkflowError(f"There is no active account “{username}”.")
    return user


def shell_actor(username: str | None) -> Actor:
    """The person named by ``--as``, or the shell itself."""
    return actor_for(find_user(username), origin=Origin.COMMAND_LINE) if username else SHELL


def find_incident(ref: str, *, user: User | None = None) -> Incident:
    """The incident, if that person may see it (rule W11). Raises WorkflowError."""
    rows = Incident.objects.visible_to(user) if user else Incident.objects.all()
    incident = rows.filter(ref=ref.strip().upper()).first() if "\0" not in ref else None
    if incident is None:
        raise WorkflowError(f"There is no incident {ref}.")
    return incident


def find_client(slug: str) -> Client:
    """The client of that slug or name. Raises WorkflowError."""
    wanted = slug.strip()
    rows = Client.objects.filter(Q(slug=wanted) | Q(name__iexact=wanted))
    client = rows.first() if "\0" not in wanted else None
    if client is None:
        raise WorkflowError(f"There is no client {slug}.")
    return client


def zone_of(user: User | None) -> zoneinfo.ZoneInfo:
    """The zone in which a person's times are read: their own, else the agency's (rule C9)."""
    person = Responder.objects.filter(user=user, is_active=True).first() if user else None
    return person.zone if person else zoneinfo.ZoneInfo(timezone.get_default_timezone_name())


def read_settings(pairs: list[str]) -> QueryDict:
    """``field=value`` texts as form data; a field given again becomes a list.

    Raises WorkflowError for a text without a field name.
    """
    data = QueryDict(mutable=True)
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name.strip():
            raise WorkflowError(f"Write --set field=value, not --set {pair!r}.")
        data.appendlist(name.strip().replace("-", "_"), value)
    return data


def form_error(form: BaseForm) -> WorkflowError:
    """What is wrong with the input, as a refusal that names each field."""
    missing = [
        Missing(str(text) if name == NON_FIELD_ERRORS else f"{name}: {text}")
        for name, texts in form.errors.items()
        for text in texts
    ]
    return WorkflowError("The input is not complete or not understood.", missing)
