"""The people of the demonstration in Chromium, and the pictures of what they see."""

from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from tests.pictures.program import Program

WIDE = ViewportSize(width=1280, height=720)
PHONE = ViewportSize(width=360, height=480)
#: Milliseconds that a page may take on a busy machine.
PATIENCE = 60_000


@dataclass
class Album:
    """One browser for each person, and the folder that the pictures go to."""

    browser: Browser
    program: Program
    folder: Path
    taken: list[Path] = field(default_factory=list)
    pages: dict[str, Page] = field(default_factory=dict)

    def page_of(self, username: str) -> Page:
        """The person's own browser; the first time they sign in through the form."""
        if username not in self.pages:
            page = self.open()
            page.goto("/accounts/login/")
            page.locator("[name=login]").fill(username)
            page.locator("[name=password]").fill(self.program.passwords[username])
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url("**/")
            self.pages[username] = page
        return self.pages[username]

    def open(self, viewport: ViewportSize = WIDE) -> Page:
        """A browser of nobody."""
        context = self.browser.new_context(
            base_url=self.program.url,
            viewport=viewport,
            locale="en-GB",
            timezone_id="Europe/Berlin",
            reduced_motion="reduce",
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        return page

    def take(
        self,
        page: Page,
        name: str,
        part: Locator | None = None,
        *,
        height: int = WIDE["height"],
        is_dark: bool = False,
    ) -> None:
        """``<name>.png``: the top of the screen, or one part of the page."""
        page.emulate_media(color_scheme="dark" if is_dark else "light")
        page.mouse.move(0, 0)
        path = self.folder / f"{name}.png"
        if part is None:
            size = page.viewport_size or WIDE
            page.screenshot(
                path=path, clip={"x": 0, "y": 0, "width": size["width"], "height": height}
            )
        else:
            part.screenshot(path=path)
        self.taken.append(path)


def fill(page: Page, **texts: str) -> None:
    """Form fields by their names."""
    for name, text in texts.items():
        page.locator(f"[name={name}]").fill(text)


def submit(page: Page) -> None:
    """Press the one primary button; the page that answers says that it was done."""
    page.locator(".inc-do .btn-primary").click()
    expect(page.locator(".msg.is-ok").first).to_be_visible(timeout=PATIENCE)


def show(part: Locator) -> None:
    """Scroll until the part stands under the band."""
    part.evaluate(
        "part => scrollBy(0, part.getBoundingClientRect().top - 16"
        " - document.querySelector('header.band-sticky').getBoundingClientRect().bottom)"
    )
