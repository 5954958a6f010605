"""Every address, method and role, from the URL resolver (rule A1).

The table says who gets through; everybody else is refused, and somebody who is not signed in is
sent to the sign-in page. An address that is not in the table fails the test: whoever adds a page
says here whom it is for.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from incidents.enums import Role, Status
from incidents.escalation import raise_escalation, seen_token
from incidents.models import Incident
from incidents.transitions import Step
from tests.factories import (
    Team,
    make_actor,
    make_client,
    make_draft,
    make_incident,
    make_message,
    make_sop,
    make_system,
    make_team,
    make_user,
)

pytestmark = pytest.mark.django_db

ROLES = ("orchestrator", "delivery", "revenue", "founder", "legal", "admin")
METHODS = ("get", "post", "put", "patch", "delete")
ALL = set(ROLES)
STAFF = {"orchestrator", "delivery", "revenue", "founder"}
BOSSES = {"orchestrator", "founder"}
COMMUNICATORS = {"orchestrator", "revenue", "founder"}
ENGINEERS = {"orchestrator", "delivery", "founder"}
NOBODY: set[str] = set()


@dataclass(frozen=True)
class Page:
    """Who may ``get`` and ``post``; None: the method does not exist there."""

    get: set[str] | None = None
    post: set[str] | None = None
    is_open: bool = False
    args: tuple[str, ...] = ()


def reading(*args: str, get: set[str] = ALL) -> Page:
    return Page(get=get, args=args)


def doing(*args: str, post: set[str]) -> Page:
    return Page(post=post, args=args)


def editing(*args: str, who: set[str]) -> Page:
    return Page(get=who, post=who, args=args)


OPEN = Page(get=ALL, post=ALL, is_open=True)
SIGNED_IN = Page(get=ALL, post=ALL)
PAGES: dict[str, Page] = {
    "home": reading(),
    "healthz": Page(get=ALL, is_open=True),
    "readyz": Page(get=ALL, is_open=True),
    "incidents:list": reading(),
    "incidents:list-csv": reading(),
    "incidents:bulk-assign": doing(post=BOSSES),
    "incidents:new": editing(who=STAFF),
    "incidents:new-preview": doing(post=STAFF),
    "incidents:detail": reading("ref"),
    "incidents:live": reading("ref"),
    "incidents:timeline": reading("ref"),
    "incidents:triage": Page(get=ALL, post=BOSSES, args=("ref",)),
    "incidents:triage-preview": doing("ref", post=ALL),
    "incidents:join": doing("ref", post=STAFF),
    "incidents:export": reading("ref", "md"),
    "incidents:mail-start": Page(get=ALL, post=COMMUNICATORS, args=("ref",)),
    "incidents:mail": Page(get=ALL, post=COMMUNICATORS, args=("ref", "draft")),
    "incidents:mail-preview": doing("ref", "draft", post=ALL),
    "incidents:mail-send": doing("ref", "draft", post=COMMUNICATORS),
    "incidents:mail-undo": doing("ref", "draft", post=COMMUNICATORS),
    "incidents:mail-override": doing("ref", "draft", post=COMMUNICATORS),
    "incidents:mail-approve": doing("ref", "draft", post={"founder"}),
    "incidents:mail-discard": doing("ref", "draft", post=COMMUNICATORS),
    "incidents:mail-deliveries": reading("ref", "draft"),
    "incidents:client-list": reading(),
    "incidents:client-new": editing(who=COMMUNICATORS | {"admin"}),
    "incidents:client-detail": reading("client"),
    "incidents:client-edit": editing("client", who=COMMUNICATORS | {"admin"}),
    "incidents:client-escalate": editing("client", who=STAFF),
    "incidents:system-list": reading(),
    "incidents:system-new": editing(who=ENGINEERS | {"admin"}),
    "incidents:system-detail": reading("system"),
    "incidents:system-edit": editing("system", who=ENGINEERS | {"admin"}),
    "incidents:playbook-list": reading(),
    "incidents:playbook-detail": reading("playbook"),
    "incidents:template-list": reading(),
    "incidents:template-edit": Page(get=ALL, post=COMMUNICATORS, args=("template",)),
    "incidents:template-preview": doing("template", post=ALL),
    "incidents:outbox": reading(),
    "incidents:message": reading("message"),
    "incidents:message-settle": doing("message", post=COMMUNICATORS),
    "incidents:escalation": Page(get=ALL, post=ALL, is_open=True, args=("token",)),
    "incidents:account": SIGNED_IN,
    "account_login": OPEN,
    "account_signup": OPEN,
    "account_inactive": Page(get=ALL, is_open=True),
    "account_reset_password": OPEN,
    "account_reset_password_done": Page(get=ALL, is_open=True),
    "account_reset_password_from_key": Page(get=ALL, post=ALL, is_open=True, args=("1", "a-b")),
    "account_reset_password_from_key_done": Page(get=ALL, is_open=True),
    "account_confirm_email": Page(get=ALL, post=ALL, is_open=True, args=("key",)),
    "account_confirm_login_code": OPEN,
    "account_email_verification_sent": Page(get=ALL, is_open=True),
    "account_logout": OPEN,
    "account_reauthenticate": SIGNED_IN,
    "account_email": SIGNED_IN,
    "account_change_password": SIGNED_IN,
    "account_set_password": SIGNED_IN,
    "mfa_index": Page(get=ALL),
    "mfa_authenticate": OPEN,
    "mfa_reauthenticate": SIGNED_IN,
    "mfa_activate_totp": SIGNED_IN,
    "mfa_deactivate_totp": SIGNED_IN,
    "mfa_view_recovery_codes": Page(get=ALL),
    "mfa_generate_recovery_codes": SIGNED_IN,
    "mfa_download_recovery_codes": Page(get=ALL),
}

#: Who may take each step, beside reading its form.
STEPS: dict[str, set[str]] = {
    "triage": BOSSES,
    "acknowledge": COMMUNICATORS,
    "assign": BOSSES,
    "investigate": ENGINEERS,
    "contain": ENGINEERS,
    "fix": ENGINEERS,
    "workaround": ENGINEERS,
    "verify": ENGINEERS,
    "relapse": ENGINEERS,
    "resolve": COMMUNICATORS,
    "review": BOSSES,
    "close": BOSSES,
    "cancel": BOSSES,
    "note": ALL,
    "wait": STAFF,
    "draft": COMMUNICATORS,
    "send": COMMUNICATORS,
    "approve": {"founder"},
    "told": COMMUNICATORS,
    "hubspot-noted": COMMUNICATORS,
    "severity": BOSSES,
    "detected-at": BOSSES,
    "clients": BOSSES,
    "escalate": STAFF,
    "waive": BOSSES,
}
STEP_PAGE = "incidents:step"


@dataclass
class World:
    """One of everything that an address can name."""

    team: Team
    incident: Incident
    names: dict[str, str] = field(default_factory=dict)

    def url(self, name: str, page: Page) -> str:
        return reverse(name, args=[self.names.get(word, word) for word in page.args])


@pytest.fixture
def world(db: None) -> World:
    make_sop()
    team = make_team()
    client, system = make_client(), make_system()
    incident = make_incident(team=team, clients=[client], systems=[system])
    draft = make_draft(incident)
    escalation = raise_escalation(
        "E1", summary="x", by=make_actor(Role.ORCHESTRATOR), now=incident.opened_at,
        incident=incident,
    )  # fmt: skip
    assert escalation is not None
    names = {
        "ref": incident.ref,
        "draft": str(draft.pk),
        "client": client.slug,
        "system": system.slug,
        "playbook": "api-down",
        "template": "incident-notification",
        "message": str(make_message(reference=incident.ref).pk),
        "token": seen_token(escalation, team.founder),
    }
    return World(team, incident, names)


@pytest.fixture
def people(world: World) -> dict[str, User]:
    known = {role: getattr(world.team, role).user for role in Role.values}
    return known | {"admin": make_user("admin", is_staff=True)}


def addresses(resolver: URLResolver | None = None, space: str = "") -> Iterator[str]:
    """The name of every address of the program."""
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern, f"{pattern.namespace}:" if pattern.namespace else space)
        elif isinstance(pattern, URLPattern):
            yield f"{space}{pattern.name}"


def known_addresses() -> set[str]:
    return {name for name in addresses() if not name.startswith("admin:")}


def test_every_address_is_in_the_table_A1() -> None:
    assert known_addresses() == {*PAGES, STEP_PAGE}


def test_every_step_is_in_the_table_A1() -> None:
    assert set(STEPS) == {step.value for step in Step if step != Step.OPEN}


def ask(browser: Browser, method: str, url: str) -> Any:
    return getattr(browser, method)(url)


@pytest.mark.parametrize("name", sorted(PAGES))
def test_strangers_are_sent_to_sign_in_A1(name: str, world: World) -> None:
    page = PAGES[name]
    url = world.url(name, page)
    for method in METHODS:
        answer = ask(Browser(), method, url)
        if page.is_open:
            assert answer.status_code < 500, (method, url)
            assert not answer.headers.get("Location", "").startswith(f"/accounts/login/?next={url}")
        else:
            assert answer.status_code in (302, 401), (method, url, answer.status_code)
            assert answer.status_code == 401 or "/accounts/login/" in answer.headers["Location"]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", sorted(name for name in PAGES if ":" in name or name == "home"))
def test_each_role_gets_what_the_table_says_A1(
    name: str, role: str, world: World, people: dict[str, User]
) -> None:
    page = PAGES[name]
    browser = Browser()
    browser.force_login(people[role])
    url = world.url(name, page)
    for method in METHODS:
        allowed = {"get": page.get, "post": page.post}.get(method)
        status = ask(browser, method, url).status_code
        assert status < 500, (method, url, status)
        if allowed is None:
            assert status == 405, (method, url, status)
        elif role in allowed:
            assert status not in (401, 403, 404, 405), (method, url, status)
        else:
            assert status == 403, (method, url, status)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("step", sorted(STEPS))
def test_each_step_is_for_its_roles_A1(
    step: str, role: str, world: World, people: dict[str, User]
) -> None:
    browser = Browser()
    browser.force_login(people[role])
    url = reverse(STEP_PAGE, args=[world.incident.ref, step])
    assert browser.get(url, follow=True).status_code < 500
    status = browser.post(url).status_code
    if role in STEPS[step]:
        assert status not in (401, 403, 404, 405), (url, status)
    else:
        assert status == 403, (url, status)
    for method in ("put", "patch", "delete"):
        assert ask(browser, method, url).status_code == 405


@pytest.mark.parametrize("step", sorted(STEPS))
def test_strangers_take_no_step_A1(step: str, world: World) -> None:
    url = reverse(STEP_PAGE, args=[world.incident.ref, step])
    for method in METHODS:
        answer = ask(Browser(), method, url)
        assert answer.status_code in (302, 401)
    world.incident.refresh_from_db()
    assert world.incident.status == Status.DETECTED


@pytest.mark.parametrize("name", sorted(set(addresses()) - known_addresses()))
def test_the_admin_is_for_its_staff_A1(name: str, world: World, people: dict[str, User]) -> None:
    patterns = [args for args in ((), ("1",), ("auth",), ("1", "1")) if _fits(name, args)]
    assert patterns, name
    url = reverse(name, args=patterns[0])
    for method in ("get", "post"):
        assert ask(Browser(), method, url).status_code in (200, 302, 403)
        for role in ("delivery", "revenue", "legal"):
            browser = Browser()
            browser.force_login(people[role])
            assert ask(browser, method, url).status_code in (302, 403, 405), (role, url)


def _fits(name: str, args: tuple[str, ...]) -> bool:
    try:
        reverse(name, args=args)
    except Exception:
        return False
    return True
