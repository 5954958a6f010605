"""The administration: what is read, what is mended, what is refused (rules A1, A2, C1, W1, W11)."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Model
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from config.groups import load_groups
from incidents.enums import DeadlineKind, EntryKind, Role, Status
from incidents.models import EscalationRule, Incident, Playbook, Policy, Severity, TimelineEntry
from monitoring.models import Beat
from tests.factories import (
    NOW,
    make_affected,
    make_checklist_item,
    make_client,
    make_client_mail,
    make_deadline,
    make_dependency,
    make_diagnosis,
    make_draft,
    make_entry,
    make_escalation,
    make_fix,
    make_hold,
    make_incident,
    make_matrix,
    make_measure,
    make_message,
    make_participant,
    make_playbook,
    make_playbook_run,
    make_sending_domain,
    make_set_aside,
    make_sop,
    make_system,
    make_team,
    make_user,
    make_verification,
    make_wait,
    make_waiver,
)

pytestmark = pytest.mark.django_db
SignIn = Callable[..., Browser]
HOUR = dt.timedelta(hours=1)

#: Rows of which nothing in the administration may be added, changed or deleted.
READ_ONLY = [
    "affectedclient",
    "clientmail",
    "deadline",
    "diagnosis",
    "escalation",
    "escalationnotice",
    "fixrecord",
    "formtoken",
    "hold",
    "maildraft",
    "participant",
    "playbookrun",
    "playbookrunstep",
    "preventionmeasure",
    "referencecounter",
    "review",
    "setaside",
    "timelineentry",
    "verification",
    "wait",
    "waiver",
]


def url_of(row: Model, page: str = "change") -> str:
    options = row._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_{page}", args=[row.pk])


def list_of(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def make_admin(*roles: str) -> User:
    """Somebody of the group admin, with the permissions that load_sop gives it."""
    load_groups()
    return make_user("admin", *roles, is_staff=True)


def make_superuser() -> User:
    """Somebody whom no permission stops: only the administration's own rules do."""
    user = make_admin(Role.FOUNDER)
    user.is_superuser = True
    user.save()
    return user


def model_called(name: str) -> Any:
    return next(model for model in admin.site._registry if model._meta.model_name == name)


def make_everything() -> Incident:
    """At least one row of most models, on one visible incident."""
    make_sop()
    Policy.objects.get_or_create(pk=1)
    team, client = make_team(), make_client()
    make_sending_domain(client)
    system = make_system(clients=[client])
    make_dependency(client)
    incident = make_incident(
        status=Status.RESOLVED, level=1, clients=[client], systems=[system], team=team
    )
    make_affected(incident)
    make_deadline(incident, client=client)
    make_playbook_run(incident)
    make_hold(incident)
    for make in (make_entry, make_diagnosis, make_fix, make_wait, make_waiver, make_participant):
        make(incident)
    message = make_message(reference=incident.ref)
    make_client_mail(make_draft(incident), client, message=message)
    escalation = make_escalation(incident)
    escalation.notices.create(responder=team.founder, message=make_message())
    make_measure(owner=team.delivery)
    make_set_aside()
    make_checklist_item()
    Beat.record("engine", at=NOW)
    return incident


def mend_form(incident: Incident, **changes: object) -> dict[str, object]:
    values: dict[str, object] = {
        "title": incident.title,
        "description": incident.description,
        "systems": [str(system.pk) for system in incident.systems.all()],
        "corrected_at_0": "",
        "corrected_at_1": "",
        "correction_reason": "",
    }
    return {**values, **changes}


# Every page -----------------------------------------------------------------------------


def test_every_list_and_change_page_opens(sign_in: SignIn) -> None:
    make_everything()
    browser = sign_in(user=make_superuser())
    for model in admin.site._registry:
        assert browser.get(list_of(model)).status_code == 200, model
        row = model._default_manager.first()
        if row is not None:
            assert browser.get(url_of(row), follow=True).status_code == 200, model
            assert browser.get(url_of(row, "history")).status_code == 200, model


def test_every_search_works(sign_in: SignIn) -> None:
    make_everything()
    browser = sign_in(user=make_superuser())
    for model in admin.site._registry:
        assert browser.get(f"{list_of(model)}?q=x").status_code == 200, model


def test_all_models_of_ours_are_registered() -> None:
    shown = {model._meta.label_lower for model in admin.site._registry}
    for name in (*READ_ONLY, "incident", "client", "system", "responder", "severity", "policy"):
        assert f"incidents.{name}" in shown
    assert {"monitoring.checklist", "monitoring.beat", "notifications.message"} <= shown


def test_what_the_workflow_wrote_is_read_only_W9(sign_in: SignIn) -> None:
    make_everything()
    browser = sign_in(user=make_superuser())
    for name in READ_ONLY:
        base = f"/admin/incidents/{name}/"
        assert browser.get(f"{base}add/").status_code == 403, name
        assert browser.post(f"{base}add/", {}).status_code == 403, name
        row = model_called(name).objects.first()
        if row is not None:
            assert browser.post(url_of(row), {}).status_code == 403, name
            assert browser.post(url_of(row, "delete"), {"post": "yes"}).status_code == 403, name


def test_records_are_never_deleted_there(sign_in: SignIn) -> None:
    make_everything()
    browser = sign_in(user=make_superuser())
    for name in ("incident", "client", "system", "responder", "severity", "playbook"):
        model = model_called(name)
        row, count = model.objects.first(), model.objects.count()
        assert browser.post(url_of(row, "delete"), {"post": "yes"}).status_code == 403, name
        bulk = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
        browser.post(list_of(model), bulk)
        assert model.objects.count() == count, name


# Who ------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.DELIVERY, Role.REVENUE, Role.LEGAL])
def test_roles_without_policies_see_none_A1(role: str, sign_in: SignIn) -> None:
    make_everything()
    load_groups()
    browser = sign_in(user=make_user(role, is_staff=True))
    for model in (Severity, Incident, EscalationRule):
        assert browser.get(list_of(model)).status_code == 403


def test_admin_needs_staff_and_a_login(client: Browser, sign_in: SignIn) -> None:
    assert client.get("/admin/").status_code == 302
    assert sign_in(Role.FOUNDER).get("/admin/").status_code in (302, 403)


@pytest.mark.parametrize("role", [Role.ORCHESTRATOR, Role.FOUNDER])
def test_policies_are_changed_by_orchestrator_and_founder_A1_A2(role: str, sign_in: SignIn) -> None:
    make_everything()
    load_groups()
    group = Group.objects.get(name=role)
    assert group.permissions.filter(codename="change_escalationrule").exists() or (
        group.permissions.add(*Permission.objects.filter(codename__in=POLICY_PERMISSIONS)) is None
    )
    user = make_user(role, is_staff=True)
    rule = EscalationRule.objects.get(pk="E2")
    values = {
        "situation": "Client may leave", "to_roles": ["founder"], "method": rule.method,
        "is_active": "on", "ring_every": "00:10:00", "rings_to_target": 4, "rings_to_backup": 4,
    }  # fmt: skip
    answer = sign_in(user=user).post(url_of(rule), values)
    assert answer.status_code == 302
    rule.refresh_from_db()
    assert rule.situation == "Client may leave"
    assert rule.history.first().history_user == user


POLICY_PERMISSIONS = ["view_escalationrule", "change_escalationrule"]


def test_matrix_knows_only_the_roles_of_the_procedure(sign_in: SignIn) -> None:
    make_everything()
    rule = EscalationRule.objects.get(pk="E2")
    values = {"situation": rule.situation, "to_roles": ["nobody"], "method": rule.method}
    answer = sign_in(user=make_admin()).post(url_of(rule), values)
    assert answer.status_code == 200
    rule.refresh_from_db()
    assert rule.to_roles == ["founder"]


# Incidents ------------------------------------------------------------------------------


def playbook_form(playbook: Playbook, **changes: object) -> dict[str, object]:
    """What the page of a playbook with two steps posts."""
    values: dict[str, object] = {
        "title": playbook.title,
        "slug": playbook.slug,
        "is_active": "on",
        "steps-TOTAL_FORMS": "2",
        "steps-INITIAL_FORMS": "2",
    }
    for index, step in enumerate(playbook.steps.all()):
        fields = {
            "id": step.pk,
            "playbook": playbook.pk,
            "number": step.number,
            "key": step.key,
            "kind": step.kind,
            "text": step.text,
            "answers": "[]",
            "parameters": "{}",
            "questions": "[]",
            "counts": "[]",
        }
        values |= {f"steps-{index}-{name}": value for name, value in fields.items()}
    return {**values, **changes}


def test_a_playbook_that_cannot_be_run_is_refused_there_too_P1(sign_in: SignIn) -> None:
    playbook = make_playbook(steps=["Look at it.", "Mend it."])
    browser = sign_in(user=make_superuser())
    wrong = playbook_form(playbook, **{"steps-1-branch": "nobody-offers-it"})
    page = browser.post(url_of(playbook), wrong)
    assert page.status_code == 200
    assert "Step 2: Nothing opens it: no earlier answer offers" in page.content.decode()
    assert not playbook.steps.exclude(branch="").exists()
    right = playbook_form(playbook, **{"steps-1-text": "Mend it well."})
    assert browser.post(url_of(playbook), right).status_code == 302
    assert playbook.steps.get(number=2).text == "Mend it well."


def test_title_and_systems_are_mended_and_told_A2(sign_in: SignIn) -> None:
    incident, system = make_incident(status=Status.TRIAGED), make_system(name="Outreach")
    user = make_admin()
    form = mend_form(incident, title="CRM sync stopped", systems=[str(system.pk)])
    answer = sign_in(user=user).post(url_of(incident), form)
    assert answer.status_code == 302
    after = Incident.objects.get()
    assert (after.title, list(after.systems.all())) == ("CRM sync stopped", [system])
    assert (after.status, after.version) == (incident.status, incident.version)
    assert after.history.first().history_user == user
    texts = list(TimelineEntry.objects.values_list("text", flat=True))
    assert "Title corrected from “Something broke” to “CRM sync stopped”." in texts
    assert "Systems corrected: Outreach." in texts


def test_status_and_clocks_cannot_be_posted_W1_W8(sign_in: SignIn) -> None:
    incident = make_incident(status=Status.TRIAGED)
    form = mend_form(
        incident,
        status="closed",
        version="99",
        acknowledged_at="2026-03-10 10:00",
        detected_at="2020-01-01",
        severity="4",
        is_private="",
    )
    assert sign_in(user=make_admin(Role.FOUNDER)).post(url_of(incident), form).status_code == 302
    after = Incident.objects.get()
    for name in ("status", "version", "acknowledged_at", "detected_at", "severity_id"):
        assert getattr(after, name) == getattr(incident, name)
    assert not TimelineEntry.objects.exists()


def test_detection_is_corrected_through_the_domain_C1(sign_in: SignIn) -> None:
    make_matrix()
    opened = timezone.localtime().replace(microsecond=0)
    earlier = opened - HOUR
    incident = make_incident(status=Status.TRIAGED, level=2, detected_at=opened)
    form = mend_form(
        incident,
        corrected_at_0=f"{earlier:%Y-%m-%d}",
        corrected_at_1=f"{earlier:%H:%M:%S}",
        correction_reason="The client had written at nine.",
    )
    answer = sign_in(user=make_admin(Role.ORCHESTRATOR)).post(url_of(incident), form)
    assert answer.status_code == 302
    after = Incident.objects.get()
    assert after.detected_at == earlier
    deadline = after.deadlines.counted().get(kind=DeadlineKind.RESOLVE)
    assert deadline.due_at == earlier + 24 * HOUR
    entry = TimelineEntry.objects.get(kind=EntryKind.DETECTED_AT)
    assert "The client had written at nine." in entry.text


@pytest.mark.parametrize(
    "changes",
    [
        {"corrected_at_0": "2026-03-10", "corrected_at_1": "09:00"},
        {"correction_reason": "Because."},
        {"title": "  "},
    ],
)
def test_half_a_correction_is_refused_C1(changes: dict[str, object], sign_in: SignIn) -> None:
    incident = make_incident(status=Status.TRIAGED)
    browser = sign_in(user=make_admin(Role.FOUNDER))
    assert browser.post(url_of(incident), mend_form(incident, **changes)).status_code == 200
    assert Incident.objects.get().detected_at == incident.detected_at


@pytest.mark.parametrize("day", ["2199-01-01", "2001-01-01"])
def test_refused_correction_undoes_the_whole_form_C1(day: str, sign_in: SignIn) -> None:
    make_matrix()
    incident = make_incident(status=Status.TRIAGED, clients=[make_client()])
    form = mend_form(
        incident,
        title="Changed as well",
        corrected_at_0=day,
        corrected_at_1="09:00",
        correction_reason="A slip.",
    )
    browser = sign_in(user=make_admin(Role.FOUNDER))
    answer = browser.post(url_of(incident), form, follow=True)
    assert 'class="error"' in answer.content.decode()
    after = Incident.objects.get()
    assert (after.title, after.detected_at) == (incident.title, incident.detected_at)
    assert not TimelineEntry.objects.exists()


def test_private_incident_is_hidden_in_the_administration_W11(sign_in: SignIn) -> None:
    incident = make_incident(status=Status.TRIAGED, is_private=True, title="Psst")
    entry = make_entry(incident, text="A secret")
    deadline = incident.deadlines.first()
    assert deadline is not None
    browser = sign_in(user=make_admin())
    for row in (incident, entry, deadline):
        assert "Psst" not in browser.get(list_of(type(row))).content.decode()
        assert browser.get(url_of(row)).status_code == 302
    assert browser.get(url_of(incident, "history")).status_code == 404
    version = incident.history.first().history_id
    assert browser.get(f"{url_of(incident, 'history')}{version}/").status_code == 404
    found = browser.get(
        reverse("admin:autocomplete"),
        {"app_label": "incidents", "model_name": "incident", "field_name": "systems", "term": "P"},
    )
    assert "Psst" not in found.content.decode()
    assert "Psst" in sign_in(user=make_admin(Role.FOUNDER)).get(url_of(incident)).content.decode()


def test_history_cannot_be_brought_back_by_a_post_A2(sign_in: SignIn) -> None:
    incident = make_incident(status=Status.TRIAGED)
    client = make_client()
    client.notes = "newer"
    client.save()
    browser = sign_in(user=make_admin(Role.FOUNDER))
    for row in (incident, client):
        old = f"{url_of(row, 'history')}{row.history.last().history_id}/"
        assert browser.get(old).status_code == 200
        assert browser.post(old, {"title": "x", "name": "x"}).status_code == 403
    client.refresh_from_db()
    assert client.notes == "newer"


def test_change_of_a_client_there_is_kept_with_who_A2(sign_in: SignIn) -> None:
    client, user = make_client(), make_admin()
    values = {
        "name": client.name,
        "tier": "premium",
        "contact_name": client.contact_name,
        "contact_email": client.contact_email,
        "time_zone": client.time_zone,
        "digest_weekday": "4",
        "digest_hour": "10",
        "since_0": "2025-01-01",
        "since_1": "00:00",
        "is_active": "on",
        "sending_domains-TOTAL_FORMS": "0",
        "sending_domains-INITIAL_FORMS": "0",
        "dependencies-TOTAL_FORMS": "0",
        "dependencies-INITIAL_FORMS": "0",
    }
    assert sign_in(user=user).post(url_of(client), values).status_code == 302
    row = client.history.first()
    assert (row.tier, row.history_user) == ("premium", user)


# Severities -----------------------------------------------------------------------------


def recompute(browser: Browser, *severities: Severity) -> str:
    picked = [str(severity.pk) for severity in severities]
    form = {"action": "recompute_open", "_selected_action": picked}
    return str(browser.post(list_of(Severity), form, follow=True).content.decode())


def test_open_deadlines_are_recomputed_when_asked_for(sign_in: SignIn) -> None:
    now = timezone.now()
    incident = make_incident(status=Status.TRIAGED, level=3, detected_at=now)
    hidden = make_incident(status=Status.TRIAGED, level=3, detected_at=now, is_private=True)
    closed = make_incident(status=Status.CLOSED, level=3)
    severity = Severity.objects.get(pk=3)
    severity.resolve_within = 48 * HOUR
    severity.save()
    browser = sign_in(user=make_admin())
    before = closed.deadlines.get(kind=DeadlineKind.RESOLVE).due_at
    assert "Deadlines of 2 open incidents changed." in recompute(browser, severity)
    for row in (incident, hidden):
        deadline = row.deadlines.counted().get(kind=DeadlineKind.RESOLVE)
        assert deadline.due_at == row.detected_at + 48 * HOUR
        assert "clocks of SEV-3 were changed" in row.timeline.last().text
    assert closed.deadlines.get(kind=DeadlineKind.RESOLVE).due_at == before
    assert "Deadlines of 0 open incidents changed." in recompute(browser, severity)


def test_untriaged_incidents_follow_severity_1_C2(sign_in: SignIn) -> None:
    incident = make_incident(detected_at=timezone.now())
    severity = Severity.objects.get(pk=1)
    severity.acknowledge_within = 2 * HOUR
    severity.save()
    assert "1 open incident changed" in recompute(sign_in(user=make_admin()), severity)
    deadline = incident.deadlines.counted().get(kind=DeadlineKind.ACKNOWLEDGE)
    assert deadline.due_at == incident.detected_at + 2 * HOUR
    assert deadline.is_provisional


def test_verification_rows_are_there_to_read(sign_in: SignIn) -> None:
    row = make_verification()
    page = sign_in(user=make_admin()).get(url_of(row)).content.decode()
    assert "The sync ran." in page
