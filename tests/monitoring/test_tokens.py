"""Tokens of machines (rules A1 and A3)."""

import datetime as dt
import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from incidents.errors import NotAllowedError, WorkflowError
from monitoring.ingest.answers import RefusalError
from monitoring.ingest.tokens import authenticate, create_token, note_use, revoke_token
from monitoring.models import IngestToken
from tests.factories import NOW, make_actor, make_monitor
from tests.monitoring.ingesting import SHELL, basic, bearer, make_token

pytestmark = pytest.mark.django_db

HOUR = dt.timedelta(hours=1)


def refusal(header: str, needs: str = "metrics", now: dt.datetime = NOW, **options: Any) -> int:
    with pytest.raises(RefusalError) as caught:
        authenticate(header, needs=needs, now=now, **options)
    return caught.value.status


def test_a_token_is_shown_once_and_stored_hashed_A3() -> None:
    row, token = create_token("agent", scopes=["report"], by=make_actor("admin"), now=NOW)
    key, secret = token.split(".")
    assert key == row.key
    assert len(secret) >= 43
    stored = json.dumps(IngestToken.objects.values().get(), default=str)
    assert secret not in stored
    assert authenticate(bearer(token), needs="report", now=NOW).name == "agent"


@pytest.mark.parametrize("role", ["admin", "founder"])
def test_admin_and_founder_make_and_revoke_tokens_A1(role: str) -> None:
    actor = make_actor(role)
    row, token = create_token("agent", scopes=["metrics"], by=actor, now=NOW)
    assert (row.created_by, row.created_by_user) == (actor.name, actor.user)
    revoke_token(row, by=actor, now=NOW)
    revoke_token(row, by=make_actor("admin"), now=NOW + HOUR)
    row.refresh_from_db()
    assert (row.revoked_at, row.revoked_by) == (NOW, actor.name)
    assert refusal(bearer(token)) == 401


def test_who_made_and_who_revoked_is_kept_without_the_digest_A2() -> None:
    row, token = create_token("agent", scopes=["metrics"], by=make_actor("admin"), now=NOW)
    note_use(authenticate(bearer(token), needs="metrics", now=NOW), now=NOW)
    founder = make_actor("founder")
    revoke_token(row, by=founder, now=NOW + HOUR)
    after, before = row.history.all()
    assert (before.revoked_at, before.revoked_by) == (None, "")
    assert (after.revoked_at, after.revoked_by) == (NOW + HOUR, founder.name)
    assert row.digest not in json.dumps(list(row.history.values()), default=str)


@pytest.mark.parametrize("role", ["orchestrator", "delivery", "revenue", "legal"])
def test_nobody_else_makes_or_revokes_tokens_A1(role: str) -> None:
    with pytest.raises(NotAllowedError):
        create_token("agent", scopes=["metrics"], by=make_actor(role), now=NOW)
    make_token("metrics")
    with pytest.raises(NotAllowedError):
        revoke_token(IngestToken.objects.get(), by=make_actor(role), now=NOW)


@pytest.mark.parametrize(
    ("name", "scopes", "expires_at"),
    [
        ("", ["metrics"], None),
        ("x" * 81, ["metrics"], None),
        ("a\0b", ["metrics"], None),
        ("agent", [], None),
        ("agent", ["all"], None),
        ("agent", ["metrics:nowhere"], None),
        ("agent", ["metrics:a\0b"], None),
        ("agent", ["metrics:"], None),
        ("agent", ["metrics"], NOW),
    ],
)
def test_a_wrong_token_is_not_made(
    name: str, scopes: list[str], expires_at: dt.datetime | None
) -> None:
    with pytest.raises(WorkflowError):
        create_token(name, scopes=scopes, by=SHELL, now=NOW, expires_at=expires_at)
    assert not IngestToken.objects.exists()


def test_a_scope_is_for_one_thing_or_one_monitor_A3() -> None:
    make_monitor("sync", slug="crm")
    machine = authenticate(bearer(make_token("metrics:crm")), needs="metrics", now=NOW)
    assert machine.may_post_for("crm")
    assert not machine.may_post_for("other")
    assert refusal(bearer(make_token("metrics")), needs="report") == 403


def test_an_expired_token_is_refused_A3() -> None:
    token = make_token("metrics", expires_at=NOW + HOUR)
    assert authenticate(bearer(token), needs="metrics", now=NOW + HOUR - dt.timedelta(seconds=1))
    assert refusal(bearer(token), now=NOW + HOUR) == 401


@pytest.mark.parametrize(
    "header",
    [
        "", "Bearer", "Bearer ", "Bearer x", "Bearer x.y", "Bearer .", "Token abc.def",
        "bearer a.b.c",
        "Bearer \xff\xfe.\xff", "Bearer " + "a" * 10_000, "Basic", "Basic !!!", "Bearer a\0b.c",
        "Bearer ٣٣٣.x", "Bearer 0000000000000000.0",
    ],
)  # fmt: skip
@pytest.mark.parametrize("allows_basic", [True, False])
def test_a_wrong_header_is_401_A3(header: str, allows_basic: bool) -> None:
    make_token("metrics")
    assert refusal(header, allows_basic=allows_basic) == 401


def test_the_secret_and_the_key_must_fit_A3() -> None:
    one, other = make_token("metrics"), make_token("metrics")
    mixed = f"{one.split('.')[0]}.{other.split('.')[1]}"
    assert refusal(bearer(mixed)) == 401
    assert refusal(bearer(one + "x")) == 401
    assert authenticate(bearer(one).replace("Bearer", "bearer"), needs="metrics", now=NOW)


def test_basic_login_gives_the_token_as_password_A3() -> None:
    token = make_token("alertmanager")
    assert authenticate(basic(token), needs="alertmanager", now=NOW, allows_basic=True)
    assert refusal(basic(token), needs="alertmanager") == 401


def test_use_is_noted_once_a_minute() -> None:
    token = make_token("metrics")
    for seconds, noted in [(0, 0), (59, 0), (61, 61), (120, 61), (200, 200)]:
        now = NOW + dt.timedelta(seconds=seconds)
        note_use(authenticate(bearer(token), needs="metrics", now=now), now=now)
        assert IngestToken.objects.get().last_used_at == NOW + dt.timedelta(seconds=noted)


def run(*args: str) -> str:
    out = StringIO()
    call_command("create_token", *args, stdout=out)
    return out.getvalue()


def test_the_command_prints_the_token_A3() -> None:
    data = json.loads(
        run(
            "n8n",
            "--scope",
            "metrics",
            "--scope",
            "report",
            "--expires",
            "2999-01-01T00:00Z",
            "--json",
        )
    )
    assert authenticate(bearer(data["token"]), needs="report", now=NOW).name == "n8n"
    row = IngestToken.objects.get()
    assert row.scopes == ["metrics", "report"]
    assert row.expires_at is not None
    assert row.created_by == "Command line"


def test_the_command_says_it_in_one_line() -> None:
    lines = run("n8n", "--scope", "report").splitlines()
    assert len(lines) == 1
    assert authenticate(bearer(lines[0].split()[-1]), needs="report", now=NOW)


@pytest.mark.parametrize(
    "args",
    [
        [], ["n8n"], ["n8n", "--scope", "all"], ["n8n", "--scope", "metrics", "--expires", "soon"],
        ["n8n", "--scope", "metrics", "--expires", "2001-01-01T00:00Z"],
        ["n8n", "--scope", "metrics", "--as", "nobody"],
    ],
)  # fmt: skip
def test_the_command_refuses_in_one_line(args: list[str]) -> None:
    with pytest.raises(CommandError) as caught:
        run(*args)
    assert "\n" not in str(caught.value)
    assert not IngestToken.objects.exists()
