"""The mail panel: writing, the guard, sending, undo, approval, deliveries."""

import datetime as dt
import uuid
from collections.abc import Callable, Iterator

import pytest
import time_machine
from django.test import Client as Browser

from incidents.correspondence import send_draft
from incidents.enums import EntryKind, MailKind, Role, Status, WaiverKind
from incidents.letters import count_sentences
from incidents.models import (
    Client,
    ClientMail,
    FormToken,
    Incident,
    MailDraft,
    TimelineEntry,
    Waiver,
)
from notifications.delivery import deliver_due
from notifications.enums import MessageState
from notifications.models import Message
from tests.factories import (
    NOW,
    Team,
    make_affected,
    make_client,
    make_client_mail,
    make_draft,
    make_incident,
    make_third_party,
    make_user,
)

pytestmark = pytest.mark.django_db
SignIn = Callable[..., Browser]
SECOND = dt.timedelta(seconds=1)
BLAME = "HubSpot broke."
PROMISE = "Sending will be back by 5pm today."
CALM = "New contacts are not reaching your CRM at the moment."


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    """Ten o'clock in Berlin, standing still."""
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def draft(team: Team) -> MailDraft:
    """A SEV-1 notice for two clients, ready to be sent."""
    make_third_party()
    clients = [
        make_client(name="Halden Solar", slug="halden", contact_name="Anna Brandt"),
        make_client(
            name="Brightwater Dental",
            slug="brightwater",
            contact_name="Maya Okafor",
            time_zone="Europe/London",
        ),
    ]
    incident = make_incident(status=Status.TRIAGED, level=1, team=team, clients=clients)
    row = make_draft(incident)
    for client in clients:
        make_client_mail(row, client)
    return row


@pytest.fixture
def rick(team: Team, sign_in: SignIn) -> Browser:
    """The communications owner's browser."""
    return sign_in(user=team.revenue.user)


def url_of(draft: MailDraft, verb: str = "") -> str:
    return f"/incidents/{draft.incident.ref}/mail/{draft.pk}/{verb}"


def text_of(draft: MailDraft, **changes: object) -> dict[str, object]:
    """What the panel posts."""
    values: dict[str, object] = {
        "brief": draft.brief,
        "system_name": draft.system_name,
        "what_happening": draft.what_happening,
        "what_doing": draft.what_doing,
        "next_update_at": "2026-03-10T11:00",
        "version": str(draft.version),
        "form_token": str(uuid.uuid4()),
    }
    return {**values, **changes}


def written() -> tuple[object, ...]:
    """Everything a careless preview could have changed."""
    return (
        *MailDraft.objects.values_list("version", "what_happening", "brief"),
        Message.objects.count(),
        TimelineEntry.objects.count(),
        FormToken.objects.count(),
    )


# Reading -----------------------------------------------------------------------------------


def test_panel_shows_the_letter_of_each_client_M2_M3(draft: MailDraft, rick: Browser) -> None:
    page = rick.get(url_of(draft), {"client": "brightwater"}).content.decode()
    assert "Hi Maya," in page
    assert "[LeadsPanther] Issue Detected — CRM sync paused" in page
    assert "10:00 GMT on Tuesday 10 March" in page, "the next update in the client's zone"
    assert "Send to 2 clients" in page
    assert "Hi Anna," in rick.get(url_of(draft), {"client": "halden"}).content.decode()


def test_panel_escapes_what_people_typed(draft: MailDraft, rick: Browser) -> None:
    MailDraft.objects.update(
        brief="<script>alert(1)</script>", what_happening="<img src=x> \ue000 & HubSpot broke."
    )
    page = rick.get(url_of(draft)).content.decode()
    assert "<script>alert" not in page
    assert "<img src=x>" not in page
    assert "&lt;img src=x&gt;" in page


def test_panel_marks_findings_where_they_stand_M4_M5(draft: MailDraft, rick: Browser) -> None:
    MailDraft.objects.update(what_happening=f"{CALM} {BLAME} {PROMISE}")
    page = rick.get(url_of(draft)).content.decode()
    assert f'<mark class="finding">{BLAME}</mark>' in page
    assert 'href="#finding-2"' in page
    assert "Blocked by" in page
    assert 'aria-disabled="true"' in page
    assert "Use both rewrites" in page


def test_panel_shows_what_is_not_written_yet(draft: MailDraft, rick: Browser) -> None:
    MailDraft.objects.update(what_happening="")
    page = rick.get(url_of(draft)).content.decode()
    assert "not written yet" in page
    assert "#id_what_happening" in page


def test_panel_of_a_client_without_contact_says_so_M7(draft: MailDraft, rick: Browser) -> None:
    Client.objects.filter(slug="brightwater").update(contact_email="")
    page = rick.get(url_of(draft), {"client": "brightwater"}).content.decode()
    assert "No contact" in page
    assert "/clients/brightwater/edit/" in page
    assert "/told/?client=brightwater" in page
    assert "Send to 1 client" in page


def test_panel_is_read_only_for_others_A1(draft: MailDraft, team: Team, sign_in: SignIn) -> None:
    browser = sign_in(user=team.delivery.user)
    page = browser.get(url_of(draft)).content.decode()
    assert 'id="mail-form"' not in page
    assert "Revenue sends client mails" in page


@pytest.mark.parametrize("verb", ["", "send/", "override/", "undo/", "approve/", "discard/"])
def test_every_act_is_refused_to_delivery_A1(
    verb: str, draft: MailDraft, team: Team, sign_in: SignIn
) -> None:
    before = written()
    answer = sign_in(user=team.delivery.user).post(url_of(draft, verb), text_of(draft))
    assert answer.status_code == 403
    assert written() == before


@pytest.mark.parametrize(
    "verb",
    ["", "preview/", "send/", "override/", "undo/", "approve/", "discard/", "deliveries/", ".."],
)
def test_private_incident_is_invisible_W11(verb: str, draft: MailDraft, sign_in: SignIn) -> None:
    Incident.objects.update(is_private=True, is_breach_suspected=True)
    browser = sign_in(user=make_user(Role.REVENUE))
    path = url_of(draft, verb).replace(f"{draft.pk}/..", "")
    assert browser.get(path).status_code in (404, 405)
    assert browser.post(path).status_code in (404, 405)


def test_draft_of_another_incident_is_unknown(draft: MailDraft, rick: Browser) -> None:
    other = make_incident()
    assert rick.get(f"/incidents/{other.ref}/mail/{draft.pk}/").status_code == 404


# Writing -----------------------------------------------------------------------------------


def test_save_keeps_the_text(draft: MailDraft, rick: Browser) -> None:
    answer = rick.post(url_of(draft), text_of(draft, what_happening="Mails are paused."))
    draft.refresh_from_db()
    assert answer.status_code == 302
    assert draft.what_happening == "Mails are paused."
    assert draft.updated_by == "Rick"


def test_stale_text_conflicts_and_is_kept_W1(draft: MailDraft, team: Team, rick: Browser) -> None:
    rick.post(url_of(draft), text_of(draft, what_happening="Saved by somebody faster."))
    answer = rick.post(url_of(draft), text_of(draft, what_happening="My own long text."))
    page = answer.content.decode()
    draft.refresh_from_db()
    assert answer.status_code == 409
    assert "My own long text." in page
    assert "Saved by somebody faster." in page
    assert f'name="version" value="{draft.version}"' in page
    assert draft.what_happening == "Saved by somebody faster."


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"what_happening": "x" * 2_001}, "2000"),
        ({"brief": "x" * 121}, "120"),
        ({"next_update_at": "soon"}, "valid date"),
        ({"next_update_at": "9999-12-31T23:59"}, "century"),
    ],
)
def test_bad_text_is_refused_and_kept(
    changes: dict[str, str], words: str, draft: MailDraft, rick: Browser
) -> None:
    answer = rick.post(url_of(draft), text_of(draft, **changes))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert words in page
    assert next(iter(changes.values())) in page


def test_use_this_puts_the_rewrite_in_M4(draft: MailDraft, rick: Browser) -> None:
    text = f"{CALM} {BLAME}"
    fingerprint = f"what_happening:blame:{BLAME}"
    rick.post(url_of(draft), text_of(draft, what_happening=text, use=fingerprint))
    draft.refresh_from_db()
    assert draft.what_happening.startswith(CALM)
    assert "HubSpot" not in draft.what_happening


def test_use_all_rewrites_leaves_nothing_that_blocks(draft: MailDraft, rick: Browser) -> None:
    rick.post(url_of(draft), text_of(draft, what_happening=f"{BLAME} {PROMISE}", use="all"))
    page = rick.get(url_of(draft)).content.decode()
    assert "Blocked by" not in page


def test_preview_answers_the_form_and_writes_nothing(draft: MailDraft, rick: Browser) -> None:
    before = written()
    text = f"One. Two. Three. {BLAME}"
    answer = rick.post(url_of(draft, "preview/"), text_of(draft, what_happening=text))
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Now 4: shorten it" in page
    assert '<mark class="finding">' in page
    assert "<html" not in page
    assert written() == before
    rick.post(url_of(draft, "preview/"), {"what_happening": "x" * 3_000, "next_update_at": "?"})
    assert written() == before


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("Mails are paused.", 1),
        ("Mails are paused. We look into it!", 2),
        ("It stopped at 5 p.m. yesterday, e.g. for Anna, at 11.8 % of addresses.", 1),
        ("One… Two?\n\nThree", 3),
    ],
)
def test_sentences_are_counted_as_people_do_M1(text: str, count: int) -> None:
    assert count_sentences(text) == count


# Sending -----------------------------------------------------------------------------------


def test_send_queues_one_mail_per_client_and_saves_the_text_M2_M3(
    draft: MailDraft, rick: Browser
) -> None:
    rick.post(url_of(draft, "send/"), text_of(draft, what_happening="Mails are paused."))
    messages = Message.objects.filter(recipient__contains="@client")
    assert messages.count() == 2
    assert all("Mails are paused." in message.text for message in messages)
    assert {message.due_at for message in messages} == {NOW + 10 * SECOND}
    page = rick.get(url_of(draft)).content.decode()
    assert 'data-undo-seconds="10"' in page


def test_send_twice_sends_once(draft: MailDraft, rick: Browser) -> None:
    values = text_of(draft)
    first = rick.post(url_of(draft, "send/"), values)
    second = rick.post(url_of(draft, "send/"), values)
    assert first.status_code == second.status_code == 302
    assert Message.objects.filter(recipient__contains="@client").count() == 2


def test_send_with_the_text_another_person_saved_conflicts_W1(
    draft: MailDraft, rick: Browser
) -> None:
    stale = text_of(draft)
    rick.post(url_of(draft), text_of(draft, what_happening="Changed under your hands."))
    answer = rick.post(url_of(draft, "send/"), stale)
    assert answer.status_code == 409
    assert not ClientMail.objects.exclude(message=None).exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"what_happening": BLAME}, "The wording blocks sending"),
        ({"what_happening": PROMISE}, "The wording blocks sending"),
        ({"brief": BLAME}, "The wording blocks sending"),
        ({"what_happening": ""}, "cannot be sent yet"),
        ({"next_update_at": "2026-03-10T10:00"}, "in the future"),
        ({"next_update_at": "2026-03-09T10:00"}, "in the future"),
    ],
)
def test_send_is_blocked_and_the_text_kept_M4_M5_M6(
    changes: dict[str, str], words: str, draft: MailDraft, rick: Browser
) -> None:
    before = written()
    answer = rick.post(url_of(draft, "send/"), text_of(draft, **changes))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert words in page
    assert next(iter(changes.values())) in page
    assert written() == before


def test_send_cleans_header_injection(draft: MailDraft, rick: Browser) -> None:
    brief = "Paused\r\nBcc: everybody@example.com"
    rick.post(url_of(draft, "send/"), text_of(draft, brief=brief))
    subjects = set(Message.objects.filter(recipient__contains="@client").values_list("subject"))
    assert subjects == {
        ("[LeadsPanther] Issue Detected — Paused Bcc: everybody@example.com",),
    }


def test_send_to_nobody_reachable_is_refused_M7(draft: MailDraft, rick: Browser) -> None:
    Client.objects.update(contact_email="")
    answer = rick.post(url_of(draft, "send/"), text_of(draft))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "no usable contact" in page
    assert "/clients/halden/edit/" in page


def test_send_leaves_out_a_client_without_contact_M7(draft: MailDraft, rick: Browser) -> None:
    Client.objects.filter(slug="brightwater").update(contact_email="")
    page = rick.post(url_of(draft, "send/"), text_of(draft), follow=True).content.decode()
    draft.refresh_from_db()
    assert "Brightwater Dental has no contact" in page
    assert draft.is_open
    assert draft.mails.exclude(message=None).count() == 1


# Undo --------------------------------------------------------------------------------------


def test_undo_within_ten_seconds_M3(
    draft: MailDraft, rick: Browser, clock: time_machine.Traveller
) -> None:
    rick.post(url_of(draft, "send/"), text_of(draft))
    clock.shift(9 * SECOND)
    answer = rick.post(url_of(draft, "undo/"), {"form_token": str(uuid.uuid4())})
    draft.refresh_from_db()
    assert answer.status_code == 302
    assert draft.is_open
    states = Message.objects.filter(recipient__contains="@client").values_list("state", flat=True)
    assert set(states) == {MessageState.CANCELLED}


def test_undo_too_late_M3(draft: MailDraft, rick: Browser, clock: time_machine.Traveller) -> None:
    rick.post(url_of(draft, "send/"), text_of(draft))
    clock.shift(11 * SECOND)
    deliver_due(now=NOW + 11 * SECOND)
    answer = rick.post(url_of(draft, "undo/"))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "has left already" in page
    assert "Delivered" in page
    assert "data-undo-seconds" not in page


# Override ----------------------------------------------------------------------------------


def test_override_needs_a_reason_M5(draft: MailDraft, rick: Browser) -> None:
    values = text_of(draft, what_happening=BLAME, override_reason=" ")
    answer = rick.post(url_of(draft, "override/"), values)
    assert answer.status_code == 422
    assert BLAME in answer.content.decode()
    assert not Waiver.objects.exists()


def test_override_of_a_promise_needs_its_time_M5(draft: MailDraft, rick: Browser) -> None:
    values = text_of(draft, what_happening=PROMISE, override_reason="The vendor confirmed it.")
    refused = rick.post(url_of(draft, "override/"), values)
    assert refused.status_code == 422
    assert "certain fix time" in refused.content.decode()
    assert "The vendor confirmed it." in refused.content.decode()
    values |= {"certain_fix_at": "2026-03-10T17:00", "form_token": str(uuid.uuid4())}
    rick.post(url_of(draft, "override/"), values)
    draft.refresh_from_db()
    assert draft.certain_fix_at == NOW.replace(hour=16)
    assert draft.overridden_by.first_name == "Rick"
    assert Waiver.objects.get().kind == WaiverKind.WORDING
    page = rick.get(url_of(draft)).content.decode()
    assert "overridden" in page
    assert "Blocked by" not in page


def test_override_without_a_finding_is_refused(draft: MailDraft, rick: Browser) -> None:
    values = text_of(draft, override_reason="Just so.")
    assert rick.post(url_of(draft, "override/"), values).status_code == 422


# Approval ----------------------------------------------------------------------------------


@pytest.fixture
def private(draft: MailDraft) -> MailDraft:
    Incident.objects.update(is_private=True, is_breach_suspected=True)
    draft.refresh_from_db()
    return draft


def test_private_mail_waits_for_the_founder_W11(
    private: MailDraft, team: Team, rick: Browser, sign_in: SignIn
) -> None:
    refused = rick.post(url_of(private, "send/"), text_of(private))
    assert refused.status_code == 422
    assert "approval" in refused.content.decode()
    clayton = sign_in(user=team.founder.user)
    assert "Approve this text" in clayton.get(url_of(private)).content.decode()
    clayton.post(url_of(private, "approve/"), {"version": private.version})
    private.refresh_from_db()
    assert private.approved_by == team.founder.user
    values = text_of(private)
    sign_in(user=team.revenue.user).post(url_of(private, "send/"), values)
    assert private.mails.exclude(message=None).count() == 2


def test_approval_falls_with_the_text_W11(
    private: MailDraft, team: Team, rick: Browser, sign_in: SignIn
) -> None:
    sign_in(user=team.founder.user).post(url_of(private, "approve/"))
    browser = sign_in(user=team.revenue.user)
    values = text_of(private, what_happening="Something quite different.")
    assert browser.post(url_of(private, "send/"), values).status_code == 422
    private.refresh_from_db()
    assert private.approved_at is not None, "nothing was changed by the refused step"
    assert not private.mails.exclude(message=None).exists()


def test_approval_is_of_the_text_that_was_read_W11(
    private: MailDraft, team: Team, sign_in: SignIn
) -> None:
    clayton = sign_in(user=team.founder.user)
    MailDraft.objects.update(version=5)
    answer = clayton.post(url_of(private, "approve/"), {"version": "1"})
    private.refresh_from_db()
    assert answer.status_code == 409
    assert private.approved_at is None


def test_approval_is_never_a_stand_ins_A1(private: MailDraft, team: Team, sign_in: SignIn) -> None:
    browser = sign_in(user=team.orchestrator.user)
    assert browser.post(url_of(private, "approve/")).status_code == 403


# Discard, deliveries, start ------------------------------------------------------------------


def test_discard_throws_away_what_was_not_sent(draft: MailDraft, rick: Browser) -> None:
    assert "Yes, discard it" in rick.get(url_of(draft)).content.decode()
    answer = rick.post(url_of(draft, "discard/"))
    draft.refresh_from_db()
    assert answer.url == draft.incident.get_absolute_url()
    assert draft.is_discarded
    assert rick.post(url_of(draft, "discard/")).status_code == 422
    assert "Discarded" in rick.get(url_of(draft)).content.decode()


def test_deliveries_follow_each_recipient(draft: MailDraft, team: Team, rick: Browser) -> None:
    send_draft(draft, by=team.actor(Role.REVENUE), now=NOW - 20 * SECOND)
    message = draft.mails.get(client__slug="halden").message
    first = rick.get(url_of(draft, "deliveries/"))
    deliver_due(now=NOW)
    second = rick.get(url_of(draft, "deliveries/"), headers={"If-None-Match": first["ETag"]})
    page = second.content.decode()
    assert "Waiting" in first.content.decode()
    assert second.status_code == 200
    assert page.count("Delivered") == 2
    assert f"/outbox/{message.pk}/" in page
    third = rick.get(url_of(draft, "deliveries/"), headers={"If-None-Match": second["ETag"]})
    assert third.status_code == 304
    assert third.content == b""


def test_sent_mail_shows_what_left(draft: MailDraft, team: Team, rick: Browser) -> None:
    send_draft(draft, by=team.actor(Role.REVENUE), now=NOW - 20 * SECOND)
    MailDraft.objects.update(what_happening="Changed afterwards.")
    page = rick.get(url_of(draft)).content.decode()
    assert CALM in page
    assert "Changed afterwards." not in page
    assert "Write another mail" in page


def test_deliveries_cost_the_same_with_many_clients(
    draft: MailDraft, rick: Browser, django_assert_max_num_queries: Callable[..., object]
) -> None:
    for rows in (2, 3, 30):
        while (number := draft.mails.count()) < rows:
            client = make_client(slug=f"client-y{number}")
            make_affected(draft.incident, client)
            make_client_mail(draft, client)
        with django_assert_max_num_queries(45):
            rick.get(url_of(draft))
        with django_assert_max_num_queries(18):
            rick.get(url_of(draft, "deliveries/"))


def test_start_offers_kinds_and_clients(draft: MailDraft, rick: Browser) -> None:
    page = rick.get(f"/incidents/{draft.incident.ref}/mail/").content.decode()
    assert "Go on with the notification" in page
    assert page.count('name="clients"') == 2
    assert 'href="?kind=incident-update"' in page


def test_start_begins_a_draft(draft: MailDraft, rick: Browser) -> None:
    answer = rick.post(
        f"/incidents/{draft.incident.ref}/mail/",
        {"kind": MailKind.UPDATE, "clients": ["halden"], "form_token": str(uuid.uuid4())},
    )
    update = MailDraft.objects.get(kind=MailKind.UPDATE)
    assert answer.url == url_of(update)
    assert [mail.client.slug for mail in update.mails.all()] == ["halden"]
    assert TimelineEntry.objects.filter(kind=EntryKind.DRAFT).count() == 1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"kind": "nonsense"}, "nonsense"),
        ({"kind": MailKind.RESOLVED, "clients": ["halden"]}, "verified"),
        ({"kind": MailKind.UPDATE}, "at least one client"),
        ({"kind": MailKind.UPDATE, "clients": ["stranger"]}, "stranger"),
    ],
)
def test_start_refuses(
    values: dict[str, object], words: str, draft: MailDraft, rick: Browser
) -> None:
    answer = rick.post(f"/incidents/{draft.incident.ref}/mail/", values)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert MailDraft.objects.count() == 1


def test_start_is_for_those_who_write_A1(draft: MailDraft, team: Team, sign_in: SignIn) -> None:
    url = f"/incidents/{draft.incident.ref}/mail/"
    browser = sign_in(user=team.delivery.user)
    assert browser.get(url).status_code == 200
    assert browser.post(url, {"kind": MailKind.UPDATE}).status_code == 403


@pytest.mark.parametrize("kind", list(MailKind))
def test_panel_renders_every_kind(kind: str, draft: MailDraft, rick: Browser) -> None:
    MailDraft.objects.update(kind=kind)
    assert rick.get(url_of(draft)).status_code == 200
    assert rick.post(url_of(draft, "preview/"), text_of(draft)).status_code == 200
