"""A client's report from the first mail to closing: a SEV-3, each step by the right person."""

import re

import pytest
from playwright.sync_api import expect
from pytest_django import Settings

from incidents.enums import Status
from incidents.models import AffectedClient, Client, Incident
from tests import factories
from tests.browser.conftest import House, compare_mail, say, take_step, write_mail

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MAYA = "maya@brightwater.example"


@pytest.fixture
def client(house: House) -> Client:
    """The client who reports, and another one on the same system, whom nobody has to tell."""
    brightwater = factories.make_client(
        name="Brightwater Dental",
        slug="brightwater-dental",
        contact_name="Maya Okafor",
        contact_email=MAYA,
        time_zone="Europe/London",
    )
    factories.make_system(
        name="Weekly dashboard",
        slug="weekly-dashboard",
        plain_name="your weekly dashboard",
        clients=[brightwater],
    )
    return brightwater


def test_sev3_goes_from_a_clients_report_to_closed(
    house: House, client: Client, settings: Settings
) -> None:
    settings.MAIL_UNDO_SECONDS = 2
    ref = _report(house)
    _reply(house, ref)
    _triage(house, ref)
    _fix(house, ref)
    _resolve(house, ref)
    _close(house, ref)


def _report(house: House) -> str:
    """SOP step 1, W2: revenue opens what a client reports, and has not to triage it."""
    page = house.page_of("revenue")
    page.get_by_role("link", name="New incident").first.click()
    say(
        page,
        title="Weekly dashboard shows old figures",
        description="Maya writes that last week's figures are still shown.",
    )
    page.locator("[name=source]").select_option("client_report")
    page.locator("[name=reported_by]").select_option("brightwater-dental")
    page.get_by_label("Weekly dashboard", exact=True).check()
    # Two previews are on their way; the second one names the system.
    expect(page.locator("#clients")).to_contain_text("who depends on Weekly dashboard")
    expect(page.locator("#clients")).to_contain_text("reported it")
    expect(page.locator("#outcome")).to_contain_text("provisional")
    page.locator(".inc-do .btn-primary").click()
    expect(page).to_have_url(re.compile(r"/incidents/INC-\d{4}-\d{4}/$"))
    incident = Incident.objects.get()
    assert incident.status == Status.DETECTED
    assert incident.reported_by is not None
    return incident.ref


def _reply(house: House, ref: str) -> None:
    """SOP step 3, C3: the reply to the client is the acknowledgement, before any triage."""
    mails = write_mail(
        house,
        ref,
        "incident-notification",
        "Send to 1 client",
        brief="Weekly dashboard not updating",
        system_name="your weekly dashboard",
        what_happening="Your dashboard shows last week's figures.",
        next_update_at="2099-12-31T10:00",
    )
    assert set(mails) == {MAYA}
    compare_mail(
        mails[MAYA],
        "[LeadsPanther] Issue Detected — Weekly dashboard not updating",
        """Hi Maya,

We've identified an issue with your weekly dashboard.

What's happening: Your dashboard shows last week's figures.
What we're doing: Our team is investigating and working on a fix.
Next update: We'll update you by 09:00 GMT on Thursday 31 December.

If you have questions, reply to this email.

— LeadsPanther Team
""",
    )
    incident = Incident.objects.get(ref=ref)
    assert incident.status == Status.DETECTED
    assert incident.accepted_at is not None


def _triage(house: House, ref: str) -> None:
    """SOP step 2: revenue may read but not decide, the orchestrator follows the suggestion."""
    revenue = house.page_of("revenue")
    revenue.goto(f"/incidents/{ref}/triage/")
    expect(revenue.locator(".inc-do button:not([aria-disabled])")).to_have_count(0)
    page = house.page_of("orchestrator")
    page.goto(f"/incidents/{ref}/triage/")
    page.locator("label[for=below_expectations-yes]").click()
    expect(page.locator("#suggestion")).to_contain_text("Suggested SEV-3")
    say(page, reason="Reporting only; the core service is unaffected.")
    page.locator(".inc-do .btn-primary").click()
    expect(page.locator(".msg.is-ok")).to_contain_text(f"{ref} triaged as SEV-3")
    incident = Incident.objects.get(ref=ref)
    assert incident.acknowledged_at is not None
    assert not incident.escalations.exists(), "a SEV-3 does not wake the founder"


def _fix(house: House, ref: str) -> None:
    page = house.page_of("delivery")
    take_step(
        page,
        ref,
        "fix",
        "Record the fix",
        broke="The dashboard kept last week's figures.",
        cause="We renamed the folder of the export.",
        done="The export writes to the new folder.",
        tested_what="A full export of one week",
        tested_where="Staging",
        test_result="All charts show the current week.",
    )
    take_step(
        page,
        ref,
        "verify",
        "Verify",
        end_to_end="The client's dashboard shows this week's figures.",
        failure_test="The folder was renamed on staging: the export said so.",
    )


def _resolve(house: House, ref: str) -> None:
    """SOP steps 5 and 6: the page says what is missing, and each thing is mended in turn."""
    revenue = house.page_of("revenue")
    revenue.goto(f"/incidents/{ref}/resolve/")
    expect(revenue.locator("main")).to_contain_text("The stability window runs until")
    expect(revenue.locator("main")).to_contain_text(
        "The resolution mail delivered to Brightwater Dental"
    )
    page = house.page_of("orchestrator")
    page.goto(f"/incidents/{ref}/waive/")
    page.locator("[name=kind]").select_option("stability_window")
    say(page, reason="The export ran twice with the right figures.")
    page.locator(".inc-do .btn-primary").click()
    expect(page.locator(".msg.is-ok")).to_be_visible()
    mails = write_mail(
        house,
        ref,
        "incident-resolved",
        "Send to 1 client",
        what_happened="Your dashboard kept showing last week's figures.",
        what_did="We corrected the export, and all charts show the current week.",
    )
    compare_mail(
        mails[MAYA],
        "[LeadsPanther] Resolved — Weekly dashboard not updating",
        """Hi Maya,

The issue with your weekly dashboard has been resolved.

What happened: Your dashboard kept showing last week's figures.
What we did: We corrected the export, and all charts show the current week.
Current status: Everything is back to normal and running as expected.

If you notice anything else, just reply to this email.

— LeadsPanther Team
""",
    )
    take_step(revenue, ref, "resolve", "Resolve")
    assert Incident.objects.get(ref=ref).status == Status.RESOLVED


def _close(house: House, ref: str) -> None:
    """SOP step 6.2: without its HubSpot note nothing closes; no post-incident entry is owed."""
    page = house.page_of("orchestrator")
    page.goto(f"/incidents/{ref}/close/")
    expect(page.locator("main")).to_contain_text("The HubSpot note for Brightwater Dental")
    revenue = house.page_of("revenue")
    revenue.goto(f"/incidents/{ref}/hubspot-noted/")
    expect(revenue.locator("pre")).to_contain_text(ref)
    revenue.get_by_role("button", name="Tick the note for Brightwater Dental").click()
    expect(revenue.locator(".msg.is-ok")).to_be_visible()
    assert AffectedClient.objects.get(incident__ref=ref).hubspot_noted_by == "Rick"
    take_step(page, ref, "close", "Close")
    expect(page.locator("header.band-sticky")).to_contain_text("Closed")
    assert Incident.objects.get(ref=ref).status == Status.CLOSED
