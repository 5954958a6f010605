"""A submit that overtakes its preview: it waits, and sends nothing that nobody has seen (W3)."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, Request, Route, expect

from incidents.models import Incident
from tests import factories
from tests.browser.conftest import House, say

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

INCIDENT = re.compile(r"/incidents/INC-\d{4}-\d{4}/$")


@contextmanager
def slow_preview(page: Page) -> Iterator[list[Route]]:
    """Previews are asked for but not answered until the test lets the last of them go on."""
    held: list[Route] = []
    page.route("**/preview/", lambda route: held.append(route))
    yield held
    page.unroute("**/preview/")


def posts_of(page: Page) -> list[Request]:
    """The submits of the form itself."""
    sent: list[Request] = []
    page.on(
        "request",
        lambda one: (
            sent.append(one) if one.method == "POST" and "/preview/" not in one.url else None
        ),
    )
    return sent


def tick(page: Page, system: str) -> None:
    """Choose a system; returns when its preview is on the way."""
    with page.expect_request("**/preview/"):
        page.get_by_label(system, exact=True).check()


def open_new(house: House, role: str) -> Page:
    page = house.page_of(role)
    page.goto("/incidents/new/")
    say(page, title="The report is empty")
    return page


def submit(page: Page) -> None:
    page.locator(".inc-do .btn-primary").click()
    expect(page.locator("body")).to_have_class(re.compile("is-waiting"))


def test_a_submit_waits_for_its_preview_and_goes_on(house: House) -> None:
    factories.make_system(name="Weekly report")
    page = open_new(house, "delivery")
    sent = posts_of(page)
    with slow_preview(page) as held:
        tick(page, "Weekly report")
        submit(page)
        page.locator(".inc-do .btn-primary").click()  # A second click changes nothing.
        assert sent == []
        held[-1].continue_()
        expect(page).to_have_url(INCIDENT)
    assert len(sent) == 1
    assert Incident.objects.get().systems.get().name == "Weekly report"


def test_clients_nobody_has_seen_are_shown_first_W3(house: House) -> None:
    factories.make_system(
        name="Weekly report", clients=[factories.make_client(name="Halden Solar")]
    )
    page = open_new(house, "delivery")
    sent = posts_of(page)
    with slow_preview(page) as held:
        tick(page, "Weekly report")
        submit(page)
        held[-1].continue_()
        expect(page.locator("#clients-changed")).to_contain_text("check who is affected")
    expect(page.get_by_label("Halden Solar")).to_be_checked()
    expect(page.locator("body")).not_to_have_class(re.compile("is-waiting"))
    assert sent == []
    page.locator(".inc-do .btn-primary").click()
    expect(page).to_have_url(INCIDENT)
    assert Incident.objects.get().clients.get().name == "Halden Solar"


def test_a_severity_nobody_has_seen_is_shown_first_S8(house: House) -> None:
    factories.make_system(name="Weekly report")
    page = open_new(house, "orchestrator")
    sent = posts_of(page)
    with slow_preview(page) as held:
        page.locator("label[for=core_stopped-yes]").click()
        tick(page, "Weekly report")
        submit(page)
        held[-1].continue_()
        expect(page.locator("#levels-changed")).to_contain_text("The severity follows")
    expect(page.locator("#level-1")).to_be_checked()
    assert sent == []
    say(page, reason="No report reaches the client.")
    page.locator(".inc-do .btn-primary").click()
    expect(page).to_have_url(INCIDENT)
    assert Incident.objects.get().level == 1


def test_without_an_answer_the_server_decides_W3(house: House) -> None:
    factories.make_system(
        name="Weekly report", clients=[factories.make_client(name="Halden Solar")]
    )
    page = open_new(house, "delivery")
    with slow_preview(page) as held:
        tick(page, "Weekly report")
        submit(page)
        held[-1].fulfill(status=403)
        expect(page.locator(".msg.is-bad")).to_contain_text("check who is affected")
    expect(page.get_by_label("Halden Solar")).to_be_checked()
    assert not Incident.objects.exists()
    page.locator(".inc-do .btn-primary").click()
    expect(page).to_have_url(INCIDENT)
