"""Pictures of every page, for people to look at: ``PICTURES=folder pytest -k pictures``."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page

from config.engine import beat
from tests.browser.gallery import Sight, empty_sights, sights

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
    pages: dict[tuple[str, str, str], Page] = {}

    def page_of(username: str, theme: str, size: str) -> Page:
        key = (username, theme, size)
        if key not in pages:
            user = User.objects.get(username=username) if username else None
            pages[key] = browser_as(user, color_scheme=theme, viewport=SIZES[size])
        return pages[key]

    def take(shown: list[Sight]) -> None:
        for sight in shown:
            if os.environ.get("ONLY", "") not in sight.name:
                continue
            beat()
            if sight.prepare:
                sight.prepare()
            for theme in ("light", "dark"):
                for size in SIZES:
                    page = page_of(sight.username, theme, size)
                    page.goto(sight.path)
                    page.screenshot(
                        path=folder / f"{sight.name}-{theme}-{size}.png", full_page=True
                    )

    take(empty_sights())
    take(sights())
