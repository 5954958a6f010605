"""Sights of playbooks: written, imported, at work, what they teach; and the weekly updates."""

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page

from incidents.actors import Actor, actor_for
from incidents.digests import edit_digest, send_digest, undo_digest
from incidents.enums import ReleaseHow, Status, StepState
from incidents.models import Client, Incident, Playbook, PlaybookRun, PlaybookRunStep
from incidents.playbooks.attaching import attach_playbook
from incidents.playbooks.files import write_file
from incidents.playbooks.running import finish_step, skip_step
from tests.browser.sight import Sight
from tests.factories import make_client, make_hold, make_sending_domain

#: A kind must be a text.
NONSENSE = 'slug = "webhook-loop"\ntitle = "Webhook"\n[[step]]\nkind = 3\n'
NEW_STEP = """
[[step]]
key = "tell-team"
kind = "notify"
text = "Tell the team what was switched"
"""
BLAMING_LINE = "HubSpot broke your dashboard; it will be fixed by Friday."


def playbook_sights() -> list[Sight]:
    """Comes after the incidents: it attaches playbooks and releases a hold."""
    alfred = "alfred"
    bounces = Incident.objects.get(status=Status.INVESTIGATING)
    runs = reverse("incidents:runs", args=[bounces.ref])
    edit = reverse("incidents:playbook-edit", args=["api-down"])
    imported = reverse("incidents:playbook-import")
    bounce_spike = reverse("incidents:playbook-detail", args=["email-bounce-spike"])
    figures = reverse("incidents:playbook-figures", args=["api-down"])
    asked = Incident.objects.get(status=Status.TRIAGED)
    return [
        Sight("playbooks", reverse("incidents:playbook-list"), "devin"),
        Sight("playbooks-editor", reverse("incidents:playbook-list"), alfred, is_twin=True),
        Sight("playbook", bounce_spike, "devin"),
        Sight("playbook-own", bounce_spike, alfred, is_twin=True),
        Sight("playbook-edit", edit, alfred),
        Sight("playbook-new", reverse("incidents:playbook-new"), alfred),
        Sight("playbook-preview", edit, alfred, act=_walk),
        Sight("playbook-refused", edit, alfred, act=_break_a_step),
        Sight("playbook-import", imported, alfred),
        Sight("playbook-import-refused", imported, alfred, act=_import_nonsense),
        Sight("playbook-import-preview", imported, alfred, act=_import_changes),
        Sight("playbook-learning", reverse("incidents:playbook-learning"), alfred),
        Sight("playbook-figures", figures, alfred),
        Sight("playbook-run", runs, "devin"),
        Sight("playbook-run-override", runs, alfred, act=_open_all),
        Sight(
            "playbook-run-mixed",
            reverse("incidents:runs", args=[asked.ref]),
            "devin",
            prepare=lambda: _work_on(asked, "crm-sync-break"),
        ),
        Sight(
            "playbook-questions",
            reverse("incidents:runs", args=[asked.ref]),
            "rick",
            prepare=lambda: _work_on(asked, "client-reports-not-working"),
        ),
        Sight("holds", reverse("incidents:hold-list"), "devin", prepare=_release_once),
        Sight("holds-override", reverse("incidents:hold-list"), alfred, prepare=_release_once),
        Sight("hold-step", f"{bounces.get_absolute_url()}hold/", "devin"),
        Sight("release-step", f"{bounces.get_absolute_url()}release/", alfred),
    ]


def digest_sights() -> list[Sight]:
    """One client's update as it stands, with nothing to say, with findings, and on its way."""
    halden, kestrel = (Client.objects.get(slug=one) for one in ("halden-solar", "kestrel-homes"))
    brightwater = Client.objects.get(slug="brightwater-dental")

    def page(client: Client) -> str:
        return reverse("incidents:client-update", args=[client.slug])

    return [
        Sight("client-update", page(halden), "rick"),
        Sight("client-update-other-role", page(halden), "devin", is_twin=True),
        Sight("client-update-nothing", page(kestrel), "rick"),
        Sight("client-update-guarded", page(brightwater), "rick", prepare=_blame(brightwater)),
        Sight("client-update-sent", page(halden), "rick", prepare=lambda: _send_anew(halden)),
    ]


def _actor(username: str) -> Actor:
    return actor_for(User.objects.get(username=username))


def _walk(page: Page) -> None:
    """API Down as a run would show it, with one branch taken."""
    for chosen in (None, "The provider has an outage"):
        if chosen:
            page.get_by_label(chosen, exact=True).check()
        page.locator("button[name=do][value=preview]").last.click()
    page.locator(".playbook .is-done").first.wait_for()


def _break_a_step(page: Page) -> None:
    page.locator("[name=steps-1-branch]").fill("no-such-answer")
    page.locator("button[value=save]").first.click()
    page.locator("[role=alert]").first.wait_for()


def _import_nonsense(page: Page) -> None:
    page.locator("[name=text]").fill(NONSENSE)
    page.locator("button[value=look]").click()
    page.locator("[role=alert]").first.wait_for()


def _import_changes(page: Page) -> None:
    """API Down with another title, a changed step and one more."""
    text = write_file(Playbook.objects.get(slug="api-down"))
    text = text.replace('title = "API Down"', 'title = "API Down or Slow"')
    text = text.replace("Check provider status page", "Read the provider's status page")
    page.locator("[name=text]").fill(text + NEW_STEP)
    page.locator("button[value=look]").click()
    page.locator("button[value=store]").wait_for()


def _open_all(page: Page) -> None:
    """Everything that is folded on the panel."""
    page.evaluate("document.querySelectorAll('#playbooks details').forEach((d) => (d.open = true))")


def _work_on(incident: Incident, slug: str) -> None:
    """The playbook alone on the incident, its first steps settled in different ways."""
    now, devin = timezone.now(), _actor("devin")
    runs = incident.runs.standing()
    if runs.filter(playbook__slug=slug).exists():
        return
    runs.update(ended_at=now, ended_by_name="Alfred", end_reason="Another one fits better.")
    attach_playbook(incident, Playbook.objects.get(slug=slug), by=_actor("alfred"), now=now)
    first, second = _open_steps(incident)[:2]
    finish_step(incident, first, by=devin, now=now, note="The client answered within minutes.")
    if slug == "crm-sync-break":
        skip_step(incident, second, reason="The keys were renewed yesterday.", by=devin, now=now)


def _open_steps(incident: Incident) -> list[PlaybookRunStep]:
    run = PlaybookRun.objects.get(incident=incident, ended_at=None)
    return list(run.steps.filter(state=StepState.OPEN).order_by("number"))


def _release_once() -> None:
    """One hold that was overridden, on a domain of its own, and one nobody may forget."""
    if Client.objects.filter(slug="lantern-books").exists():
        return
    now = timezone.now()
    domain = make_sending_domain(
        make_client(name="Lantern Books", slug="lantern-books"), name="post.lanternbooks.example"
    )
    make_hold(
        domain=domain,
        reason="Half of the addresses were bought.",
        placed_at=now,
        released_at=now,
        released_by_name="Alfred",
        released_how=ReleaseHow.OVERRIDE,
        override_reason="The list was replaced; the client confirmed it by phone.",
    )
    make_hold(
        domain=domain,
        reason="The new list bounces too.",
        placed_at=now,
        sent_while_held=212,
        alarmed_at=now,
    )


def _blame(client: Client) -> object:
    def prepare() -> None:
        edit_digest(client, {"intro": BLAMING_LINE}, by=_actor("rick"), now=timezone.now())

    return prepare


def _send_anew(client: Client) -> None:
    """Sent a moment ago, so that the seconds of undo are running."""
    rick, now = _actor("rick"), timezone.now()
    if client.digests.filter(state="sent").exists():
        undo_digest(client, by=rick, now=now)
    send_digest(client, by=rick, now=now)
