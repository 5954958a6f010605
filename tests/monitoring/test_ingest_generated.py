"""Ten thousand generated requests: whatever machines send, it never ends in a 500.

GENERATED_CASES says how many.
"""

import json
import os
from typing import Any

import pytest
from django.test import Client as Browser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring.enums import Kind
from tests.factories import make_client, make_monitor, make_sop, make_system, make_team
from tests.monitoring.ingesting import basic, bearer, make_token

pytestmark = [pytest.mark.machines, pytest.mark.django_db]

CASES = int(os.environ.get("GENERATED_CASES", "10000"))
ANSWERED = {200, 201, 202, 400, 401, 403, 404, 405, 413}
METHODS = ["GET", "HEAD", "POST"] * 4 + ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "X"]
TYPES = [
    "application/json",
    "text/plain",
    "multipart/form-data; boundary=x",
    "",
    "x/y; charset=latin-1",
]

#: What breaks parsers and databases, among anything at all.
odd_texts = st.sampled_from(
    [
        "", "\0", "\ud800", "\udfff\ud800", "a\0b", "ü" * 500, "x" * 5_000, "NaN", "true", "-1",
        "1e999",
        "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999-23:59", "2026-02-30T00:00:00Z",
        "' OR 1=1 --",
        "%s", "{}", "\u202e", "\uffff", "١٢",
    ]
)  # fmt: skip
texts = odd_texts | st.text(max_size=40)
numbers = (
    st.sampled_from([0, -1, 2**53, 2**63, 2**64, 10**30, -(10**30), 0.1, -0.0, 1e308, 5e-324])
    | st.integers()
    | st.floats()
)
scalars = st.none() | st.booleans() | numbers | texts
anything: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


def mostly(*usual: Any) -> st.SearchStrategy[Any]:
    """Something sensible more often than not."""
    return st.sampled_from(usual) | st.sampled_from(usual) | anything


def objects(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


def dumped(data: Any) -> bytes:
    return json.dumps(data).encode()


instants = mostly(
    "2026-03-10T09:00:00Z", "2026-03-10T09:00:00.123456789+05:30", "2026-03-10T09:00:00"
)
items = objects(
    monitor=mostly("rate", "level", "credits", "sync", "job", "status", "nowhere"),
    at=instants,
    total=mostly(10, 0, 100),
    bad=mostly(1, 0, 11),
    value=mostly(0, 1.5, 100),
    ok=mostly(True, False),
    detail=texts,
)
alerts = objects(
    status=mostly("firing", "resolved"),
    labels=st.dictionaries(
        texts | st.sampled_from(["alertname", "severity", "system", "client"]), texts
    )
    | anything,
    annotations=st.dictionaries(texts | st.just("summary"), texts, max_size=3) | anything,
    startsAt=instants,
    endsAt=instants,
    fingerprint=mostly("a", "b", "c"),
)
notifications = objects(
    version=mostly("4"),
    groupKey=mostly("x", "y", "z"),
    status=mostly("firing", "resolved"),
    receiver=texts,
    groupLabels=anything,
    commonLabels=anything,
    commonAnnotations=anything,
    alerts=st.lists(alerts | anything, max_size=4) | anything,
)
reports = objects(
    title=texts,
    source=mostly("agent", "client_report", "monitoring", "scheduled_review"),
    systems=mostly(["crm"], "crm", []),
    clients=mostly(["acme"], []),
    reported_by=mostly("acme", None),
    description=texts,
    detected_at=instants,
    severity=mostly(1, "SEV-2", None),
    idempotency_key=mostly("k", None),
)
headers = st.sampled_from(["good", "good", "good", "good", "basic", "none"]) | st.text(
    st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=60
)


@pytest.fixture
def place() -> dict[str, str]:
    make_sop()
    make_team()
    make_system(slug="crm", clients=[make_client(slug="acme")])
    kinds = {
        "rate": Kind.ERROR_RATE,
        "level": Kind.LEVEL,
        "credits": Kind.CREDITS,
        "sync": Kind.SYNC,
    }
    for slug, kind in (kinds | {"status": Kind.STATUS}).items():
        make_monitor(kind, slug=slug)
    token = make_token("metrics", "alertmanager", "report")
    job = make_monitor(slug="job")
    return {"good": bearer(token), "basic": basic(token), "none": "", "job": str(job.ping_id)}


def tries(share: float) -> Any:
    return settings(
        max_examples=round(CASES * share),
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def send(method: str, path: str, body: bytes, kind: str, header: str) -> None:
    extra = {"HTTP_AUTHORIZATION": header} if header else {}
    answer = Browser().generic(method, path, body, content_type=kind, **extra)
    assert answer.status_code in ANSWERED, answer.content
    if answer.status_code >= 400 and method != "HEAD":
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["detail"]


@tries(0.3)
@given(
    method=st.sampled_from(METHODS),
    tail=st.sampled_from(["", "", "/start", "/fail", "/log", "/0", "/255", "/256", "/"])
    | st.text(max_size=10).map(lambda text: f"/{text}"),
    query=st.sampled_from(["", "", "?rid=123e4567-e89b-12d3-a456-426614174000", "?create=1"])
    | st.text(max_size=40).map(lambda text: f"?rid={text}"),
    is_job=st.booleans() | st.just(True),
    other=st.text(max_size=40) | st.uuids().map(str),
    body=st.binary(max_size=200) | st.just(b"\xff" * 100_001),
    kind=st.sampled_from(TYPES),
)
def test_generated_pings(
    place: dict[str, str],
    method: str,
    tail: str,
    query: str,
    is_job: bool,
    other: str,
    body: bytes,
    kind: str,
) -> None:
    ping_id = place["job"] if is_job else other
    path = f"/ping/{ping_id}{tail}{query}".encode("utf-8", "surrogatepass").decode("latin-1")
    send(method, path, body, kind, "")


PATHS = [
    "/ingest/metrics",
    "/ingest/alertmanager",
    "/ingest/report",
    "/ingest/",
    "/ingest/x",
    "/openapi.json",
]


@tries(0.2)
@given(
    method=st.sampled_from(METHODS),
    path=st.sampled_from(PATHS),
    body=st.binary(max_size=300)
    | anything.map(dumped)
    | st.integers(1, 3_000).map(lambda depth: b'[{"a":' * depth),
    kind=st.sampled_from(TYPES),
    header=headers,
)
def test_generated_bodies_and_headers(
    place: dict[str, str], method: str, path: str, body: bytes, kind: str, header: str
) -> None:
    send(method, path, body, kind, place.get(header, header))


@tries(0.25)
@given(data=st.lists(items | anything, max_size=4) | items)
def test_generated_figures(place: dict[str, str], data: Any) -> None:
    send("POST", "/ingest/metrics", dumped(data), "application/json", place["good"])


@tries(0.125)
@given(data=notifications, header=st.sampled_from(["good", "basic"]))
def test_generated_notifications(place: dict[str, str], data: Any, header: str) -> None:
    send("POST", "/ingest/alertmanager", dumped(data), "application/json", place[header])


@tries(0.125)
@given(data=reports)
def test_generated_reports(place: dict[str, str], data: Any) -> None:
    send("POST", "/ingest/report", dumped(data), "application/json", place["good"])
