"""Clients, systems, mail templates and contact details: who may change them, and how (A1, A2)."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, models, transaction
from django.utils.text import slugify

from incidents import staff
from incidents.actors import Actor
from incidents.enums import ADMIN_GROUP, EscalationCode, Role
from incidents.errors import ConflictError, NotAllowedError, WorkflowError
from incidents.escalation import people_of, raise_by_person, ways_to
from incidents.models import (
    Client,
    Dependency,
    Escalation,
    EscalationRule,
    Hold,
    Responder,
    SendingDomain,
    System,
)
from incidents.models.incident import Viewer
from incidents.permissions import authorize
from incidents.roster import Roster
from incidents.sending import Signing, changed_signing, write_signing
from incidents.taking import require
from incidents.transitions import Step
from notifications.enums import Channel
from notifications.models import EmailTemplate


class Kind(models.TextChoices):
    """What is kept here; the label names it in a refusal."""

    CLIENT = "client", "Clients are changed"
    SYSTEM = "system", "Systems are changed"
    TEMPLATE = "template", "Mail templates are changed"
    MESSAGE = "message", "Messages are settled"
    INCIDENT = "incident", "The facts of an incident are mended"
    PLAYBOOK = "playbook", "Playbooks are changed"


EDITORS: dict[Kind, tuple[str, ...]] = {
    Kind.CLIENT: (Role.ORCHESTRATOR, Role.REVENUE, Role.FOUNDER, ADMIN_GROUP),
    Kind.SYSTEM: (Role.ORCHESTRATOR, Role.DELIVERY, Role.FOUNDER, ADMIN_GROUP),
    Kind.TEMPLATE: (Role.ORCHESTRATOR, Role.REVENUE, Role.FOUNDER),
    Kind.MESSAGE: (Role.ORCHESTRATOR, Role.REVENUE, Role.FOUNDER),
    Kind.INCIDENT: (Role.ORCHESTRATOR, Role.FOUNDER, ADMIN_GROUP),
    Kind.PLAYBOOK: (Role.ORCHESTRATOR, Role.FOUNDER, ADMIN_GROUP),
}
#: Raised on a client alone; a suspected data breach (E4) always belongs to an incident (W11).
CLIENT_ESCALATIONS = (EscalationCode.E2, EscalationCode.E3, EscalationCode.E7)
#: The channels inside a sentence.
WAYS: dict[str, str] = {Channel.EMAIL: "e-mail", Channel.TELEGRAM: "Telegram"}
#: What the history keeps of a reason.
REASON_LENGTH = 100


def may_edit(kind: Kind, *, by: Actor) -> bool:
    return by.has_role(*EDITORS[kind])


def check_editor(kind: Kind, *, by: Actor) -> None:
    """Raises NotAllowedError, naming who may."""
    if not may_edit(kind, by=by):
        raise NotAllowedError(f"{kind.label} by {editors_of(kind)}. Ask one of them.")


def editors_of(kind: Kind) -> str:
    """“orchestrator, revenue or founder”."""
    words = ["an administrator" if role == ADMIN_GROUP else str(role) for role in EDITORS[kind]]
    return f"{', '.join(words[:-1])} or {words[-1]}"


def version_of(record: Any) -> int:
    """The number of the record's newest history row: what a form is compared with."""
    newest = record.history.values_list("history_id", flat=True).first()
    return newest or 0


@dataclass(frozen=True, slots=True)
class Change:
    """One row of a record's history: who, when, and which fields (rule A2)."""

    version: int
    at: dt.datetime
    by: str
    what: str


def changes_of(record: Any, *, limit: int = 10) -> list[Change]:
    """The newest changes of a record, newest first."""
    history = record.history.select_related("history_user")
    rows = list(history[: limit + 1])
    older = [*rows[1:], None] if rows else []
    return [
        Change(
            version=row.history_id,
            at=row.history_date,
            by=_name_of(row.history_user),
            what=_what_changed(row, before),
        )
        for row, before in zip(rows, older, strict=True)
    ][:limit]


def save_client(
    client: Client,
    *,
    domains: Iterable[str],
    systems: Iterable[System],
    only_channels: Iterable[System],
    by: Actor,
    signing: Mapping[str, Signing] | None = None,
    version: int | None = None,
) -> Client:
    """Write a client with its sending domains and what it depends on.

    ``signing`` says by name what is known about a domain; one without an entry stays as it is.

    Raises NotAllowedError, ConflictError for a form that is too old, and WorkflowError.
    """
    check_editor(Kind.CLIENT, by=by)
    with transaction.atomic():
        check_fresh(client, version)
        wanted = {system: system in set(only_channels) for system in systems}
        changed = changed_signing(client, signing or {})
        scope = _scope_changes(client, set(domains), wanted, changed)
        if not client.pk:
            client.slug = free_slug(Client, client.name)
        _save(client, reason=scope[:REASON_LENGTH])
        _set_domains(client, set(domains))
        write_signing(client, changed)
        _set_dependencies(client, wanted)
    return client


def save_system(system: System, *, by: Actor, version: int | None = None) -> System:
    """Write a system. Raises NotAllowedError, ConflictError, WorkflowError."""
    check_editor(Kind.SYSTEM, by=by)
    with transaction.atomic():
        check_fresh(system, version)
        if not system.pk:
            system.slug = free_slug(System, system.name)
        _save(system)
    return system


def save_template(
    template: EmailTemplate, *, by: Actor, version: int | None = None
) -> EmailTemplate:
    """Write the wording of a mail, which must render (rules M1, A4).

    Raises NotAllowedError, ConflictError, and ValidationError for what does not render.
    """
    check_editor(Kind.TEMPLATE, by=by)
    with transaction.atomic():
        check_fresh(template, version)
        template.save()
    return template


def escalate_client(
    client: Client,
    *,
    code: str,
    summary: str,
    by: Actor,
    now: dt.datetime,
    quote: str = "",
    amount: str = "",
) -> Escalation:
    """E2, E3, E7 on a client alone: the people of the matrix are told at once."""
    actor = authorize(Step.ESCALATE, by=by, now=now)
    if code not in CLIENT_ESCALATIONS:
        raise WorkflowError("That situation is raised on an incident, not on a client alone.")
    text = require(summary, "What happened")
    return raise_by_person(
        code,
        summary=text,
        quote=quote.strip(),
        amount=amount.strip(),
        by=actor,
        now=now,
        client=client,
    )


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody whom an escalation will reach; ``way`` is empty where nothing does (E10)."""

    name: str
    role: str
    way: str


def who_is_told(rule: EscalationRule, *, now: dt.datetime) -> list[Told]:
    """The people of one row of the matrix as they are on duty now, with the way to each."""
    people = []
    for role, person in people_of(rule, Roster(at=now)):
        ways = ways_to(rule, person) if person else {}
        name = person.name if person else "nobody is set"
        way = " and ".join(f"{WAYS[channel]}, {address}" for channel, address in ways.items())
        people.append(Told(name, Role(role).label, way))
    return people


def escalation_choices(
    rules: Iterable[EscalationRule], *, chosen: str | None, now: dt.datetime
) -> list[tuple[EscalationRule, list[Told], bool]]:
    """Rows of the matrix as a form offers them: whom each tells, and whether it is chosen."""
    return [(rule, who_is_told(rule, now=now), rule.code == chosen) for rule in rules]


def responders_of(user: Viewer) -> list[Responder]:
    """The active entries of one account: a person may hold one role and back up another."""
    return list(Responder.objects.filter(user=user.pk, is_active=True)) if user.pk else []


def save_own_contact(responder: Responder, *, by: Actor) -> Responder:
    """How a person is reached and until when they are away; only their own (N1).

    Saves the contact fields only: role, rank and account stay an administrator's matter.
    """
    if by.user is None or responder.user_id != by.user.pk:
        raise NotAllowedError("These are somebody else's contact details.")
    responder.save(update_fields=["channel", "email", "telegram_chat", "time_zone", "away_until"])
    return responder


def check_fresh(record: Any, version: int | None) -> None:
    """Lock the stored row; a form opened before the newest change raises ConflictError."""
    if not record.pk:
        return
    type(record).objects.select_for_update().get(pk=record.pk)
    if version is None or version == version_of(record):
        return
    changes = [c for c in changes_of(record) if c.version > version]
    raise ConflictError(
        f"{record} was changed by somebody else since you opened this form. Your text is kept; "
        "compare it with what was changed, then save again.",
        [f"{change.by}, {staff.agency_time(change.at)}: {change.what}" for change in changes],
    )


def _save(record: Any, *, reason: str = "") -> None:
    if reason:
        # Where the history takes the reason from.
        record._change_reason = reason
    try:
        with transaction.atomic():
            record.save()
    except IntegrityError as error:
        raise WorkflowError(f"There is already one called “{record}”.") from error


def free_slug(model: type[models.Model], name: str, *, reserved: Iterable[str] = ("new",)) -> str:
    """The name as an address, with a number where it is taken or nothing is left of it.

    ``reserved``: the pages that live beside the records, such as /clients/new/.
    """
    base = slugify(name)[:50] or model.__name__.lower()
    rows = model._default_manager.filter(slug__startswith=base)
    taken = {*reserved, *rows.values_list("slug", flat=True)}
    if base not in taken:
        return base
    number = 2
    while f"{base}-{number}" in taken:
        number += 1
    return f"{base}-{number}"


def _scope_changes(
    client: Client,
    domains: set[str],
    systems: dict[System, bool],
    changed: Iterable[str],
) -> str:
    """What changes beside the client's own row, for its history."""
    if not client.pk:
        return ""
    had_domains = set(client.sending_domains.values_list("name", flat=True))
    rows = client.dependencies.select_related("system")
    had = {str(row.system) + (" (only channel)" * row.is_only_channel) for row in rows}
    has = {str(system) + (" (only channel)" * only) for system, only in systems.items()}
    parts = [f"+{name}" for name in sorted((has - had) | (domains - had_domains))]
    parts += [f"-{name}" for name in sorted((had - has) | (had_domains - domains))]
    parts += [f"{name} changed" for name in sorted(domains & set(changed))]
    return ", ".join(parts)


def _set_domains(client: Client, domains: set[str]) -> None:
    present = set(client.sending_domains.values_list("name", flat=True))
    gone = client.sending_domains.filter(name__in=present - domains)
    held = list(Hold.objects.filter(sending_domain__in=gone).values_list("sending_domain__name"))
    if held:
        names = ", ".join(sorted({name for (name,) in held}))
        raise WorkflowError(f"{names} is or was on hold, and its record is kept. Keep the domain.")
    gone.delete()
    for name in sorted(domains - present):
        _save(SendingDomain(client=client, name=name))


def _set_dependencies(client: Client, wanted: dict[System, bool]) -> None:
    client.dependencies.exclude(system__in=list(wanted)).delete()
    for system, is_only in wanted.items():
        Dependency.objects.update_or_create(
            client=client, system=system, defaults={"is_only_channel": is_only}
        )


def _what_changed(row: Any, before: Any) -> str:
    if before is None:
        return "first entry" if row.history_type == "+" else "kept from here on"
    delta = row.diff_against(before)
    names = [name.removesuffix("_id").replace("_", " ") for name in delta.changed_fields]
    reason = row.history_change_reason
    return "; ".join([", ".join(names)] * bool(names) + [reason] * bool(reason)) or "saved again"


def _name_of(user: User | None) -> str:
    return (user.get_full_name() or user.get_username()) if user else "System"
