"""The pages of monitors: list, page of one, forms, pause, maintenance."""

import datetime as dt
import json
import re
import uuid
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from incidents.enums import Role, Status, StatusPage
from monitoring.enums import Indicator, Kind, SignalKind, State
from monitoring.models import (
    DayFigure,
    MaintenanceWindow,
    Monitor,
    MonitorIncident,
    MonitorStatus,
    Sample,
    Signal,
    StateChange,
)
from tests.factories import (
    NOW,
    make_client,
    make_incident,
    make_maintenance,
    make_monitor,
    make_sending_domain,
    make_severities,
    make_system,
    make_third_party,
)

pytestmark = pytest.mark.django_db
SignIn = Callable[..., Browser]
HOUR = dt.timedelta(hours=1)


def stand(monitor: Monitor, state: str, **fields: object) -> Monitor:
    """Put a monitor into a state, as the evaluation would."""
    MonitorStatus.objects.filter(pk=monitor.pk).update(state=state, **fields)
    return Monitor.objects.get(pk=monitor.pk)


def job_form(monitor: Monitor | None = None, **changes: object) -> dict[str, object]:
    values: dict[str, object] = {
        "name": "Nightly import",
        "period_seconds": "1 d",
        "cron": "",
        "time_zone": "UTC",
        "grace_seconds": "20 min",
        "form_token": str(uuid.uuid4()),
    }
    if monitor:
        values["version"] = str(monitor.history.first().history_id)
    return {**values, **changes}


# The list ---------------------------------------------------------------------------------


def test_list_shows_what_is_not_green_first(sign_in: SignIn) -> None:
    stand(make_monitor(name="Calm"), State.OK)
    stand(make_monitor(name="Odd"), State.UNKNOWN)
    stand(make_monitor(name="Broken"), State.FAILING, value_text="11.8 %", limit_text="under 2 %")
    make_monitor(name="Fresh")
    page = sign_in(Role.REVENUE).get("/monitors/").text
    names = re.findall(r"data-open>(\w+)</a>", page)
    assert names == ["Broken", "Odd", "Calm", "Fresh"]
    assert "<b>2</b> not green, <b>1</b> green, <b>1</b> not judged" in page
    assert "11.8 %" in page
    assert "under 2 %" in page


def test_list_without_monitors_says_what_to_do(sign_in: SignIn) -> None:
    page = sign_in(Role.DELIVERY).get("/monitors/").text
    assert "Nothing is watched yet." in page
    assert 'href="/monitors/new/"' in page
    assert 'href="/monitors/new/"' not in sign_in(Role.LEGAL).get("/monitors/").text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("kind=heartbeat", {"Job"}),
        ("client=halden", {"Bounces", "Theirs"}),
        ("system=crm", {"Theirs"}),
        ("state=failing", {"Bounces"}),
        ("state=paused", {"Asleep"}),
        ("q=go.halden", {"Bounces"}),
        ("q=JOB", {"Job"}),
        ("kind=nonsense", {"Job", "Bounces", "Theirs"}),
        ("page=999", {"Job", "Bounces", "Theirs"}),
    ],
)
def test_filters_stand_in_the_address(query: str, found: set[str], sign_in: SignIn) -> None:
    client = make_client(name="Halden", slug="halden")
    domain = make_sending_domain(client, name="go.halden.example")
    make_monitor(name="Job")
    stand(make_monitor(Kind.BOUNCE_RATE, name="Bounces", sending_domain=domain), State.FAILING)
    make_monitor(Kind.SYNC, name="Theirs", client=client, system=make_system(slug="crm"))
    make_monitor(name="Asleep", is_active=False)
    answer = sign_in(Role.REVENUE).get(f"/monitors/?{query}")
    assert answer.status_code == 200
    assert set(re.findall(r"data-open>(\w+)</a>", answer.text)) == found


def test_silenced_monitors_are_counted_K6(sign_in: SignIn) -> None:
    now = timezone.now()
    quiet = stand(make_monitor(name="Quiet"), State.FAILING)
    make_maintenance(quiet, starts_at=now - HOUR, ends_at=now + HOUR)
    stand(make_monitor(name="Loud"), State.FAILING)
    browser = sign_in(Role.REVENUE)
    page = browser.get("/monitors/").text
    assert "<b>1</b> silenced" in page
    assert "in maintenance" in page
    only = browser.get("/monitors/?state=silenced").text
    assert re.findall(r"data-open>(\w+)</a>", only) == ["Quiet"]


def test_list_costs_the_same_for_many(sign_in: SignIn) -> None:
    browser = sign_in(Role.DELIVERY)
    browser.get("/monitors/")
    counts = []
    for number in (1, 9, 40):
        for index in range(number):
            state = (State.OK, State.FAILING, State.TOO_FEW)[index % 3]
            monitor = stand(make_monitor(system=make_system(), client=make_client()), state)
            today = timezone.now().date()
            DayFigure.objects.create(monitor=monitor, day=today, state=state, value=3)
            incident = make_incident()
            MonitorIncident.objects.create(monitor=monitor, incident=incident, opened_at=NOW)
        with CaptureQueriesContext(connection) as queries:
            assert browser.get("/monitors/").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] == counts[2] <= 20, counts


def test_private_incident_is_not_named_W11(sign_in: SignIn) -> None:
    monitor = stand(make_monitor(), State.FAILING)
    hidden = make_incident(is_private=True, title="Leaked list")
    MonitorIncident.objects.create(monitor=monitor, incident=hidden, opened_at=NOW)
    for address in ("/monitors/", monitor.get_absolute_url()):
        page = sign_in(Role.DELIVERY).get(address).text
        assert hidden.ref not in page
        assert "Leaked" not in page
        assert hidden.ref in sign_in(Role.FOUNDER).get(address).text


def test_unchanged_list_is_not_rendered_again(sign_in: SignIn) -> None:
    monitor = stand(make_monitor(), State.OK, last_signal_at=NOW)
    browser = sign_in(Role.REVENUE)
    first = browser.get("/monitors/", headers={"HX-Polling": "1"})
    assert 'id="monitor-board"' in first.text
    assert "<html" not in first.text
    headers = {"HX-Polling": "1", "If-None-Match": first["ETag"]}
    assert browser.get("/monitors/", headers=headers).status_code == 304
    stand(monitor, State.OK, last_signal_at=NOW + HOUR)
    assert browser.get("/monitors/", headers=headers).status_code == 200


# The page of one --------------------------------------------------------------------------


def test_page_of_a_job_shows_how_to_feed_it(sign_in: SignIn, settings) -> None:
    settings.SITE_URL = "https://incidents.example"
    job = stand(make_monitor(cron="0 2 * * *"), State.WARNING, value_text="late")
    url = f"https://incidents.example/ping/{job.ping_id}"
    page = sign_in(Role.DELIVERY).get(job.get_absolute_url()).text
    assert f'value="{url}"' in page
    assert f"0 2 * * * /path/to/job; curl -fsS -m 10 --retry 5 -o /dev/null {url}/$?" in page
    assert f"{url}/start" in page
    assert 'data-copy-from="#ping"' in page
    assert 'role="img"' in page
    assert "The 30 days as a table" in page


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (Kind.BOUNCE_RATE, {"total": 1000, "bad": 3}),
        (Kind.CREDITS, {"value": 61}),
        (Kind.SYNC, {"ok": True, "detail": "412 records"}),
    ],
)
def test_snippet_of_metrics_is_what_ingest_takes(kind: Kind, body: dict, sign_in: SignIn) -> None:
    monitor = make_monitor(kind)
    page = sign_in(Role.DELIVERY).get(monitor.get_absolute_url()).text
    found = re.search(r"-d &#x27;(\{.*?\})&#x27;", page)
    assert found is not None
    assert json.loads(found[1].replace("&quot;", '"')) == {"monitor": monitor.slug, **body}


@pytest.mark.parametrize("kind", Kind.values)
@pytest.mark.parametrize("state", State.values)
def test_every_kind_in_every_state_has_a_page_K1(kind: str, state: str, sign_in: SignIn) -> None:
    domain = make_sending_domain() if kind == Kind.BOUNCE_RATE else None
    monitor = stand(make_monitor(kind, sending_domain=domain), state)
    days = (
        DayFigure(monitor=monitor, day=NOW.date() - dt.timedelta(days=back), state=state, value=2)
        for back in range(40)
    )
    DayFigure.objects.bulk_create(days)
    StateChange.objects.create(monitor=monitor, at=NOW, before=State.NEW, after=state)
    answer = sign_in(Role.LEGAL).get(monitor.get_absolute_url())
    assert answer.status_code == 200
    assert State(state).label in answer.text


def test_body_is_shown_as_text_whatever_was_sent(sign_in: SignIn) -> None:
    job = make_monitor()
    Signal.objects.create(
        monitor=job,
        kind=SignalKind.FAIL,
        at=NOW,
        exit_status=3,
        body=b"<script>alert(1)</script> caf\xe9 \x00\x1b[31m\n" + b"x" * 90_000,
    )
    page = sign_in(Role.DELIVERY).get(job.get_absolute_url()).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; caf\ufffd \ufffd\ufffd[31m" in page
    assert "\x00" not in page
    assert "cut here" in page
    assert "exit status 3" in page
    assert len(page) < 60_000


def test_signals_are_read_page_by_page(sign_in: SignIn) -> None:
    job, other = make_monitor(), make_monitor()
    for number in range(45):
        # Three at a time in the same instant.
        at = NOW - HOUR * (number // 3)
        Signal.objects.create(monitor=job, kind=SignalKind.LOG, at=at, detail=f"n{number:02d}.")
    foreign = Signal.objects.create(monitor=other, kind=SignalKind.LOG, at=NOW)
    browser = sign_in(Role.DELIVERY)
    seen: list[str] = []
    address = job.get_absolute_url()
    while address:
        page = browser.get(address).text
        seen += re.findall(r"n\d\d\.", page)
        older = re.search(r'href="\?before=(\d+)#signals" rel="next"', page)
        address = f"{job.get_absolute_url()}?before={older[1]}" if older else ""
    assert len(seen) == len(set(seen)) == 45
    for odd in (str(foreign.pk), "x", "-1", "9" * 40, "٣"):
        answer = browser.get(f"{job.get_absolute_url()}?before={odd}")
        assert answer.status_code == 200
        assert "Last signals" in answer.text


def test_samples_and_probes_are_shown(sign_in: SignIn) -> None:
    rate, sync = make_monitor(Kind.ERROR_RATE), make_monitor(Kind.SYNC)
    Sample.objects.create(monitor=rate, at=NOW, received_at=NOW, total=1200, bad=7)
    Sample.objects.create(monitor=sync, at=NOW, received_at=NOW, is_ok=False, detail="401")
    provider = make_monitor(Kind.STATUS, system=make_third_party())
    Signal.objects.create(
        monitor=provider, kind=SignalKind.PROBE, at=NOW, indicator=Indicator.UNKNOWN, detail="No"
    )
    browser = sign_in(Role.LEGAL)
    assert "7 of 1,200" in browser.get(rate.get_absolute_url()).text
    assert "Failed" in browser.get(sync.get_absolute_url()).text
    assert "Unknown" in browser.get(provider.get_absolute_url()).text


def test_unknown_monitor_is_not_found(sign_in: SignIn) -> None:
    browser = sign_in(Role.FOUNDER)
    for verb in ("", "edit/", "pause/"):
        assert browser.get(f"/monitors/nothing/{verb}").status_code == 404


# Adding and changing ------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.ORCHESTRATOR, Role.DELIVERY, Role.FOUNDER, "admin"])
def test_job_is_added_with_status_and_history_A2(role: str, sign_in: SignIn) -> None:
    answer = sign_in(role).post("/monitors/new/?kind=heartbeat", job_form())
    job = Monitor.objects.get()
    assert answer["Location"] == "/monitors/nightly-import/"
    assert (job.period_seconds, job.grace_seconds, job.cron) == (86_400, 1_200, "")
    assert job.status.state == State.NEW
    assert job.history.get().history_user is not None


@pytest.mark.parametrize("role", [Role.REVENUE, Role.LEGAL])
def test_others_may_not_change_monitors_A1(role: str, sign_in: SignIn) -> None:
    job = make_monitor()
    browser = sign_in(role)
    for url in ("/monitors/new/?kind=heartbeat", f"{job.get_absolute_url()}edit/"):
        assert browser.get(url).status_code == 403
        answer = browser.post(url, job_form())
        assert answer.status_code == 403
        assert "orchestrator, delivery, founder or an administrator" in answer.text
    for url in (f"{job.get_absolute_url()}pause/", "/monitors/maintenance/"):
        assert browser.post(url, {"is_active": "on"}).status_code == 403
    assert Monitor.objects.get().is_active


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "This field is required"),
        ({"name": "x" * 121}, "at most 120 characters"),
        ({"period_seconds": ""}, "Say how often it runs"),
        ({"cron": "0 2 * * *"}, "not both"),
        ({"period_seconds": "", "cron": "every day"}, "five fields"),
        ({"period_seconds": "", "cron": "61 * * * *"}, "Not understood"),
        ({"period_seconds": "", "cron": "0 0 31 2 *"}, "Not understood"),
        ({"period_seconds": "30 s"}, "greater than or equal to 60"),
        ({"period_seconds": "400 d"}, "less than or equal to"),
        ({"period_seconds": "20"}, "with its unit"),
        ({"period_seconds": "99999999 d"}, "less than or equal to"),
        ({"period_seconds": "-5 min"}, "with its unit"),
        ({"grace_seconds": ""}, "This field is required"),
        ({"time_zone": "Mars/Olympus"}, "time zone"),
        ({"system": "999"}, "Select a valid choice"),
        ({"severity": "9"}, "Select a valid choice"),
        ({"failures_needed": "0"}, "greater than or equal to 1"),
        ({"slug": "taken"}, "the short name taken already"),
        ({"slug": "!!!"}, "letters, digits and hyphens"),
    ],
)
def test_wrong_input_is_refused_beside_its_field(
    changes: dict[str, object], words: str, sign_in: SignIn
) -> None:
    make_severities()
    make_monitor(slug="taken")
    answer = sign_in(Role.DELIVERY).post("/monitors/new/?kind=heartbeat", job_form(**changes))
    assert answer.status_code == 422
    assert words in answer.text
    assert Monitor.objects.count() == 1


def test_limits_of_a_rate_are_its_own_or_the_rules(sign_in: SignIn) -> None:
    domain = make_sending_domain()
    browser = sign_in(Role.DELIVERY)
    page = browser.get("/monitors/new/?kind=bounce_rate").text
    for figure in ("1 d", "50", "2", "5", "10"):
        assert f'placeholder="{figure}"' in page
    form = {"name": "Bounces", "sending_domain": str(domain.pk), "warn_limit": "1.5"}
    assert browser.post("/monitors/new/?kind=bounce_rate", form).status_code == 302
    monitor = Monitor.objects.get()
    assert (monitor.warn_limit, monitor.incident_limit) == (1.5, None)
    for odd in ("nan", "inf", "-1", "1e999", "abc"):
        answer = browser.post("/monitors/new/?kind=bounce_rate", form | {"warn_limit": odd})
        assert answer.status_code == 422, odd


def test_names_of_pages_are_no_short_names(sign_in: SignIn) -> None:
    browser = sign_in(Role.DELIVERY)
    for name in ("Tokens", "Maintenance", "New", "тест"):
        browser.post("/monitors/new/?kind=heartbeat", job_form(name=name))
    slugs = set(Monitor.objects.values_list("slug", flat=True))
    assert slugs == {"tokens-2", "maintenance-2", "new-2", "monitor"}


def test_status_monitor_needs_a_system_with_a_page(sign_in: SignIn) -> None:
    browser = sign_in(Role.DELIVERY)
    form = {"name": "Provider", "probe_seconds": "3 min"}
    url = "/monitors/new/?kind=status"
    assert "Name the provider" in browser.post(url, form).text
    bare = make_third_party()
    assert "has no status page" in browser.post(url, form | {"system": str(bare.pk)}).text
    asked = make_third_party(
        status_page=StatusPage.STATUSPAGE, status_page_url="https://status.example/"
    )
    assert browser.post(url, form | {"system": str(asked.pk)}).status_code == 302


def test_next_runs_are_shown_before_saving(sign_in: SignIn) -> None:
    browser = sign_in(Role.DELIVERY)
    form = job_form(period_seconds="", cron="30 4 * * *", time_zone="UTC", preview="1")
    answer = browser.post("/monitors/new/?kind=heartbeat", form)
    assert answer.status_code == 200
    assert answer.text.split("Next runs:")[1].split("</p>")[0].count("<b>") == 3
    assert not Monitor.objects.exists()
    for odd in ({"cron": "x"}, {"cron": "0 0 30 2 *"}, {"time_zone": "../../etc/passwd"}):
        answer = browser.post("/monitors/new/?kind=heartbeat", {**form, **odd})
        assert answer.status_code == 200
        assert "Next runs:" not in answer.text


def test_edit_keeps_kind_and_short_name(sign_in: SignIn) -> None:
    job = make_monitor(slug="the-job")
    form = job_form(job, name="Renamed", slug="other", kind="sync")
    MonitorStatus.objects.update(check_at=NOW)
    sign_in(Role.DELIVERY).post(f"{job.get_absolute_url()}edit/", form)
    job.refresh_from_db()
    assert (job.name, job.slug, job.kind) == ("Renamed", "the-job", Kind.HEARTBEAT)
    assert MonitorStatus.objects.get().check_at is None


def test_stale_edit_is_a_conflict(sign_in: SignIn) -> None:
    job = make_monitor(name="Before")
    stale = job_form(job, name="mine")
    job.name = "theirs"
    job.save()
    answer = sign_in(Role.DELIVERY).post(f"{job.get_absolute_url()}edit/", stale)
    assert answer.status_code == 409
    assert 'value="mine"' in answer.text
    assert Monitor.objects.get().name == "theirs"


def test_form_sent_twice_adds_one(sign_in: SignIn) -> None:
    browser, form = sign_in(Role.DELIVERY), job_form()
    first = browser.post("/monitors/new/?kind=heartbeat", form)
    again = browser.post("/monitors/new/?kind=heartbeat", form)
    assert first["Location"] == again["Location"]
    assert Monitor.objects.count() == 1


# Pause and maintenance ----------------------------------------------------------------------


def test_pause_is_asked_for_and_taken_back(sign_in: SignIn) -> None:
    job = stand(make_monitor(), State.FAILING, due_at=NOW, failures_in_row=3)
    url = f"{job.get_absolute_url()}pause/"
    browser = sign_in(Role.DELIVERY)
    assert "Pause it" in browser.get(url).text
    assert Monitor.objects.get().is_active
    browser.post(url, {"is_active": "True"})
    assert not Monitor.objects.get().is_active
    assert "Paused" in browser.get(job.get_absolute_url()).text
    assert browser.post(url, {"is_active": "True"}).status_code == 409
    browser.post(url, {"is_active": ""})
    status = MonitorStatus.objects.get()
    assert Monitor.objects.get().is_active
    # What was due during the pause is not held against it.
    assert (status.state, status.due_at, status.failures_in_row) == (State.NEW, None, 0)


def test_maintenance_is_announced_and_ended_K6(sign_in: SignIn) -> None:
    job, now = make_monitor(), timezone.now()
    browser = sign_in(Role.DELIVERY)
    form = {
        "monitor": job.slug,
        "starts_at": (now - HOUR).isoformat(),
        "ends_at": (now + HOUR).isoformat(),
        "reason": "New disk",
        "form_token": str(uuid.uuid4()),
    }
    assert browser.post("/monitors/maintenance/", form)["Location"] == "/monitors/maintenance/"
    window = MaintenanceWindow.objects.get()
    assert Monitor.objects.silenced(at=now).get() == job
    assert "New disk" in browser.get("/monitors/maintenance/").text
    browser.post(f"/monitors/maintenance/{window.pk}/end/")
    assert not Monitor.objects.silenced(at=timezone.now()).exists()
    assert browser.post(f"/monitors/maintenance/{window.pk}/end/").status_code == 409
    planned = make_maintenance(starts_at=now + HOUR, ends_at=now + 2 * HOUR)
    browser.post(f"/monitors/maintenance/{planned.pk}/end/")
    assert MaintenanceWindow.objects.get() == window
    assert MaintenanceWindow.history.filter(id=planned.pk, history_type="-").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ends_at": "2026-03-10T08:00"}, "ends before it begins"),
        ({"ends_at": ""}, "This field is required"),
        ({"reason": ""}, "This field is required"),
        ({"reason": "x" * 201}, "at most 200 characters"),
        ({"starts_at": "2020-01-01", "ends_at": "2020-01-02"}, "over already"),
        ({"ends_at": "2099-01-01T00:00"}, "no more than 31 days"),
        ({"ends_at": "9999-12-31T23:59"}, "this century"),
        ({"monitor": "nothing"}, "Select a valid choice"),
    ],
)
def test_wrong_maintenance_is_refused(changes: dict[str, str], words: str, sign_in: SignIn) -> None:
    form = {"starts_at": "2026-03-10T09:00", "ends_at": "2099-03-10T10:00", "reason": "Work"}
    answer = sign_in(Role.DELIVERY).post("/monitors/maintenance/", form | changes)
    assert answer.status_code == 422
    assert words in answer.text
    assert not MaintenanceWindow.objects.exists()


# Where monitors are shown elsewhere ---------------------------------------------------------


def test_system_and_client_pages_show_their_monitors(sign_in: SignIn) -> None:
    client, system = make_client(name="Halden"), make_system(name="CRM")
    domain = make_sending_domain(client)
    stand(make_monitor(Kind.SYNC, name="The sync", system=system), State.FAILING)
    make_monitor(Kind.BOUNCE_RATE, name="Their domain", sending_domain=domain)
    browser = sign_in(Role.LEGAL)
    assert "The sync" in browser.get(system.get_absolute_url()).text
    page = browser.get(client.get_absolute_url()).text
    assert "Their domain" in page
    assert "The sync" not in page
    bare = browser.get(make_system().get_absolute_url()).text
    assert "Nothing is watched here" in bare


def test_home_names_what_is_not_green(sign_in: SignIn) -> None:
    stand(make_monitor(name="Broken job"), State.FAILING, value_text="2 missed")
    stand(make_monitor(name="Calm job"), State.OK, last_signal_at=timezone.now())
    page = sign_in(Role.REVENUE).get("/").text
    panel = page.split('id="home-monitors"')[1].split("</section>")[0]
    assert "1 of 2" in panel
    assert "Broken job" in panel
    assert "Calm job" not in panel


def test_calm_home_proves_health(sign_in: SignIn) -> None:
    stand(make_monitor(), State.OK, last_signal_at=timezone.now() - dt.timedelta(minutes=2))
    make_incident(status=Status.CLOSED)
    page = sign_in(Role.REVENUE).get("/").text
    assert "<b>1 of 1</b> jobs on time" in page
    assert "<b>1 of 1</b> monitors green" in page
    assert "2 min" in page
    assert 'id="home-kinds"' in page


def test_home_poll_sees_a_change_of_state(sign_in: SignIn) -> None:
    monitor = stand(make_monitor(), State.OK, since=NOW)
    browser = sign_in(Role.REVENUE)
    browser.get("/healthz")
    etag = browser.get("/", headers={"HX-Polling": "1"})["ETag"]
    headers = {"HX-Polling": "1", "If-None-Match": etag}
    assert browser.get("/", headers=headers).status_code == 304
    stand(monitor, State.FAILING, since=NOW + HOUR)
    assert browser.get("/", headers=headers).status_code == 200
