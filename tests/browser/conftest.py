"""A staffed house with a live server and a real mail server, seen through Chromium."""

import datetime as dt
import re
import time
import zoneinfo
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db.models import Max
from django.utils import timezone
from playwright.sync_api import ConsoleMessage, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from config.engine import beat, run_cycle
from notifications.models import Message
from tests import factories
from tests.config.living import keep_all_well
from tests.conftest import ReceivedMail, SmtpServer

#: A refused form answers 4xx, which Chromium reports as a failed load; not a fault of the page.
ANSWERED_WITH = re.compile(r"the server responded with a status of 4\d\d")
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
HOME = re.compile(r"^https?://[^/]+/$")
# A machine that is busy with other tests answers late; a page that is right is not slower by it.
expect.set_options(timeout=20_000)


def is_complaint(message: ConsoleMessage) -> bool:
    """Whether the browser reports a fault: errors, warnings, refusals of the security policy."""
    if message.type not in {"error", "warning"}:
        return False
    address = message.location.get("url", "")
    return not (ANSWERED_WITH.search(message.text) and "/static/" not in address)


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What the browser's console says; the test fails when there is anything at its end."""
    found: list[str] = []
    yield found
    assert found == []


@pytest.fixture
def open_page(browser_as: Callable[..., Page], complaints: list[str]) -> Callable[..., Page]:
    """``browser_as`` whose pages report every complaint of the console and every script error."""

    def opened(user: Any = None, **options: Any) -> Page:
        page = browser_as(user, **options)
        page.set_default_timeout(20_000)
        page.on(
            "console",
            lambda said: (
                complaints.append(f"{page.url}: {said.text}") if is_complaint(said) else None
            ),
        )
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        return page

    return opened


@dataclass
class House:
    """The agency: its people, their browsers, its mail server."""

    team: factories.Team
    mail_server: SmtpServer
    open_page: Callable[..., Page]
    pages: dict[str, Page] = field(default_factory=dict)

    def page_of(self, role: str) -> Page:
        """The person's own browser; the first time they sign in through the real form."""
        beat()
        if role not in self.pages:
            user = getattr(self.team, role).user
            page = self.open_page()
            page.goto("/accounts/login/")
            page.get_by_label("Username or email").or_(page.locator("[name=login]")).first.fill(
                user.username
            )
            page.locator("[name=password]").fill(factories.PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            expect(page).to_have_url(HOME)
            self.pages[role] = page
        return self.pages[role]

    def deliver(self) -> list[ReceivedMail]:
        """One cycle of the engine; what the mail server received by it."""
        before = len(self.mail_server.mails)
        # The task cluster is not here; the audit would tell the orchestrator so.
        keep_all_well(at=timezone.now())
        assert run_cycle() == 0
        return self.mail_server.mails[before:]

    def deliver_client_mails(self) -> dict[str, ReceivedMail]:
        """Wait for the end of the seconds of undo, then a cycle of the engine; the mails to
        clients by recipient."""
        held_until = Message.objects.waiting().aggregate(last=Max("due_at"))["last"]
        if held_until:
            time.sleep(max(0.0, (held_until - timezone.now()).total_seconds()))
        return {
            mail.recipients[0]: mail
            for mail in self.deliver()
            if not mail.recipients[0].endswith("@agency.example")
        }


@pytest.fixture
def house(
    transactional_db: None,
    live_server: LiveServer,
    smtp_server: SmtpServer,
    settings: Settings,
    open_page: Callable[..., Page],
) -> House:
    """The SOP loaded, one person for each role with an account and a password."""
    settings.SITE_URL = live_server.url
    settings.REPLY_TO_EMAIL = "help@leadspanther.example"
    factories.make_sop()
    team = factories.make_team()
    for role in ("orchestrator", "delivery", "revenue", "founder", "legal"):
        user = getattr(team, role).user
        user.set_password(factories.PASSWORD)
        user.save()
    return House(team, smtp_server, open_page)


def say(page: Page, **texts: str) -> None:
    """Fill form fields by their names."""
    for name, text in texts.items():
        page.locator(f"[name={name}]").fill(text)


def take_step(page: Page, ref: str, step: str, button: str, **texts: str) -> None:
    """Fill and submit the page of one step; the incident page says that it was done."""
    page.goto(f"/incidents/{ref}/{step}/")
    say(page, **texts)
    page.locator(".inc-do").get_by_role("button", name=button).click()
    expect(page).to_have_url(re.compile(rf"/incidents/{ref}/$"))
    expect(page.locator(".msg.is-ok")).to_be_visible()


def client_reads(instant: dt.datetime, zone: str) -> str:
    """A promised time as that client reads it, worked out apart from the program."""
    local = instant.astimezone(zoneinfo.ZoneInfo(zone))
    return f"{local:%H:%M} {local.tzname()} on {local.strftime('%A')} {local.day} {local:%B}"


def write_mail(
    house: House, ref: str, kind: str, button: str, **texts: str
) -> dict[str, ReceivedMail]:
    """Revenue begins a mail of a kind, fills it and sends it; what the clients received."""
    page = house.page_of("revenue")
    page.goto(f"/incidents/{ref}/mail/?kind={kind}")
    page.locator(".inc-do .btn-primary").click()
    expect(page.locator("#mail-form")).to_be_visible()
    say(page, **texts)
    send = page.locator("#mail-do").get_by_role("button", name=button)
    expect(page.locator("#why-not")).to_have_count(0)
    send.click()
    expect(page.locator("#undo")).to_be_visible()
    return house.deliver_client_mails()


def compare_mail(mail: ReceivedMail, subject: str, text: str) -> None:
    """The whole mail as the server got it (M1, M2)."""
    assert mail.message["Subject"] == subject
    assert mail.message["Reply-To"] == "help@leadspanther.example"
    assert mail.recipients == [mail.message["To"]]
    assert mail.message["Cc"] is None
    assert mail.text.replace("\r\n", "\n") == text
    assert "<strong>" in mail.html or "<h2>" in mail.html
