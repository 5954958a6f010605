"""Pictures of every page, for people to look at: ``PICTURES=folder pytest -k pictures``."""

import os
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page

from config.engine import beat
from tests.browser.gallery import empty_sights, sights
from tests.browser.sight import Sight, wait_for_figures

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        "PICTURES" not in os.environ, reason="PICTURES names the folder for the pictures"
    ),
]

SIZES = {"1360": {"width": 1360, "height": 900}, "360": {"width": 360, "height": 740}}


def test_pictures_of_every_page(browser_as: Callable[..., Page]) -> None:
    """One file each: ``<page>-<light|dark>-<width>.png``; ``ONLY=`` takes a part of the names."""
    folder = Path(os.environ["PICTURES"])
    folder.mkdir(parents=True, exist_ok=True)
    pages: dict[str, Page] = {}

    def page_of(username: str) -> Page:
        if username not in pages:
            user = User.objects.get(username=username) if username else None
            pages[username] = browser_as(user)
        return pages[username]

    def take(shown: list[Sight]) -> None:
        for sight in shown:
            if os.environ.get("ONLY", "") not in sight.name:
                continue
            page = page_of(sight.username)
            beat()
            if sight.prepare:
                sight.prepare()
            page.goto(sight.path)
            wait_for_figures(page)
            if sight.act:
                sight.act(page)
            for size, theme in product(SIZES, ("light", "dark")):
                page.set_viewport_size(SIZES[size])  # type: ignore[arg-type]
                page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
                file = folder / f"{sight.name}-{theme}-{size}.png"
                page.screenshot(path=file, full_page=True, timeout=120_000)

    take(empty_sights())
    take(sights())
