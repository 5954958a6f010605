"""Exports: whole, and safe for whatever people typed."""

import csv
import io
import json

import pytest
from django.utils import timezone

from incidents.enums import EntryKind, Origin, Role, Status
from incidents.exports import escape, safe_cell, to_csv, to_json, to_markdown
from incidents.models import Incident
from incidents.serialization import for_serializing
from tests.factories import (
    NOW,
    make_client,
    make_entry,
    make_fix,
    make_incident,
    make_measure,
    make_premium_client,
    make_review,
    make_system,
    make_team,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def incident():
    """A resolved SEV-1 with something in every part."""
    return make_incident(
        status=Status.RESOLVED,
        level=1,
        title="Outreach *paused*",
        description="Line one.\n# Not a heading",
        clients=[make_premium_client(name="Halden | Solar"), make_client(name="Acme")],
        systems=[make_system(name="Outreach")],
        team=make_team(),
    )


def test_markdown_holds_facts_clocks_clients_fixes_review_and_timeline_W9(incident):
    make_fix(incident)
    review = make_review(incident, completed_at=NOW)
    make_measure(review, text="Renew <b>early</b>", owner=make_team().delivery)
    make_entry(incident, text="Paused it.", at=NOW)
    make_entry(incident, text="By script.", origin=Origin.COMMAND_LINE, actor_name="Devin")
    make_entry(incident, text="50 % used.", origin=Origin.SYSTEM, kind=EntryKind.WARNING)
    with timezone.override("Europe/Berlin"):
        text = to_markdown(incident, now=NOW)
    assert text.startswith(f"# {incident.ref} Outreach \\*paused\\*\n")
    assert "- **Severity**: SEV-1\n" in text
    assert "- **Resolver**: Devin\n" in text
    assert "\n\\# Not a heading" in text
    assert "| Resolve | 2026-03-10 14:00:00 CET | 2026-03-10 10:40:00 CET |  |" in text
    assert "| Halden \\| Solar | Premium | 2026-03-10 10:10:00 CET, e-mail |" in text
    assert "- **Cause**: The key had expired." in text
    assert "- Renew \\<b\\>early\\</b\\> (Devin, due 2026-03-24)" in text
    assert "| 2026-03-10 10:00:00 CET | Devin | note | Paused it. |" in text
    assert "| 2026-03-10 10:00:00 CET | Devin (command line) | note | By script. |" in text
    assert "| 2026-03-10 10:00:00 CET | system | warning | 50 % used. |" in text
    assert text.endswith("Exported 2026-03-10 10:00:00 CET.\n")


def test_an_entry_added_later_says_so_W9(incident):
    make_entry(incident, at=NOW, recorded_at=NOW.replace(hour=12), text="Saw it first.")
    with timezone.override("UTC"):
        text = to_markdown(incident, now=NOW)
    assert "(added later, 2026-03-10 12:00:00 UTC) Saw it first." in text


def test_json_is_what_show_prints(incident):
    data = json.loads(to_json(incident, now=NOW))
    assert data["ref"] == incident.ref
    assert data["clocks"]["resolve"]["breached"] is False
    assert "HubSpot" in " ".join(data["blockers"])


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain text, 11.8 % > 10 %", "plain text, 11.8 % \\> 10 %"),
        ("[click](http://x)", "\\[click\\](http://x)"),
        ("a | b", "a \\| b"),
        ("<script>alert(1)</script>", "\\<script\\>alert(1)\\</script\\>"),
        ("&lt;b&gt;", "\\&lt;b\\&gt;"),
        ("snake_case_name", "snake_case_name"),
        ("_emphasis_", "\\_emphasis\\_"),
        ("# heading", "\\# heading"),
        ("one\n- item", "one\n\\- item"),
        ("1. item", "1\\. item"),
        ("12) item", "12\\) item"),
        ("11.8 % of all", "11.8 % of all"),
        ("`code` \\ ~~~", "\\`code\\` \\\\ \\~\\~\\~"),
        ("---", "\\---"),
        ("===", "\\==="),
    ],
)
def test_markdown_shows_exactly_what_was_typed(text, escaped):
    assert escape(text) == escaped


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1+1", "=cmd|' /C'!A0"]
)
def test_a_cell_is_never_a_formula(text):
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Acme", "11.8 % - 10 %", "a=b", None])
def test_an_innocent_cell_stays_as_it_is(text):
    assert safe_cell(text) == (text or "")


def test_csv_has_a_row_per_incident_with_its_clocks(incident):
    make_incident(title="=HYPERLINK(1)")
    rows = list(csv.DictReader(io.StringIO(to_csv(for_serializing(Incident.objects.all())))))
    assert [row["Title"] for row in rows] == ["'=HYPERLINK(1)", "Outreach *paused*"]
    assert rows[1]["Clients"] == "Acme; Halden | Solar"
    assert rows[1]["Resolve due"] == "2026-03-10T13:00:00+00:00"
    assert rows[1]["Fix confirmed at"] == "2026-03-10T09:40:00+00:00"
    assert rows[1]["Resolve breached"] == ""
    assert rows[0]["Severity"] == ""


# The downloads ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "content_type"),
    [("md", "text/markdown; charset=utf-8"), ("json", "application/json")],
)
def test_an_incident_is_downloaded_as_a_file(client, incident, suffix, content_type):
    client.force_login(make_team().legal.user)
    response = client.get(f"/incidents/{incident.ref}/export.{suffix}")
    assert response.status_code == 200
    assert response["Content-Type"] == content_type
    assert response["Content-Disposition"] == (f'attachment; filename="{incident.ref}.{suffix}"')
    assert incident.ref in response.content.decode()


def test_an_unknown_format_or_method_is_refused(client, incident):
    client.force_login(make_team().delivery.user)
    assert client.get(f"/incidents/{incident.ref}/export.pdf").status_code == 404
    assert client.post(f"/incidents/{incident.ref}/export.md").status_code == 405
    assert client.get("/incidents/INC-2026-4711/export.md").status_code == 404


def test_a_private_incident_is_not_exported_to_an_outsider_W11(client, incident):
    Incident.objects.update(is_private=True)
    client.force_login(make_user(Role.DELIVERY))
    for suffix in ("md", "json"):
        assert client.get(f"/incidents/{incident.ref}/export.{suffix}").status_code == 404
    assert incident.ref not in client.get("/incidents/export.csv").content.decode()
    client.force_login(make_team().delivery.user)
    assert incident.ref in client.get("/incidents/export.csv").content.decode()


def test_the_list_is_filtered_as_its_page_is(client, incident):
    make_incident(title="Another one", level=3, status=Status.TRIAGED)
    client.force_login(make_team().orchestrator.user)
    rows = client.get("/incidents/export.csv?severity=1&q=outreach").content.decode().splitlines()
    assert len(rows) == 2
    assert incident.ref in rows[1]


def test_the_list_needs_a_login_and_costs_the_same_for_1_and_30(
    client, incident, django_assert_max_num_queries
):
    assert client.get("/incidents/export.csv").status_code == 302
    client.force_login(make_team().orchestrator.user)
    client.get("/incidents/export.csv")
    with django_assert_max_num_queries(14):
        client.get("/incidents/export.csv")
    for _ in range(30):
        make_incident(status=Status.TRIAGED, clients=[make_client()], systems=[make_system()])
    with django_assert_max_num_queries(14):
        response = client.get("/incidents/export.csv")
    assert len(response.content.decode().splitlines()) == 32
