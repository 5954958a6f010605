"""Each playbook of the SOP through every branch, from a monitor's alert to Resolved (P1 to P7).

Monitors are fed as machines feed them, the engine judges, people work in Chromium.
``PICTURES=folder`` keeps pictures of the runs: light and dark, wide and on a phone.
"""

import json
import os
import re
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings as django_settings
from playwright.sync_api import Locator, Page, expect
from pytest_django import Settings

from incidents.enums import Status, StepState
from incidents.models import Client, Hold, Incident, PlaybookRunStep
from monitoring.enums import Kind
from monitoring.models import Monitor
from tests import factories
from tests.browser.conftest import House, say, take_step, write_mail
from tests.monitoring.ingesting import make_token

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ANNA = "anna@halden.example"
DOMAIN = "go.halden.example"
LOOKS = (("1360", "light"), ("1360", "dark"), ("360", "light"), ("360", "dark"))
SIZES = {"1360": {"width": 1360, "height": 900}, "360": {"width": 360, "height": 740}}


@dataclass
class Run:
    """One incident with its playbook, and the person who works on it."""

    house: House
    ref: str
    token: str
    monitor: Monitor
    name: str
    role: str = "delivery"
    faults: list[str] = field(default_factory=list)

    @property
    def incident(self) -> Incident:
        return Incident.objects.get(ref=self.ref)

    @property
    def page(self) -> Page:
        return self.house.page_of(self.role)

    def open(self) -> None:
        self.page.goto(f"/incidents/{self.ref}/")
        self.page.evaluate("window.stays = true")

    def step(self, number: int) -> PlaybookRunStep:
        return PlaybookRunStep.objects.get(
            run__incident__ref=self.ref, run__ended_at=None, number=number
        )

    def row(self, number: int) -> Locator:
        return self.page.locator(f"#step-{self.step(number).pk}")

    def press(self, number: int, action: str) -> Locator:
        """Press a step's button; the panel is swapped, the page is not loaded anew."""
        row = self.row(number)
        # The panel of before, with the message of the step before, must not pass for the answer.
        self.page.locator("#playbooks").evaluate("panel => panel.classList.add('is-before')")
        row.locator(f"button[name=action][value={action}]").first.click()
        expect(self.page.locator("#playbooks:not(.is-before) .msg.is-ok")).to_be_visible()
        assert self.page.evaluate("window.stays") is True
        return row

    def do(self, number: int, *, note: str = "", **counts: int) -> None:
        row = self.row(number)
        if note:
            row.locator(f"#note-{self.step(number).pk} summary").click()
            row.locator("[name=note]").fill(note)
        for name, count in counts.items():
            row.locator(f"[name=counts-{name}]").fill(str(count))
        expect(self.press(number, "done")).to_have_class(re.compile("is-done"))

    def answer(self, number: int, *labels: str) -> None:
        for label in labels:
            self.row(number).get_by_label(label).check()
        expect(self.press(number, "answer")).to_contain_text(", ".join(labels))

    def is_shut(self, *numbers: int) -> None:
        for number in numbers:
            expect(self.row(number)).to_have_class(re.compile("is-shut"))

    def feed(self, **values: Any) -> None:
        """One figure, as the machine behind the monitor posts it; then the engine judges."""
        body = json.dumps({"monitor": self.monitor.slug, **values}).encode()
        request = urllib.request.Request(
            f"{django_settings.SITE_URL}/ingest/metrics",
            data=body,
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert json.load(answer)["taken"] == 1
        self.house.deliver()

    def look(self, name: str) -> None:
        """Axe finds nothing on the panel as it is now; a picture of the page where wanted."""
        page = self.page
        for size, theme in LOOKS:
            page.set_viewport_size(SIZES[size])  # type: ignore[arg-type]
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
            expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)
            for found in Axe().run(page, context="#playbooks").response["violations"]:
                places = "; ".join(node["html"][:160] for node in found["nodes"][:3])
                self.faults.append(f"{name}, {size}, {theme}: {found['id']}: {places}")
            if folder := os.environ.get("PICTURES"):
                file = Path(folder) / f"run-{self.name}-{name}-{theme}-{size}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                page.evaluate("scrollTo(0, 0)")
                # To hide the caret Playwright adds a style, which our policy refuses aloud.
                page.screenshot(path=file, full_page=True, caret="initial")
        page.set_viewport_size(SIZES["1360"])  # type: ignore[arg-type]
        page.emulate_media(color_scheme="light")


@pytest.fixture
def client(house: House, settings: Settings) -> Client:
    """One client on every system, with a sending domain."""
    settings.MAIL_UNDO_SECONDS = 1
    halden = factories.make_client(
        name="Halden Solar", slug="halden-solar", contact_name="Anna Brandt", contact_email=ANNA
    )
    factories.make_sending_domain(halden, name=DOMAIN)
    return halden


@pytest.fixture
def start(house: House) -> Callable[..., Run]:
    """``start(kind, values, level=…, …)``: a monitor, its alert, and triage by the orchestrator."""

    def started(
        name: str, kind: str, values: Sequence[dict[str, Any]] = (), *, level: int, **fields: Any
    ) -> Run:
        monitor = factories.make_monitor(kind, name=f"{name} watch", slug=f"{name}-watch", **fields)
        run = Run(house, "", make_token("metrics"), monitor, name)
        for one in values:
            run.feed(**one)
        if not values:
            house.deliver()
        run.ref = Incident.objects.get().ref
        page = house.page_of("orchestrator")
        page.goto(f"/incidents/{run.ref}/triage/")
        page.locator(f"label[for=level-{level}]").click()
        say(page, reason="Judged by its effect on the client.")
        page.locator(".inc-do .btn-primary").click()
        expect(page.locator(".msg.is-ok")).to_contain_text(f"{run.ref} triaged")
        return run

    return started


def notify(run: Run, **texts: str) -> None:
    """The client is told by mail."""
    mails = write_mail(
        run.house,
        run.ref,
        "incident-notification",
        "Send to 1 client",
        brief="An interruption",
        system_name="your outreach",
        what_happening="Your outreach is interrupted at the moment.",
        **texts,
    )
    assert set(mails) == {ANNA}


def finish(run: Run) -> None:
    """Fix with its test, verify, waive the window, tell the client of the end, resolve."""
    house, ref = run.house, run.ref
    page = house.page_of("delivery")
    page.goto(f"/incidents/{ref}/investigate/")
    say(page, found="What the playbook led to.")
    page.locator("[name=side]").select_option("ours")
    page.locator(".inc-do .btn-primary").click()
    expect(page.locator(".msg.is-ok")).to_be_visible()
    take_step(
        page,
        ref,
        "fix",
        "Record",
        broke="The path the alert watches.",
        cause="A setting.",
        done="Set it right.",
        tested_what="The failing case",
        tested_where="Staging",
        test_result="It passes.",
    )
    expect(page.locator("#playbooks")).to_contain_text("tested The failing case, Staging")
    take_step(
        page, ref, "verify", "Verify", end_to_end="It works.", failure_test="It fails no more."
    )
    page = house.page_of("orchestrator")
    page.goto(f"/incidents/{ref}/waive/")
    page.locator("[name=kind]").select_option("stability_window")
    say(page, reason="Stable since the fix.")
    page.locator(".inc-do .btn-primary").click()
    expect(page.locator(".msg.is-ok")).to_be_visible()
    if run.incident.affected.filter(told_at__isnull=False).exists():
        mails = write_mail(
            house,
            ref,
            "incident-resolved",
            "Send to 1 client",
            what_happened="Your outreach was interrupted for a while.",
            what_did="We set it right.",
        )
        assert set(mails) == {ANNA}
    take_step(house.page_of("revenue"), ref, "resolve", "Resolve")
    assert run.incident.status == Status.RESOLVED
    assert run.faults == [], "\n".join(run.faults)


def states(run: Run) -> list[str]:
    rows = PlaybookRunStep.objects.filter(run__incident__ref=run.ref, run__ended_at=None)
    return [row.state for row in rows.order_by("run", "number")]


DONE, OUT, READ = StepState.DONE, StepState.NOT_APPLICABLE, StepState.ACKNOWLEDGED


def api_down(start: Callable[..., Run], client: Client) -> Run:
    backup = factories.make_system(name="Model cascade", slug="model-cascade")
    system = factories.make_third_party(
        name="AI drafting", slug="ai-drafting", vendor="OpenRouter", backup=backup, clients=[client]
    )
    run = start("api", Kind.ERROR_RATE, [{"total": 100, "bad": 20}], level=2, system=system)
    expect(run.house.page_of("orchestrator").locator("#playbooks")).to_contain_text("API Down")
    return run


def test_api_down_through_all_its_branches_P1_P3(start: Callable[..., Run], client: Client) -> None:
    run = api_down(start, client)
    run.open()
    expect(run.row(2)).to_contain_text("opens when step 1 is answered")
    run.look("open")
    run.answer(1, "The provider has an outage", "Our configuration", "We are rate limited")
    expect(run.row(2)).to_contain_text("Switches AI drafting to Model cascade")
    expect(run.row(3)).to_contain_text("20")
    run.do(2)
    run.do(3, note="The keys are good.")
    run.do(4)
    expect(run.row(5)).to_contain_text("Not told yet: Halden Solar")
    run.look("told")
    notify(run)
    run.open()
    run.do(5)
    assert states(run) == [DONE] * 5
    run.feed(total=9_000, bad=0)
    finish(run)


def test_api_down_that_was_our_configuration_P1_P2(
    start: Callable[..., Run], client: Client
) -> None:
    run = api_down(start, client)
    run.open()
    run.answer(1, "Our configuration")
    run.is_shut(2, 4, 5)
    run.do(3)
    run.look("shut")
    assert states(run) == [DONE, OUT, DONE, OUT, OUT]
    run.feed(total=9_000, bad=0)
    notify(run)
    finish(run)


def bounce(start: Callable[..., Run], client: Client) -> Run:
    domain = client.sending_domains.get()
    system = factories.make_system(name="Outreach", slug="outreach", clients=[client])
    run = start(
        "bounce",
        Kind.BOUNCE_RATE,
        [{"total": 50, "bad": 3}],
        level=2,
        system=system,
        sending_domain=domain,
    )
    run.open()
    expect(run.row(1)).to_contain_text(f"Places a hold on {DOMAIN}")
    run.look("open")
    run.do(1)
    assert Hold.objects.standing().get().sending_domain == domain
    return run


def resume(run: Run) -> None:
    """P4: the gate opens only by a fresh test batch."""
    gate = run.row(6)
    run.open()
    expect(gate).to_contain_text("Locked.")
    expect(gate.get_by_role("button", name="Resume sending")).to_have_attribute(
        "aria-disabled", "true"
    )
    run.look("locked")
    run.feed(total=102, bad=0)
    run.open()
    expect(gate).to_contain_text("Open.")
    run.look("unlocked")
    gate.get_by_role("button", name="Resume sending").click()
    expect(run.page.locator(".msg.is-ok").first).to_be_visible()
    assert not Hold.objects.standing().exists()


def test_bounce_spike_of_hard_bounces_and_the_domain_P1_P4(
    start: Callable[..., Run], client: Client
) -> None:
    run = bounce(start, client)
    run.answer(2, "Yes, a domain issue")
    run.answer(3, "Hard bounces (bad addresses)", "Soft bounces (temp issues)")
    run.do(4)
    run.do(5)
    resume(run)
    assert states(run) == [DONE] * 6
    notify(run)
    finish(run)


def test_bounce_spike_of_soft_bounces_P1_P4(start: Callable[..., Run], client: Client) -> None:
    run = bounce(start, client)
    run.answer(2, "No, the domain is fine")
    run.answer(3, "Soft bounces (temp issues)")
    run.is_shut(4, 5)
    resume(run)
    assert states(run) == [DONE, DONE, DONE, OUT, OUT, DONE]
    notify(run)
    finish(run)


def sync(start: Callable[..., Run], client: Client) -> Run:
    system = factories.make_system(name="CRM sync", slug="crm-sync", clients=[client])
    run = start("sync", Kind.SYNC, level=2, system=system, client=client)
    run.open()
    for number in (1, 2, 3, 4):
        run.do(number)
    expect(run.row(5)).to_contain_text("Is data loss suspected?")
    run.look("asked")
    return run


def test_sync_break_with_lost_data_P1_P7(start: Callable[..., Run], client: Client) -> None:
    run = sync(start, client)
    run.press(5, "applies")
    run.do(5, note="Nothing since Friday.")
    run.do(6, missing=12, written=12)
    expect(run.row(6)).to_contain_text("Records missing: 12")
    assert states(run) == [DONE] * 6
    run.feed(ok=True)
    notify(run)
    finish(run)


def test_sync_break_without_lost_data_P1_P7(start: Callable[..., Run], client: Client) -> None:
    run = sync(start, client)
    run.press(5, "not_applicable")
    run.is_shut(5)
    run.do(6, missing=0, written=0)
    assert states(run) == [DONE] * 4 + [OUT, DONE]
    run.feed(ok=True)
    notify(run)
    finish(run)


def attach(run: Run, slug: str) -> None:
    """None fits by itself: a person chooses."""
    run.name = slug
    run.open()
    expect(run.page.locator("#playbooks")).to_contain_text("None is attached.")
    run.look("none")
    run.page.locator("#attach-playbook").select_option(slug)
    run.page.get_by_role("button", name="Attach").click()
    expect(run.page.locator(".msg.is-ok").first).to_be_visible()
    run.open()


def job(start: Callable[..., Run], client: Client, *, level: int) -> Run:
    system = factories.make_system(name="Weekly report", slug="weekly-report", clients=[client])
    return start("job", Kind.HEARTBEAT, level=level, system=system)


def ping(run: Run) -> None:
    url = f"{django_settings.SITE_URL}/ping/{run.monitor.ping_id}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.status == 200
    run.house.deliver()


@pytest.mark.parametrize("is_theirs", [True, False])
def test_client_says_it_does_not_work_P1_P6(
    is_theirs: bool, start: Callable[..., Run], client: Client
) -> None:
    run = job(start, client, level=3)
    attach(run, "client-reports-not-working")
    for number in (1, 2, 3):
        run.do(number)
    if is_theirs:
        run.press(4, "applies")
        run.do(4, note="A password was changed.")
    else:
        run.press(4, "not_applicable")
        run.is_shut(4)
    run.do(5)
    run.look("done")
    assert states(run) == [DONE] * 3 + [DONE if is_theirs else OUT, DONE]
    ping(run)
    take_step(run.house.page_of("revenue"), run.ref, "acknowledge", "Accept")
    finish(run)


@pytest.mark.parametrize("is_permanent", [True, False])
def test_suspended_tool_P1_P5(
    is_permanent: bool, start: Callable[..., Run], client: Client
) -> None:
    run = job(start, client, level=1)
    attach(run, "outreach-tool-suspension")
    run.role = "delivery"
    run.do(1)
    run.do(2)
    expect(run.row(3)).to_contain_text("Do NOT create a new account")
    run.look("prohibition")
    expect(run.press(3, "acknowledge")).to_contain_text("Understood by Devin")
    run.do(4)
    if is_permanent:
        run.press(5, "applies")
        run.do(5, note="To the second tool.")
    else:
        run.press(5, "not_applicable")
        run.is_shut(5)
    notify(run)
    run.open()
    run.do(6)
    run.look("done")
    assert states(run) == [DONE, DONE, READ, DONE, DONE if is_permanent else OUT, DONE]
    ping(run)
    finish(run)
