from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

pytestmark = [pytest.mark.urls("tests.config.urls"), pytest.mark.django_db]

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def user() -> User:
    return User.objects.create_user("rick", "rick@example.com", PASSWORD)


def sign_in(client: Client, user: User) -> None:
    client.force_login(user)
    assert client.get("/").status_code == 200


def test_session_ends_after_thirty_idle_minutes_A3(
    client: Client, user: User, clock: time_machine.Traveller
) -> None:
    sign_in(client, user)
    clock.shift(timedelta(minutes=29))
    assert client.get("/").status_code == 200
    clock.shift(timedelta(minutes=29))
    assert client.get("/").status_code == 200
    clock.shift(timedelta(minutes=30))
    response = client.get("/?tab=mine")
    assert response.status_code == 302
    assert response["Location"] == "/accounts/login/?next=/%3Ftab%3Dmine"


@pytest.mark.parametrize(
    ("path", "headers"), [("/", {"HX-Polling": "true"}), ("/poll/", {}), ("/page/poll/", {})]
)
def test_polling_does_not_extend_a_session_A3(
    client: Client,
    user: User,
    clock: time_machine.Traveller,
    path: str,
    headers: dict[str, str],
) -> None:
    sign_in(client, user)
    for _ in range(2):
        clock.shift(timedelta(minutes=14))
        assert client.get(path, headers=headers).status_code == 200
    clock.shift(timedelta(minutes=2))
    response = client.get(path, headers=headers)
    assert response.status_code == 401
    assert "session-expired" in response["HX-Trigger"]


def test_session_ends_eight_hours_after_sign_in_A3(
    client: Client, user: User, clock: time_machine.Traveller
) -> None:
    sign_in(client, user)
    for _ in range(23):
        clock.shift(timedelta(minutes=20))
        assert client.get("/").status_code == 200
    clock.shift(timedelta(minutes=20))
    assert client.get("/").status_code == 302


def test_stale_form_returns_to_the_page_it_stood_on_A3(client: Client) -> None:
    response = client.post(
        "/", {"note": "x"}, headers={"referer": "http://testserver/incidents/7/"}
    )
    assert response["Location"] == "/accounts/login/?next=/incidents/7/"
    response = client.post("/", {"note": "x"}, headers={"referer": "http://evil.example/x/"})
    assert response["Location"] == "/accounts/login/?next=/"


def test_fragment_without_session_is_401_and_not_the_login_page_A3(client: Client) -> None:
    response = client.post("/", headers={"HX-Request": "true"})
    assert response.status_code == 401
    assert "/accounts/login/" in response["HX-Trigger"]


@pytest.mark.parametrize("name", ["rick", "rick@example.com"])
def test_sign_in_by_name_or_address_A3(client: Client, user: User, name: str) -> None:
    response = client.post("/accounts/login/", {"login": name, "password": PASSWORD})
    assert response.status_code == 302
    assert "hello rick" in client.get("/").text


def test_sixth_guess_at_one_account_is_stopped_A3(client: Client, user: User) -> None:
    for _ in range(5):
        client.post("/accounts/login/", {"login": "rick", "password": "wrong"})
    response = client.post("/accounts/login/", {"login": "rick", "password": PASSWORD})
    assert response.status_code == 200
    assert "Too many failed login attempts" in response.content.decode()


def test_guessing_at_many_accounts_from_one_address_is_stopped_A3(
    client: Client, user: User
) -> None:
    for number in range(20):
        client.post("/accounts/login/", {"login": f"nobody{number}", "password": "wrong"})
    client.post("/accounts/login/", {"login": "rick", "password": PASSWORD})
    assert "_auth_user_id" not in client.session


def test_sign_up_is_closed_A1(client: Client) -> None:
    form = {"username": "eve", "password1": PASSWORD, "password2": PASSWORD}
    client.post("/accounts/signup/", form)
    assert not User.objects.exists()


def test_second_factor_is_required_when_set_A3(
    client: Client, user: User, settings: Settings
) -> None:
    client.force_login(user)
    assert client.get("/").status_code == 200
    settings.REQUIRE_2FA = True
    response = client.get("/")
    assert response["Location"] == "/accounts/2fa/totp/activate/"
    assert client.get("/healthz").status_code == 200
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={})
    assert client.get("/").status_code == 200


def test_page_view_writes_no_session_within_half_a_minute(
    client: Client,
    user: User,
    clock: time_machine.Traveller,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    sign_in(client, user)
    clock.shift(timedelta(seconds=29))
    with django_assert_num_queries(2):
        client.get("/")
