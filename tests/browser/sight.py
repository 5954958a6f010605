"""What the gallery consists of."""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page, expect


@dataclass(frozen=True)
class Sight:
    """A page as one person sees it.

    ``prepare`` brings about what must be fresh; ``act`` is what the person does on the page
    before it is looked at. A twin shows the same parts as another sight with other content: for
    pictures alone.
    """

    name: str
    path: str
    username: str = ""
    prepare: Callable[[], None] | None = None
    act: Callable[[Page], None] | None = None
    is_twin: bool = False


def wait_for_figures(page: Page) -> None:
    """Live figures come by a request of their own; until then a link stands in their place."""
    expect(page.get_by_role("link", name="Show the live figure")).to_have_count(0)
