"""The checklists against the words of docs/sop.md."""

import datetime as dt

import pytest

from incidents.enums import Role
from monitoring import sop_data
from monitoring.models import Checklist, ChecklistItem, Period
from tests import sop

pytestmark = [pytest.mark.fast, pytest.mark.django_db]

HEADINGS = {
    Period.DAILY: "### Daily (Automated via Cron)",
    Period.WEEKLY: "### Weekly (Manual Review)",
    Period.MONTHLY: "### Monthly",
}


@pytest.fixture
def checklists() -> dict[str, Checklist]:
    sop_data.load_checklists()
    sop_data.load_checklist_items()
    return Checklist.objects.in_bulk()


@pytest.mark.parametrize(("period", "heading"), list(HEADINGS.items()))
def test_items_are_the_sops_K8(checklists, period, heading):
    items = list(checklists[period].items.all())
    assert f"### {checklists[period].title}" == heading
    assert [item.text for item in items] == sop.boxes(heading)
    assert [item.number for item in items] == [1, 2, 3, 4]


def test_sop_has_no_other_checklist_K8():
    found = sop.headings(level=3, after="## Monitoring Checklist (Proactive)")
    assert found == list(HEADINGS.values())


def test_checklists_open_at_their_hours_K8(checklists):
    rows = {
        period: (checklist.opens_at.hour, checklist.due_hours, checklist.owner_role)
        for period, checklist in checklists.items()
    }
    assert rows == {
        "daily": (7, 11, Role.ORCHESTRATOR),
        "weekly": (9, 9, Role.ORCHESTRATOR),
        "monthly": (9, 57, Role.ORCHESTRATOR),
        "crm_review": (18, 15, Role.REVENUE),
    }


def test_only_the_items_of_daily_and_crm_review_are_automatic_K8(checklists):
    automatic = ChecklistItem.objects.filter(is_automatic=True)
    assert {item.checklist_id for item in automatic} == {"daily", "crm_review"}
    assert automatic.count() == 8
    assert not automatic.filter(reading="").exists()


def test_the_crm_review_asks_for_the_sync_and_three_levels_K9(checklists):
    items = checklists["crm_review"].items.all()
    assert [item.reading for item in items] == [
        "last_sync",
        "level:missing",
        "level:duplicate",
        "level:dropped",
    ]


def test_prepared_items_have_a_reading_K8(checklists):
    prepared = ChecklistItem.objects.filter(is_automatic=False).exclude(reading="")
    assert set(prepared.values_list("checklist_id", "reading")) == {
        ("weekly", "client_reports"),
        ("weekly", "tool_health"),
        ("weekly", "integrations"),
        ("weekly", "credits"),
        ("monthly", "domain_reputation"),
        ("monthly", "incident_patterns"),
        ("monthly", "without_playbook"),
    }


def test_second_load_creates_nothing_and_keeps_edits_K8(checklists):
    item = checklists["weekly"].items.get(number=2)
    item.text = "Check the outreach tools"
    item.save()
    Checklist.objects.filter(period="weekly").update(opens_at=dt.time(10))
    assert sop_data.load_checklists() == {"created": 0, "kept": 4}
    assert sop_data.load_checklist_items() == {"created": 0, "kept": 16}
    item.refresh_from_db()
    assert item.text == "Check the outreach tools"
    assert Checklist.objects.get(period="weekly").opens_at == dt.time(10)


def test_missing_checklist_comes_with_its_items_K8(checklists):
    checklists["monthly"].delete()
    assert sop_data.load_checklists() == {"created": 1, "kept": 3}
    assert sop_data.load_checklist_items() == {"created": 4, "kept": 12}
