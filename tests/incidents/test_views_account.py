"""Your own page: contact details, away, this browser."""

import datetime as dt
import uuid
from collections.abc import Callable

import pytest
from django.test import Client as Browser
from django.utils import timezone

from incidents.enums import Rank, Role
from incidents.models import Responder
from notifications.enums import Channel
from tests.factories import make_responder, make_team, make_user

pytestmark = pytest.mark.django_db
SignIn = Callable[..., Browser]


@pytest.fixture
def rick() -> Responder:
    return make_team().revenue


def form_of(responder: Responder, **changes: object) -> dict[str, object]:
    values = {
        "channel": Channel.EMAIL.value,
        "email": "rick@leads.example",
        "telegram_chat": "12345",
        "time_zone": "America/Chicago",
        "away_until": "",
        "form_token": str(uuid.uuid4()),
    }
    return {
        "form": str(responder.pk),
        **{f"{responder.pk}-{name}": value for name, value in {**values, **changes}.items()},
    }


def test_page_shows_roles_and_links(rick: Responder, sign_in: SignIn) -> None:
    page = sign_in(user=rick.user).get("/account/").content.decode()
    assert "How you are told as revenue" in page
    assert rick.email in page
    assert "/accounts/password/change/" in page
    assert "/accounts/2fa/" in page
    assert "8 h at most, 30 min without you" in page


def test_account_without_a_role_of_the_procedure(sign_in: SignIn) -> None:
    page = sign_in("admin").get("/account/").content.decode()
    assert "stands for no role" in page


def test_own_contact_details_are_saved_A2(rick: Responder, sign_in: SignIn) -> None:
    answer = sign_in(user=rick.user).post("/account/", form_of(rick))
    assert answer.status_code == 302
    rick.refresh_from_db()
    assert (rick.email, rick.telegram_chat) == ("rick@leads.example", "12345")
    assert rick.time_zone == "America/Chicago"
    assert rick.history.first().history_user == rick.user


def test_role_rank_and_account_cannot_be_posted_A1(rick: Responder, sign_in: SignIn) -> None:
    values = form_of(rick, role="founder", rank="backup", is_active="", user="")
    assert sign_in(user=rick.user).post("/account/", values).status_code == 302
    rick.refresh_from_db()
    assert (rick.role, rick.rank, rick.is_active) == (Role.REVENUE, Rank.PRIMARY, True)
    assert rick.user is not None


def test_somebody_elses_details_are_not_there_A1(rick: Responder, sign_in: SignIn) -> None:
    clayton = Responder.objects.get(role=Role.FOUNDER)
    answer = sign_in(user=rick.user).post("/account/", form_of(clayton))
    assert answer.status_code == 404
    clayton.refresh_from_db()
    assert clayton.email == "clayton@agency.example"


def test_backup_role_has_a_form_of_its_own(rick: Responder, sign_in: SignIn) -> None:
    backup = make_responder(Role.DELIVERY, rank=Rank.BACKUP, user=rick.user)
    browser = sign_in(user=rick.user)
    page = browser.get("/account/").content.decode()
    assert "as delivery (backup)" in page
    browser.post("/account/", form_of(backup, email="second@leads.example"))
    backup.refresh_from_db()
    rick.refresh_from_db()
    assert backup.email == "second@leads.example"
    assert rick.email == "rick@agency.example"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"email": "a@x.example, b@x.example"}, "exactly one address"),
        ({"email": ""}, "Needed for the way you chose"),
        ({"channel": "telegram", "telegram_chat": ""}, "Needed for the way you chose"),
        ({"channel": "pigeon"}, "Select a valid choice"),
        ({"telegram_chat": "not a chat"}, "A chat id is a number"),
        ({"time_zone": "Mars"}, "is not a time zone"),
        ({"away_until": "2020-01-01T10:00"}, "This is over already"),
        ({"away_until": "soon"}, "Enter a valid date/time"),
    ],
)
def test_wrong_input_is_refused(
    changes: dict[str, object], words: str, rick: Responder, sign_in: SignIn
) -> None:
    answer = sign_in(user=rick.user).post("/account/", form_of(rick, **changes))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    rick.refresh_from_db()
    assert rick.email == "rick@agency.example"


def test_away_and_back(rick: Responder, sign_in: SignIn) -> None:
    browser = sign_in(user=rick.user)
    until = timezone.localtime() + dt.timedelta(days=2)
    browser.post("/account/", form_of(rick, away_until=f"{until:%Y-%m-%dT%H:%M}"))
    rick.refresh_from_db()
    assert rick.is_away(at=timezone.now())
    assert "You are away" in browser.get("/account/").content.decode()
    assert browser.post("/account/", {"form": str(rick.pk), "action": "back"}).status_code == 302
    rick.refresh_from_db()
    assert rick.away_until is None


def test_look_of_this_browser_is_kept_in_cookies(rick: Responder, sign_in: SignIn) -> None:
    browser = sign_in(user=rick.user)
    answer = browser.post("/account/", {"form": "display", "theme": "dark"})
    assert answer.status_code == 302
    assert answer.cookies["theme"].value == "dark"
    assert answer.cookies["shortcuts"].value == "off"
    page = browser.get("/account/").content.decode()
    assert 'data-bs-theme="dark"' in page
    assert 'data-shortcuts="off"' in page
    on = browser.post("/account/", {"form": "display", "theme": "light", "shortcuts": "on"})
    assert on.cookies["shortcuts"]["max-age"] == 0
    wrong = browser.post("/account/", {"form": "display", "theme": "pink"})
    assert wrong.status_code == 422


def test_account_needs_a_login(client: Browser) -> None:
    make_user()
    assert client.get("/account/")["Location"].startswith("/accounts/login/")
