"""A SEV-1 of a third party from detection to closing, each step by the right person."""

import datetime as dt
import re
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django import Settings

from incidents.enums import Status
from incidents.models import Client, Escalation, Incident
from tests import factories
from tests.browser.conftest import (
    BERLIN,
    House,
    client_reads,
    compare_mail,
    say,
    take_step,
    write_mail,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

BLAME = "HubSpot broke the connection, so new leads are not reaching your CRM."
ANNA, MAYA = "anna@halden.example", "maya@brightwater.example"


@pytest.fixture
def clients(house: House) -> list[Client]:
    """A Premium client in Berlin and a Standard one in London, both on the vendor's system."""
    halden = factories.make_premium_client(
        name="Halden Solar",
        slug="halden-solar",
        contact_name="Anna Brandt",
        contact_email=ANNA,
        hubspot_deal="9001",
    )
    brightwater = factories.make_client(
        name="Brightwater Dental",
        slug="brightwater-dental",
        contact_name="Maya Okafor",
        contact_email=MAYA,
        time_zone="Europe/London",
        hubspot_deal="9002",
    )
    factories.make_third_party(
        name="HubSpot sync",
        slug="hubspot-sync",
        vendor="HubSpot",
        plain_name="your CRM sync",
        clients=[halden, brightwater],
    )
    return [halden, brightwater]


def test_sev1_goes_from_detection_to_closed(
    house: House, clients: list[Client], tmp_path: Path, settings: Settings
) -> None:
    ref = _detect(house)
    _triage(house, ref)
    _say_seen(house, ref)
    _notify(house, ref, settings)
    _fix(house, ref)
    _resolve(house, ref)
    _learn(house, ref)
    _close(house, ref)
    _read_export(house, ref, tmp_path)


def _detect(house: House) -> str:
    """SOP step 1: delivery notices it; the clients on the system are filled in."""
    page = house.page_of("delivery")
    page.goto("/")
    page.get_by_role("link", name="New incident").first.click()
    say(page, title="Leads are not reaching the CRM")
    page.get_by_label("HubSpot sync", exact=True).check()
    expect(page.get_by_label("Halden Solar")).to_be_checked()
    expect(page.get_by_label("Brightwater Dental")).to_be_checked()
    page.locator(".inc-do .btn-primary").click()
    expect(page).to_have_url(re.compile(r"/incidents/INC-\d{4}-\d{4}/$"))
    incident = Incident.objects.get()
    assert incident.status == Status.DETECTED
    assert [mail.recipients for mail in house.deliver()] == [["alfred@agency.example"]]
    return incident.ref


def _triage(house: House, ref: str) -> None:
    """SOP step 2: three answers suggest a severity; the page says what it would do."""
    page = house.page_of("orchestrator")
    page.goto("/")
    page.locator(f"a[href='/incidents/{ref}/triage/']:visible").first.click()
    expect(page.get_by_role("heading", name="Triage")).to_be_visible()
    _answer(page, "core_stopped", "yes")
    expect(page.locator("#suggestion")).to_contain_text("Suggested SEV-1")
    expect(page.locator("#level-1")).to_be_checked()
    outcome = page.locator("#outcome")
    expect(outcome).to_contain_text("Halden Solar told by")
    expect(outcome).to_contain_text("Clayton is told at once at SEV-1.")
    expect(outcome).to_contain_text("2 notice drafts")
    say(page, reason="No lead reaches a client's CRM.")
    page.locator(".inc-do .btn-primary").click()
    expect(page.locator(".msg.is-ok")).to_contain_text(f"{ref} triaged as SEV-1")


def _answer(page: Page, question: str, answer: str) -> None:
    page.locator(f"label[for={question}-{answer}]").click()


def _say_seen(house: House, ref: str) -> None:
    """E1, N3: the founder is told at once; only the button of the link says “seen”."""
    told = {mail.recipients[0]: mail for mail in house.deliver()}
    assert set(told) == {
        "clayton@agency.example",
        "devin@agency.example",
        "rick@agency.example",
    }
    escalation = Escalation.objects.get(rule_id="E1")
    mail = told["clayton@agency.example"]
    assert f"E1 SEV-1 incident: {ref}" in str(mail.message["Subject"])
    links = re.findall(r"https?://\S+/escalations/\S+", mail.text)
    assert len(links) == 1
    page = house.open_page()
    page.goto(links[0])
    expect(page.locator("body")).to_contain_text(ref)
    expect(page.locator("body")).not_to_contain_text("CRM")
    escalation.refresh_from_db()
    assert escalation.acknowledged_at is None, "a GET must not acknowledge"
    page.get_by_role("button", name="I have seen it").click()
    expect(page.locator("main")).to_contain_text("Clayton has seen it")
    escalation.refresh_from_db()
    assert escalation.acknowledged_by == "Clayton"


def _notify(house: House, ref: str, settings: Settings) -> None:
    """SOP step 3: the guard finds the blame, the rewrite is used, undo works, two mails leave."""
    page = house.page_of("revenue")
    page.goto("/")
    page.locator(f"a[href*='/incidents/{ref}/mail/']:visible").first.click()
    page.locator("[name=what_happening]").fill(BLAME)
    finding = page.locator("#finding-1")
    expect(finding).to_contain_text("Blame")
    expect(page.locator("mark.finding")).to_contain_text("HubSpot")
    expect(page.locator("#why-not")).to_contain_text("1 finding")
    finding.get_by_role("button", name="Use this").click()
    expect(page.locator(".msg.is-ok")).to_contain_text("The rewrite is in the text.")
    expect(page.locator("#finding-1")).to_have_count(0)
    assert "HubSpot" not in page.locator("[name=what_happening]").input_value()
    promised = (timezone.now() + dt.timedelta(minutes=50)).replace(second=0, microsecond=0)
    say(
        page,
        brief="CRM sync paused",
        what_happening="New leads are not reaching your CRM at the moment.",
        next_update_at=f"{promised.astimezone(BERLIN):%Y-%m-%dT%H:%M}",
    )
    send = page.locator("#mail-do").get_by_role("button", name="Send to 2 clients")
    expect(page.locator("#why-not")).to_have_count(0)
    settings.MAIL_UNDO_SECONDS = 60  # However slow the machine, there is time to take it back.
    send.click()
    page.locator("#undo").get_by_role("button", name="Undo").click()
    expect(page.locator(".msg.is-ok")).to_contain_text("Taken back: 2 mails not sent.")
    settings.MAIL_UNDO_SECONDS = 2
    assert house.deliver_client_mails() == {}
    page.locator("#mail-do").get_by_role("button", name="Send to 2 clients").click()
    expect(page.locator("#undo")).to_be_visible()
    mails = house.deliver_client_mails()
    assert set(mails) == {ANNA, MAYA}
    compare_mail(
        mails[ANNA],
        "[LeadsPanther] Issue Detected — CRM sync paused",
        _notification("Anna", client_reads(promised, "Europe/Berlin")),
    )
    compare_mail(
        mails[MAYA],
        "[LeadsPanther] Issue Detected — CRM sync paused",
        _notification("Maya", client_reads(promised, "Europe/London")),
    )
    incident = Incident.objects.get(ref=ref)
    assert incident.acknowledged_at is not None
    page.reload()
    expect(page.locator("#deliveries")).to_contain_text("Delivered")


def _notification(name: str, next_update: str) -> str:
    return f"""Hi {name},

We've identified an issue with your CRM sync.

What's happening: New leads are not reaching your CRM at the moment.
What we're doing: Our team is investigating and working on a fix.
Next update: We'll update you by {next_update}.

If you have questions, reply to this email.

— LeadsPanther Team
"""


def _fix(house: House, ref: str) -> None:
    """SOP steps 4 and 5: nothing counts as fixed without its test, nor verified without two."""
    page = house.page_of("delivery")
    page.goto(f"/incidents/{ref}/investigate/")
    say(
        page,
        logs="Every call answers 502 since the first alert.",
        status_pages="The vendor reports a partial outage.",
        found="The vendor's API refuses our calls.",
    )
    page.locator("[name=side]").select_option("third_party")
    page.locator(".inc-do .btn-primary").click()
    expect(page.locator(".msg.is-ok")).to_be_visible()
    take_step(page, ref, "contain", "Record containment", done="Leads are queued on our side.")
    page.goto(f"/incidents/{ref}/fix/")
    say(
        page,
        broke="The sync of new leads.",
        cause="The vendor's API refused every call.",
        done="Moved the sync to the bulk API and replayed the queue.",
    )
    page.locator(".inc-do .btn-primary").click()
    expect(page.locator(".msg.is-bad")).to_contain_text("No change to production")
    assert page.locator("[name=broke]").input_value() == "The sync of new leads."
    say(
        page,
        tested_what="A sync of 40 queued leads",
        tested_where="Staging",
        test_result="All 40 arrived, none twice.",
    )
    page.locator(".inc-do .btn-primary").click()
    expect(page.locator(".msg.is-ok")).to_be_visible()
    take_step(
        page,
        ref,
        "verify",
        "Verify",
        end_to_end="A lead entered in the form reached the CRM of both clients.",
        failure_test="The call that answered 502 was made again: 200.",
    )
    assert Incident.objects.get(ref=ref).status == Status.MONITORING


def _resolve(house: House, ref: str) -> None:
    """SOP steps 5 and 6: the window is waived by name, both clients hear of the end."""
    page = house.page_of("orchestrator")
    page.goto(f"/incidents/{ref}/waive/")
    page.locator("[name=kind]").select_option("stability_window")
    say(page, reason="The vendor confirmed the end of the outage in writing.")
    page.locator(".inc-do .btn-primary").click()
    expect(page.locator(".msg.is-ok")).to_be_visible()
    mails = write_mail(
        house,
        ref,
        "incident-resolved",
        "Send to 2 clients",
        what_happened="New leads did not reach your CRM for a while.",
        what_did="We moved the sync to another route and delivered the waiting leads.",
    )
    assert set(mails) == {ANNA, MAYA}
    for address, name in ((ANNA, "Anna"), (MAYA, "Maya")):
        compare_mail(
            mails[address],
            "[LeadsPanther] Resolved — CRM sync paused",
            f"""Hi {name},

The issue with your CRM sync has been resolved.

What happened: New leads did not reach your CRM for a while.
What we did: We moved the sync to another route and delivered the waiting leads.
Current status: Everything is back to normal and running as expected.

If you notice anything else, just reply to this email.

— LeadsPanther Team
""",
        )
    page = house.page_of("revenue")
    take_step(page, ref, "resolve", "Resolve")
    for name in ("Halden Solar", "Brightwater Dental"):
        page.goto(f"/incidents/{ref}/hubspot-noted/")
        page.get_by_role("button", name=f"Tick the note for {name}").click()
        expect(page.locator(".msg.is-ok")).to_be_visible()


def _learn(house: House, ref: str) -> None:
    """SOP step 7: the post-incident entry, then the postmortem to the Premium client alone."""
    page = house.page_of("orchestrator")
    page.goto(f"/incidents/{ref}/close/")
    expect(page.locator("main")).to_contain_text("The postmortem delivered to Halden Solar")
    page.goto(f"/incidents/{ref}/review/")
    say(
        page,
        timeline="The sync stopped. We moved it to another route.",
        root_cause="One route for all calls, with no second one.",
        resolution="A second route, used when the first one fails.",
    )
    due = (timezone.now() + dt.timedelta(days=10)).date()
    for number, (text, owner) in enumerate(
        (("Second route for the sync", "delivery"), ("Alert on the queue's length", "orchestrator"))
    ):
        person = getattr(house.team, owner)
        row = f"measures-{number}"
        page.locator(f"[name={row}-text]").fill(text)
        page.locator(f"[name={row}-owner]").select_option(str(person.pk))
        page.locator(f"[name={row}-due_on]").fill(due.isoformat())
    page.locator("[name=measures-0-done_on]").fill(timezone.localdate().isoformat())
    page.locator(".inc-do .btn-primary").click()
    expect(page.locator(".msg.is-ok")).to_be_visible()
    mails = write_mail(
        house,
        ref,
        "incident-postmortem",
        "Send to 1 client",
        timeline="New leads stopped reaching your CRM. We moved the sync to another route.",
        root_cause="The sync had one route and no second one.",
    )
    assert set(mails) == {ANNA}
    compare_mail(
        mails[ANNA],
        "[LeadsPanther] Post-Incident Report — CRM sync paused",
        f"""Hi Anna,

Here is our report on the issue with your CRM sync ({ref}).

Full timeline

New leads stopped reaching your CRM. We moved the sync to another route.

Root cause analysis

The sync had one route and no second one.

What we've changed to prevent recurrence

- Second route for the sync

What is planned

- Alert on the queue's length (by {due.day} {due:%B})

If you have questions, reply to this email.

— LeadsPanther Team
""",
    )


def _close(house: House, ref: str) -> None:
    """The incident page's one primary button is the next step: now that nothing blocks, Close."""
    page = house.page_of("orchestrator")
    page.goto(f"/incidents/{ref}/")
    page.locator(".inc-do").get_by_role("link", name="Close").click()
    page.locator(".inc-do").get_by_role("button", name="Close").click()
    expect(page.locator("header.band-sticky")).to_contain_text("Closed")
    assert Incident.objects.get(ref=ref).status == Status.CLOSED


def _read_export(house: House, ref: str, folder: Path) -> None:
    """W9: the log as Markdown holds every step a person took, with the name."""
    page = house.page_of("orchestrator")
    page.goto(f"/incidents/{ref}/")
    with page.expect_download() as download:
        page.locator(f"a[href$='/incidents/{ref}/export.md']").first.click()
    file = folder / "export.md"
    download.value.save_as(file)
    text = file.read_text(encoding="utf-8")
    for name, words in (
        ("Devin", "Leads are not reaching the CRM"),
        ("Alfred", "No lead reaches a client's CRM."),
        ("Clayton", "has seen E1"),
        ("Rick", "Notification to Halden Solar sent off"),
        ("Rick", "Sending undone for 2 clients"),
        ("Devin", "The vendor's API refuses our calls."),
        ("Devin", "Leads are queued on our side."),
        ("Devin", "All 40 arrived, none twice."),
        ("Devin", "The call that answered 502 was made again"),
        ("Alfred", "The vendor confirmed the end of the outage in writing."),
        ("Rick", "Resolved to Brightwater Dental sent off"),
        ("Rick", "HubSpot note"),
        ("Alfred", "Post-incident entry completed."),
        ("Rick", "Postmortem to Halden Solar sent off"),
        ("Alfred", "Closed"),
    ):
        lines = [line for line in text.splitlines() if words in line]
        assert any(name in line for line in lines), f"the export lacks {name}: {words}"
