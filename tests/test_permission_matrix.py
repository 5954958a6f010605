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
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

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
    make_ingest_token,
    make_maintenance,
    make_message,
    make_monitor,
    make_playbook_run,
    make_run,
    make_run_item,
    make_sop,
    make_system,
    make_team,
    make_user,
)

pytestmark = pytest.mark.django_db

ROLES = ("orchestrator", "delivery", "revenue", "founder", "legal", "admin")
METHODS = ("get", "post", "put", "patch", "delete")
#: Whether a method exists does not depend on who asks: one role asks for all of them.
METHODS_OF = dict.fromkeys(ROLES, ("get", "post")) | {"founder": METHODS}
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
    #: What a post must at least say to be understood.
    data: dict[str, str] = field(default_factory=dict)


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
    "incidents:client-deal": editing("client", who=COMMUNICATORS | {"admin"}),
    "incidents:client-escalate": editing("client", who=STAFF),
    "incidents:client-update": Page(get=ALL, post=COMMUNICATORS, args=("client",)),
    "incidents:client-update-preview": doing("client", post=ALL),
    "incidents:client-update-send": doing("client", post=COMMUNICATORS),
    "incidents:client-update-undo": doing("client", post=COMMUNICATORS),
    "incidents:client-update-override": doing("client", post=COMMUNICATORS),
    "incidents:client-update-skip": doing("client", post=COMMUNICATORS),
    "incidents:system-list": reading(),
    "incidents:system-new": editing(who=ENGINEERS | {"admin"}),
    "incidents:system-detail": reading("system"),
    "incidents:system-edit": editing("system", who=ENGINEERS | {"admin"}),
    "incidents:playbook-list": reading(),
    "incidents:hold-list": reading(),
    "incidents:playbook-detail": reading("playbook"),
    "incidents:playbook-new": editing(who=BOSSES | {"admin"}),
    "incidents:playbook-edit": editing("playbook", who=BOSSES | {"admin"}),
    "incidents:playbook-file": reading("playbook"),
    "incidents:playbook-import": editing(who=BOSSES | {"admin"}),
    "incidents:playbook-learning": reading(),
    "incidents:playbook-figures": reading("playbook"),
    "incidents:playbook-start": doing("ref", post=BOSSES | {"admin"}),
    "incidents:runs": reading("ref"),
    "incidents:runs-live": reading("ref"),
    "incidents:run-step": Page(get=ALL, post=STAFF, args=("ref", "run_step")),
    "incidents:template-list": reading(),
    "incidents:template-edit": Page(get=ALL, post=COMMUNICATORS, args=("template",)),
    "incidents:template-preview": doing("template", post=ALL),
    "incidents:outbox": reading(),
    "incidents:message": reading("message"),
    "incidents:message-settle": doing("message", post=COMMUNICATORS),
    "incidents:outbox-held": editing(who=COMMUNICATORS),
    "incidents:channel-resume": doing("telegram", post=COMMUNICATORS),
    "incidents:escalations": reading(),
    "incidents:escalation-phone": editing("escalation", who=STAFF),
    "incidents:escalation": Page(get=ALL, post=ALL, is_open=True, args=("token",)),
    "incidents:account": Page(get=ALL, post=ALL, data={"form": "display"}),
    "monitoring:list": reading(),
    "monitoring:new": editing(who=ENGINEERS | {"admin"}),
    "monitoring:detail": reading("monitor"),
    "monitoring:edit": editing("monitor", who=ENGINEERS | {"admin"}),
    "monitoring:pause": editing("monitor", who=ENGINEERS | {"admin"}),
    "monitoring:maintenance": Page(get=ALL, post=ENGINEERS | {"admin"}),
    "monitoring:maintenance-end": doing("window", post=ENGINEERS | {"admin"}),
    "monitoring:tokens": editing(who={"founder", "admin"}),
    "monitoring:token-revoke": editing("ingest-token", who={"founder", "admin"}),
    "monitoring:checklists": reading(),
    "monitoring:run": Page(get=ALL, post=BOSSES, args=("run",)),
    "monitoring:item-incident": doing("run", "run-item", post=BOSSES),
    "monitoring:definitions": reading(),
    "monitoring:definition-edit": editing("period", who=BOSSES),
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

#: Who may read and take each step; triage has a page of its own above.
STEPS: dict[str, set[str]] = {
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
    "detected-at": BOSSES | {"admin"},
    "clients": BOSSES,
    "escalate": STAFF,
    "waive": BOSSES,
    "playbook": STAFF,
    "step": STAFF,
    "hold": STAFF,
    "release": STAFF,
}
STEP_PAGE = "incidents:step"

#: Machines sign in nowhere: (what they name, the answer to each method without a token).
MACHINES: dict[str, tuple[tuple[str, ...], dict[str, int]]] = {
    "ingest:ping": (("ping",), {"get": 200, "post": 200}),
    "ingest:ping-action": (("ping", "log"), {"get": 200, "post": 200}),
    "ingest:metrics": ((), {"post": 401}),
    "ingest:alertmanager": ((), {"post": 401}),
    "ingest:report": ((), {"post": 401}),
    "ingest:openapi": ((), {"get": 200}),
}


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
        "E1", summary="x", by=make_actor(Role.ORCHESTRATOR), now=timezone.now(),
        incident=incident,
    )  # fmt: skip
    assert escalation is not None
    item, monitor = make_run_item(make_run(team.orchestrator)), make_monitor()
    names = {
        "ref": incident.ref,
        "draft": str(draft.pk),
        "client": client.slug,
        "system": system.slug,
        "playbook": "api-down",
        "run_step": str(make_playbook_run(incident).steps.latest("number").pk),
        "template": "incident-notification",
        "message": str(make_message(reference=incident.ref).pk),
        "escalation": str(escalation.pk),
        "token": seen_token(escalation, team.founder),
        "monitor": monitor.slug,
        "ping": str(monitor.ping_id),
        "window": str(make_maintenance().pk),
        "ingest-token": str(make_ingest_token().pk),
        "run": str(item.run_id),
        "run-item": str(item.pk),
        "period": "daily",
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


def admin_addresses() -> set[str]:
    """The admin's, but for its catch-all, which has no name."""
    return set(addresses()) - known_addresses() - {"admin:None"}


def test_every_address_is_in_the_table_A1() -> None:
    assert known_addresses() == {*PAGES, *MACHINES, STEP_PAGE}


def test_every_step_is_in_the_table_A1() -> None:
    assert set(STEPS) == {step.value for step in Step} - {Step.OPEN, Step.TRIAGE}


def ask(browser: Browser, method: str, url: str, data: dict[str, str] | None = None) -> Any:
    return browser.post(url, data or {}) if method == "post" else getattr(browser, method)(url)


def test_strangers_are_sent_to_sign_in_A1(world: World) -> None:
    wrong = []
    for name, page in PAGES.items():
        url = world.url(name, page)
        for method in METHODS:
            answer = ask(Browser(), method, url)
            is_right = _exists_openly(answer) if page.is_open else _asks_to_sign_in(answer)
            if not is_right:
                wrong.append((method, url, answer.status_code, answer.headers.get("Location")))
    assert wrong == [], wrong


@pytest.mark.parametrize("role", [None, "founder"])
def test_machines_need_a_token_whoever_is_signed_in_A1_A3(
    role: str | None, world: World, people: dict[str, User]
) -> None:
    browser = Browser()
    if role:
        browser.force_login(people[role])
    for name, (args, statuses) in MACHINES.items():
        url = world.url(name, Page(args=args))
        answers = {method: ask(browser, method, url).status_code for method in METHODS}
        assert answers == dict.fromkeys(METHODS, 405) | statuses, url


def _asks_to_sign_in(answer: Any) -> bool:
    to = answer.headers.get("Location", "")
    return answer.status_code == 401 or to.startswith("/accounts/login/?next=")


def _exists_openly(answer: Any) -> bool:
    """Answered without a sign-in; 503 is readiness saying that no engine runs in a test."""
    return answer.status_code < 500 or answer.status_code == 503


def _is_as_said(status: int, role: str, allowed: set[str] | None) -> bool:
    if allowed is None:
        return status == 405
    if role in allowed:
        return status < 500 and status not in (401, 403, 404, 405)
    return status == 403


@pytest.mark.parametrize("role", ROLES)
def test_each_role_gets_what_the_table_says_A1(
    role: str, world: World, people: dict[str, User]
) -> None:
    wrong = []
    browser = Browser()
    browser.force_login(people[role])
    for name, page in PAGES.items():
        if ":" not in name and name != "home":
            continue
        url = world.url(name, page)
        for method in METHODS_OF[role]:
            allowed = {"get": page.get, "post": page.post}.get(method)
            status = ask(browser, method, url, page.data).status_code
            if not _is_as_said(status, role, allowed):
                wrong.append((method, url, status))
    assert wrong == [], wrong


@pytest.mark.parametrize("role", ROLES)
def test_each_step_is_for_its_roles_A1(role: str, world: World, people: dict[str, User]) -> None:
    wrong = []
    browser = Browser()
    browser.force_login(people[role])
    for step, allowed in STEPS.items():
        url = reverse(STEP_PAGE, args=[world.incident.ref, step])
        statuses = {method: ask(browser, method, url).status_code for method in METHODS_OF[role]}
        is_right = (
            _is_as_said(statuses["get"], role, allowed)
            and _is_as_said(statuses["post"], role, allowed)
            and {statuses.get(method, 405) for method in ("put", "patch", "delete")} == {405}
        )
        if not is_right:
            wrong.append((step, statuses))
    assert wrong == [], wrong


def test_strangers_take_no_step_A1(world: World) -> None:
    for step in STEPS:
        url = reverse(STEP_PAGE, args=[world.incident.ref, step])
        assert all(_asks_to_sign_in(ask(Browser(), method, url)) for method in METHODS), step
    world.incident.refresh_from_db()
    assert world.incident.status == Status.DETECTED


def test_the_admin_is_for_its_staff_A1(world: World, people: dict[str, User]) -> None:
    wrong = []
    browsers = {role: Browser() for role in ("delivery", "revenue", "legal")}
    for role, browser in browsers.items():
        browser.force_login(people[role])
    for name in sorted(admin_addresses()):
        fitting = [args for args in ((), ("1",), ("auth",), ("1", "1")) if _fits(name, args)]
        assert fitting, name
        url = reverse(name, args=fitting[0])
        for method in ("get", "post"):
            if ask(Browser(), method, url).status_code not in (200, 302, 403, 405):
                wrong.append((method, url, "stranger"))
            for role, browser in browsers.items():
                if ask(browser, method, url).status_code not in (302, 403, 405):
                    wrong.append((method, url, role))
    assert wrong == [], wrong


def _fits(name: str, args: tuple[str, ...]) -> bool:
    try:
        reverse(name, args=args)
    except NoReverseMatch:
        return False
    return True
