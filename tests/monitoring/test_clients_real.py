"""Clients that nobody here wrote, against a live server."""

import datetime as dt
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from borgmatic.hooks.monitoring import healthchecks, monitor
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from config.management.commands.serve import web_plan
from incidents.models import Incident
from monitoring.models import ExternalAlert, Monitor, Signal
from tests.factories import make_monitor, make_sop, make_system, make_team
from tests.monitoring.ingesting import make_token
from tests.places import environ_of, started, wait_for

pytestmark = [pytest.mark.machines, pytest.mark.django_db(transaction=True)]

RID = "123e4567-e89b-12d3-a456-426614174000"


@pytest.fixture
def job() -> Monitor:
    return make_monitor()


@pytest.fixture
def url(job: Monitor, live_server: LiveServer) -> str:
    return f"{live_server.url}/ping/{job.ping_id}"


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def is_answering(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.ConnectionError:
        return False


def told() -> list[tuple[str, int | None, bytes | None]]:
    """What the signals say, in their order."""
    signals = Signal.objects.order_by("id")
    return [
        (one.kind, one.exit_status, bytes(one.body) if one.body is not None else None)
        for one in signals
    ]


# curl ------------------------------------------------------------------------------------


def shell(script: str, url: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    return subprocess.run(
        ["/bin/sh", "-c", script],
        env={"URL": url, "PATH": "/usr/bin:/bin", "RID": RID},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("curl -fsS -m 10 --retry 5 -o /dev/null $URL", [("success", None, None)]),
        ("curl -fsS -m 10 --retry 5 $URL", [("success", None, None)]),
        ("curl -fsS -m 10 --retry 5 -o /dev/null $URL/start", [("start", None, None)]),
        ("curl -fsS -m 10 --retry 5 -o /dev/null $URL/fail", [("fail", None, None)]),
        ("false; curl -fsS -m 10 --retry 5 -o /dev/null $URL/$?", [("fail", 1, None)]),
        ("true; curl -fsS -m 10 --retry 5 -o /dev/null $URL/$?", [("success", 0, None)]),
        (
            'm=$(echo out; exit 3); curl -fsS -m 10 --retry 5 --data-raw "$m" $URL/$?',
            [("fail", 3, b"out")],
        ),
        (
            "curl -fsS -m 10 --data-raw 'Temperature: -7' $URL/log",
            [("log", None, b"Temperature: -7")],
        ),
        ("curl -fsS -m 10 -I $URL", [("success", None, None)]),
        ("printf 'a\\0b' | curl -fsS -m 10 --data-binary @- $URL", [("success", None, b"a\0b")]),
        ("curl -fsS -m 10 -F file=@/dev/null $URL/0 >/dev/null", None),
        (
            "curl -fsS -m 10 $URL/start?rid=$RID; curl -fsS -m 10 $URL?rid=$RID",
            [("start", None, None), ("success", None, None)],
        ),
    ],
)
def test_curl_as_healthchecks_documents_it_K1(
    script: str, expected: list[Any] | None, url: str
) -> None:
    done = shell(script, url)
    assert done.returncode == 0, done.stderr
    if expected is not None:
        assert told() == expected
    if "rid" in script:
        assert {str(rid) for rid in Signal.objects.values_list("run_id", flat=True)} == {RID}


def test_curl_on_the_web_server_of_serve_K1(job: Monitor, tmp_path: Path) -> None:
    """Django's own server for tests chunks nothing and mends answers to HEAD."""
    address = free_address()
    command = web_plan("127.0.0.1", int(address.rpartition(":")[2]), workers=1).command[1:]
    url = f"http://{address}/ping/{job.ping_id}"
    with started(*command, environ=environ_of(tmp_path), log=tmp_path / "log"):
        assert wait_for(lambda: is_answering(f"http://{address}/openapi.json"))
        chunked = "-H 'Transfer-Encoding: chunked' --data-binary @-"
        for line in (
            "curl -fsS -m 10 -X HEAD $URL",
            "curl -fsS -m 10 -I $URL/start",
            f"head -c 300000 /dev/zero | curl -fsS -m 10 {chunked} $URL/fail",
            f"printf '\\377' | curl -fsS -m 10 {chunked} $URL/log",
            "head -c 20000000 /dev/zero | curl -fsS -m 20 --data-binary @- $URL/4",
            "curl -fsS -m 10 $URL $URL/0 $URL/1",
        ):
            done = shell(line, url)
            assert done.returncode == 0, (line, done.stderr)
    assert told() == [
        ("success", None, None),
        ("start", None, None),
        ("fail", None, bytes(100_000)),
        ("log", None, b"\xff"),
        ("fail", 4, bytes(100_000)),
        ("success", None, None),
        ("success", 0, None),
        ("fail", 1, None),
    ]


def test_curl_sees_a_large_body_taken_and_an_unknown_job_refused_K1(url: str) -> None:
    large = "head -c 10000000 /dev/zero | curl -fsS -m 20 -H Expect: --data-binary @- "
    assert shell(f"{large} $URL", url).stdout == "OK"
    assert len(bytes(Signal.objects.get().body or b"")) == 100_000
    refused = shell("curl -fsS -m 10 -o /dev/null ${URL%????}0000", url)
    assert "404" in refused.stderr


# Libraries -------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20")
def test_the_client_of_pypi_K1(job: Monitor, live_server: LiveServer) -> None:
    from healthchecks_io import CheckTrap, Client  # it warns while it is imported

    client = Client(ping_url=f"{live_server.url}/ping/")
    job_id = str(job.ping_id)
    assert client.success_ping(uuid=job_id, data="done")[0]
    assert client.start_ping(uuid=job_id)[0]
    assert client.fail_ping(uuid=job_id, data="broke")[0]
    assert client.exit_code_ping(exit_code=7, uuid=job_id)[0]
    with CheckTrap(client, uuid=job_id) as trap:
        trap.add_log("line")
    # It would close itself when Python ends, and log that nowhere.
    client._finalizer()
    assert [(kind, status) for kind, status, _ in told()] == [
        ("success", None),
        ("start", None),
        ("fail", None),
        ("fail", 7),
        ("start", None),
        ("success", None),
    ]
    assert told()[0][2] == b"done"
    assert told()[-1][2] == b"line"


def test_the_hook_of_borgmatic_K1(url: str, caplog: pytest.LogCaptureFixture) -> None:
    config: dict[str, Any] = {"ping_url": url, "send_logs": True}
    healthchecks.initialize_monitor(config, {}, "config.yaml", 20, dry_run=False)
    try:
        for state in monitor.State:
            healthchecks.ping_monitor(config, {}, "config.yaml", state, 20, dry_run=False)
    finally:
        healthchecks.destroy_monitor(config, {}, 20, dry_run=False)
    expected = {"START": "start", "FINISH": "success", "FAIL": "fail", "LOG": "log"}
    assert [kind for kind, _, _ in told()] == [expected[state.name] for state in monitor.State]
    assert "Healthchecks error" not in caplog.text


# Alertmanager ----------------------------------------------------------------------------

CONFIG = """
route:
  receiver: incidents
  group_by: [alertname]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1s
receivers:
- name: incidents
  webhook_configs:
  - url: {url}/ingest/alertmanager
    send_resolved: true
    http_config:
{login}
"""
LOGINS = {
    "bearer": "      authorization:\n        credentials: {token}",
    "basic": "      basic_auth:\n        username: alertmanager\n        password: {token}",
}

Post = Callable[..., None]


@pytest.fixture(params=sorted(LOGINS))
def alertmanager(
    request: pytest.FixtureRequest, tmp_path: Path, live_server: LiveServer
) -> Iterator[Post]:
    """Debian's Alertmanager, posting to the live server; call it to post alerts to it."""
    program = shutil.which("prometheus-alertmanager")
    if program is None:
        pytest.skip("prometheus-alertmanager is not installed")
    login = LOGINS[request.param].format(token=make_token("alertmanager"))
    config = tmp_path / "config.yml"
    config.write_text(CONFIG.format(url=live_server.url, login=login))
    address = free_address()
    command = [
        program,
        f"--config.file={config}",
        f"--storage.path={tmp_path / 'data'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)

    def post(*names: str, is_resolved: bool = False) -> None:
        now = timezone.now()
        ends_at = now - dt.timedelta(seconds=1) if is_resolved else now + dt.timedelta(hours=1)
        alerts = [
            {
                "labels": {
                    "alertname": "HighErrorRate",
                    "instance": name,
                    "severity": "critical",
                    "system": "crm",
                },
                "annotations": {"summary": "The CRM errs"},
                "startsAt": (now - dt.timedelta(minutes=5)).isoformat(),
                "endsAt": ends_at.isoformat(),
            }
            for name in names
        ]
        requests.post(f"http://{address}/api/v2/alerts", json=alerts, timeout=10).raise_for_status()

    try:
        assert wait_for(lambda: is_answering(f"http://{address}/-/ready")), (
            tmp_path / "log"
        ).read_text()
        yield post
    finally:
        process.terminate()
        process.wait(timeout=20)


def test_alertmanager_fires_repeats_and_resolves_into_one_incident_K6(alertmanager: Post) -> None:
    make_sop()
    make_team()
    system = make_system(slug="crm")

    alertmanager("one")
    assert wait_for(lambda: Incident.objects.exists())
    incident = Incident.objects.get()
    assert incident.title == "The CRM errs"
    assert incident.suggested_severity_id == 2
    assert list(incident.systems.all()) == [system]
    assert incident.detected_at < incident.opened_at - dt.timedelta(minutes=4)

    first = ExternalAlert.objects.get().last_received_at
    assert wait_for(lambda: ExternalAlert.objects.get().last_received_at > first)
    assert notes(incident) == []

    alertmanager("two", "three")
    assert wait_for(lambda: ExternalAlert.objects.count() == 3)
    assert wait_for(lambda: len(notes(incident)) == 1)
    assert "2 more alerts" in notes(incident)[0]

    alertmanager("one", is_resolved=True)
    assert wait_for(lambda: ExternalAlert.objects.filter(is_firing=True).count() == 2)
    alertmanager("two", "three", is_resolved=True)
    assert wait_for(lambda: len(notes(incident)) == 2)
    assert "Recovered" in notes(incident)[1]
    time.sleep(3)
    assert len(notes(incident)) == 2
    assert Incident.objects.get().status == "detected"


def notes(incident: Incident) -> list[str]:
    return list(incident.timeline.filter(kind="note").order_by("id").values_list("text", flat=True))
