"""The sign-in page in a real browser, under the real content security policy."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

pytestmark = [
    pytest.mark.browser,
    pytest.mark.urls("tests.config.urls"),
    pytest.mark.django_db(transaction=True),
]

PASSWORD = "correct horse battery"


@pytest.fixture
def complaints() -> list[str]:
    return []


def test_person_signs_in_without_a_complaint_of_the_browser(
    browser_as: Callable[..., Page], complaints: list[str]
) -> None:
    User.objects.create_user("rick", password=PASSWORD)
    page = browser_as()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto("/accounts/login/")
    page.locator("[name=login]").fill("rick")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=password]").press("Enter")
    expect(page.get_by_text("hello rick")).to_be_visible()
    assert complaints == []


def test_browser_as_opens_a_page_as_that_person(browser_as: Callable[..., Page]) -> None:
    page = browser_as(User.objects.create_user("devin"), viewport={"width": 360, "height": 740})
    page.goto("/")
    expect(page.get_by_text("hello devin")).to_be_visible()
