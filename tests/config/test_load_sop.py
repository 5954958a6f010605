"""manage.py load_sop and the groups it makes."""

import json
from io import StringIO

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import connection

from config.groups import DATA, load_groups
from incidents.enums import ADMIN_GROUP, Role
from incidents.models import EscalationRule, Playbook, Responder, Severity
from incidents.sop_data import read_data
from monitoring.models import Checklist
from notifications.models import EmailTemplate

pytestmark = [pytest.mark.fast, pytest.mark.django_db]


def load_sop(*arguments: str) -> str:
    out = StringIO()
    call_command("load_sop", *arguments, stdout=out)
    return out.getvalue()


def test_everything_is_loaded():
    counts = json.loads(load_sop("--json"))
    rows = {
        "groups": Group,
        "severities": Severity,
        "responders": Responder,
        "escalation rules": EscalationRule,
        "playbooks": Playbook,
        "checklists": Checklist,
        "mail templates": EmailTemplate,
    }
    for noun, model in rows.items():
        assert counts[noun] == {"created": model._default_manager.count(), "kept": 0}
        assert counts[noun]["created"] > 0


def test_second_run_creates_nothing():
    load_sop()
    counts = json.loads(load_sop("--json"))
    assert {count["created"] for count in counts.values()} == {0}


def test_outcome_is_one_line():
    first, second = load_sop(), load_sop()
    assert first.startswith("SOP loaded: 6 groups, 4 severities, 1 policy rows, 5 responders, ")
    assert second.startswith("SOP loaded: 0 created, ")
    assert first.count("\n") == second.count("\n") == 1


def test_staffs_edits_are_kept():
    load_sop()
    Playbook.objects.filter(slug="api-down").update(title="Provider is down")
    Responder.objects.filter(role=Role.FOUNDER).update(telegram_chat="12345")
    Group.objects.get(name=Role.ORCHESTRATOR).permissions.clear()
    load_sop()
    assert Playbook.objects.get(slug="api-down").title == "Provider is down"
    assert Responder.objects.get(role=Role.FOUNDER).telegram_chat == "12345"
    assert not Group.objects.get(name=Role.ORCHESTRATOR).permissions.exists()


def test_deleted_row_comes_back():
    load_sop()
    Playbook.objects.get(slug="api-down").delete()
    counts = json.loads(load_sop("--json"))
    assert counts["playbooks"]["created"] == 1
    assert counts["playbook steps"]["created"] == 5


def test_error_loads_nothing():
    table = Checklist._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
    try:
        with pytest.raises(CommandError, match="Nothing was loaded"):
            load_sop()
        assert not Severity.objects.exists()
        assert not Group.objects.exists()
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table}_away RENAME TO {table}")


def test_every_role_has_its_group_A1():
    load_groups()
    names = set(Group.objects.values_list("name", flat=True))
    assert names == {*Role.values, ADMIN_GROUP}


def test_admin_manages_users_groups_and_data_A1():
    load_groups()
    permissions = Group.objects.get(name=ADMIN_GROUP).permissions
    for app, codename in [
        ("auth", "add_user"),
        ("auth", "change_group"),
        ("incidents", "change_incident"),
        ("notifications", "change_emailtemplate"),
    ]:
        assert permissions.filter(content_type__app_label=app, codename=codename).exists()


@pytest.mark.parametrize("role", [Role.ORCHESTRATOR, Role.FOUNDER])
def test_policies_are_the_orchestrators_and_the_founders_A1(role):
    load_groups()
    permissions = Group.objects.get(name=role).permissions
    assert permissions.filter(codename="change_severity").exists()
    assert not permissions.filter(content_type__app_label="auth").exists()


@pytest.mark.parametrize("role", [Role.DELIVERY, Role.REVENUE, Role.LEGAL])
def test_other_roles_have_nothing_in_the_admin_A1(role):
    load_groups()
    assert not Group.objects.get(name=role).permissions.exists()


def test_every_named_permission_exists_A1():
    load_groups()
    named = read_data(DATA / "groups.toml")["policies"]
    granted = Group.objects.get(name=Role.FOUNDER).permissions.values_list(
        "content_type__app_label", "codename"
    )
    assert sorted(f"{app}.{codename}" for app, codename in granted) == sorted(named)
