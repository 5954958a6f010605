"""One incident from detection to closed, each step on its page by the right person."""

import datetime as dt
import re

from playwright.sync_api import Page, expect

from tests.pictures.album import PATIENCE, PHONE, Album, fill, show, submit

GATED = "DEMO-0006"
SYNCS = ("demo-hubspot-sync-halden-solar", "demo-hubspot-sync-osprey-freight")
BLAME = "HubSpot broke the connection this morning, so new leads do not reach your CRM."
PLAIN = "New leads are not reaching your CRM at the moment. Nothing is lost."


def tell(album: Album) -> None:
    """The whole story; pictures are taken on the way."""
    home = album.page_of("alfred")
    home.goto("/")
    album.take(home, "home", height=600)
    _report_syncs(album, ok=False, detail="401 Unauthorized")
    ref = _open_and_triage(album)
    _say_seen(album)
    _tell_clients(album, ref)
    _follow_playbook(album, ref)
    _meet_the_gate(album)
    _fix(album, ref)
    _resolve(album, ref)
    _close(album, ref)
    monitors = album.page_of("devin")
    monitors.goto("/monitors/")
    album.take(monitors, "monitors", height=720, is_dark=True)


def _report_syncs(album: Album, *, ok: bool, detail: str) -> None:
    """What the sync itself says; it stands beside the playbook's steps."""
    figures = [{"monitor": slug, "ok": ok, "detail": detail} for slug in SYNCS]
    album.program.post_figures(*figures)


def _open_and_triage(album: Album) -> str:
    """Steps 1 and 2: the system names the clients, three answers suggest the severity."""
    page = album.page_of("alfred")
    page.goto("/incidents/new/")
    fill(page, title="New leads do not reach the CRM")
    page.get_by_label("HubSpot sync", exact=True).check()
    expect(page.get_by_label("Kestrel Homes")).to_be_checked()
    page.locator("label[for=core_stopped-yes]").click()
    expect(page.locator("#suggestion")).to_contain_text("Suggested SEV-1")
    expect(page.locator("#outcome")).to_contain_text("Clayton is told at once")
    fill(page, reason="No lead of the website reaches a client's CRM.")
    show(page.locator("#triage section").nth(1))
    album.take(page, "triage", height=560)
    submit(page)
    found = re.search(r"INC-\d{4}-\d{4}", page.url)
    assert found, page.url
    return found[0]


def _say_seen(album: Album) -> None:
    """The founder's phone: no sign-in, no details, one button."""
    page = album.open(PHONE)
    page.goto(album.program.find_link(r"https?://\S+/escalations/\S+"))
    album.take(page, "escalation", height=PHONE["height"])
    page.get_by_role("button", name="I have seen it").click()
    expect(page.locator("main")).to_contain_text("has seen it")


def _tell_clients(album: Album, ref: str) -> None:
    """Step 3: the guard finds the blame where it stands; what is sent names nobody."""
    page = album.page_of("rick")
    page.goto(f"/incidents/{ref}/")
    page.locator(f"a[href*='/incidents/{ref}/mail/']:visible").first.click()
    fill(page, brief="New leads delayed", what_happening=BLAME)
    expect(page.locator("#finding-1")).to_contain_text("Blame")
    album.take(page, "mail", page.locator("#mail-view"))
    fill(page, what_happening=PLAIN)
    expect(page.locator("#finding-1")).to_have_count(0)
    _send(page)


def _send(page: Page) -> None:
    """Send, and wait for the seconds of undo and for the engine."""
    expect(page.locator("#why-not")).to_have_count(0)
    page.locator("#mail-do .btn-primary").click()
    expect(page.locator("#undo")).to_be_visible()
    expect(page.locator("#deliveries")).to_contain_text("Delivered", timeout=PATIENCE)


def _follow_playbook(album: Album, ref: str) -> None:
    """Step 4: the playbook that came with the system."""
    page = album.page_of("devin")
    page.goto(f"/incidents/{ref}/investigate/")
    fill(page, logs="401 since 06:00.", found="Our key for the sync had expired.")
    page.locator("[name=side]").select_option("ours")
    submit(page)
    page.goto(f"/incidents/{ref}/")
    steps = page.locator("#playbooks .playbook > li")
    for number, note in ((1, "Every call answers 401."), (2, "The key expired today.")):
        row = steps.nth(number - 1)
        row.get_by_text("Note or evidence").click()
        row.locator("[name=note]").fill(note)
        row.locator("button[name=action][value=done]").click()
        expect(row).to_have_class(re.compile("is-done"))
    show(page.locator("#playbooks"))
    album.take(page, "playbook", height=560)


def _meet_the_gate(album: Album) -> None:
    """Sending from a held domain does not resume before its figure is good."""
    page = album.page_of("devin")
    page.goto(f"/incidents/{GATED}/")
    gate = page.locator(".pb-gate")
    expect(gate).to_contain_text("Locked.")
    album.take(page, "gate", gate)


def _fix(album: Album, ref: str) -> None:
    """Steps 4 and 5: a fix with its test, then the end-to-end confirmation."""
    page = album.page_of("devin")
    page.goto(f"/incidents/{ref}/fix/")
    fill(
        page,
        broke="The sync of new leads.",
        cause="Our key expired and nobody was reminded.",
        done="A new key, and a reminder two weeks before it ends.",
        tested_what="A sync of 40 waiting leads",
        tested_where="Staging",
        test_result="All 40 arrived, none twice.",
    )
    submit(page)
    _report_syncs(album, ok=True, detail="40 leads")
    page.goto(f"/incidents/{ref}/")
    steps = page.locator("#playbooks .playbook > li")
    for number, action in ((3, "done"), (4, "done"), (5, "not_applicable")):
        row = steps.nth(number - 1)
        row.locator(f"button[name=action][value={action}]").click()
        expect(row).to_have_class(re.compile("is-done|is-shut"))
    row = steps.nth(5)
    for name, count in (("missing", "40"), ("written", "40")):
        row.locator(f"[name=counts-{name}]").fill(count)
    row.locator("button[name=action][value=done]").click()
    expect(row).to_have_class(re.compile("is-done"))
    page.goto(f"/incidents/{ref}/verify/")
    fill(
        page,
        end_to_end="A lead entered in the form reached the CRM of all three clients.",
        failure_test="The call that answered 401 was made again: 200.",
    )
    submit(page)


def _resolve(album: Album, ref: str) -> None:
    """Step 6: an hour of stability, waived here by name; then every client hears the end."""
    page = album.page_of("alfred")
    page.goto(f"/incidents/{ref}/waive/")
    page.locator("[name=kind]").select_option("stability_window")
    fill(page, reason="The cause is gone: the new key is valid for a year.")
    submit(page)
    page = album.page_of("rick")
    page.goto(f"/incidents/{ref}/mail/?kind=incident-resolved")
    page.locator(".inc-do .btn-primary").click()
    fill(
        page,
        what_happened="New leads waited on our side for a while.",
        what_did="We renewed an expired key and delivered every waiting lead.",
    )
    _send(page)
    page.goto(f"/incidents/{ref}/resolve/")
    submit(page)
    page.goto(f"/incidents/{ref}/hubspot-noted/")
    while (tick := page.get_by_role("button", name="Tick the note for").first).is_visible():
        tick.click()
        expect(page.locator(".msg.is-ok")).to_be_visible()
        page.goto(f"/incidents/{ref}/hubspot-noted/")


def _close(album: Album, ref: str) -> None:
    """Step 7: the post-incident entry, the postmortem to Premium clients, Close."""
    page = album.page_of("alfred")
    page.goto(f"/incidents/{ref}/review/")
    fill(
        page,
        timeline="The key ended at 06:00. A new key was in place within the hour.",
        root_cause="The key had an end date that stood in nobody's calendar.",
        resolution="A new key; the waiting leads were delivered.",
    )
    fill(page, **{"measures-0-text": "A monitor for the end date of every key"})
    page.locator("[name=measures-0-owner]").select_option(index=1)
    due = dt.date.today() + dt.timedelta(days=10)
    fill(page, **{"measures-0-due_on": due.isoformat()})
    submit(page)
    writer = album.page_of("rick")
    writer.goto(f"/incidents/{ref}/mail/?kind=incident-postmortem")
    writer.locator(".inc-do .btn-primary").click()
    fill(
        writer,
        timeline="New leads waited on our side. They were delivered within the hour.",
        root_cause="A key of ours ended without a reminder.",
    )
    _send(writer)
    page.goto(f"/incidents/{ref}/close/")
    submit(page)
    page.goto(f"/incidents/{ref}/")
    album.take(page, "closed", height=660)
