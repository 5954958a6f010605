"""The people, clients and systems of the demonstration, from ``data/demo.toml``."""

import datetime as dt
import secrets
import string
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User

from incidents.enums import Rank
from incidents.models import Client, Dependency, Playbook, Responder, SendingDomain, System
from incidents.sop_data import DATA, read_data

PASSWORD_LENGTH = 16
PASSWORD_CHARACTERS = string.ascii_letters + string.digits
CLIENT_SINCE = dt.timedelta(days=400)


class DemonstrationError(Exception):
    """Why the demonstration cannot be written, in words for the operator."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account that was made, with the one chance to read its password."""

    username: str
    groups: list[str]
    password: str


@dataclass(frozen=True, slots=True)
class Cast:
    """Who and what the stories are about, by short name."""

    users: dict[str, User]
    clients: dict[str, Client]
    systems: dict[str, System]


@cache
def read_cast() -> dict[str, Any]:
    """The content of the demonstration's file."""
    return read_data(DATA / "demo.toml")


def demo_email(username: str) -> str:
    """The made-up address of an account; it also tells which accounts are the demonstration's."""
    return f"{username}@{read_cast()['domain']}"


def make_cast(*, now: dt.datetime) -> tuple[Cast, list[Account]]:
    """Create accounts, stand-ins, clients and systems; join the SOP's people to their accounts.

    Raises DemonstrationError where a name is taken or the SOP's data is missing.
    """
    data = read_cast()
    _check_free(data)
    accounts = [_make_account(row) for row in data["account"]]
    users = User.objects.in_bulk([a.username for a in accounts], field_name="username")
    for account in accounts:
        _join_responders(users[account.username], account.groups)
    for row in data["backup"]:
        _make_backup(row["role"], users[row["username"]])
    clients = {row["slug"]: _make_client(row, now=now) for row in data["client"]}
    systems: dict[str, System] = {}
    for row in data["system"]:
        systems[row["slug"]] = _make_system(row, clients, systems)
    return Cast(users, clients, systems), accounts


def _check_free(data: dict[str, Any]) -> None:
    """Nothing of the database may be mistaken for the demonstration's, or hold its names."""
    groups = {name for row in data["account"] for name in row["groups"]}
    if Group.objects.filter(name__in=groups).count() < len(groups):
        raise DemonstrationError("The SOP is not loaded yet. Run manage.py load_sop first.")
    taken = [
        *User.objects.filter(username__in=[row["username"] for row in data["account"]]),
        *_named_alike(Client, data["client"]),
        *_named_alike(System, data["system"]),
        *SendingDomain.objects.filter(
            name__in=[name for row in data["client"] for name in row["sending_domains"]]
        ),
    ]
    if taken:
        names = ", ".join(str(row) for row in taken)
        raise DemonstrationError(f"The demonstration needs names that are taken: {names}.")


def _named_alike(
    model: type[Client] | type[System], rows: list[dict[str, Any]]
) -> list[Client | System]:
    by_slug = model.objects.filter(slug__in=[row["slug"] for row in rows])
    found = {row.pk: row for row in by_slug}
    for row in rows:
        found |= {alike.pk: alike for alike in model.objects.filter(name__iexact=row["name"])}
    return list(found.values())


def _make_account(row: dict[str, Any]) -> Account:
    username = row["username"]
    password = "".join(secrets.choice(PASSWORD_CHARACTERS) for _ in range(PASSWORD_LENGTH))
    user = User.objects.create_user(
        username=username,
        email=demo_email(username),
        password=password,
        first_name=username.capitalize(),
        is_staff=row.get("is_staff", False),
    )
    user.groups.set(Group.objects.filter(name__in=row["groups"]))
    return Account(username, row["groups"], password)


def _join_responders(user: User, roles: list[str]) -> None:
    """Give the SOP's people their accounts; whom staff has joined already stays untouched.

    Written without history: ``clear_demo`` takes it back without a trace.
    """
    people = Responder.objects.filter(role__in=roles, rank=Rank.PRIMARY, user=None, is_active=True)
    people.filter(email="").update(email=user.email)
    people.update(user=user)


def _make_backup(role: str, user: User) -> None:
    if Responder.objects.filter(role=role, rank=Rank.BACKUP, is_active=True).exists():
        return
    Responder.objects.create(
        name=user.first_name,
        role=role,
        rank=Rank.BACKUP,
        user=user,
        email=user.email,
        time_zone=settings.TIME_ZONE,
        is_demo=True,
    )


def _make_client(row: dict[str, Any], *, now: dt.datetime) -> Client:
    fields = {name: value for name, value in row.items() if name != "sending_domains"}
    client = Client.objects.create(**fields, since=now - CLIENT_SINCE, is_demo=True)
    for name in row["sending_domains"]:
        SendingDomain.objects.create(client=client, name=name)
    return client


def _make_system(
    row: dict[str, Any], clients: dict[str, Client], systems: dict[str, System]
) -> System:
    fields = {
        name: value for name, value in row.items() if name not in ("playbook", "backup", "clients")
    }
    system = System.objects.create(
        **fields,
        backup=systems.get(row.get("backup", "")),
        playbook=Playbook.objects.filter(slug=row.get("playbook", "")).first(),
        is_demo=True,
    )
    for name in row.get("clients", []):
        Dependency.objects.create(
            client=clients[name.rstrip("*")],
            system=system,
            is_only_channel=name.endswith("*"),
        )
    return system
