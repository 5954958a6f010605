"""Every page a person can see, in every state that looks different: for axe and for pictures."""

from django.contrib.auth.models import User
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page

from incidents.actors import Actor, actor_for
from incidents.correspondence import edit_draft, send_draft, start_draft, undo_send
from incidents.demo.seeding import seed_demonstration
from incidents.enums import EscalationCode, MailKind, Status
from incidents.escalation import raise_by_person, seen_token
from incidents.models import Client, Escalation, Incident, MailDraft
from monitoring.demo import seed_monitoring
from monitoring.models import ChecklistRun, Monitor
from notifications.models import Message
from tests.browser.gallery_outbox import escalated_sights, outbox_sights
from tests.browser.gallery_playbooks import digest_sights, playbook_sights
from tests.browser.sight import Sight

BLAMING = (
    "HubSpot broke the connection this morning. Our team has paused your outreach. "
    "It will be fixed by 5 pm."
)


def empty_sights() -> list[Sight]:
    """With the SOP loaded and nothing else."""
    call_command("load_sop", verbosity=0)
    User.objects.create_user("nora", first_name="Nora")
    return [
        Sight("home-empty", "/", "nora"),
        Sight("list-empty", "/incidents/", "nora", is_twin=True),
        Sight("monitors-empty", reverse("monitoring:list"), "nora"),
        Sight("checklists-empty", reverse("monitoring:checklists"), "nora"),
        Sight("holds-empty", reverse("incidents:hold-list"), "nora"),
    ]


def sights() -> list[Sight]:
    """With the demonstration: one incident in each status, seven days of history."""
    now = timezone.now()
    seed_demonstration(now=now)
    seed_monitoring(now=now)
    return [
        *_at_the_door(),
        *_daily(),
        *_watch(),
        *_incidents(),
        *_steps(),
        *_mail(),
        *_records(),
        *playbook_sights(),
        *digest_sights(),
        *_own(),
        *outbox_sights(),
        *escalated_sights(),
    ]


def _at_the_door() -> list[Sight]:
    unseen, seen = _escalations()
    return [
        Sight("sign-in", reverse("account_login")),
        Sight("password-reset", reverse("account_reset_password")),
        Sight("escalation", unseen),
        Sight("escalation-seen", seen),
        Sight("escalation-gone", reverse("incidents:escalation", args=["cut-off"])),
    ]


def _daily() -> list[Sight]:
    home, listed = reverse("home"), reverse("incidents:list")
    return [
        Sight("home", home, "rick"),
        Sight("home-orchestrator", home, "alfred"),
        Sight("home-delivery", home, "devin", is_twin=True),
        Sight("home-founder", home, "clayton", is_twin=True),
        Sight("list", listed, "alfred"),
        Sight("list-filtered", f"{listed}?status=investigating&q=bounces", "alfred", is_twin=True),
        Sight("list-nothing", f"{listed}?q=nothingisnamedlikethis", "alfred"),
        Sight("new", reverse("incidents:new"), "alfred"),
        Sight("new-overtaken", reverse("incidents:new"), "alfred", act=_overtake_the_preview),
        Sight("new-delivery", reverse("incidents:new"), "devin"),
        Sight("new-revenue", reverse("incidents:new"), "rick", is_twin=True),
        Sight(
            "triage", reverse("incidents:triage", args=[_incident(Status.DETECTED).ref]), "alfred"
        ),
    ]


def _watch() -> list[Sight]:
    listed = reverse("monitoring:list")
    failing = Monitor.objects.get(name="go.haldensolar.example")
    job = Monitor.objects.get(name="dashboard-refresh")
    runs = ChecklistRun.objects.open()
    return [
        Sight("monitors", listed, "alfred"),
        Sight("monitors-nothing", f"{listed}?q=nothingisnamedlikethis", "rick", is_twin=True),
        Sight("monitor", failing.get_absolute_url(), "devin"),
        Sight("monitor-job", job.get_absolute_url(), "devin"),
        Sight("monitor-new", reverse("monitoring:new"), "devin"),
        Sight("monitor-edit", reverse("monitoring:edit", args=[job.slug]), "devin"),
        Sight("monitor-new-bounces", f"{reverse('monitoring:new')}?kind=bounce_rate", "devin"),
        Sight("monitor-pause", reverse("monitoring:pause", args=[job.slug]), "devin"),
        Sight("maintenance", reverse("monitoring:maintenance"), "alfred"),
        Sight("tokens", reverse("monitoring:tokens"), "clayton"),
        Sight("checklists", runs.get(checklist="weekly").get_absolute_url(), "alfred"),
        Sight("checklists-daily", runs.get(checklist="daily").get_absolute_url(), "alfred"),
        Sight("checklists-reading", runs.get(checklist="weekly").get_absolute_url(), "devin"),
        Sight("definitions", reverse("monitoring:definitions"), "alfred"),
        Sight("definition-edit", reverse("monitoring:definition-edit", args=["weekly"]), "alfred"),
    ]


def _incidents() -> list[Sight]:
    return [
        Sight(
            f"incident-{status}",
            _incident(status).get_absolute_url(),
            username,
            is_twin=status == Status.CANCELLED,
        )
        for status, username in {
            Status.DETECTED: "alfred",
            Status.TRIAGED: "devin",
            Status.INVESTIGATING: "devin",
            Status.MONITORING: "rick",
            Status.RESOLVED: "alfred",
            Status.CLOSED: "alfred",
            Status.CANCELLED: "alfred",
        }.items()
    ]


def _steps() -> list[Sight]:
    steps = [
        ("investigate", Status.INVESTIGATING, "devin"),
        ("fix", Status.INVESTIGATING, "devin"),
        ("note", Status.INVESTIGATING, "devin"),
        ("told", Status.INVESTIGATING, "rick"),
        ("escalate", Status.INVESTIGATING, "rick"),
        ("severity", Status.INVESTIGATING, "alfred"),
        ("assign", Status.INVESTIGATING, "alfred"),
        ("clients", Status.INVESTIGATING, "alfred"),
        ("resolve", Status.MONITORING, "rick"),
        ("waive", Status.MONITORING, "alfred"),
        ("review", Status.RESOLVED, "alfred"),
        ("hubspot-noted", Status.RESOLVED, "rick"),
        ("close", Status.RESOLVED, "alfred"),
        # Neither is possible: the table forbids the one, the role the other.
        ("verify", Status.CLOSED, "devin"),
        ("triage", Status.DETECTED, "rick"),
    ]
    return [
        Sight(
            f"step-{step}-{username}",
            f"{_incident(status).get_absolute_url()}{step}/",
            username,
            is_twin=step in {"investigate", "told", "assign", "resolve"},
        )
        for step, status, username in steps
    ]


def _mail() -> list[Sight]:
    rick = actor_for(User.objects.get(username="rick"))
    incident = _incident(Status.INVESTIGATING)
    draft = _draft(incident, rick, BLAMING)
    plain = _draft(
        _incident(Status.MONITORING), rick, "Your dashboard shows this week's figures again."
    )

    def send_now() -> None:
        """Sent a moment ago, so that the seconds of undo are running."""
        plain.refresh_from_db()
        if not plain.is_open:
            undo_send(plain, by=rick, now=timezone.now())
        send_draft(plain, by=rick, now=timezone.now())

    panel = reverse("incidents:mail", args=[incident.ref, draft.pk])
    return [
        Sight("mail-start", reverse("incidents:mail-start", args=[incident.ref]), "rick"),
        Sight("mail", panel, "rick"),
        Sight("mail-other-role", panel, "devin"),
        Sight(
            "mail-sent",
            reverse("incidents:mail", args=[plain.incident.ref, plain.pk]),
            "rick",
            prepare=send_now,
        ),
    ]


def _records() -> list[Sight]:
    client = Client.objects.get(slug="halden-solar")
    message = Message.objects.filter(recipient=client.contact_email).latest("pk")
    alfred = "alfred"
    return [
        Sight("clients", reverse("incidents:client-list"), alfred),
        Sight("client", client.get_absolute_url(), "rick"),
        Sight("client-edit", reverse("incidents:client-edit", args=[client.slug]), alfred),
        Sight("client-deal", reverse("incidents:client-deal", args=[client.slug]), "rick"),
        Sight("client-escalate", reverse("incidents:client-escalate", args=[client.slug]), "rick"),
        Sight("systems", reverse("incidents:system-list"), alfred),
        Sight("system", reverse("incidents:system-detail", args=["outreach-sending"]), alfred),
        Sight("system-edit", reverse("incidents:system-edit", args=["outreach-sending"]), alfred),
        Sight("templates", reverse("incidents:template-list"), alfred),
        Sight(
            "template-edit",
            reverse("incidents:template-edit", args=["incident-notification"]),
            alfred,
        ),
        Sight("outbox", reverse("incidents:outbox"), alfred),
        Sight("message", reverse("incidents:message", args=[message.pk]), alfred),
    ]


def _own() -> list[Sight]:
    return [
        Sight("account", reverse("incidents:account"), "rick"),
        Sight("password", reverse("account_change_password"), "rick"),
        Sight("second-factor", reverse("mfa_index"), "rick"),
        Sight("not-found", "/incidents/INC-1999-0001/", "rick"),
    ]


def _overtake_the_preview(page: Page) -> None:
    """A submit before the clients of the system were seen: they are shown first."""
    page.evaluate(
        """() => {
          document.querySelector("[name=title]").value = "The report is empty";
          document.querySelector("#system-weekly-dashboard").click();
          document.querySelector("#triage").requestSubmit();
        }"""
    )
    page.locator("#clients-changed").wait_for()


def _incident(status: str) -> Incident:
    return Incident.objects.get(status=status)


def _draft(incident: Incident, by: Actor, text: str) -> MailDraft:
    now = timezone.now()
    clients = list(incident.clients.all())
    draft = start_draft(incident, kind=MailKind.UPDATE, clients=clients, by=by, now=now)
    return edit_draft(draft, {"update_text": text}, by=by, now=now)


def _escalations() -> tuple[str, str]:
    """The signed links of one escalation nobody has seen and of one that was."""
    by = actor_for(User.objects.get(username="rick"))
    unseen = raise_by_person(
        EscalationCode.E2,
        summary="They asked for the end of their contract.",
        client=Client.objects.get(slug="kestrel-homes"),
        by=by,
        now=timezone.now(),
    )
    seen = Escalation.objects.filter(acknowledged_at__isnull=False).latest("pk")
    return tuple(  # type: ignore[return-value]
        reverse("incidents:escalation", args=[seen_token(one, one.notices.first().responder)])
        for one in (unseen, seen)
    )
