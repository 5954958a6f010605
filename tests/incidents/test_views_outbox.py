"""The outbox: what is seen, what is hidden, what a person settles."""

import uuid
from collections.abc import Callable

import pytest
from django.test import Client as Browser

from incidents.enums import Role, Status
from notifications.enums import AttemptOutcome, MessageState
from notifications.models import DeliveryAttempt, Message
from tests.factories import NOW, make_incident, make_message, make_participant, make_user

pytestmark = pytest.mark.django_db
SignIn = Callable[..., Browser]


def url_of(message: Message, verb: str = "") -> str:
    return f"/outbox/{message.pk}/{verb}"


def form_of(outcome: str, **changes: object) -> dict[str, object]:
    values = {"outcome": outcome, "confirm": "on", "form_token": str(uuid.uuid4())}
    return {**values, **changes}


def test_list_shows_every_state_and_filters(sign_in: SignIn) -> None:
    make_message(state=MessageState.SENT, subject="Arrived mail")
    make_message(state=MessageState.DEAD, subject="Dead mail", last_error="550 no such user")
    make_message(subject="Waiting mail", recipient="anna@halden.example")
    browser = sign_in(Role.DELIVERY)
    page = browser.get("/outbox/").content.decode()
    for text in ("Arrived mail", "Dead mail", "550 no such user", "Waiting mail"):
        assert text in page
    failed = browser.get("/outbox/?state=failed").content.decode()
    assert "Dead mail" in failed
    assert "Waiting mail" not in failed
    found = browser.get("/outbox/?q=HALDEN&channel=email").content.decode()
    assert "Waiting mail" in found
    assert "Dead mail" not in found


@pytest.mark.parametrize(
    "query", ["state=x", "before=abc", "before=-1", f"before={'9' * 30}", "channel=pigeon"]
)
def test_nonsense_in_the_address_is_left_out(query: str, sign_in: SignIn) -> None:
    make_message(subject="Still here")
    answer = sign_in(Role.REVENUE).get(f"/outbox/?{query}")
    assert answer.status_code == 200
    assert "Still here" in answer.content.decode()


def test_fifty_a_page_and_the_older_ones_behind(sign_in: SignIn) -> None:
    messages = [make_message() for _ in range(53)]
    browser = sign_in(Role.REVENUE)
    first = browser.get("/outbox/")
    assert [row.pk for row in first.context["rows"]] == [m.pk for m in messages[:2:-1]]
    assert f"before={messages[3].pk}" in first.content.decode()
    second = browser.get(f"/outbox/?before={messages[3].pk}")
    assert [row.pk for row in second.context["rows"]] == [m.pk for m in messages[2::-1]]
    assert second.context["older"] is None


@pytest.mark.parametrize("count", [1, 3, 30])
def test_list_costs_the_same_for_many(
    count: int, sign_in: SignIn, django_assert_max_num_queries: Callable
) -> None:
    for _ in range(count):
        make_message(reference=make_incident().ref)
    browser = sign_in(Role.REVENUE)
    browser.get("/outbox/")
    with django_assert_max_num_queries(12):
        browser.get("/outbox/")


def test_messages_of_a_private_incident_are_hidden_W11(sign_in: SignIn) -> None:
    incident = make_incident(status=Status.TRIAGED, is_private=True)
    message = make_message(
        reference=incident.ref, subject="Psst", state=MessageState.DEAD, recipient="x@y.example"
    )
    browser = sign_in(Role.REVENUE)
    assert "Psst" not in browser.get("/outbox/").content.decode()
    assert "Psst" not in browser.get("/outbox/?q=y.example&state=failed").content.decode()
    assert "<span>1</span>" not in browser.get("/outbox/").content.decode()
    assert browser.get(url_of(message)).status_code == 404
    assert browser.post(url_of(message, "settle/"), form_of("again")).status_code == 404
    guest = make_user(Role.LEGAL)
    make_participant(incident, guest)
    assert "Psst" in sign_in(user=guest).get("/outbox/").content.decode()
    assert sign_in(Role.FOUNDER).get(url_of(message)).status_code == 200


def test_digest_that_names_a_private_incident_keeps_its_text_W11(sign_in: SignIn) -> None:
    incident = make_incident(status=Status.TRIAGED, is_private=True)
    digest = make_message(subject="Several warnings", text=f"- 50% used: {incident.ref} leak")
    page = sign_in(Role.DELIVERY).get(url_of(digest)).content.decode()
    assert "leak" not in page
    assert incident.ref not in page
    assert "leak" in sign_in(Role.FOUNDER).get(url_of(digest)).content.decode()


def test_detail_shows_headers_text_and_attempts(sign_in: SignIn) -> None:
    incident = make_incident()
    message = make_message(
        state=MessageState.SENT,
        reference=incident.ref,
        html="<p>Hi</p><script>alert(1)</script>",
        references="<root@agency.example>",
    )
    DeliveryAttempt.objects.create(
        message=message, number=1, started_at=NOW, outcome=AttemptOutcome.SENT, answer="250 ok"
    )
    page = sign_in(Role.LEGAL).get(url_of(message)).content.decode()
    assert message.recipient in page
    assert "&lt;root@agency.example&gt;" in page
    assert "250 ok" in page
    assert incident.get_absolute_url() in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_seen_links_stay_with_their_owner_N3(sign_in: SignIn) -> None:
    message = make_message(text="Say seen: https://agency.example/escalations/WzEsMl0:1a:b-_C/")
    page = sign_in(Role.FOUNDER).get(url_of(message)).content.decode()
    assert "WzEsMl0" not in page
    assert "/escalations/…" in page


@pytest.mark.parametrize("role", [Role.ORCHESTRATOR, Role.REVENUE, Role.FOUNDER])
def test_uncertain_message_is_said_to_have_arrived(role: str, sign_in: SignIn) -> None:
    message = make_message(state=MessageState.UNCERTAIN)
    user = make_user(role, first_name="Rick")
    answer = sign_in(user=user).post(url_of(message, "settle/"), form_of("arrived"))
    assert answer.status_code == 302
    message.refresh_from_db()
    assert message.state == MessageState.SENT
    attempt = message.delivery_attempts.get()
    assert (attempt.outcome, attempt.by) == (AttemptOutcome.CONFIRMED, "Rick")


@pytest.mark.parametrize("state", [MessageState.UNCERTAIN, MessageState.DEAD])
def test_message_is_sent_again(state: str, sign_in: SignIn) -> None:
    message = make_message(state=state, attempts=20)
    assert sign_in(Role.REVENUE).post(url_of(message, "settle/"), form_of("again"))
    message.refresh_from_db()
    assert (message.state, message.attempts) == (MessageState.PENDING, 0)


@pytest.mark.parametrize("changes", [{"confirm": ""}, {"outcome": ""}, {"outcome": "burn"}])
def test_settling_needs_an_answer_and_a_confirmation(
    changes: dict[str, object], sign_in: SignIn
) -> None:
    message = make_message(state=MessageState.UNCERTAIN)
    values = {**form_of("again"), **changes}
    assert sign_in(Role.REVENUE).post(url_of(message, "settle/"), values).status_code == 422
    message.refresh_from_db()
    assert message.state == MessageState.UNCERTAIN


def test_failed_message_cannot_have_arrived(sign_in: SignIn) -> None:
    message = make_message(state=MessageState.DEAD)
    answer = sign_in(Role.REVENUE).post(url_of(message, "settle/"), form_of("arrived"))
    assert answer.status_code == 422


@pytest.mark.parametrize("state", [MessageState.SENT, MessageState.PENDING])
def test_settled_meanwhile_is_a_conflict(state: str, sign_in: SignIn) -> None:
    message = make_message(state=state)
    answer = sign_in(Role.REVENUE).post(url_of(message, "settle/"), form_of("again"))
    assert answer.status_code == 409
    assert "nothing to settle" in answer.content.decode()


def test_double_click_settles_once(sign_in: SignIn) -> None:
    message = make_message(state=MessageState.UNCERTAIN)
    browser, values = sign_in(Role.REVENUE), form_of("arrived")
    for _ in range(2):
        answer = browser.post(url_of(message, "settle/"), values)
        assert answer["Location"] == url_of(message)
    assert message.delivery_attempts.count() == 1


@pytest.mark.parametrize("role", [Role.DELIVERY, Role.LEGAL, "admin"])
def test_others_do_not_settle_A1(role: str, sign_in: SignIn) -> None:
    message = make_message(state=MessageState.UNCERTAIN)
    browser = sign_in(role)
    assert (
        "Settled by orchestrator, revenue or founder"
        in browser.get(url_of(message)).content.decode()
    )
    assert browser.post(url_of(message, "settle/"), form_of("again")).status_code == 403
    message.refresh_from_db()
    assert message.state == MessageState.UNCERTAIN


def test_settling_is_never_a_get(sign_in: SignIn) -> None:
    message = make_message(state=MessageState.UNCERTAIN)
    assert sign_in(Role.REVENUE).get(url_of(message, "settle/")).status_code == 405
