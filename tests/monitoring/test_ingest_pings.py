"""Pings as Healthchecks clients send them (rule K1)."""

import uuid
from typing import Any

import pytest
from django.test import Client as Browser
from pytest_django import DjangoAssertNumQueries

from monitoring.enums import Kind, SignalKind
from monitoring.models import Monitor, Signal
from tests.factories import make_monitor
from tests.monitoring.ingesting import is_problem

pytestmark = pytest.mark.django_db

RID = "123e4567-e89b-12d3-a456-426614174000"


def send(
    monitor: Monitor, tail: str = "", method: str = "get", *, data: bytes = b"", **options: Any
) -> Any:
    browser = Browser(enforce_csrf_checks=True)
    return browser.generic(method.upper(), f"/ping/{monitor.ping_id}{tail}", data, **options)


@pytest.mark.parametrize("method", ["get", "head", "post"])
def test_a_ping_is_stored_and_answered_ok_K1(method: str) -> None:
    monitor = make_monitor()
    answer = send(monitor, method=method)
    assert answer.status_code == 200
    assert answer["Ping-Body-Limit"] == "100000"
    assert answer["Cache-Control"] == "no-store"
    assert answer["Content-Length"] == str(len(answer.content))
    assert answer.content == (b"" if method == "head" else b"OK")
    signal = Signal.objects.get()
    assert (signal.monitor, signal.kind, signal.is_fresh) == (monitor, SignalKind.SUCCESS, True)
    facts = (signal.run_id, signal.exit_status, signal.body, signal.run_seconds)
    assert facts == (None, None, None, None)


@pytest.mark.parametrize(
    ("tail", "kind", "exit_status"),
    [
        ("/", "success", None),
        ("/start", "start", None),
        ("/fail", "fail", None),
        ("/log", "log", None),
        ("/0", "success", 0),
        ("/1", "fail", 1),
        ("/255", "fail", 255),
        ("/007", "fail", 7),
    ],
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_the_address_says_what_happened_K1(
    tail: str, kind: str, exit_status: int | None, method: str
) -> None:
    assert send(make_monitor(), tail, method).status_code == 200
    signal = Signal.objects.get()
    assert (signal.kind, signal.exit_status) == (kind, exit_status)


def test_rid_ties_a_run_together_K1() -> None:
    monitor = make_monitor()
    send(monitor, f"/start?rid={RID}")
    send(monitor, f"?rid={RID.upper()}&x=1", "post", data=b"done", content_type="text/plain")
    assert set(Signal.objects.values_list("run_id", flat=True)) == {uuid.UUID(RID)}


@pytest.mark.parametrize(
    "tail",
    [
        "/256", "/999", "/1000", "/-1", "/1.5", "/x", "/START", "/٣", "/%00", "/%ff", "?rid=",
        "?rid=1",
        f"?rid={RID}x", f"?rid={{{RID}}}", f"?rid={RID.replace('-', '')}", "?rid=%00", "?rid=%ff",
        "?" + "&".join(f"a{n}=1" for n in range(1_001)),
    ],
)  # fmt: skip
def test_a_malformed_ping_is_400(tail: str) -> None:
    assert is_problem(send(make_monitor(), tail), 400)
    assert not Signal.objects.exists()


@pytest.mark.parametrize("ping_id", ["x", "%00", "1" * 32, "%ff" * 36, "a" * 5_000])
def test_an_id_that_is_no_uuid_is_400(ping_id: str) -> None:
    assert is_problem(Browser().get(f"/ping/{ping_id}"), 400)


def test_an_unknown_id_is_404() -> None:
    assert is_problem(Browser().get(f"/ping/{uuid.uuid4()}"), 404)
    assert is_problem(Browser().get("/ping/"), 404)
    assert is_problem(Browser().get(f"/ping/{uuid.uuid4()}/start/x"), 404)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind != Kind.HEARTBEAT])
def test_only_jobs_are_pinged(kind: str) -> None:
    assert is_problem(send(make_monitor(kind)), 404)


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
def test_other_methods_are_405(method: str) -> None:
    answer = send(make_monitor(), method=method)
    assert is_problem(answer, 405)
    assert answer["Allow"] == "GET, HEAD, POST"


def test_a_paused_job_still_pings_as_at_healthchecks() -> None:
    assert send(make_monitor(is_active=False)).status_code == 200
    assert Signal.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"\xff\xfe\x00\x80", "application/octet-stream"),
        (b"a=1&b=%zz", "application/x-www-form-urlencoded"),
        (b"not a form", "multipart/form-data; boundary=x"),
        (b"{", "application/json"),
        ("ü".encode("latin-1"), "text/plain; charset=nonsense"),
        (b"x", ""),
    ],
)
def test_any_bytes_of_any_type_are_kept(body: bytes, content_type: str) -> None:
    answer = send(make_monitor(), method="post", data=body, content_type=content_type)
    assert answer.status_code == 200
    assert bytes(Signal.objects.get().body or b"") == body


@pytest.mark.parametrize("size", [99_999, 100_000, 100_001, 10_000_000])
def test_a_body_is_cut_at_100_kB_and_never_refused(size: int) -> None:
    body = b"\xff" * (size - 1) + b"."
    assert send(make_monitor(), "/fail", "post", data=body, content_type="x/y").status_code == 200
    assert bytes(Signal.objects.get().body or b"") == body[:100_000]


def test_a_ping_is_one_statement(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    monitor = make_monitor()
    with django_assert_num_queries(1):
        send(monitor)


def test_a_ping_changes_nothing_but_its_own_row_K1() -> None:
    monitor = make_monitor()
    before = (Monitor.objects.values().get(), monitor.history.count())
    for _ in range(3):
        send(monitor)
    assert (Monitor.objects.values().get(), monitor.history.count()) == before
    assert Signal.objects.count() == 3


def test_any_host_and_no_cookie() -> None:
    monitor = make_monitor()
    answer = send(monitor, headers={"Host": "elsewhere.example"})
    assert answer.status_code == 200
    assert not answer.cookies
