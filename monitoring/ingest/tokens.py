"""Tokens of machines: shown once, stored hashed, scoped, revocable (rules A1 and A3)."""

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Q

from incidents.actors import Actor
from incidents.enums import ADMIN_GROUP, Origin, Role
from incidents.errors import NotAllowedError, WorkflowError
from monitoring.enums import Scope
from monitoring.ingest.answers import RefusalError
from monitoring.models import IngestToken, Monitor

#: ``last_used_at`` is written at most this often: a post should not cost a second write.
USED_EVERY = dt.timedelta(minutes=1)
BEARER = 'Bearer realm="ingest"'
BASIC = 'Basic realm="ingest", charset="UTF-8"'


@dataclass(slots=True)
class Machine:
    """Who posts: a token as it was when last read."""

    pk: int
    name: str
    digest: str
    scopes: frozenset[str]
    scopes_text: str
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None
    last_used_at: dt.datetime | None
    #: The monitors that it may post for; empty where it may for all.
    slugs: frozenset[str] = field(default_factory=frozenset)

    @property
    def actor(self) -> Actor:
        """Whoever holds a token acts by itself, under its own name (rule W9)."""
        return Actor(name=self.name, origin=Origin.SYSTEM)

    def may(self, scope: str) -> bool:
        return scope in self.scopes or (scope == Scope.METRICS and bool(self.slugs))

    def may_post_for(self, slug: str) -> bool:
        return Scope.METRICS in self.scopes or slug in self.slugs


def create_token(
    name: str,
    *,
    scopes: Iterable[str],
    by: Actor,
    now: dt.datetime,
    expires_at: dt.datetime | None = None,
) -> tuple[IngestToken, str]:
    """Make a token; returns its row and the text that is shown this once.

    Raises WorkflowError for an unknown scope, NotAllowedError (rule A1).
    """
    _authorize(by)
    name = " ".join(name.split())
    if not name or len(name) > 80 or "\0" in name:
        raise WorkflowError("Give the token a name of at most 80 characters.")
    if expires_at is not None and expires_at <= now:
        raise WorkflowError("The token would have expired already. Give a time in the future.")
    key, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    row = IngestToken.objects.create(
        key=key,
        digest=_digest(secret),
        name=name,
        scopes=check_scopes(scopes),
        created_at=now,
        created_by=by.name,
        created_by_user=by.user,
        expires_at=expires_at,
    )
    return row, f"{key}.{secret}"


def revoke_token(token: IngestToken, *, by: Actor, now: dt.datetime) -> IngestToken:
    """From now on the token is refused; doing so twice changes nothing (rules A2 and A3)."""
    _authorize(by)
    with transaction.atomic():
        row = IngestToken.objects.select_for_update().get(pk=token.pk)
        if row.revoked_at is None:
            row.revoked_at, row.revoked_by = now, by.name
            row.save(update_fields=["revoked_at", "revoked_by"])
    return row


def check_scopes(scopes: Iterable[str]) -> list[str]:
    """The scopes in order, each once. Raises WorkflowError that names what is wrong."""
    wanted = sorted({scope.strip() for scope in scopes})
    if not wanted:
        raise WorkflowError(f"Give at least one scope: {', '.join(Scope.values)}, metrics:<slug>.")
    slugs = [scope.partition(":")[2] for scope in wanted if scope.startswith("metrics:")]
    known = {f"metrics:{slug}" for slug in _known(slugs)} | set(Scope.values)
    wrong = [scope for scope in wanted if scope not in known]
    if wrong:
        raise WorkflowError(
            f"There is no scope or monitor “{wrong[0][:80]}”. "
            f"Scopes are {', '.join(Scope.values)} and metrics:<slug of a monitor>."
        )
    return wanted


def authenticate(
    header: str, *, needs: str, now: dt.datetime, allows_basic: bool = False
) -> Machine:
    """The machine behind an ``Authorization`` header. Raises RefusalError: 401, or 403 for a token
    that may do other things."""
    key, digest = read_credentials(header, allows_basic=allows_basic)
    return check_machine(load_machine(key), digest, needs=needs, now=now, allows_basic=allows_basic)


def read_credentials(header: str, *, allows_basic: bool = False) -> tuple[str, str]:
    """The key and the digest of the secret that a header gives. Raises RefusalError (401)."""
    scheme, _, credentials = header.partition(" ")
    token = credentials.strip()
    if scheme.lower() == "basic" and allows_basic:
        try:
            token = base64.b64decode(token, validate=True).decode("latin-1").partition(":")[2]
        except (binascii.Error, ValueError):
            token = ""
    elif scheme.lower() != "bearer":
        raise _unknown("A token is missing: send “Authorization: Bearer …”.", allows_basic)
    key, _, secret = token.partition(".")
    return key, _digest(secret)


def load_machine(key: str) -> Machine | None:
    """The token with that key, read from the database."""
    if not key.isascii() or not key.isalnum() or len(key) > 16:
        return None
    row = IngestToken.objects.filter(key=key).first()
    if row is None:
        return None
    scopes = frozenset(row.scopes)
    return Machine(
        pk=row.pk,
        name=row.name,
        digest=row.digest,
        scopes=scopes,
        scopes_text=json.dumps(row.scopes),
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
        slugs=frozenset(
            scope.partition(":")[2] for scope in scopes if scope.startswith("metrics:")
        ),
    )


def check_machine(
    machine: Machine | None,
    digest: str,
    *,
    needs: str,
    now: dt.datetime,
    allows_basic: bool = False,
) -> Machine:
    """The machine, if the secret is its own and it may do that. Raises RefusalError."""
    # An unknown key costs the same comparison as a wrong secret.
    is_right = hmac.compare_digest(machine.digest if machine else "0" * 64, digest)
    if machine is None or not is_right:
        raise _unknown("This token is not known.", allows_basic)
    if machine.revoked_at is not None:
        raise _unknown("This token was revoked.", allows_basic)
    if machine.expires_at is not None and machine.expires_at <= now:
        raise _unknown("This token has expired.", allows_basic)
    if not machine.may(needs):
        raise RefusalError(403, f"This token has not the scope “{needs}”.")
    return machine


def note_use(machine: Machine, *, now: dt.datetime) -> None:
    """Remember when the token was last used, to the minute."""
    if machine.last_used_at is not None and now - machine.last_used_at < USED_EVERY:
        return
    machine.last_used_at = now
    older = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - USED_EVERY)
    IngestToken.objects.filter(older, pk=machine.pk).update(last_used_at=now)


def _authorize(by: Actor) -> None:
    """Whoever has the shell is trusted; otherwise tokens are the admin's and the founder's."""
    is_trusted = by.origin == Origin.COMMAND_LINE and by.user is None
    if not is_trusted and not by.has_role(ADMIN_GROUP, Role.FOUNDER):
        raise NotAllowedError("Tokens are for the admin or the founder. Ask one of them to do it.")


def _known(slugs: list[str]) -> set[str]:
    texts = [slug for slug in slugs if "\0" not in slug]
    return set(Monitor.objects.filter(slug__in=texts).values_list("slug", flat=True))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _unknown(detail: str, allows_basic: bool) -> RefusalError:
    challenge = f"{BEARER}, {BASIC}" if allows_basic else BEARER
    return RefusalError(401, detail, {"WWW-Authenticate": challenge})
