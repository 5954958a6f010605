"""Monitoring in the administration: what is edited, what is only read (rules A1, A2, W11)."""

from collections.abc import Callable

import pytest
from django.test import Client as Browser

from monitoring.enums import Kind, State
from monitoring.models import ExternalAlert, Monitor
from tests.factories import (
    NOW,
    make_incident,
    make_ingest_token,
    make_maintenance,
    make_monitor,
    make_run,
    make_run_item,
    make_user,
)

pytestmark = pytest.mark.django_db
SignIn = Callable[..., Browser]
READ_ONLY = [
    "monitorstatus",
    "statechange",
    "dayfigure",
    "monitorincident",
    "signal",
    "sample",
    "hourlyfigure",
    "externalalert",
    "ingesttoken",
    "checklistrun",
    "runitem",
    "domaincheck",
    "beat",
]


@pytest.fixture
def admin(sign_in: SignIn) -> Browser:
    return sign_in(user=make_user("admin", is_staff=True, is_superuser=True))


def test_what_the_evaluation_wrote_is_read_only_A2(admin: Browser) -> None:
    monitor = make_monitor()
    make_ingest_token()
    make_run_item(make_run())
    for name in READ_ONLY:
        base = f"/admin/monitoring/{name}/"
        assert admin.get(base).status_code == 200, name
        assert admin.post(f"{base}add/", {}).status_code == 403, name
    assert admin.post(f"/admin/monitoring/monitorstatus/{monitor.pk}/change/").status_code == 403
    delete = f"/admin/monitoring/monitor/{monitor.pk}/delete/"
    assert admin.post(delete, {"post": "yes"}).status_code == 403


def test_monitor_added_in_the_admin_has_a_status(admin: Browser) -> None:
    form = {
        "name": "Import",
        "slug": "import",
        "kind": Kind.HEARTBEAT,
        "period_seconds": "3600",
        "grace_seconds": "60",
        "time_zone": "UTC",
        "probe_seconds": "180",
        "is_active": "on",
    }
    assert admin.post("/admin/monitoring/monitor/add/", form).status_code == 302
    monitor = Monitor.objects.get()
    assert monitor.status.state == State.NEW
    both = form | {"slug": "other", "cron": "0 2 * * *"}
    assert admin.post("/admin/monitoring/monitor/add/", both).status_code == 200
    assert Monitor.objects.count() == 1
    url = f"/admin/monitoring/monitor/{monitor.pk}/change/"
    assert admin.post(url, form | {"name": "Renamed", "kind": Kind.SYNC}).status_code == 302
    monitor.refresh_from_db()
    assert (monitor.name, monitor.kind) == ("Renamed", Kind.HEARTBEAT)


def test_maintenance_and_block_lists_are_edited(admin: Browser) -> None:
    window = make_maintenance()
    for name in ("maintenancewindow", "blocklist"):
        assert admin.get(f"/admin/monitoring/{name}/add/").status_code == 200
    url = f"/admin/monitoring/maintenancewindow/{window.pk}/change/"
    assert admin.get(url).status_code == 200


def test_alerts_of_a_private_incident_are_hidden_from_outsiders_W11(admin: Browser) -> None:
    hidden = make_incident(is_private=True)
    for number, incident in enumerate((None, hidden)):
        ExternalAlert.objects.create(
            fingerprint=str(number),
            name=f"Alert {number}",
            starts_at=NOW,
            group_key="g",
            first_received_at=NOW,
            last_received_at=NOW,
            incident=incident,
        )
    page = admin.get("/admin/monitoring/externalalert/").text
    assert "Alert 0" in page
    assert "Alert 1" not in page
