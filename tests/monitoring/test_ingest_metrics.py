"""Posted figures (rules K1 to K5, A3): the good part is kept, the rest refused with a reason."""

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from monitoring.enums import Kind
from monitoring.models import IngestToken, Monitor, Sample
from tests.factories import make_monitor
from tests.monitoring.ingesting import basic, is_problem, make_token, post

pytestmark = pytest.mark.django_db

URL = "/ingest/metrics"
INF = float("inf")


@pytest.fixture
def token() -> str:
    return make_token("metrics")


def taken(answer: Any) -> tuple[int, list[int]]:
    assert answer.status_code == 202, answer.content
    body = answer.json()
    assert all(item["reason"] for item in body["refused"])
    return body["taken"], [item["index"] for item in body["refused"]]


@pytest.mark.parametrize(
    ("kind", "item", "stored"),
    [
        (Kind.ERROR_RATE, {"total": 1000, "bad": 3}, {"total": 1000, "bad": 3}),
        (Kind.ERROR_RATE, {"total": 0, "bad": 0}, {"total": 0, "bad": 0}),
        (Kind.BOUNCE_RATE, {"total": 5, "bad": 5, "value": "x"}, {"total": 5, "bad": 5}),
        (Kind.BOUNCE_RATE, {"total": 2**53 - 1, "bad": 0}, {"total": 2**53 - 1, "bad": 0}),
        (Kind.LEVEL, {"value": 17}, {"value": 17.0}),
        (Kind.LEVEL, {"value": 0.1}, {"value": 0.1}),
        (Kind.CREDITS, {"value": 100}, {"value": 100.0}),
        (Kind.SYNC, {"ok": True}, {"is_ok": True, "detail": ""}),
        (Kind.SYNC, {"ok": False, "detail": "x" * 400}, {"is_ok": False, "detail": "x" * 300}),
        (Kind.SYNC, {"ok": True, "detail": None}, {"is_ok": True}),
        (Kind.SYNC, {"ok": False, "detail": "a\0b\ud800"}, {"detail": "a\ufffdb\ufffd"}),
    ],
)
def test_a_figure_is_stored_by_the_kind_of_its_monitor_K1(
    kind: str, item: dict[str, Any], stored: dict[str, Any], token: str
) -> None:
    monitor = make_monitor(kind)
    before = timezone.now()
    assert taken(post(URL, {"monitor": monitor.slug, **item}, token)) == (1, [])
    sample = Sample.objects.get()
    assert {name: getattr(sample, name) for name in stored} == stored
    assert sample.monitor == monitor
    assert sample.is_fresh
    assert before <= sample.at == sample.received_at <= timezone.now()


@pytest.mark.parametrize(
    ("kind", "item"),
    [
        (Kind.ERROR_RATE, {}),
        (Kind.ERROR_RATE, {"total": 5}),
        (Kind.ERROR_RATE, {"total": 5, "bad": 6}),
        (Kind.ERROR_RATE, {"total": -1, "bad": -2}),
        (Kind.ERROR_RATE, {"total": 5, "bad": -1}),
        (Kind.ERROR_RATE, {"total": 2**53, "bad": 0}),
        (Kind.ERROR_RATE, {"total": 10**400, "bad": 0}),
        (Kind.ERROR_RATE, {"total": "5", "bad": 1}),
        (Kind.ERROR_RATE, {"total": 5.5, "bad": 1}),
        (Kind.ERROR_RATE, {"total": True, "bad": False}),
        (Kind.ERROR_RATE, {"total": None, "bad": None}),
        (Kind.ERROR_RATE, {"total": [5], "bad": {}}),
        (Kind.LEVEL, {}),
        (Kind.LEVEL, {"value": -0.5}),
        (Kind.LEVEL, {"value": "3"}),
        (Kind.LEVEL, {"value": True}),
        (Kind.LEVEL, {"value": 10**400}),
        (Kind.CREDITS, {"value": 100.5}),
        (Kind.SYNC, {}),
        (Kind.SYNC, {"ok": 1}),
        (Kind.SYNC, {"ok": "true"}),
        (Kind.SYNC, {"ok": True, "detail": 5}),
        (Kind.SYNC, {"ok": True, "detail": ["x"]}),
        (Kind.HEARTBEAT, {"ok": True}),
        (Kind.STATUS, {"value": 1}),
    ],
)
def test_an_impossible_figure_is_refused_with_a_reason(
    kind: str, item: dict[str, Any], token: str
) -> None:
    monitor = make_monitor(kind)
    assert taken(post(URL, {"monitor": monitor.slug, **item}, token)) == (0, [0])
    assert not Sample.objects.exists()


def test_infinity_by_way_of_a_huge_exponent_is_refused(token: str) -> None:
    monitor = make_monitor(Kind.LEVEL)
    body = f'{{"monitor": "{monitor.slug}", "value": 1e999}}'.encode()
    assert taken(post(URL, body, token)) == (0, [0])


def test_credits_with_an_allowance_are_counted_not_percent_K5(token: str) -> None:
    monitor = make_monitor(Kind.CREDITS)
    item = {"monitor": monitor.slug, "value": 5000}
    assert taken(post(URL, item, token)) == (0, [0])
    Monitor.objects.update(allowance=10_000)
    assert taken(post(URL, item, token)) == (1, [])


@pytest.mark.parametrize(
    ("offset", "is_taken"),
    [
        (dt.timedelta(minutes=4, seconds=50), True),
        (dt.timedelta(minutes=5, seconds=10), False),
        (dt.timedelta(days=-29, hours=-23), True),
        (dt.timedelta(days=-30, seconds=-10), False),
        (dt.timedelta(days=3650), False),
        (dt.timedelta(days=-3650), False),
    ],
)
def test_a_time_must_be_near(offset: dt.timedelta, is_taken: bool, token: str) -> None:
    monitor = make_monitor(Kind.LEVEL)
    at = timezone.now() + offset
    answer = post(URL, {"monitor": monitor.slug, "value": 1, "at": at.isoformat()}, token)
    assert taken(answer) == ((1, []) if is_taken else (0, [0]))


@pytest.mark.parametrize(
    "at",
    [
        "", "now", "2026-13-01T00:00:00Z", "2026-03-10T09:00:00", "2026-03-10", 1773133200, True,
        {}, [],
        "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "x" * 10_000,
        "2026-03-10T09:00:00+99:00",
        "٢٠٢٦-03-10T09:00:00Z", "2026-03-10T09:00:00\0Z",
    ],
)  # fmt: skip
def test_a_time_that_is_none_is_refused(at: Any, token: str) -> None:
    monitor = make_monitor(Kind.LEVEL)
    assert taken(post(URL, {"monitor": monitor.slug, "value": 1, "at": at}, token)) == (0, [0])


def test_an_offset_is_understood(token: str) -> None:
    monitor = make_monitor(Kind.LEVEL)
    at = timezone.now().replace(microsecond=0)
    local = at.astimezone(dt.timezone(dt.timedelta(hours=5, minutes=30)))
    post(URL, {"monitor": monitor.slug, "value": 1, "at": local.isoformat()}, token)
    assert Sample.objects.get().at == at


def test_the_good_part_of_a_batch_is_kept(token: str) -> None:
    rate, level = make_monitor(Kind.ERROR_RATE), make_monitor(Kind.LEVEL)
    items = [
        {"monitor": rate.slug, "total": 10, "bad": 11},
        {"monitor": level.slug, "value": 3},
        {"monitor": "nowhere", "value": 3},
        {"monitor": "a\0b", "value": 3},
        {"monitor": "\ud800", "value": 3},
        {"monitor": ["x"], "value": 3},
        {"monitor": "", "value": 3},
        {},
        None,
        17,
        {"monitor": rate.slug, "total": 10, "bad": 1},
    ]
    assert taken(post(URL, items, token)) == (2, [0, 2, 3, 4, 5, 6, 7, 8, 9])
    assert set(Sample.objects.values_list("monitor", flat=True)) == {rate.pk, level.pk}


def test_the_last_one_wins_for_the_same_monitor_and_time(token: str) -> None:
    monitor = make_monitor(Kind.ERROR_RATE)
    at = timezone.now().replace(microsecond=0)
    zones = [dt.UTC, dt.timezone(dt.timedelta(hours=2))]
    items = [
        {
            "monitor": monitor.slug,
            "at": at.astimezone(zones[n % 2]).isoformat(),
            "total": 10,
            "bad": n,
        }
        for n in (3, 2, 1)
    ]
    assert taken(post(URL, items, token)) == (3, [])
    assert Sample.objects.get().bad == 1
    Sample.objects.update(is_fresh=False)
    assert taken(post(URL, items[0], token)) == (1, [])
    sample = Sample.objects.get()
    assert (sample.bad, sample.is_fresh) == (3, True)


def test_out_of_order_figures_are_kept_each(token: str) -> None:
    monitor = make_monitor(Kind.LEVEL)
    now = timezone.now()
    times = [now - dt.timedelta(hours=n) for n in (1, 5, 2, 9)]
    items = [{"monitor": monitor.slug, "value": 1, "at": at.isoformat()} for at in times]
    assert taken(post(URL, items, token)) == (4, [])
    assert list(Sample.objects.values_list("at", flat=True)) == sorted(times, reverse=True)


def test_a_thousand_items_are_taken_and_more_are_413(token: str) -> None:
    monitor = make_monitor(Kind.LEVEL)
    start = timezone.now() - dt.timedelta(days=1)
    items = [
        {
            "monitor": monitor.slug,
            "value": n,
            "at": (start + dt.timedelta(seconds=n)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        for n in range(1_000)
    ]
    assert taken(post(URL, items, token)) == (1_000, [])
    assert Sample.objects.count() == 1_000
    assert is_problem(post(URL, [*items, items[0]], token), 413)
    assert taken(post(URL, [], token)) == (0, [])


BAD_BODIES = [
    b"", b" ", b"{", b"nothing", b'"text"', b"17", b"null", b"true", b'{"a": NaN}',
    b'{"value": Infinity}',
    b'{"value": -Infinity}', b"\xff\xfe{}", b'{"monitor": "\xff"}', b"[" * 100_000,
    b'{"a":' * 50_000,
    b"[" * 900_000, b'{"a": ' + b"9" * 5_000 + b"}", b"{'a': 1}", b"monitor=x&value=3", b"\0",
    b'{"a": "\x01"}',
]  # fmt: skip


@pytest.mark.parametrize("path", ["metrics", "alertmanager", "report"])
@pytest.mark.parametrize("body", BAD_BODIES, ids=lambda body: f"{body[:12]!r}-{len(body)}")
def test_what_is_no_json_object_is_400(path: str, body: bytes) -> None:
    token = make_token("metrics", "alertmanager", "report")
    assert is_problem(post(f"/ingest/{path}", body, token), 400)


@pytest.mark.parametrize("path", ["metrics", "alertmanager", "report"])
@pytest.mark.parametrize("size", [1_000_001, 10_000_000])
def test_a_huge_body_is_413(path: str, size: int) -> None:
    token = make_token("metrics", "alertmanager", "report")
    assert is_problem(post(f"/ingest/{path}", b"[" + b" " * (size - 2) + b"]", token), 413)


@pytest.mark.parametrize("path", ["metrics", "alertmanager", "report"])
@pytest.mark.parametrize("body", [b"[]", b"{", b"[" * 2_000_000])
def test_a_stranger_is_401_whatever_was_sent_A3(path: str, body: bytes) -> None:
    answer = post(f"/ingest/{path}", body)
    assert is_problem(answer, 401)
    assert answer["WWW-Authenticate"].startswith("Bearer ")
    assert is_problem(post(f"/ingest/{path}", body, "0123456789abcdef.x"), 401)


@pytest.mark.parametrize("path", ["metrics", "alertmanager", "report"])
@pytest.mark.parametrize("body", [b"[]", b"{"])
def test_a_wrong_scope_is_403_A3(path: str, body: bytes) -> None:
    others = {"metrics", "alertmanager", "report"} - {path}
    assert is_problem(post(f"/ingest/{path}", body, make_token(*others)), 403)


@pytest.mark.parametrize("path", ["metrics", "alertmanager", "report"])
@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options"])
def test_only_post_is_taken(path: str, method: str, client: Any) -> None:
    answer = getattr(client, method)(f"/ingest/{path}")
    assert answer.status_code == 405
    assert answer["Allow"] == "POST"


def test_basic_login_is_only_for_alertmanager() -> None:
    assert is_problem(post(URL, [], header=basic(make_token("metrics"))), 401)


def test_a_token_of_one_monitor_posts_for_no_other_A3() -> None:
    own, other = make_monitor(Kind.LEVEL), make_monitor(Kind.LEVEL)
    token = make_token(f"metrics:{own.slug}")
    assert taken(post(URL, {"monitor": own.slug, "value": 1}, token)) == (1, [])
    both = [{"monitor": other.slug, "value": 1}, {"monitor": own.slug, "value": 2}]
    assert taken(post(URL, both, token)) == (1, [0])
    assert is_problem(post(URL, both[:1], token), 403)
    assert is_problem(post(URL, {"monitor": "nowhere", "value": 1}, token), 403)
    assert not Sample.objects.filter(monitor=other).exists()


def test_a_revoked_token_is_refused_at_once_though_remembered_A3(token: str) -> None:
    monitor = make_monitor(Kind.LEVEL)
    item = {"monitor": monitor.slug, "value": 1}
    assert taken(post(URL, item, token)) == (1, [])
    IngestToken.objects.update(revoked_at=timezone.now())
    assert is_problem(post(URL, item, token), 401)
    assert is_problem(post(URL, [], token), 401)
    assert Sample.objects.count() == 1
    IngestToken.objects.update(revoked_at=None, scopes=["report"])
    assert is_problem(post(URL, item, token), 403)
    IngestToken.objects.update(scopes=["metrics"], expires_at=timezone.now())
    assert is_problem(post(URL, item, token), 401)
    IngestToken.objects.update(expires_at=None)
    assert taken(post(URL, item, token)) == (1, [])


def test_a_monitor_that_changed_is_seen_anew_though_remembered(token: str) -> None:
    monitor = make_monitor(Kind.LEVEL, slug="old")
    assert taken(post(URL, {"monitor": "old", "value": 1}, token)) == (1, [])
    Monitor.objects.update(slug="new")
    assert taken(post(URL, {"monitor": "old", "value": 1}, token)) == (0, [0])
    assert taken(post(URL, {"monitor": "new", "value": 1}, token)) == (1, [])
    Monitor.objects.update(kind=Kind.SYNC, measure="")
    assert taken(post(URL, {"monitor": "new", "value": 1}, token)) == (0, [0])
    assert taken(post(URL, {"monitor": "new", "ok": True}, token)) == (1, [])
    Sample.objects.all().delete()
    monitor.delete()
    assert taken(post(URL, {"monitor": "new", "ok": True}, token)) == (0, [0])
    make_monitor(Kind.LEVEL, slug="new")
    assert taken(post(URL, {"monitor": "new", "value": 2}, token)) == (1, [])


@pytest.mark.parametrize("count", [1, 100])
def test_a_batch_is_one_statement(
    count: int, token: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    monitors = [make_monitor(Kind.ERROR_RATE) for _ in range(count)]
    items = [{"monitor": monitor.slug, "total": 10, "bad": 1} for monitor in monitors]
    post(URL, items, token)
    # SQLite's savepoint is of the test: a request of its own runs no other statement.
    with django_assert_max_num_queries(3) as found:
        post(URL, items, token)
    sent = [query["sql"] for query in found if "SAVEPOINT" not in query["sql"]]
    assert len(sent) == 1


def test_a_paused_monitor_takes_figures(token: str) -> None:
    monitor = make_monitor(Kind.LEVEL, is_active=False)
    assert taken(post(URL, {"monitor": monitor.slug, "value": 1}, token)) == (1, [])


def test_use_of_the_token_is_noted(token: str) -> None:
    monitor = make_monitor(Kind.LEVEL)
    post(URL, {"monitor": monitor.slug, "value": 1}, token)
    assert IngestToken.objects.get().last_used_at is not None
