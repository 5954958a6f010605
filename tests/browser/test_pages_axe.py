"""Every page, light and dark, wide and on a phone: axe finds nothing, nothing scrolls sideways,
the browser's console stays silent; and the forms work without any script."""

import re
from collections.abc import Callable, Iterable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from config.engine import beat
from incidents.enums import Status
from incidents.models import Incident
from tests import factories
from tests.browser.conftest import House, say
from tests.browser.gallery import empty_sights, sights
from tests.browser.sight import Sight, wait_for_figures

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WIDE = {"width": 1360, "height": 900}
PHONE = {"width": 360, "height": 740}
#: How far the page can be scrolled sideways, and what sticks out.
SIDEWAYS = """() => {
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= wide) return "";
  const out = [...document.querySelectorAll("main *, header *, footer *")]
    .filter((one) => one.getBoundingClientRect().right > wide + 1);
  const names = out.slice(0, 3).map((one) => one.outerHTML.slice(0, 120));
  return `${document.documentElement.scrollWidth} px: ${names.join(" | ")}`;
}"""


class Looker:
    """Looks at sights as their persons and keeps what is wrong with them."""

    def __init__(self, open_page: Callable[..., Page]) -> None:
        self.open_page = open_page
        self.axe = Axe()
        self.pages: dict[str, Page] = {}
        self.faults: list[str] = []

    def look_at(self, shown: Iterable[Sight]) -> None:
        for sight in shown:
            if sight.is_twin:
                continue
            page = self._page_of(sight.username)
            beat()
            if sight.prepare:
                sight.prepare()
            response = page.goto(sight.path)
            if response is None or response.status >= 500:
                self.faults.append(f"{sight.name}: {response and response.status}")
                continue
            wait_for_figures(page)
            if sight.act:
                sight.act(page)
            for size in (WIDE, PHONE):
                page.set_viewport_size(size)  # type: ignore[arg-type]
                self._judge(page, f"{sight.name} at {size['width']} px")

    def _page_of(self, username: str) -> Page:
        if username not in self.pages:
            user = User.objects.get(username=username) if username else None
            self.pages[username] = self.open_page(user)
        return self.pages[username]

    def _judge(self, page: Page, name: str) -> None:
        if sideways := page.evaluate(SIDEWAYS):
            self.faults.append(f"{name} scrolls sideways: {sideways}")
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
            expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)
            options: dict[str, object] = {"resultTypes": ["violations"]}
            if theme == "dark":  # Only colours differ between the themes.
                options["runOnly"] = ["color-contrast", "link-in-text-block"]
            for found in self.axe.run(page, options=options).response["violations"]:
                places = "; ".join(node["html"][:160] for node in found["nodes"][:3])
                self.faults.append(f"{name}, {theme}: {found['id']} {found['help']}: {places}")


def test_axe_finds_nothing_on_any_page(open_page: Callable[..., Page]) -> None:
    looker = Looker(open_page)
    looker.look_at(empty_sights())
    looker.look_at(sights())
    assert "\n".join(looker.faults) == ""


def test_triage_works_without_script(house: House, open_page: Callable[..., Page]) -> None:
    client = factories.make_client(name="Halden Solar")
    system = factories.make_system(name="Weekly report", clients=[client])
    incident = factories.make_incident(systems=[system], title="The report is empty")
    user = house.team.orchestrator.user
    page = open_page(user, java_script_enabled=False)
    page.goto(f"/incidents/{incident.ref}/triage/")
    expect(page.get_by_label("Halden Solar")).to_be_checked()
    page.locator("label[for=component_broken-yes]").click()
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#suggestion")).to_contain_text("Suggested SEV-2")
    expect(page.locator("#outcome")).to_contain_text("Acknowledge by")
    page.locator("label[for=level-2]").click()
    say(page, reason="The report has no figures.")
    page.locator(".inc-do .btn-primary").click()
    expect(page).to_have_url(re.compile(rf"/incidents/{incident.ref}/$"))
    expect(page.locator(".msg.is-ok")).to_contain_text("triaged as SEV-2")
    incident.refresh_from_db()
    assert incident.status == Status.TRIAGED


def test_mail_is_written_and_sent_without_script(
    house: House, open_page: Callable[..., Page]
) -> None:
    client = factories.make_client(contact_email="anna@halden.example")
    incident = factories.make_incident(
        status=Status.INVESTIGATING, level=2, clients=[client], team=house.team
    )
    page = open_page(house.team.revenue.user, java_script_enabled=False)
    page.goto(f"/incidents/{incident.ref}/mail/?kind=incident-notification")
    page.locator(".inc-do .btn-primary").click()
    say(
        page,
        brief="Report late",
        system_name="your weekly report",
        what_happening="Your weekly report is late.",
    )
    page.get_by_role("button", name="Save without sending").click()
    expect(page.locator(".letter")).to_contain_text("Your weekly report is late.")
    page.locator("#mail-do").get_by_role("button", name="Send to 1 client").click()
    expect(page.locator("#undo")).to_contain_text("taken back")
    assert set(house.deliver_client_mails()) == {"anna@halden.example"}


def test_incident_is_reported_and_worked_on_without_script(
    house: House, open_page: Callable[..., Page]
) -> None:
    client = factories.make_client(name="Halden Solar")
    factories.make_system(name="Weekly report", clients=[client])
    page = open_page(house.team.delivery.user, java_script_enabled=False)
    page.goto("/incidents/new/")
    say(page, title="The report is empty")
    page.get_by_label("Weekly report", exact=True).check()
    page.locator(".inc-do .btn-primary").click()
    # Without a script the clients of the system are filled in by this first post.
    expect(page.locator(".msg.is-bad")).to_contain_text("check who is affected")
    expect(page.get_by_label("Halden Solar")).to_be_checked()
    page.locator(".inc-do .btn-primary").click()
    expect(page).to_have_url(re.compile(r"/incidents/INC-\d{4}-\d{4}/$"))
    ref = Incident.objects.get().ref
    page.goto(f"/incidents/{ref}/note/")
    say(page, text="The export wrote no file.")
    page.locator(".inc-do .btn-primary").click()
    expect(page.locator("main")).to_contain_text("The export wrote no file.")


def test_header_keeps_its_height(house: House) -> None:
    """The script measures the sticky header; what it writes must not make the header grow."""
    incident = factories.make_incident(status=Status.TRIAGED, team=house.team)
    page = house.page_of("orchestrator")
    page.goto(incident.get_absolute_url())
    height = "document.querySelector('.band-sticky').offsetHeight"
    first = page.evaluate(height)
    page.wait_for_timeout(500)
    assert page.evaluate(height) == first
