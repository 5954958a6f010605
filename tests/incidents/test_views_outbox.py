"""The outbox: what is seen, what is hidden, what a person settles."""

import uuid
from collections.abc import Callable

import pytest
from django.test import Client as Browser

from incidents.enums import Role, Status
from incidents.models import TimelineEntry
from notifications.enums import AttemptOutcome, Channel, MessageState
from notifications.models import ChannelPause, DeliveryAttempt, Message
from tests.factories import (
    NOW,
    make_channel_pause,
    make_client,
    make_client_mail,
    make_incident,
    make_message,
    make_participant,
    make_user,
)

pytestmark = pytest.mark.django_db
SignIn = Callable[..., Browser]


def url_of(message: Message, verb: str = "") -> str:
    return f"/outbox/{message.pk}/{verb}"


def client_message(name: str, *, state: str) -> Message:
    """A mail to a client of that name, on an incident."""
    mail = make_client_mail(client=make_client(name=name))
    mail.message = make_message(state=state, reference=mail.draft.incident.ref)
    mail.save()
    return mail.message


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
    assert [row.message.pk for row in first.context["rows"]] == [m.pk for m in messages[:2:-1]]
    assert f"before={messages[3].pk}" in first.content.decode()
    second = browser.get(f"/outbox/?before={messages[3].pk}")
    assert [row.message.pk for row in second.context["rows"]] == [m.pk for m in messages[2::-1]]
    assert second.context["older"] == ""


@pytest.mark.parametrize("count", [1, 3, 30])
def test_list_costs_the_same_for_many(
    count: int, sign_in: SignIn, django_assert_max_num_queries: Callable
) -> None:
    for _ in range(count):
        make_message(reference=make_incident().ref)
    browser = sign_in(Role.REVENUE)
    browser.get("/outbox/")
    with django_assert_max_num_queries(13):
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


# Held since a restore --------------------------------------------------------------------


def held_page(do: str, *messages: Message, **more: object) -> tuple[str, dict[str, object]]:
    values = {"do": do, "pick": [message.pk for message in messages], **more}
    return "/outbox/held/", values


def test_held_messages_have_a_banner_and_a_tab(sign_in: SignIn) -> None:
    make_message(state=MessageState.HELD, subject="Old news")
    make_message(state=MessageState.HELD)
    browser = sign_in(Role.REVENUE)
    page = browser.get("/outbox/").content.decode()
    assert "2 messages wait for a person since the database was restored" in page
    assert "Held <span>2</span>" in page
    listed = browser.get("/outbox/?state=held").content.decode()
    assert "Old news" in listed
    assert 'name="pick"' in listed
    assert 'name="pick"' not in sign_in(Role.DELIVERY).get("/outbox/?state=held").content.decode()


def test_release_is_confirmed_with_whom_it_reaches_M3(sign_in: SignIn) -> None:
    mail = client_message("Halden Solar", state=MessageState.HELD)
    note = make_message(state=MessageState.HELD, channel=Channel.HUBSPOT)
    staff = make_message(state=MessageState.HELD)
    browser = sign_in(Role.REVENUE)
    url = f"/outbox/held/?do=release&all=on&until={staff.pk}"
    page = browser.get(url).content.decode()
    assert "Release 3 messages?" in page
    assert "<b>1 mail to clients</b>: Halden Solar" in page
    assert "<b>1 note in HubSpot</b>" in page
    assert "<b>1 message to the staff</b>" in page
    assert Message.objects.held().count() == 3
    late = make_message(state=MessageState.HELD)
    values = {"do": "release", "all": "on", "until": staff.pk, **confirmed()}
    assert browser.post("/outbox/held/", values)["Location"] == "/outbox/?state=held"
    states = dict(Message.objects.values_list("pk", "state"))
    assert [states[one.pk] for one in (mail, note, staff)] == [MessageState.PENDING] * 3
    assert states[late.pk] == MessageState.HELD


def confirmed() -> dict[str, object]:
    return {"confirm": "on", "form_token": str(uuid.uuid4())}


def test_picked_ones_are_cancelled_and_the_others_stay(sign_in: SignIn) -> None:
    mail = client_message("Halden Solar", state=MessageState.HELD)
    other = make_message(state=MessageState.HELD)
    browser = sign_in(Role.REVENUE)
    url, values = held_page("cancel", mail)
    assert "Cancel 1 message?" in browser.get(url, values).content.decode()
    assert browser.post(url, values | {"form_token": str(uuid.uuid4())}).status_code == 422
    assert browser.post(url, values | confirmed()).status_code == 302
    mail.refresh_from_db()
    other.refresh_from_db()
    assert (mail.state, other.state) == (MessageState.CANCELLED, MessageState.HELD)
    entry = TimelineEntry.objects.latest("pk")
    assert "Mail to Halden Solar:" in entry.text
    assert "cancelled it" in entry.text
    assert entry.incident.ref == mail.reference


def test_held_double_click_and_somebody_faster(sign_in: SignIn) -> None:
    message = make_message(state=MessageState.HELD)
    browser = sign_in(Role.REVENUE)
    url, values = held_page("release", message, **confirmed())
    for _ in range(2):
        assert browser.post(url, values)["Location"] == "/outbox/?state=held"
    assert message.delivery_attempts.count() == 1
    late = browser.post(url, values | confirmed())
    assert late.status_code == 409
    assert "None of the messages you picked is held" in late.content.decode()


@pytest.mark.parametrize(
    "query", ["", "do=burn", "do=release&pick=x", "do=release&until=-1", "do=cancel&pick=9999999"]
)
def test_nonsense_about_held_messages_changes_nothing(query: str, sign_in: SignIn) -> None:
    make_message(state=MessageState.HELD)
    browser = sign_in(Role.REVENUE)
    assert browser.get(f"/outbox/held/?{query}").status_code in {200, 302}
    assert browser.post("/outbox/held/?" + query, confirmed()).status_code in {302, 409}
    assert Message.objects.held().count() == 1


def test_held_message_of_a_private_incident_stays_hidden_W11(sign_in: SignIn) -> None:
    incident = make_incident(status=Status.TRIAGED, is_private=True)
    message = make_message(state=MessageState.HELD, reference=incident.ref, subject="Psst")
    browser = sign_in(Role.REVENUE)
    url, values = held_page("release", message, **confirmed())
    assert "Psst" not in browser.get(url, values).content.decode()
    assert browser.post(url, values).status_code == 409
    everything = {"do": "release", "all": "on", **confirmed()}
    assert browser.post("/outbox/held/", everything).status_code == 409
    message.refresh_from_db()
    assert message.state == MessageState.HELD


def test_one_held_message_is_released_on_its_page(sign_in: SignIn) -> None:
    message = make_message(state=MessageState.HELD)
    browser = sign_in(Role.REVENUE)
    assert "since the database was restored" in browser.get(url_of(message)).content.decode()
    assert browser.post(url_of(message, "settle/"), form_of("release")).status_code == 302
    message.refresh_from_db()
    assert message.state == MessageState.PENDING


# Failed and uncertain --------------------------------------------------------------------


def test_setting_aside_needs_a_reason_and_keeps_it(sign_in: SignIn) -> None:
    message = client_message("Halden Solar", state=MessageState.DEAD)
    browser = sign_in(Role.REVENUE)
    assert browser.post(url_of(message, "settle/"), form_of("aside")).status_code == 422
    said = form_of("aside", reason="Told them by phone.")
    assert browser.post(url_of(message, "settle/"), said).status_code == 302
    message.refresh_from_db()
    assert message.state == MessageState.DISMISSED
    attempt = message.delivery_attempts.get()
    assert (attempt.outcome, attempt.answer) == (AttemptOutcome.DISMISSED, "Told them by phone.")
    assert TimelineEntry.objects.latest("pk").text.endswith("set it aside. Told them by phone.")
    assert "Set aside" in browser.get("/outbox/?state=aside").content.decode()


def test_second_person_reads_what_the_first_one_did(sign_in: SignIn) -> None:
    message = make_message(state=MessageState.UNCERTAIN)
    first = make_user(Role.REVENUE, first_name="Rick")
    sign_in(user=first).post(url_of(message, "settle/"), form_of("again"))
    late = sign_in(Role.FOUNDER).post(url_of(message, "settle/"), form_of("arrived"))
    assert late.status_code == 409
    assert "Rick" in late.content.decode()
    assert "A person asked to send it again" in late.content.decode()


def test_answers_are_said_in_words_with_what_to_do(sign_in: SignIn) -> None:
    message = make_message(state=MessageState.DEAD, last_error="550 5.1.1 user unknown")
    browser = sign_in(Role.REVENUE)
    for page in (browser.get("/outbox/"), browser.get(url_of(message))):
        text = page.content.decode()
        assert "mail server does not take mail for this address" in text
        assert "Correct the contact&#x27;s address" in text
        assert "550 5.1.1 user unknown" in text


def test_message_names_what_it_replaces_and_the_other_way_round_E10(sign_in: SignIn) -> None:
    failed = make_message(state=MessageState.DEAD, channel=Channel.TELEGRAM, recipient="4711")
    other = make_message(replaces=failed, recipient="clayton@agency.example", receipt="250 queued")
    browser = sign_in(Role.REVENUE)
    page = browser.get(url_of(failed)).content.decode()
    assert f'href="{url_of(other)}">E-mail to clayton@agency.example</a>, waiting' in page
    page = browser.get(url_of(other)).content.decode()
    assert f'href="{url_of(failed)}">Telegram to 4711</a>, which did not get through' in page
    assert "250 queued" in page


# Paused channels -------------------------------------------------------------------------


def test_paused_channel_says_why_and_what_to_do(sign_in: SignIn) -> None:
    make_channel_pause(reason="401 Unauthorized", needs_a_person=True)
    page = sign_in(Role.ORCHESTRATOR).get("/outbox/").content.decode()
    assert "Telegram is paused." in page
    assert "Telegram refused the bot&#x27;s token." in page
    assert "TELEGRAM_BOT_TOKEN" in page
    assert "Try again" in page
    assert "/outbox/channels/telegram/resume/" not in (
        sign_in(Role.DELIVERY).get("/outbox/").content.decode()
    )


def test_try_again_lifts_the_pause_once(sign_in: SignIn) -> None:
    make_channel_pause(reason="401 Unauthorized", needs_a_person=True)
    browser, url = sign_in(Role.ORCHESTRATOR), "/outbox/channels/telegram/resume/"
    assert browser.get(url).status_code == 405
    values = {"form_token": str(uuid.uuid4())}
    for _ in range(2):
        assert browser.post(url, values)["Location"] == "/outbox/"
    assert not ChannelPause.objects.in_force(at=NOW).exists()
    late = browser.post(url, {"form_token": str(uuid.uuid4())})
    assert late.status_code == 409
    assert "not paused any more" in late.content.decode()


@pytest.mark.parametrize("channel", ["pigeon", "hubspot"])
def test_channel_that_is_not_paused_is_a_conflict(channel: str, sign_in: SignIn) -> None:
    answer = sign_in(Role.ORCHESTRATOR).post(f"/outbox/channels/{channel}/resume/", confirmed())
    assert answer.status_code == 409


# Live ------------------------------------------------------------------------------------


def test_poll_answers_304_until_something_moves(sign_in: SignIn) -> None:
    message = make_message()
    browser = sign_in(Role.REVENUE)
    poll = {"HX-Polling": "1"}
    first = browser.get("/outbox/", headers=poll)
    assert "<html" not in first.content.decode()
    assert "Waiting <span>1</span>" in first.content.decode()
    held = poll | {"If-None-Match": first["ETag"]}
    assert browser.get("/outbox/", headers=held).status_code == 304
    Message.objects.filter(pk=message.pk).update(state=MessageState.SENT, sent_at=NOW)
    moved = browser.get("/outbox/", headers=held)
    assert moved.status_code == 200
    assert "Waiting <span>0</span>" in moved.content.decode()


def test_list_filters_by_incident(sign_in: SignIn) -> None:
    incident = make_incident()
    make_message(reference=incident.ref, subject="Of the incident")
    make_message(subject="Of nothing")
    page = sign_in(Role.REVENUE).get(f"/outbox/?q={incident.ref.lower()}").content.decode()
    assert "Of the incident" in page
    assert "Of nothing" not in page
