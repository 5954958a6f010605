"""Alerts of Alertmanager: one incident per group (rules K6, W2 and W6)."""

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from incidents.actors import SYSTEM
from incidents.enums import Role, Source, Status
from incidents.models import Incident
from incidents.workflow import cancel_incident
from monitoring.models import ExternalAlert
from notifications.models import Message
from tests.factories import (
    make_actor,
    make_client,
    make_incident,
    make_sop,
    make_system,
    make_team,
)
from tests.monitoring.ingesting import basic, is_problem, make_token, post

pytestmark = pytest.mark.django_db

URL = "/ingest/alertmanager"
GROUP = '{}:{alertname="HighErrorRate"}'
STILL = "0001-01-01T00:00:00Z"


@pytest.fixture(autouse=True)
def _place() -> None:
    make_sop()
    make_team()


@pytest.fixture
def token() -> str:
    return make_token("alertmanager")


def start(minutes: int = 10) -> str:
    at = (timezone.now() - dt.timedelta(minutes=minutes)).replace(microsecond=0)
    return at.strftime("%Y-%m-%dT%H:%M:%S.123456789Z")


def alert(name: str = "a", status: str = "firing", **fields: Any) -> dict[str, Any]:
    labels = {"alertname": "HighErrorRate", "instance": name, "severity": "critical"}
    labels |= fields.pop("labels", {})
    ended = timezone.now().isoformat() if status == "resolved" else STILL
    return {
        "status": status,
        "labels": labels,
        "annotations": {"summary": f"{name} errs", "description": "Look at it."},
        "startsAt": start(),
        "endsAt": ended,
        "generatorURL": "http://prometheus.example/graph",
        "fingerprint": f"f-{name}",
        **fields,
    }


def notification(*alerts: Any, group: str = GROUP, **fields: Any) -> dict[str, Any]:
    fires = any(isinstance(one, dict) and one.get("status") == "firing" for one in alerts)
    return {
        "version": "4",
        "groupKey": group,
        "truncatedAlerts": 0,
        "status": "firing" if fires else "resolved",
        "receiver": "incidents",
        "groupLabels": {"alertname": "HighErrorRate"},
        "commonLabels": {"alertname": "HighErrorRate", "severity": "critical"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example",
        "alerts": list(alerts),
        **fields,
    }


def send(token: str, *alerts: Any, **fields: Any) -> dict[str, Any]:
    answer = post(URL, notification(*alerts, **fields), token)
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def notes(incident: Incident) -> list[str]:
    return list(incident.timeline.filter(kind="note").order_by("id").values_list("text", flat=True))


def test_a_group_opens_one_incident_W2(token: str) -> None:
    system = make_system(slug="crm", clients=[make_client(), make_client()])
    body = send(token, alert("a", labels={"system": "CRM"}), alert("b"))
    incident = Incident.objects.get()
    assert body == {"taken": 2, "refused": [], "incident": incident.ref}
    assert incident.source == Source.MONITORING
    assert incident.title == "HighErrorRate"
    assert incident.suggested_severity_id == 2
    assert list(incident.systems.all()) == [system]
    assert incident.clients.count() == 2
    assert incident.status == Status.DETECTED
    assert incident.detected_at == ExternalAlert.objects.earliest("starts_at").starts_at
    assert incident.coordinator is not None
    assert Message.objects.filter(subject__contains=incident.ref).count() == 1
    assert notes(incident) == []


def test_repeats_change_nothing_K6(token: str) -> None:
    one = alert("a")
    send(token, one)
    before = Incident.objects.values().get()
    first = ExternalAlert.objects.get()
    for _ in range(3):
        send(token, one)
    assert Incident.objects.values().get() == before
    again = ExternalAlert.objects.get()
    assert again.last_received_at > first.last_received_at
    assert again.first_received_at == first.first_received_at


def test_new_alerts_join_with_one_note_K6(token: str) -> None:
    one = alert("a")
    send(token, one)
    incident = Incident.objects.get()
    body = send(token, one, alert("b"), alert("c"))
    assert body["incident"] == incident.ref
    assert notes(incident) == [
        "2 more alerts of “HighErrorRate”: HighErrorRate (b), HighErrorRate (c)."
    ]


def test_recovery_is_noted_once_and_closes_nothing_K6(token: str) -> None:
    one, two = alert("a"), alert("b")
    send(token, one, two)
    incident = Incident.objects.get()
    send(token, one | {"status": "resolved", "endsAt": start(0)}, two)
    assert notes(incident) == []
    for _ in range(2):
        send(token, *(each | {"status": "resolved", "endsAt": start(0)} for each in (one, two)))
    assert notes(incident) == [
        "Recovered: no alert of “HighErrorRate” fires any more, says Alertmanager."
    ]
    incident.refresh_from_db()
    assert incident.status == Status.DETECTED
    assert not ExternalAlert.objects.filter(is_firing=True).exists()
    assert ExternalAlert.objects.filter(incident=incident, ends_at__isnull=False).count() == 2


def test_a_group_that_fires_again_joins_while_it_is_unresolved_K6(token: str) -> None:
    one = alert("a")
    send(token, one)
    send(token, one | {"status": "resolved", "endsAt": start(0)})
    send(token, alert("a", startsAt=start(1)))
    incident = Incident.objects.get()
    assert [note.partition(":")[0] for note in notes(incident)] == [
        "Recovered",
        "1 more alert of “HighErrorRate”",
    ]


def test_the_same_alert_that_fires_again_is_noted_K6(token: str) -> None:
    one = alert("a")
    send(token, one)
    send(token, one | {"status": "resolved", "endsAt": start(0)})
    send(token, one)
    assert len(notes(Incident.objects.get())) == 2
    assert ExternalAlert.objects.get().is_firing


def test_a_resolved_group_opens_nothing_K6(token: str) -> None:
    assert send(token, alert("a", "resolved"))["incident"] is None
    assert not Incident.objects.exists()


def test_the_status_of_a_cut_list_counts_for_all_K6(token: str) -> None:
    one, two = alert("a"), alert("b")
    send(token, one, two)
    send(token, one | {"status": "resolved", "endsAt": start(0)}, truncatedAlerts=1)
    assert not ExternalAlert.objects.filter(is_firing=True).exists()
    assert len(notes(Incident.objects.get())) == 1


def test_after_the_resolution_a_new_incident_is_opened_K6(token: str) -> None:
    send(token, alert("a"))
    first = Incident.objects.get()
    done = make_incident(status=Status.RESOLVED)
    copied = ["status", "severity", "triaged_at", "verified_at", "resolved_at", "acknowledged_at"]
    moment = {name: getattr(done, name) for name in copied}
    Incident.objects.filter(pk=first.pk).update(**moment)
    body = send(token, alert("a", startsAt=start(1)))
    assert body["incident"] not in (None, first.ref)
    assert Incident.objects.count() == 3


def test_a_false_alarm_is_not_raised_again_by_its_repeats_K6(token: str) -> None:
    one = alert("a")
    send(token, one)
    incident = Incident.objects.get()
    cancel_incident(incident, reason="A test", by=SYSTEM, now=timezone.now())
    assert send(token, one)["incident"] is None
    assert Incident.objects.count() == 1
    assert send(token, one, alert("b"))["incident"] not in (None, incident.ref)


def test_a_merged_group_goes_on_in_the_other_incident_K6(token: str) -> None:
    send(token, alert("a"))
    incident, other = Incident.objects.get(), make_incident()
    Incident.objects.filter(pk=incident.pk).update(
        status=Status.CANCELLED, cancelled_at=timezone.now(), merged_into=other
    )
    assert send(token, alert("b"))["incident"] == other.ref
    assert len(notes(other)) == 1


def test_a_start_in_the_stability_window_is_a_relapse_W6(token: str) -> None:
    one = alert("a")
    send(token, one)
    incident = Incident.objects.get()
    send(token, one | {"status": "resolved", "endsAt": start(0)})
    now = timezone.now()
    Incident.objects.filter(pk=incident.pk).update(
        status=Status.MONITORING, severity=2, triaged_at=now, verified_at=now
    )
    send(token, alert("b"))
    incident.refresh_from_db()
    assert incident.status == Status.INVESTIGATING
    assert incident.timeline.filter(kind="relapse").count() == 1


def test_other_groups_open_incidents_of_their_own_K6(token: str) -> None:
    refs = {send(token, alert(name), group=name)["incident"] for name in ("a", "b", "c")}
    assert len(refs) == 3


def test_an_alert_in_two_groups_opens_one_incident_K6(token: str) -> None:
    one = alert("a")
    assert send(token, one, group="x")["incident"] == send(token, one, group="y")["incident"]
    assert Incident.objects.count() == 1


ODD: list[object] = [
    None, 17, "x", [], {}, {"status": "firing"}, {"status": "firing", "labels": []},
    alert("odd", startsAt="soon"), alert("odd", startsAt=None), alert("odd", startsAt=STILL),
    alert("odd", startsAt="2026-03-10T09:00:00"), alert("odd", status="burning"),
    alert("odd", "resolved", endsAt="never"), alert("odd", startsAt={"a": 1}),
    alert("odd", startsAt="9999-12-31T23:59:59-14:00"),
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_one_odd_alert_never_loses_the_group(odd: Any, token: str) -> None:
    body = send(token, alert("a"), odd, alert("b"))
    assert body["taken"] == 2
    assert [item["index"] for item in body["refused"]] == [1]
    assert body["refused"][0]["reason"]
    assert body["incident"] == Incident.objects.get().ref


MENDED = [
    {"fingerprint": None}, {"fingerprint": 5}, {"fingerprint": "x" * 500}, {"fingerprint": ""},
    {"annotations": None}, {"annotations": ["x"]}, {"annotations": {"summary": 5}},
    {"labels": {"alertname": "x" * 5_000}}, {"labels": {"alertname": ""}},
    {"labels": {"a\0b": "c\0"}},
    {"labels": {"severity": "\ud800"}}, {"labels": {"system": "nowhere", "client": "nobody"}},
    {"labels": {str(n): "x" for n in range(3_000)}}, {"labels": {"deep": [[[{}]]]}},
    {"generatorURL": 7, "extra": {"x": 1}},
    {"startsAt": "2001-01-01T00:00:00Z"}, {"startsAt": "2090-01-01T00:00:00Z"},
]  # fmt: skip


@pytest.mark.parametrize("fields", MENDED, ids=range(len(MENDED)))
def test_an_alert_with_odd_details_is_taken(fields: dict[str, Any], token: str) -> None:
    make_client()
    body = send(token, alert("a", **fields))
    assert body["taken"] == 1
    incident = Incident.objects.get()
    assert incident.title
    assert incident.detected_at <= incident.opened_at


@pytest.mark.parametrize(
    "fields",
    [
        {"groupKey": None}, {"groupKey": 5}, {"groupKey": "x" * 100_000}, {"groupKey": "\ud800"},
        {"commonLabels": None}, {"commonLabels": "x"}, {"commonAnnotations": {"summary": "\0"}},
        {"version": "5"}, {"status": None}, {"receiver": {}}, {"truncatedAlerts": "x"},
        {"commonAnnotations": {"summary": "line\nline " * 100}},
    ],
)  # fmt: skip
def test_a_group_with_odd_details_is_taken_and_found_again(
    fields: dict[str, Any], token: str
) -> None:
    one = alert("a")
    first = send(token, one, **fields)
    assert send(token, one, alert("b"), **fields)["incident"] == first["incident"] is not None


@pytest.mark.parametrize("data", [[], {}, {"alerts": {}}, {"alerts": None}, "x", {"alert": []}])
def test_what_is_no_notification_is_400(data: Any, token: str) -> None:
    assert is_problem(post(URL, data, token), 400)


def test_an_empty_group_is_taken_and_opens_nothing(token: str) -> None:
    assert send(token)["incident"] is None


@pytest.mark.parametrize(
    ("severity", "level"),
    [("critical", 2), ("Warning", 3), ("info", 4), ("page", None), ("", None)],
)
def test_the_severity_label_suggests(severity: str, level: int | None, token: str) -> None:
    send(token, alert("a", labels={"severity": severity}))
    assert Incident.objects.get().suggested_severity_id == level


def test_client_and_service_labels_name_whom_it_hits_W3(token: str) -> None:
    named, other = make_client(slug="acme"), make_client()
    system = make_system(slug="api", clients=[named, other])
    send(token, alert("a", labels={"service": "api", "client": "acme"}))
    incident = Incident.objects.get()
    assert list(incident.systems.all()) == [system]
    assert list(incident.clients.all()) == [named]


def test_evidence_is_not_older_than_the_client_C1(token: str) -> None:
    client = make_client(slug="acme", since=timezone.now() - dt.timedelta(minutes=2))
    send(token, alert("a", labels={"client": "acme"}))
    assert Incident.objects.get().detected_at == client.since


def test_basic_login_serves_as_well_A3(token: str) -> None:
    answer = post(URL, notification(alert("a")), header=basic(token))
    assert answer.status_code == 200
    wrong = post(URL, notification(alert("a")), header=basic("x.y"))
    assert is_problem(wrong, 401)
    assert "Basic" in wrong["WWW-Authenticate"]


def test_a_large_group_is_taken_in_few_queries(
    token: str, django_assert_max_num_queries: Any
) -> None:
    alerts = [alert(str(n)) for n in range(1_000)]
    send(token, alerts[0])
    with django_assert_max_num_queries(60):
        assert send(token, *alerts)["taken"] == 1_000
    assert len(notes(Incident.objects.get())) == 1


def test_an_incident_of_alerts_is_worked_on_like_any_other_W2(token: str) -> None:
    send(token, alert("a"))
    incident = Incident.objects.get()
    cancel_incident(incident, reason="x", by=make_actor(Role.ORCHESTRATOR), now=timezone.now())
    incident.refresh_from_db()
    assert incident.status == Status.CANCELLED
